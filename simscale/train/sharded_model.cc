#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/dist/peer_error.h"
#include "simscale/dist/sharded.h"
#include "simscale/policy/nets/block_stack.h"
#include "simscale/policy/registry.h"
#include "simscale/train/model.h"
#include "simscale/train/recompute.h"

namespace simscale::train {
namespace {

constexpr const char* kAverage = "ema.";

/// 1-d float32 elements [begin, begin + numel) of a tensor in a checkpoint.
struct Target {
  int64_t begin;
  torch::Tensor values;
  int64_t filled = 0;
};
using Targets = std::map<std::string, std::vector<Target>>;

/// Copies what of `targets` lies in elements [begin, ...) of tensor `name`, which are `tensor`.
void Fill(const policy::SafetensorsFile& file, const policy::TensorInfo& tensor,
          const std::string& name, int64_t begin, Targets* targets) {
  const auto it = targets->find(name);
  if (it == targets->end()) return;
  if (tensor.dtype != "F32")
    ThrowUser(file.where(), ": tensor '", tensor.name, "' has dtype ", tensor.dtype,
              ", the model needs F32");
  const std::span<const std::byte> bytes = file.Bytes(tensor);
  const int64_t end = begin + static_cast<int64_t>(bytes.size() / sizeof(float));
  for (Target& target : it->second) {
    const int64_t first = std::max(begin, target.begin);
    const int64_t last = std::min(end, target.begin + target.values.numel());
    if (first >= last) continue;
    std::memcpy(target.values.data_ptr<float>() + (first - target.begin),
                bytes.data() + static_cast<size_t>(first - begin) * sizeof(float),
                static_cast<size_t>(last - first) * sizeof(float));
    target.filled += last - first;
  }
}

/// Each rank owns a part of every unit's weights, averages, gradients and optimiser state.
class ShardedModel : public Model {
 public:
  ShardedModel(const TrainConfig& config, std::shared_ptr<policy::Policy> policy, Ranks* ranks,
               torch::Device device)
      : Model(config, std::move(policy), ranks, device),
        policy_config_(config.policy),
        recomputes_(config.train.activation_checkpointing) {
    Shard(config.train.strategy == "fsdp");
    std::vector<Leaf> leaves;
    std::vector<torch::Tensor> averages;
    for (const dist::ShardLeaf& leaf : sharded_->leaves()) {
      leaves.push_back({.name = {}, .values = leaf.values, .decays = leaf.decays});
      averages.push_back(leaf.values.clone());
    }
    SetOptimizer(leaves, std::move(averages));
    sum_norms_ = [this](torch::Tensor square) { ranks_->Sum(std::move(square)); };
  }

  void BeginForward() override { sharded_->BeginForward(); }

  void Backward(const torch::Tensor& loss, bool last) override {
    dist::Guarded(ranks_->rank(), "averaging gradients", [&] { RunBackward(loss); });
    sharded_->EndBackward(last);
  }

  void WithAveraged(const std::function<void(policy::Policy&)>& f) override {
    const torch::NoGradGuard no_grad;
    sharded_->GatherFrom(&ema_->averages());
    policy_->eval();
    sharded_->BeginForward();
    f(*policy_);
    sharded_->GatherFrom(nullptr);
    policy_->train();
  }

  std::shared_ptr<policy::Policy> AveragedOnMain() override {
    const torch::NoGradGuard no_grad;
    std::shared_ptr<policy::Policy> averaged;
    std::map<std::string, torch::Tensor> targets;
    if (ranks_->is_main()) {
      averaged = policy::MakePolicy(policy_config_, policy_->spec());
      averaged->eval();
      for (const auto& [name, tensor] : policy::StateOf(*averaged)) targets[name] = tensor.detach();
      for (const auto& buffer : policy_->named_buffers())
        targets.at(buffer.key()).copy_(buffer.value());
    }
    sharded_->GatherFrom(&ema_->averages());
    sharded_->Gather([&](const std::string& name, const torch::Tensor& whole) {
      if (averaged) targets.at(name).copy_(whole);
    });
    sharded_->GatherFrom(nullptr);
    return averaged;
  }

  bool in_parts() const override { return true; }

  ModelTensors Tensors() override {
    ModelTensors tensors;
    const auto states = optimizer_->StateOfLeaves();
    const auto add = [&](const dist::ShardPiece& piece, const std::string& prefix,
                         const torch::Tensor& leaf, policy::NamedTensors* to,
                         policy::Shapes* shapes) {
      const std::string name = prefix + piece.name;
      to->emplace_back(policy::SliceName(name, piece.begin), leaf.narrow(0, piece.at, piece.size));
      (*shapes)[name] = shapes_.at(piece.name);
    };
    const auto& leaves = sharded_->leaves();
    for (size_t i = 0; i < leaves.size(); ++i)
      for (const dist::ShardPiece& piece : leaves[i].pieces) {
        add(piece, "", leaves[i].values, &tensors.model, &tensors.model_shapes);
        add(piece, kAverage, ema_->averages()[i], &tensors.model, &tensors.model_shapes);
        for (const auto& [kind, tensor] : states[i])
          add(piece, kind + ".", tensor, &tensors.optimizer, &tensors.optimizer_shapes);
      }
    if (!ranks_->is_main()) return tensors;
    for (const auto& buffer : policy_->named_buffers()) {
      tensors.model.emplace_back(buffer.key(), buffer.value());
      tensors.model.emplace_back(kAverage + buffer.key(), buffer.value());
    }
    const policy::NamedTensors counters = Counters();
    tensors.optimizer.insert(tensors.optimizer.end(), counters.begin(), counters.end());
    return tensors;
  }

