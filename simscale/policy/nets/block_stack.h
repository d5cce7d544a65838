#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace simscale::policy {

/// A network of blocks that run one after the other, each through a runner that others may set:
/// training at scale gathers a block's parameters first, or computes it again in backward(). So a
/// block's forward function must be good for as long as the graph of its result is.
class BlockStack {
 public:
  using Forward = std::function<torch::Tensor(const torch::Tensor&)>;
  using BlockRunner =
      std::function<torch::Tensor(size_t block, const torch::Tensor& x, const Forward& forward)>;

  virtual ~BlockStack() = default;
  /// In the order in which they run.
  virtual std::vector<torch::nn::Module*> Blocks() = 0;
  void set_block_runner(BlockRunner runner) { runner_ = std::move(runner); }

 protected:
  torch::Tensor RunBlock(size_t block, const torch::Tensor& x, const Forward& forward) const {
    return runner_ ? runner_(block, x, forward) : forward(x);
  }

 private:
  BlockRunner runner_;
};

}  // namespace simscale::policy
