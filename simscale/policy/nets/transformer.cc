#include "simscale/policy/nets/transformer.h"

#include <cmath>
#include <tuple>

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {

constexpr double kWeightStd = 0.02;

torch::nn::LayerNorm Norm(int width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}));
}

}  // namespace

TransformerBlockImpl::TransformerBlockImpl(const TransformerConfig& config)
    : heads_(config.heads), dropout_(config.dropout) {
  const int width = config.width, inner = config.mlp_ratio * width;
  attention_norm_ = register_module("attention_norm", Norm(width));
  qkv_ = register_module("qkv", torch::nn::Linear(width, 3 * width));
  out_ = register_module("out", torch::nn::Linear(width, width));
  mlp_norm_ = register_module("mlp_norm", Norm(width));
  up_ = register_module("up", torch::nn::Linear(width, inner));
  down_ = register_module("down", torch::nn::Linear(inner, width));
  const torch::NoGradGuard no_grad;
  const double residual_std = kWeightStd / std::sqrt(2.0 * config.layers);
  for (auto& [linear, std] : {std::tuple(qkv_, kWeightStd), std::tuple(out_, residual_std),
                              std::tuple(up_, kWeightStd), std::tuple(down_, residual_std)}) {
    linear->weight.normal_(0, std);
    linear->bias.zero_();
  }
}

torch::Tensor TransformerBlockImpl::forward(const torch::Tensor& x_BLD) {
  const int64_t batch = x_BLD.size(0), length = x_BLD.size(1), width = x_BLD.size(2);
  const double dropout = is_training() ? dropout_ : 0;
  const auto drop = [&](const torch::Tensor& t) {
    return dropout > 0 ? torch::dropout(t, dropout, true) : t;
  };
  const torch::Tensor qkv = qkv_->forward(attention_norm_->forward(x_BLD))
                                .view({batch, length, 3, heads_, width / heads_})
                                .permute({2, 0, 3, 1, 4});
  const torch::Tensor attended =
      at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, dropout)
          .transpose(1, 2)
          .reshape({batch, length, width});
  const torch::Tensor x = x_BLD + drop(out_->forward(attended));
  return x + drop(down_->forward(torch::gelu(up_->forward(mlp_norm_->forward(x)))));
}

TransformerImpl::TransformerImpl(const TransformerConfig& config) {
  if (config.width % config.heads != 0)
    ThrowUser("transformer: heads must divide width (", config.width, "), got ", config.heads);
  for (int i = 0; i < config.layers; ++i)
    blocks_.push_back(register_module(Cat("block_", i), TransformerBlock(config)));
  norm_ = register_module("norm", Norm(config.width));
}

torch::Tensor TransformerImpl::forward(const torch::Tensor& x_BLD) {
  torch::Tensor x = x_BLD;
  for (size_t i = 0; i < blocks_.size(); ++i)
    x = RunBlock(
        i, x, [block = blocks_[i].get()](const torch::Tensor& in) { return block->forward(in); });
  return norm_->forward(x);
}

std::vector<torch::nn::Module*> TransformerImpl::Blocks() {
  std::vector<torch::nn::Module*> blocks;
  for (TransformerBlock& block : blocks_) blocks.push_back(block.get());
  return blocks;
}

}  // namespace simscale::policy
