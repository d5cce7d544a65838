#pragma once

#include <torch/torch.h>

#include <vector>

#include "simscale/policy/nets/image_encoder_config.h"

namespace simscale::policy {

/// A picture as features: crop, convolutions with group normalisation and ReLU (the last one
/// without), spatial softmax (Levine et al., "End-to-end
/// training of deep visuomotor policies", 2016: where, on average, each channel looks), a linear
/// layer.
/// in uint8 [B, height, width, 3] -> out [B, features].
///
/// The crop is random while training. Places are told in the whole picture's frame, -1 .. 1, so a
/// shifted crop blurs what the convolutions see but not where it is.
class ImageEncoderImpl : public torch::nn::Module {
 public:
  /// Throws UserError if the picture is too small for the convolutions.
  ImageEncoderImpl(int height, int width, const ImageEncoderConfig& config);
  torch::Tensor forward(const torch::Tensor& image_BHWC);

 private:
  int height_, width_, crop_height_, crop_width_;
  std::vector<torch::nn::Conv2d> convolutions_;
  std::vector<torch::nn::GroupNorm> norms_;  ///< of all convolutions but the last
  torch::Tensor log_temperature_;            ///< [] parameter
  torch::nn::Linear out_{nullptr};
  torch::Tensor places_;  ///< [h * w, 2] of the last map, x and y in pixels of the crop; no buffer
};
TORCH_MODULE(ImageEncoder);

}  // namespace simscale::policy
