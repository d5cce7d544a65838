#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace simscale::policy {

struct MlpOptions {
  int in = 0;
  std::vector<int> hidden;
  int out = 0;
  std::string activation = "relu";  ///< relu | gelu | silu | tanh | elu
  bool layer_norm = false;
  double dropout = 0;
};

/// y = W_n h + b_n after hidden layers h' = dropout(act(norm(W h + b))); norm only if layer_norm.
/// in [..., in] -> out [..., out]. Parameters are called linear_<i>.weight, norm_<i>.weight, ...
class MlpImpl : public torch::nn::Module {
 public:
  /// Throws UserError for an unknown activation.
  explicit MlpImpl(const MlpOptions& options);
  torch::Tensor forward(torch::Tensor x) { return Head(Hidden(std::move(x))); }
  /// All but the last linear layer, and that one.
  torch::Tensor Hidden(torch::Tensor x);
  torch::Tensor Head(const torch::Tensor& hidden) { return linears_.back()->forward(hidden); }
  std::vector<torch::nn::Linear>& linears() { return linears_; }

 private:
  enum class Activation { kRelu, kGelu, kSilu, kTanh, kElu };
  torch::Tensor Activate(const torch::Tensor& x) const;

  Activation activation_ = Activation::kRelu;
  double dropout_;
  std::vector<torch::nn::Linear> linears_;
  std::vector<torch::nn::LayerNorm> norms_;
};
TORCH_MODULE(Mlp);

}  // namespace simscale::policy
