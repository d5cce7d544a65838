#pragma once

#include <torch/torch.h>

#include <array>
#include <string>
#include <vector>

#include "simscale/policy/tensor_io.h"

namespace simscale::train {

struct AdamWConfig {
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  double grad_clip = 0;  ///< largest global gradient norm; 0: no clipping
};

/// Those that want a gradient, by name.
policy::NamedTensors NamedParameters(const torch::nn::Module& module);

/// AdamW (Loshchilov and Hutter, 2019) in torch's fused kernel, with clipping of the global
/// gradient norm in the same pass and without waiting for the device. Matrices decay; biases, norms
/// and other vectors don't. A step whose gradient or loss is not finite changes nothing.
class FusedAdamW {
 public:
  FusedAdamW(const policy::NamedTensors& parameters, const AdamWConfig& config);

  struct StepResult {
    torch::Tensor grad_norm;  ///< scalar, before clipping
    torch::Tensor bad;        ///< scalar, 1 if the step was skipped, else 0
  };
  /// Updates the parameters from their gradients, which are dropped. loss: scalar.
  StepResult Step(double lr, const torch::Tensor& loss);

  /// "exp_avg.<name>", "exp_avg_sq.<name>", "step"; they share the optimiser's memory.
  policy::NamedTensors State() const;

 private:
  struct Group {
    double weight_decay = 0;
    std::vector<torch::Tensor> params, exp_avg, exp_avg_sq;
    std::vector<std::string> names;
  };
  double beta1_, beta2_, eps_, grad_clip_;
  torch::Tensor step_;  ///< float32 scalar, updates done
  std::vector<Group> groups_;
};

/// Averaged weights: ema += (1 - decay) (parameter - ema).
class Ema {
 public:
  /// `averaged` has the same parameters in the same order; its own become the averages.
  Ema(const torch::nn::Module& module, const torch::nn::Module& averaged);
  void Update(double decay);

 private:
  std::vector<torch::Tensor> params_, averages_;
};

}  // namespace simscale::train
