#include "simscale/policy/tensor_io.h"

#include <cstring>

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {

struct DtypePair {
  const char* name;
  torch::ScalarType type;
};
const DtypePair kDtypes[] = {{"F32", torch::kFloat32}, {"F64", torch::kFloat64},
                             {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
                             {"I64", torch::kInt64},   {"I32", torch::kInt32},
                             {"I16", torch::kInt16},   {"I8", torch::kInt8},
                             {"U8", torch::kUInt8},    {"BOOL", torch::kBool}};

std::string ShapeText(torch::IntArrayRef shape) { return Cat(shape); }

}  // namespace

NamedTensors StateOf(const torch::nn::Module& module) {
  NamedTensors state;
  for (const auto& item : module.named_parameters()) state.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) state.emplace_back(item.key(), item.value());
  return state;
}

NamedTensors ToCpu(const NamedTensors& tensors) {
  NamedTensors result;
  for (const auto& [name, tensor] : tensors)
    result.emplace_back(name, tensor.detach().to(torch::kCPU).contiguous());
  return result;
}

std::vector<TensorBytes> AsBytes(const NamedTensors& tensors) {
  std::vector<TensorBytes> result;
  for (const auto& [name, tensor] : tensors) {
    SIMSCALE_CHECK(tensor.is_cpu() && tensor.is_contiguous());
    const DtypePair* pair = nullptr;
    for (const DtypePair& item : kDtypes)
      if (item.type == tensor.scalar_type()) pair = &item;
    if (!pair)
      ThrowUser("tensor '", name, "' has a dtype that safetensors lacks: ", tensor.dtype().name());
    result.push_back(
        {.name = name,
         .dtype = pair->name,
         .shape = tensor.sizes().vec(),
         .bytes = {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  return result;
}

torch::Tensor ReadTensor(const SafetensorsFile& file, const TensorInfo& info) {
  for (const DtypePair& pair : kDtypes) {
    if (info.dtype != pair.name) continue;
    torch::Tensor tensor = torch::empty(info.shape, torch::TensorOptions(pair.type));
    const std::span<const std::byte> bytes = file.Bytes(info);
    if (!bytes.empty()) std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
    return tensor;
  }
  ThrowUser(file.where(), ": tensor '", info.name, "' has dtype ", info.dtype,
            ", which is not supported here");
}

void CopyInto(const SafetensorsFile& file, const std::string& prefix, const NamedTensors& targets) {
  torch::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    const TensorInfo* info = file.Find(prefix + name);
    if (!info)
      ThrowUser(file.where(), ": lacks the tensor '", prefix, name,
                "'; it belongs to another model");
    torch::Tensor source = ReadTensor(file, *info);
    if (source.sizes() != target.sizes() || source.dtype() != target.dtype())
      ThrowUser(file.where(), ": tensor '", prefix, name, "' has shape ", ShapeText(source.sizes()),
                " ", info->dtype, ", the model needs ", ShapeText(target.sizes()), " ",
                target.dtype().name());
    torch::Tensor destination = target;
    destination.copy_(source);
  }
}

torch::Device PickDevice(const std::string& name) {
  const bool cuda = torch::cuda::is_available();
  if (name == "auto") return cuda ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
  if (name == "cpu") return {torch::kCPU};
  if (name == "cuda") {
    if (!cuda)
      ThrowUser("device: cuda was asked for, but this build of torch (", TORCH_VERSION,
                ") or this machine has no CUDA device. Use cpu or auto");
    return {torch::kCUDA, 0};
  }
  ThrowUser("device: must be auto, cpu or cuda, got '", name, "'");
}

}  // namespace simscale::policy
