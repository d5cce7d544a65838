#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "simscale/policy/policy.h"
#include "simscale/policy/safetensors.h"

namespace simscale::policy {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Parameters and buffers by name ("net.linear_0.weight", "obs_mean"); they share the module's
/// memory.
NamedTensors StateOf(const torch::nn::Module& module);

/// Contiguous copies on the CPU (no copy where they are so already).
NamedTensors ToCpu(const NamedTensors& tensors);

/// Views for LayoutSafetensors; `tensors` (from ToCpu) must outlive them.
std::vector<TensorBytes> AsBytes(const NamedTensors& tensors);

/// A copy of a tensor of the file, on the CPU. UserError for a dtype that torch lacks.
torch::Tensor ReadTensor(const SafetensorsFile& file, const TensorInfo& info);

/// Copies tensors "<prefix><name>" of the file into `targets`. Throws UserError that names file and
/// tensor for one that is missing or has another shape or dtype.
void CopyInto(const SafetensorsFile& file, const std::string& prefix, const NamedTensors& targets);

/// auto takes CUDA where build and machine have it. UserError for cuda where they don't.
torch::Device PickDevice(const std::string& name);

}  // namespace simscale::policy
