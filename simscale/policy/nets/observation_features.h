#pragma once

#include <torch/torch.h>

#include <vector>

#include "simscale/policy/nets/image_encoder.h"
#include "simscale/policy/policy.h"

namespace simscale::policy {

/// What networks see of an observation: the normalised history; with a displacement scale also the
/// differences between observed positions, through asinh: millimetres near zero, where "is the cube
/// between the fingers" is decided, and bounded far away (a network must else find them as small
/// differences of large numbers); and each picture by an encoder of its own.
class ObservationFeatures {
 public:
  /// Encoders are registered in `owner` as encoder_<key>. displacement_scale: m; 0: none.
  ObservationFeatures(torch::nn::Module& owner, const PolicySpec& spec, double displacement_scale,
                      const ImageEncoderConfig& image);

  int state_size() const { return num_steps_ * step_size_; }  ///< T * (S + 3 * pairs)
  int step_size() const { return step_size_; }
  int image_size() const { return image_size_; }
  bool has_images() const { return !encoders_.empty(); }

  /// [B, T, S] as observed and normalised -> [B, state_size()]. Without parameters.
  torch::Tensor State(const torch::Tensor& state_BTS, const torch::Tensor& normalized_BTS) const;
  /// features [B, ...] with the pictures' numbers appended, if there are any.
  torch::Tensor WithImages(const torch::Tensor& features,
                           const std::vector<torch::Tensor>& images) const;
  /// The same as tokens: [B, step_size()] for each observation of the history, then what each
  /// picture's encoder gives.
  std::vector<torch::Tensor> Tokens(const torch::Tensor& features,
                                    const std::vector<torch::Tensor>& images) const;
  std::vector<int> TokenSizes() const;

 private:
  double displacement_scale_;
  int num_steps_, step_size_, image_size_;
  torch::Tensor from_, to_;  ///< [3 * pairs] places of the pairs' components in the state
  mutable std::vector<ImageEncoder> encoders_;  ///< one a picture
};

}  // namespace simscale::policy
