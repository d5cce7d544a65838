#pragma once

#include <torch/torch.h>

#include <vector>

#include "simscale/policy/nets/transformer.h"

namespace simscale::policy {

struct ChunkTransformerOptions {
  std::vector<int> in;  ///< sizes of the input tokens
  int horizon = 1;      ///< output tokens
  int out = 0;          ///< numbers of each
  TransformerConfig transformer;
};

/// Tokens of what is observed and one learned query for each step to be predicted, through a
/// transformer in which all see all; the queries' outputs through a linear layer.
class ChunkTransformerImpl : public torch::nn::Module {
 public:
  explicit ChunkTransformerImpl(const ChunkTransformerOptions& options);
  /// tokens: [B, in[i]] each -> [B, horizon, out].
  torch::Tensor forward(const std::vector<torch::Tensor>& tokens);

 private:
  int64_t horizon_;
  std::vector<torch::nn::Linear> inputs_;
  torch::Tensor places_;   ///< [inputs, width] parameter: which input a token is
  torch::Tensor queries_;  ///< [horizon, width] parameter
  Transformer transformer_{nullptr};
  torch::nn::Linear head_{nullptr};
};
TORCH_MODULE(ChunkTransformer);

}  // namespace simscale::policy
