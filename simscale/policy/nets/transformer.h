#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace simscale::policy {

struct TransformerOptions {
  int layers = 4;
  int width = 256;  ///< of a token
  int heads = 4;    ///< divides width
  int mlp_ratio = 4;
  double dropout = 0;
};

/// x + Attention(Norm(x)), then x + MLP(Norm(x)), with GELU: a pre-norm block (Xiong et al., 2020)
/// of a transformer (Vaswani et al., 2017). [B, L, width] -> the same.
class TransformerBlockImpl : public torch::nn::Module {
 public:
  explicit TransformerBlockImpl(const TransformerOptions& options);
  torch::Tensor forward(const torch::Tensor& x_BLD);

 private:
  int64_t heads_;
  double dropout_;
  torch::nn::LayerNorm attention_norm_{nullptr}, mlp_norm_{nullptr};
  torch::nn::Linear qkv_{nullptr}, out_{nullptr}, up_{nullptr}, down_{nullptr};
};
TORCH_MODULE(TransformerBlock);

/// The blocks one after the other, and a norm. All tokens see all others.
class TransformerImpl : public torch::nn::Module {
 public:
  /// How a block is run: forward(x), with what is to happen before and after it.
  using BlockRunner = std::function<torch::Tensor(
      size_t index, const torch::Tensor& x,
      const std::function<torch::Tensor(const torch::Tensor&)>& forward)>;

  /// Weights from N(0, 0.02); those that add to the residual stream are divided by
  /// sqrt(2 layers), as GPT-2's are (Radford et al., 2019). Throws UserError unless heads divides
  /// width.
  explicit TransformerImpl(const TransformerOptions& options);
  torch::Tensor forward(const torch::Tensor& x_BLD);

  std::vector<TransformerBlock>& blocks() { return blocks_; }
  /// Of training at scale: gathers a block's parameters, recomputes it in backward, and the like.
  void set_block_runner(BlockRunner runner) { runner_ = std::move(runner); }

 private:
  std::vector<TransformerBlock> blocks_;
  torch::nn::LayerNorm norm_{nullptr};
  BlockRunner runner_;
};
TORCH_MODULE(Transformer);

}  // namespace simscale::policy
