#include "simscale/policy/nets/mlp.h"

#include "simscale/common/error.h"

namespace simscale::policy {

MlpImpl::MlpImpl(const MlpOptions& options) : dropout_(options.dropout) {
  static const std::vector<std::string> kNames = {"relu", "gelu", "silu", "tanh", "elu"};
  const auto it = std::find(kNames.begin(), kNames.end(), options.activation);
  if (it == kNames.end()) ThrowUser(UnknownName("activation", options.activation, kNames));
  activation_ = static_cast<Activation>(it - kNames.begin());

  int in = options.in;
  for (size_t i = 0; i <= options.hidden.size(); ++i) {
    const bool last = i == options.hidden.size();
    const int out = last ? options.out : options.hidden[i];
    linears_.push_back(register_module(Cat("linear_", i), torch::nn::Linear(in, out)));
    if (!last && options.layer_norm)
      norms_.push_back(register_module(Cat("norm_", i),
                                       torch::nn::LayerNorm(torch::nn::LayerNormOptions({out}))));
    in = out;
  }
}

torch::Tensor MlpImpl::Activate(const torch::Tensor& x) const {
  switch (activation_) {
    case Activation::kRelu:
      return torch::relu(x);
    case Activation::kGelu:
      return torch::gelu(x);
    case Activation::kSilu:
      return torch::silu(x);
    case Activation::kTanh:
      return torch::tanh(x);
    case Activation::kElu:
      return torch::elu(x);
  }
  return x;
}

torch::Tensor MlpImpl::Hidden(torch::Tensor x) {
  for (size_t i = 0; i + 1 < linears_.size(); ++i) {
    x = linears_[i]->forward(x);
    if (!norms_.empty()) x = norms_[i]->forward(x);
    x = Activate(x);
    if (dropout_ > 0 && is_training()) x = torch::dropout(x, dropout_, true);
  }
  return x;
}

}  // namespace simscale::policy
