#include <utility>

#include "simscale/dist/data_parallel.h"
#include "simscale/dist/peer_error.h"
#include "simscale/policy/nets/block_stack.h"
#include "simscale/policy/registry.h"
#include "simscale/train/model.h"
#include "simscale/train/recompute.h"

namespace simscale::train {
namespace {

/// Everything is whole on each rank; gradients are averaged.
class ReplicatedModel : public Model {
 public:
  ReplicatedModel(const TrainConfig& config, std::shared_ptr<policy::Policy> policy, Ranks* ranks,
                  torch::Device device)
      : Model(config, std::move(policy), ranks, device) {
    averaged_ = policy::MakePolicy(config.policy, policy_->spec());
    {
      const torch::NoGradGuard no_grad;
      const policy::NamedTensors from = policy::StateOf(*policy_), to = policy::StateOf(*averaged_);
      for (size_t i = 0; i < from.size(); ++i) torch::Tensor(to[i].second).copy_(from[i].second);
    }
    policy_->to(device);
    averaged_->to(device);
    averaged_->eval();
    SetOptimizer(LeavesOf(NamedParameters(*policy_)), averaged_->parameters());
    if (config.train.activation_checkpointing) RecomputeBlocks(*policy_);
    if (ranks->communicator())
      parallel_ = std::make_unique<dist::DataParallel>(*policy_, ranks->communicator());
  }

  void BeginForward() override {
    if (parallel_) parallel_->BeginForward();
  }

  void Backward(const torch::Tensor& loss, bool last) override {
    if (!parallel_) return RunBackward(loss);
    dist::Guarded(ranks_->rank(), "averaging gradients", [&] {
      if (last) parallel_->BeginBackward();
      RunBackward(loss);
    });
  }

  void WithAveraged(const std::function<void(policy::Policy&)>& f) override { f(*averaged_); }
  std::shared_ptr<policy::Policy> AveragedOnMain() override {
    return ranks_->is_main() ? averaged_ : nullptr;
  }

  bool in_parts() const override { return false; }

  ModelTensors Tensors() override {
    ModelTensors tensors{.model = policy::StateOf(*policy_), .optimizer = optimizer_->State()};
    for (const auto& [name, tensor] : policy::StateOf(*averaged_))
      tensors.model.emplace_back("ema." + name, tensor);
    const policy::NamedTensors scaler = ScalerState();
    tensors.optimizer.insert(tensors.optimizer.end(), scaler.begin(), scaler.end());
    return tensors;
  }

  void Load(const std::filesystem::path& checkpoint) override {
    const ModelTensors tensors = Tensors();
    ranks_->OnMain([&] {
      policy::CopyInto(policy::ReadTensors(checkpoint, "model"), "", tensors.model);
      policy::CopyInto(policy::ReadTensors(checkpoint, "optimizer"), "", tensors.optimizer);
      return true;
    });
    ranks_->Share(tensors.model);
    ranks_->Share(tensors.optimizer);
  }

 private:
  static void RecomputeBlocks(policy::Policy& policy) {
    for (const auto& module : policy.modules())
      if (auto* stack = dynamic_cast<policy::BlockStack*>(module.get()))
        stack->set_block_runner([](size_t, const torch::Tensor& x, const auto& forward) {
          return Recomputed(x, forward);
        });
  }

  std::shared_ptr<policy::Policy> averaged_;
  std::unique_ptr<dist::DataParallel> parallel_;
};

}  // namespace

std::unique_ptr<Model> MakeReplicatedModel(const TrainConfig& config,
                                           std::shared_ptr<policy::Policy> policy, Ranks* ranks,
                                           torch::Device device) {
  return std::make_unique<ReplicatedModel>(config, std::move(policy), ranks, device);
}

}  // namespace simscale::train
