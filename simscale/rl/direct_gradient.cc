#include "simscale/rl/direct_gradient.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "simscale/common/error.h"

namespace simscale::rl {
namespace {

/// Makes `tensor` a float32 matrix of that shape, if it is not one already.
void Reshape(torch::Tensor* tensor, int64_t rows, int64_t columns) {
  if (!tensor->defined() || tensor->size(0) != rows || tensor->size(1) != columns)
    *tensor = torch::empty({rows, columns});
}

/// out[c] = sum over rows of in [B, C].
void SumRows(const torch::Tensor& in, const torch::Tensor& out) {
  const int64_t rows = in.size(0), columns = in.size(1);
  const float* from = in.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  std::fill_n(to, columns, 0.0F);
  for (int64_t i = 0; i < rows; ++i, from += columns)
    for (int64_t c = 0; c < columns; ++c) to[c] += from[c];
}

}  // namespace

bool DirectMlp::Covers(const std::string& activation) {
  return activation == "relu" || activation == "tanh" || activation == "elu";
}

DirectMlp::DirectMlp(policy::Mlp& net, const std::string& activation)
    : activation_(activation == "relu"   ? Activation::kRelu
                  : activation == "tanh" ? Activation::kTanh
                                         : Activation::kElu) {
  SIMSCALE_CHECK(Covers(activation));
  for (torch::nn::Linear& linear : net->linears()) {
    Layer layer{.parameter = linear->weight, .bias_parameter = linear->bias};
    layer.weight = linear->weight.detach();
    layer.weight_t = layer.weight.t();
    layer.bias = linear->bias.detach();
    layer.weight_grad = torch::empty_like(layer.weight);
    layer.bias_grad = torch::empty_like(layer.bias);
    layers_.push_back(layer);
  }
}

const torch::Tensor& DirectMlp::Forward(const torch::Tensor& x) {
  input_ = x;
  const torch::Tensor* in = &input_;
  for (Layer& layer : layers_) {
    Reshape(&layer.out, x.size(0), layer.weight.size(0));
    at::addmm_out(layer.out, layer.bias, *in, layer.weight_t);
    in = &layer.out;
    if (&layer == &layers_.back()) break;
    if (activation_ == Activation::kTanh) at::tanh_(layer.out);
    if (activation_ == Activation::kRelu) at::relu_(layer.out);
    if (activation_ == Activation::kElu) at::elu_(layer.out);
  }
  return layers_.back().out;
}

void DirectMlp::MultiplyByDerivative(const torch::Tensor& value, torch::Tensor* grad) const {
  const float* y = value.const_data_ptr<float>();
  float* g = grad->mutable_data_ptr<float>();
  const int64_t n = value.numel();
  switch (activation_) {
    case Activation::kTanh:
      for (int64_t i = 0; i < n; ++i) g[i] *= 1 - y[i] * y[i];
      break;
    case Activation::kRelu:
      for (int64_t i = 0; i < n; ++i) g[i] = y[i] > 0 ? g[i] : 0;
      break;
    case Activation::kElu:
      for (int64_t i = 0; i < n; ++i) g[i] *= y[i] > 0 ? 1 : y[i] + 1;
      break;
  }
}

void DirectMlp::Backward(const torch::Tensor& grad) {
  const torch::Tensor* g = &grad;
  for (size_t i = layers_.size(); i-- > 0;) {
    Layer& layer = layers_[i];
    const torch::Tensor& in = i > 0 ? layers_[i - 1].out : input_;
    at::mm_out(layer.weight_grad, g->t(), in);
    SumRows(*g, layer.bias_grad);
    layer.parameter.mutable_grad() = layer.weight_grad;
    layer.bias_parameter.mutable_grad() = layer.bias_grad;
    if (i == 0) break;
    Layer& below = layers_[i - 1];
    Reshape(&below.out_grad, g->size(0), layer.weight.size(1));
    at::mm_out(below.out_grad, *g, layer.weight);
    MultiplyByDerivative(below.out, &below.out_grad);
    g = &below.out_grad;
  }
}

bool DirectGradient::Covers(const policy::GaussianPolicy& policy, const Critic& critic) {
  const policy::GaussianConfig& c = policy.config();
  return !policy.has_images() && !critic.shares_trunk() && !c.layer_norm && !c.squash &&
         c.std == "parameter" && DirectMlp::Covers(c.activation);
}

DirectGradient::DirectGradient(policy::GaussianPolicy& policy, Critic& critic,
                               const PpoConfig& config)
    : config_(config),
      min_log_std_(static_cast<float>(std::log(policy.config().std_min))),
      max_log_std_(static_cast<float>(std::log(policy.config().std_max))),
      critic_(critic),
      log_std_(policy.log_std()),
      log_std_grad_(torch::empty_like(log_std_).detach()),
      policy_net_(policy.net(), policy.config().activation),
      critic_net_(critic.net(), policy.config().activation),
      record_(torch::zeros({kLossRecordSize})) {}

void DirectGradient::LearnPolicy(const Experience& part, double share, double entropy_coef,
                                 bool critic_only) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor& mean = policy_net_.Forward(part.features);
  const int64_t rows = mean.size(0), size = mean.size(1);
  Reshape(&mean_grad_, rows, size);
  const auto n = static_cast<size_t>(size);
  std::vector<float> log_std(n), inverse_std(n), std_grad(n);
  const float* raw = log_std_.const_data_ptr<float>();
  double sum_log_std = 0;
  for (size_t j = 0; j < n; ++j) {
    log_std[j] = std::clamp(raw[j], min_log_std_, max_log_std_);
    inverse_std[j] = std::exp(-log_std[j]);
    sum_log_std += log_std[j];
  }
  const double half_log_two_pi = 0.5 * std::log(2 * std::numbers::pi);
  const auto constant =
      static_cast<float>(sum_log_std + half_log_two_pi * static_cast<double>(size));
  const auto eps = static_cast<float>(config_.clip_range);
  const auto scale = static_cast<float>(share / static_cast<double>(rows));
  const float *m = mean.const_data_ptr<float>(), *u = part.u.const_data_ptr<float>();
  const float* old = part.log_prob.const_data_ptr<float>();
  const float* advantage = part.advantage.const_data_ptr<float>();
  float* grad = mean_grad_.mutable_data_ptr<float>();
  double loss = 0, kl = 0, clipped = 0;
  for (int64_t i = 0; i < rows; ++i, m += size, u += size, grad += size) {
    float squares = 0;
    for (size_t j = 0; j < n; ++j) {
      const float z = (u[j] - m[j]) * inverse_std[j];
      grad[j] = z;
      squares += z * z;
    }
    const float log_ratio = -0.5F * squares - constant - old[i], ratio = std::exp(log_ratio);
    const float bounded = std::clamp(ratio, 1 - eps, 1 + eps);
    const float a = ratio * advantage[i], b = bounded * advantage[i];
    loss -= std::min(a, b);
    kl += (ratio - 1) - log_ratio;
    clipped += std::abs(ratio - 1) > eps ? 1 : 0;
    // Where the clipped product is the lesser, the loss doesn't depend on the policy.
    const float by_log_prob = a > b ? 0 : -a * scale;
    for (size_t j = 0; j < n; ++j) {
      const float z = grad[j];
      grad[j] = by_log_prob * z * inverse_std[j];
      std_grad[j] += by_log_prob * (z * z - 1);
    }
  }
  const double entropy = sum_log_std + (0.5 + half_log_two_pi) * static_cast<double>(size);
  float* record = record_.mutable_data_ptr<float>();
  record[kPolicy] = static_cast<float>(loss / static_cast<double>(rows));
  record[kKl] = static_cast<float>(kl / static_cast<double>(rows));
  record[kClipped] = static_cast<float>(clipped / static_cast<double>(rows));
  record[kEntropy] = static_cast<float>(entropy);
  if (critic_only) return;
  policy_net_.Backward(mean_grad_);
  float* to = log_std_grad_.mutable_data_ptr<float>();
  for (size_t j = 0; j < n; ++j) {
    const bool free = raw[j] >= min_log_std_ && raw[j] <= max_log_std_;
    to[j] = free ? std_grad[j] - static_cast<float>(share * entropy_coef) : 0;
  }
  log_std_.mutable_grad() = log_std_grad_;
}

