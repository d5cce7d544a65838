#include "simscale/policy/nets/chunk_transformer.h"

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {

constexpr double kEmbeddingStd = 0.02;

}  // namespace

ChunkTransformerImpl::ChunkTransformerImpl(const ChunkTransformerOptions& options)
    : horizon_(options.horizon) {
  const int width = options.transformer.width;
  for (size_t i = 0; i < options.in.size(); ++i)
    inputs_.push_back(register_module(Cat("input_", i), torch::nn::Linear(options.in[i], width)));
  const auto inputs = static_cast<int64_t>(options.in.size());
  places_ = register_parameter("places", kEmbeddingStd * torch::randn({inputs, width}));
  queries_ = register_parameter("queries", kEmbeddingStd * torch::randn({horizon_, width}));
  transformer_ = register_module("transformer", Transformer(options.transformer));
  head_ = register_module("head", torch::nn::Linear(width, options.out));
}

torch::Tensor ChunkTransformerImpl::forward(const std::vector<torch::Tensor>& tokens) {
  SIMSCALE_CHECK(tokens.size() == inputs_.size());
  std::vector<torch::Tensor> embedded;
  for (size_t i = 0; i < tokens.size(); ++i) embedded.push_back(inputs_[i]->forward(tokens[i]));
  const torch::Tensor seen = torch::stack(embedded, 1) + places_;
  const torch::Tensor queries = queries_.unsqueeze(0).expand({seen.size(0), -1, -1});
  const torch::Tensor x = transformer_->forward(torch::cat({seen, queries.to(seen.dtype())}, 1));
  return head_->forward(x.narrow(1, seen.size(1), horizon_));
}

}  // namespace simscale::policy
