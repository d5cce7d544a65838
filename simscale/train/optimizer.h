#pragma once

#include <torch/torch.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "simscale/policy/tensor_io.h"

namespace simscale::train {

struct OptimizerConfig {
  std::string name = "adamw";  ///< adamw | adam | sgd
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double momentum = 0;  ///< of sgd
  bool nesterov = false;
  double weight_decay = 0;  ///< of the leaves that decay: decoupled for adamw, else in the gradient
  double grad_clip = 0;     ///< largest global gradient norm; 0: no clipping
};

/// Those that want a gradient, by name.
policy::NamedTensors NamedParameters(const torch::nn::Module& module);

/// What an optimiser updates: a parameter, or this rank's part of some (dist::ShardLeaf).
struct Leaf {
  std::string name;
  torch::Tensor values;
  bool decays = false;
};
/// Each parameter is one. Matrices decay; biases, norms and other vectors don't.
std::vector<Leaf> LeavesOf(const policy::NamedTensors& parameters);

struct StepOptions {
  torch::Tensor loss_scale = {};  ///< scalar that the loss was multiplied by; undefined: 1
  /// Sums a scalar over the ranks where each has leaves of its own.
  std::function<void(torch::Tensor)> sum_over_ranks = {};
};

/// AdamW (Loshchilov and Hutter, 2019), Adam (Kingma and Ba, 2015) or SGD in torch's fused kernels,
/// with clipping of the global gradient norm and the undoing of a loss scale in the same pass and
/// without waiting for the device. A step whose gradient or loss is not finite changes nothing.
class Optimizer {
 public:
  Optimizer(const std::vector<Leaf>& leaves, const OptimizerConfig& config);

  struct StepResult {
    torch::Tensor grad_norm;  ///< scalar, before clipping, of the loss as it is without scale
    torch::Tensor bad;        ///< scalar, 1 if the step was skipped, else 0
  };
  /// Updates the leaves from their gradients, which are dropped. loss: scalar.
  StepResult Step(double lr, const torch::Tensor& loss, const StepOptions& options = {});

  /// "exp_avg.<name>", "exp_avg_sq.<name>" or "momentum.<name>", "step"; they share the optimiser's
  /// memory.
  policy::NamedTensors State() const;
  /// What it keeps of one leaf, in the order of the leaves: {"exp_avg", [numel]}, ...
  std::vector<policy::NamedTensors> StateOfLeaves() const;
  const torch::Tensor& step() const { return step_; }

 private:
  struct Group {
    bool decays = false;
    std::vector<torch::Tensor> params, first, second;
  };
  struct Place {
    size_t group, index;
  };
  void Update(Group& group, const std::vector<torch::Tensor>& grads, double lr,
              const std::optional<torch::Tensor>& divisor, const torch::Tensor& bad);

  OptimizerConfig config_;
  torch::Tensor step_;  ///< float32 scalar, updates done
  std::vector<Group> groups_;
  std::vector<std::string> names_;
  std::vector<Place> places_;  ///< of the leaves in the groups
};

/// Averaged weights: average += (1 - decay) (value - average).
class Ema {
 public:
  Ema(std::vector<torch::Tensor> values, std::vector<torch::Tensor> averages);
  void Update(double decay);
  const std::vector<torch::Tensor>& averages() const { return averages_; }

 private:
  std::vector<torch::Tensor> values_, averages_;
};

}  // namespace simscale::train