void DirectGradient::LearnCritic(const Experience& part, double share) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor& value =
      critic_net_.Forward(critic_.WithPrivileged(part.features, part.privileged));
  const int64_t rows = value.size(0);
  Reshape(&value_grad_, rows, 1);
  const float *v = value.const_data_ptr<float>(), *returns = part.returns.const_data_ptr<float>();
  const float* before = part.value.const_data_ptr<float>();
  float* grad = value_grad_.mutable_data_ptr<float>();
  const auto scale = static_cast<float>(2 * share * config_.value_coef / static_cast<double>(rows));
  const auto range = static_cast<float>(config_.value_clip);
  double loss = 0;
  for (int64_t i = 0; i < rows; ++i) {
    float error = v[i] - returns[i], square = error * error;
    grad[i] = scale * error;
    if (range > 0) {
      const float near = before[i] + std::clamp(v[i] - before[i], -range, range);
      const float clipped = near - returns[i];
      if (clipped * clipped > square) {  // moves no further away
        square = clipped * clipped;
        grad[i] = std::abs(v[i] - before[i]) > range ? 0 : scale * clipped;
      }
    }
    loss += square;
  }
  record_.mutable_data_ptr<float>()[kValue] = static_cast<float>(loss / static_cast<double>(rows));
  critic_net_.Backward(value_grad_);
}

torch::Tensor DirectGradient::Record(double entropy_coef) {
  float* record = record_.mutable_data_ptr<float>();
  record[kTotal] = static_cast<float>(record[kPolicy] + config_.value_coef * record[kValue] -
                                      entropy_coef * record[kEntropy]);
  return record_;
}

}  // namespace simscale::rl
