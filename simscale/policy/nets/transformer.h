#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "simscale/policy/nets/block_stack.h"
#include "simscale/policy/nets/transformer_config.h"

namespace simscale::policy {

/// x + Attention(Norm(x)), then x + MLP(Norm(x)), with GELU: a pre-norm block (Xiong et al., 2020)
/// of a transformer (Vaswani et al., 2017). [B, L, width] -> the same.
class TransformerBlockImpl : public torch::nn::Module {
 public:
  explicit TransformerBlockImpl(const TransformerConfig& config);
  torch::Tensor forward(const torch::Tensor& x_BLD);

 private:
  int64_t heads_;
  double dropout_;
  torch::nn::LayerNorm attention_norm_{nullptr}, mlp_norm_{nullptr};
  torch::nn::Linear qkv_{nullptr}, out_{nullptr}, up_{nullptr}, down_{nullptr};
};
TORCH_MODULE(TransformerBlock);

/// The blocks one after the other, and a norm. All tokens see all others.
class TransformerImpl : public torch::nn::Module, public BlockStack {
 public:
  /// Weights from N(0, 0.02); those that add to the residual stream are divided by
  /// sqrt(2 layers), as GPT-2's are (Radford et al., 2019). Throws UserError unless heads divides
  /// width.
  explicit TransformerImpl(const TransformerConfig& config);
  torch::Tensor forward(const torch::Tensor& x_BLD);
  std::vector<torch::nn::Module*> Blocks() override;

 private:
  std::vector<TransformerBlock> blocks_;
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(Transformer);

}  // namespace simscale::policy
