#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simscale/policy/policy.h"
#include "simscale/policy/tensor_files.h"
#include "simscale/policy/tensor_io.h"
#include "simscale/train/config.h"
#include "simscale/train/optimizer.h"
#include "simscale/train/precision.h"
#include "simscale/train/ranks.h"

namespace simscale::train {

/// What a checkpoint holds of a model: of all of it, or of this rank's part (Model::in_parts).
struct ModelTensors {
  policy::NamedTensors model, optimizer;
  policy::Shapes model_shapes, optimizer_shapes;  ///< of the wholes of slices
};

/// A policy in training: weights, their averages, gradients and the optimiser's state, whole on
/// each rank (replicated_model.cc) or spread over the ranks (sharded_model.cc). All ranks make the
/// same calls.
///
///     model.BeginForward();
///     loss = model.policy().Loss(batch).total;
///     model.Backward(loss, last);           // of the step's micro-batches
///     model.Step(lr, loss, ema_decay);
class Model {
 public:
  virtual ~Model() = default;

  policy::Policy& policy() const { return *policy_; }
  virtual void BeginForward() = 0;
  /// Gradients of the loss, averaged over the ranks once the last micro-batch is done. A loss that
  /// is not finite makes the gradients of all ranks so.
  virtual void Backward(const torch::Tensor& loss, bool last) = 0;
  Optimizer::StepResult Step(double lr, const torch::Tensor& loss, double ema_decay);
  /// What gradients are multiplied by until Step undoes it; undefined: nothing.
  torch::Tensor LossScale() const { return scaler_ ? scaler_->scale() : torch::Tensor(); }
  AutocastGuard Autocast() const { return {device_.type(), precision_.autocast}; }

  /// f(policy with the averaged weights, in eval mode) on all ranks.
  virtual void WithAveraged(const std::function<void(policy::Policy&)>& f) = 0;
  /// The policy with the averaged weights, whole, on rank 0; null on the others.
  virtual std::shared_ptr<policy::Policy> AveragedOnMain() = 0;

  /// Whether each rank writes a file of its own.
  virtual bool in_parts() const = 0;
  virtual ModelTensors Tensors() = 0;
  /// Takes what a checkpoint holds, on all ranks, whatever strategy and number of ranks wrote it.
  /// UserError for one that doesn't fit.
  virtual void Load(const std::filesystem::path& checkpoint) = 0;

 protected:
  Model(const TrainConfig& config, std::shared_ptr<policy::Policy> policy, Ranks* ranks,
        torch::Device device);
  void SetOptimizer(const std::vector<Leaf>& leaves, std::vector<torch::Tensor> averages);
  /// Of the loss scaler; empty without one.
  policy::NamedTensors ScalerState() const;
  /// loss.backward() with a scaled loss.
  void RunBackward(const torch::Tensor& loss) const;

  Ranks* ranks_;
  torch::Device device_;
  Precision precision_;
  std::optional<LossScaler> scaler_;
  std::shared_ptr<policy::Policy> policy_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Ema> ema_;
  std::function<void(torch::Tensor)> sum_norms_;

 private:
  OptimizerConfig optimizer_config_;
};

/// make_policy: gives it on the CPU, with its first weights. strategy and precision are
/// config.train's; one process alone is always replicated.
std::unique_ptr<Model> MakeModel(
    const TrainConfig& config, const std::function<std::shared_ptr<policy::Policy>()>& make_policy,
    Ranks* ranks, torch::Device device);

std::unique_ptr<Model> MakeReplicatedModel(const TrainConfig& config,
                                           std::shared_ptr<policy::Policy> policy, Ranks* ranks,
                                           torch::Device device);
std::unique_ptr<Model> MakeShardedModel(const TrainConfig& config,
                                        std::shared_ptr<policy::Policy> policy, Ranks* ranks,
                                        torch::Device device);

}  // namespace simscale::train