  void Load(const std::filesystem::path& checkpoint) override {
    const torch::NoGradGuard no_grad;
    const ModelTensors tensors = Tensors();
    LoadSlices(checkpoint, "model", tensors.model);
    LoadSlices(checkpoint, "optimizer", tensors.optimizer);
    for (const torch::Tensor& buffer : policy_->buffers()) ranks_->Share(buffer);
    ranks_->Share(Counters());
  }

 private:
  policy::NamedTensors Counters() const {
    policy::NamedTensors counters = {{"step", optimizer_->step()}};
    const policy::NamedTensors scaler = ScalerState();
    counters.insert(counters.end(), scaler.begin(), scaler.end());
    return counters;
  }

  /// Takes the policy's parameters apart: the matrices of its blocks, and the rest. Biases and
  /// norms are small, and norms want float32 whatever the matrices are gathered as.
  void Shard(bool shard_parameters) {
    std::vector<dist::Sharded::Parameters> blocks;
    std::set<const void*> taken;
    std::map<const void*, std::string> names;
    for (const auto& item : policy_->named_parameters()) {
      names[item.value().unsafeGetTensorImpl()] = item.key();
      shapes_[item.key()] = item.value().sizes().vec();
    }
    for (const auto& module : policy_->modules()) {
      auto* stack = dynamic_cast<policy::BlockStack*>(module.get());
      if (!stack) continue;
      const size_t first = blocks.size();
      for (const torch::nn::Module* block : stack->Blocks()) {
        auto& parameters = blocks.emplace_back();
        for (const torch::Tensor& parameter : block->parameters()) {
          if (parameter.dim() < 2) continue;
          taken.insert(parameter.unsafeGetTensorImpl());
          parameters.emplace_back(names.at(parameter.unsafeGetTensorImpl()), parameter);
        }
      }
      stack->set_block_runner(
          [this, first](size_t block, const torch::Tensor& x, const auto& forward) {
            return sharded_->RunBlock(first + block, x, [&](const torch::Tensor& in) {
              return recomputes_ ? Recomputed(in, forward) : forward(in);
            });
          });
    }
    dist::Sharded::Parameters root;
    for (const auto& item : policy_->named_parameters())
      if (!taken.contains(item.value().unsafeGetTensorImpl()))
        root.emplace_back(item.key(), item.value());
    sharded_ = std::make_unique<dist::Sharded>(
        std::move(blocks), std::move(root), ranks_->communicator(),
        dist::ShardingOptions{.shard_parameters = shard_parameters,
                              .gather_dtype = precision_.autocast.value_or(at::kFloat)});
  }

  /// Fills slices from a checkpoint's files, one after the other: only one is in memory at once.
  static void LoadSlices(const std::filesystem::path& checkpoint, const std::string& stem,
                         const policy::NamedTensors& tensors) {
    Targets targets;
    policy::NamedTensors wholes;
    for (const auto& [name, tensor] : tensors) {
      if (const auto id = policy::ParseSliceName(name))
        targets[id->tensor].push_back({.begin = id->begin, .values = tensor});
      else
        wholes.emplace_back(name, tensor);
    }
    bool has_wholes = wholes.empty();
    for (const auto& path : policy::TensorFiles(checkpoint, stem)) {
      const auto file = policy::SafetensorsFile::Read(path);
      for (const policy::TensorInfo& tensor : file.tensors()) {
        const auto id = policy::ParseSliceName(tensor.name);
        Fill(file, tensor, id ? id->tensor : tensor.name, id ? id->begin : 0, &targets);
      }
      if (!wholes.empty() && file.Find(wholes[0].first)) {
        policy::CopyInto(file, "", wholes);
        has_wholes = true;
      }
    }
    if (!has_wholes)
      ThrowUser(checkpoint.string(), ": lacks the tensor '", wholes[0].first,
                "'; it belongs to another model");
    for (const auto& [name, list] : targets)
      for (const Target& target : list)
        if (target.filled != target.values.numel())
          ThrowUser(checkpoint.string(), ": ", stem, " has not all of the tensor '", name,
                    "'; it belongs to another model");
  }

  policy::PolicyConfig policy_config_;
  bool recomputes_;
  policy::Shapes shapes_;  ///< of the whole parameters
  std::unique_ptr<dist::Sharded> sharded_;
};

}  // namespace

std::unique_ptr<Model> MakeShardedModel(const TrainConfig& config,
                                        std::shared_ptr<policy::Policy> policy, Ranks* ranks,
                                        torch::Device device) {
  return std::make_unique<ShardedModel>(config, std::move(policy), ranks, device);
}

}  // namespace simscale::train
