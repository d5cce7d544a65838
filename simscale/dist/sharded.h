#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/dist/communicator.h"

namespace simscale::dist {

/// Elements [begin, begin + size) of a parameter, row by row, which lie at `at` of a shard's leaf.
struct ShardPiece {
  std::string name;
  int64_t begin = 0, size = 0;
  int64_t at = 0;
};

/// A part of a unit's parameters that this rank owns: what its optimiser updates.
struct ShardLeaf {
  torch::Tensor values;  ///< [n] float32; its gradient is there after EndBackward
  bool decays = false;   ///< of matrices; norms and biases are in a leaf of their own
  size_t unit = 0;
  std::vector<ShardPiece> pieces;
};

struct ShardingOptions {
  /// Parameters are whole only while they are needed (ZeRO-3); else from the start of a step on
  /// (ZeRO-2: gradients and optimiser state alone are sharded).
  bool shard_parameters = true;
  /// What blocks' parameters are gathered as; other than float32 only under autocast of the same.
  at::ScalarType gather_dtype = at::kFloat;
};

/// A module whose parameters, gradients and optimiser state are spread over the ranks (Rajbhandari
/// et al., "ZeRO", SC 2020; Zhao et al., "PyTorch FSDP", VLDB 2023), unit by unit: its blocks, and
/// one more of all the rest, the root. A rank owns an even share of each unit as float32.
///
///     sharded.BeginForward();            // gathers the root
///     loss = ...;                        // the module runs block i through RunBlock(i, ...)
///     loss.backward();                   // gathers blocks again, averages and scatters gradients
///     sharded.EndBackward();             // gradients of this step so far are in the leaves
///     ... the optimiser updates leaves() and drops their gradients.
///
/// The next block's parameters travel while the present one computes. Every rank must run the same
/// blocks in the same order. All throw PeerError (peer_error.h) if a peer is gone.
class Sharded {
 public:
  using Parameters = std::vector<std::pair<std::string, torch::Tensor>>;
  using Forward = std::function<torch::Tensor(const torch::Tensor&)>;

  /// blocks: by name, in the order in which they run; root: all other parameters. All on the CPU,
  /// float32. Everyone gets rank 0's values. From now on the parameters are views into memory that
  /// comes and goes: read values by Gather.
  Sharded(std::vector<Parameters> blocks, Parameters root,
          std::shared_ptr<Communicator> communicator, const ShardingOptions& options);
  ~Sharded();
  Sharded(const Sharded&) = delete;
  Sharded& operator=(const Sharded&) = delete;

  const std::vector<ShardLeaf>& leaves() const { return leaves_; }

  void BeginForward();
  /// forward(x) with the block's parameters there.
  torch::Tensor RunBlock(size_t block, const torch::Tensor& x, const Forward& forward);
  /// last: the optimiser comes next; else the gradients of one more forward pass add up.
  void EndBackward(bool last = true);
  /// After a forward pass without gradients.
  void EndForward();

  /// Has units gathered from other values than the leaves' until it is called with nullptr:
  /// averaged weights. values: a tensor for each leaf, shaped as it is.
  void GatherFrom(const std::vector<torch::Tensor>* values);
  /// Calls visit(name, whole parameter) for each parameter on every rank, unit by unit. The tensor
  /// is gone afterwards.
  void Gather(const std::function<void(const std::string&, const torch::Tensor&)>& visit);

 private:
  struct Unit;
  struct Reduction;
  /// Memory of units that were released, to be taken again.
  class Pool;

  std::unique_ptr<Unit> MakeUnit(Parameters parameters, at::ScalarType dtype);
  void WatchGradients(Unit& unit);
  void StartGather(Unit& unit);
  void FinishGather(Unit& unit);
  void Release(Unit& unit);
  void Need(size_t block);
  void GradientArrived(Unit& unit);
  void StartReduction(Unit& unit);
  void FinishReduction();
  torch::Tensor GradientOf(const ShardLeaf& leaf) const;
  Unit& root() { return *units_.back(); }
  bool is_block(size_t i) const { return i + 1 < units_.size(); }

  std::shared_ptr<Communicator> communicator_;
  ShardingOptions options_;
  std::unique_ptr<Pool> pool_;
  std::vector<std::unique_ptr<Unit>> units_;  ///< the blocks, then the root
  std::vector<ShardLeaf> leaves_;
  const std::vector<torch::Tensor>* source_ = nullptr;
  std::deque<Reduction> reductions_;  ///< on their way
  std::vector<Reduction> idle_;       ///< whose memory is there to be used again
};

}  // namespace simscale::dist
