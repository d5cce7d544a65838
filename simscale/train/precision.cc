#include "simscale/train/precision.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/_amp_update_scale.h>

#include "simscale/common/error.h"

namespace simscale::train {

Precision SetPrecision(const std::string& name, torch::Device device) {
  if (name == "bf16") return {.autocast = at::kBFloat16};
  if (name == "fp16") return {.autocast = at::kHalf, .scales_loss = true};
  const bool tf32 = name == "tf32";
  if (tf32 && !device.is_cuda())
    ThrowUser("train.precision: tf32 is a mode of CUDA devices, and this runs on ", device.str(),
              "; give fp32 or bf16");
  if (device.is_cuda()) {
    at::globalContext().setAllowTF32CuBLAS(tf32);
    at::globalContext().setAllowTF32CuDNN(tf32);
  }
  return {};
}

AutocastGuard::AutocastGuard(c10::DeviceType device, std::optional<at::ScalarType> dtype)
    : device_(device),
      was_enabled_(at::autocast::is_autocast_enabled(device)),
      was_dtype_(at::autocast::get_autocast_dtype(device)) {
  at::autocast::set_autocast_enabled(device, dtype.has_value());
  if (dtype) at::autocast::set_autocast_dtype(device, *dtype);
  at::autocast::increment_nesting();
}

AutocastGuard::~AutocastGuard() {
  // Weights that were cast once for all of their uses.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, was_dtype_);
}

std::optional<at::ScalarType> AutocastDtype(c10::DeviceType device) {
  if (!at::autocast::is_autocast_enabled(device)) return std::nullopt;
  return at::autocast::get_autocast_dtype(device);
}

LossScaler::LossScaler(torch::Device device)
    : scale_(torch::full({}, kFirstScale, torch::dtype(torch::kFloat32).device(device))),
      good_steps_(torch::zeros({}, torch::dtype(torch::kInt32).device(device))) {}

void LossScaler::Update(const torch::Tensor& bad) {
  const torch::NoGradGuard no_grad;
  at::_amp_update_scale_(scale_, good_steps_, bad, /*scale_growth_factor=*/2,
                         /*scale_backoff_factor=*/0.5, kGrowthInterval);
}

policy::NamedTensors LossScaler::State() const {
  return {{"scaler.scale", scale_}, {"scaler.good_steps", good_steps_}};
}

}  // namespace simscale::train
