#include "simscale/policy/nets/observation_features.h"

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {

/// Where the observed positions begin in the concatenated state.
std::vector<int64_t> PositionOffsets(const PolicySpec& spec) {
  std::vector<int64_t> offsets;
  int64_t offset = 0;
  for (const ObservationKey& key : spec.observations) {
    if (key.size == 3 && key.name.ends_with("_pos")) offsets.push_back(offset);
    offset += key.size;
  }
  return offsets;
}

}  // namespace

ObservationFeatures::ObservationFeatures(torch::nn::Module& owner, const PolicySpec& spec,
                                         double displacement_scale, const ImageEncoderConfig& image)
    : displacement_scale_(displacement_scale) {
  std::vector<int64_t> from, to;
  if (displacement_scale > 0) {
    const std::vector<int64_t> offsets = PositionOffsets(spec);
    for (size_t a = 0; a < offsets.size(); ++a) {
      for (size_t b = a + 1; b < offsets.size(); ++b) {
        for (int64_t k = 0; k < 3; ++k) {
          from.push_back(offsets[a] + k);
          to.push_back(offsets[b] + k);
        }
      }
    }
  }
  from_ = torch::tensor(from, torch::kInt64);
  to_ = torch::tensor(to, torch::kInt64);
  for (const ImageKey& key : spec.images) {
    encoders_.push_back(owner.register_module(Cat("encoder_", key.name),
                                              ImageEncoder(key.height, key.width, image)));
  }
  num_steps_ = spec.n_obs_steps;
  step_size_ = spec.state_dim() + static_cast<int>(from.size());
  image_size_ = static_cast<int>(spec.images.size()) * image.features;
}

torch::Tensor ObservationFeatures::State(const torch::Tensor& state_BTS,
                                         const torch::Tensor& normalized_BTS) const {
  if (from_.numel() == 0) return normalized_BTS.flatten(1);
  // Halved, so that a table's width is about two: of the size of the other inputs.
  const torch::Device device = state_BTS.device();
  const torch::Tensor displacements = state_BTS.index_select(2, to_.to(device))
                                          .sub_(state_BTS.index_select(2, from_.to(device)))
                                          .div_(displacement_scale_)
                                          .asinh_()
                                          .mul_(0.5);
  return torch::cat({normalized_BTS, displacements}, 2).flatten(1);
}

torch::Tensor ObservationFeatures::WithImages(const torch::Tensor& features,
                                              const std::vector<torch::Tensor>& images) const {
  if (encoders_.empty()) return features;
  std::vector<torch::Tensor> parts = {features};
  for (size_t i = 0; i < encoders_.size(); ++i)
    parts.push_back(encoders_[i]->forward(images.at(i)));
  return torch::cat(parts, 1);
}

std::vector<torch::Tensor> ObservationFeatures::Tokens(
    const torch::Tensor& features, const std::vector<torch::Tensor>& images) const {
  std::vector<torch::Tensor> tokens;
  for (int t = 0; t < num_steps_; ++t)
    tokens.push_back(features.narrow(1, int64_t{t} * step_size_, step_size_));
  for (size_t i = 0; i < encoders_.size(); ++i)
    tokens.push_back(encoders_[i]->forward(images.at(i)));
  return tokens;
}

std::vector<int> ObservationFeatures::TokenSizes() const {
  std::vector<int> sizes(static_cast<size_t>(num_steps_), step_size_);
  if (!encoders_.empty())
    sizes.insert(sizes.end(), encoders_.size(), image_size_ / static_cast<int>(encoders_.size()));
  return sizes;
}

}  // namespace simscale::policy
