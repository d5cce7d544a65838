#pragma once

#include <torch/torch.h>

#include <optional>
#include <string>

#include "simscale/policy/tensor_io.h"

namespace simscale::train {

/// What the network computes with: config's train.precision on a device. Weights, gradients'
/// sums and optimiser state are float32 in all of them.
struct Precision {
  std::optional<at::ScalarType> autocast;  ///< of matrix products and convolutions; none: float32
  bool scales_loss = false;                ///< fp16, whose gradients would vanish else
};

/// name: fp32 | tf32 | bf16 | fp16. tf32 is switched on for the whole process. Throws UserError for
/// tf32 where there is no CUDA device.
Precision SetPrecision(const std::string& name, torch::Device device);

/// Autocast (Micikevicius et al., "Mixed precision training", 2018) while it lives; none: off.
class AutocastGuard {
 public:
  AutocastGuard(c10::DeviceType device, std::optional<at::ScalarType> dtype);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  c10::DeviceType device_;
  bool was_enabled_;
  at::ScalarType was_dtype_;
};

/// The dtype that autocast uses here and now, if it is on.
std::optional<at::ScalarType> AutocastDtype(c10::DeviceType device);

/// Dynamic loss scaling: doubles after kGrowthInterval good steps in a row, halves after a bad one.
class LossScaler {
 public:
  static constexpr double kFirstScale = 65536;
  static constexpr int64_t kGrowthInterval = 2000;

  explicit LossScaler(torch::Device device);

  const torch::Tensor& scale() const { return scale_; }  ///< scalar
  /// bad: scalar, 1 if this step's gradients were not finite.
  void Update(const torch::Tensor& bad);
  /// "scaler.scale", "scaler.good_steps"; they share the scaler's memory.
  policy::NamedTensors State() const;

 private:
  torch::Tensor scale_, good_steps_;
};

}  // namespace simscale::train
