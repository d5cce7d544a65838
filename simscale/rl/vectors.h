#pragma once

#include <torch/torch.h>

#include <vector>

namespace simscale::rl {

inline torch::Tensor AsTensor(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

inline std::vector<double> AsVector(const torch::Tensor& tensor) {
  const torch::Tensor t = tensor.contiguous();
  return {t.data_ptr<double>(), t.data_ptr<double>() + t.numel()};
}

}  // namespace simscale::rl
