#pragma once

#include <torch/torch.h>

#include <functional>

namespace simscale::train {

/// forward(x) whose inner results are not kept for the backward pass but computed again in it
/// (activation checkpointing: Chen et al., "Training deep nets with sublinear memory cost", 2016),
/// with the same random numbers and the same autocast.
torch::Tensor Recomputed(const torch::Tensor& x,
                         const std::function<torch::Tensor(const torch::Tensor&)>& forward);

}  // namespace simscale::train
