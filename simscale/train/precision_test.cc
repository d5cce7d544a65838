// Optimisers against torch's own, and what makes training at scale cheaper without changing what is
// learned.

#include "simscale/train/precision.h"

#include <ATen/ops/linear.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/train/optimizer.h"
#include "simscale/train/recompute.h"

namespace simscale::train {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::nn::Sequential Net() {
  torch::manual_seed(3);
  return torch::nn::Sequential(torch::nn::Linear(5, 7), torch::nn::Tanh(), torch::nn::Linear(7, 2));
}

torch::Tensor LossOf(torch::nn::Sequential& net, int step) {
  torch::manual_seed(static_cast<uint64_t>(step));
  const torch::Tensor x = torch::randn({8, 5}), y = torch::randn({8, 2});
  return (net->forward(x) - y).square().mean();
}

/// 30 steps of both; the largest difference of their weights.
float Distance(const OptimizerConfig& config, torch::nn::Sequential theirs,
               torch::optim::Optimizer& reference) {
  torch::nn::Sequential ours = Net();
  Optimizer optimizer(LeavesOf(NamedParameters(*ours)), config);
  for (int step = 0; step < 30; ++step) {
    const torch::Tensor loss = LossOf(ours, step);
    loss.backward();
    optimizer.Step(1e-2, loss);
    reference.zero_grad();
    LossOf(theirs, step).backward();
    reference.step();
  }
  float distance = 0;
  for (size_t i = 0; i < ours->parameters().size(); ++i)
    distance = std::max(
        distance, (ours->parameters()[i] - theirs->parameters()[i]).abs().max().item<float>());
  return distance;
}

TEST(OptimizerTest, AdamEqualsTorchs) {
  torch::nn::Sequential net = Net();
  torch::optim::Adam reference(net->parameters(),
                               torch::optim::AdamOptions(1e-2).betas({0.8, 0.99}));
  EXPECT_LT(Distance({.name = "adam", .betas = {0.8, 0.99}}, net, reference), 2e-6);
}

TEST(OptimizerTest, SgdEqualsTorchs) {
  for (const auto& [momentum, nesterov] :
       {std::pair(0.0, false), std::pair(0.9, false), std::pair(0.9, true)}) {
    torch::nn::Sequential net = Net();
    std::vector<torch::Tensor> matrices, vectors;
    for (const torch::Tensor& p : net->parameters())
      (p.dim() >= 2 ? matrices : vectors).push_back(p);
    const auto options = [&, m = momentum, n = nesterov](double decay) {
      auto o = std::make_unique<torch::optim::SGDOptions>(1e-2);
      o->momentum(m).nesterov(n).weight_decay(decay);
      return o;
    };
    torch::optim::SGD reference({torch::optim::OptimizerParamGroup(matrices, options(0.1)),
                                 torch::optim::OptimizerParamGroup(vectors, options(0))},
                                torch::optim::SGDOptions(1e-2));
    EXPECT_LT(
        Distance({.name = "sgd", .momentum = momentum, .nesterov = nesterov, .weight_decay = 0.1},
                 net, reference),
        1e-6)
        << momentum << nesterov;
  }
}

TEST(OptimizerTest, ALossScaleChangesNothing) {
  torch::nn::Sequential plain = Net(), scaled = Net();
  const OptimizerConfig config{.grad_clip = 0.5};
  Optimizer a(LeavesOf(NamedParameters(*plain)), config),
      b(LeavesOf(NamedParameters(*scaled)), config);
  const torch::Tensor scale = torch::tensor(1024.0F);
  for (int step = 0; step < 10; ++step) {
    const torch::Tensor loss = LossOf(plain, step), same = LossOf(scaled, step);
    loss.backward();
    same.backward(scale);
    const auto norm = a.Step(1e-2, loss).grad_norm;
    EXPECT_FLOAT_EQ(b.Step(1e-2, same, {.loss_scale = scale}).grad_norm.item<float>(),
                    norm.item<float>());
  }
  for (size_t i = 0; i < plain->parameters().size(); ++i)
    EXPECT_TRUE(torch::allclose(plain->parameters()[i], scaled->parameters()[i], 1e-5, 1e-7));
}

TEST(PrecisionTest, Fp16OverflowIsSkippedAndRecovers) {
  torch::nn::Sequential net = Net();
  Optimizer optimizer(LeavesOf(NamedParameters(*net)), {});
  LossScaler scaler(torch::kCPU);
  const Precision precision = SetPrecision("fp16", torch::kCPU);
  ASSERT_TRUE(precision.scales_loss && precision.autocast == at::kHalf);
  int skipped = 0, last_skipped = -1;
  float first = 0, last = 0;
  const torch::Tensor before = net->parameters()[0].clone();
  for (int step = 0; step < 60; ++step) {
    torch::manual_seed(5);
    const torch::Tensor x = torch::randn({8, 5}), y = torch::randn({8, 2});
    torch::Tensor loss;
    {
      const AutocastGuard autocast(torch::kCPU, precision.autocast);
      const torch::Tensor out = net->forward(x);
      ASSERT_EQ(out.scalar_type(), at::kHalf);
      loss = 20 * (out.to(torch::kFloat32) - y).square().sum();  // its scaled gradients overflow
    }
    loss.backward(scaler.scale().clone());
    const auto result = optimizer.Step(1e-2, loss, {.loss_scale = scaler.scale()});
    scaler.Update(result.bad);
    const bool bad = result.bad.item<float>() > 0;
    if (bad && skipped == step) {
      EXPECT_TRUE(torch::equal(net->parameters()[0], before)) << "a skipped step learned";
    }
    skipped += bad;
    if (bad) last_skipped = step;
    (step == 0 ? first : last) = loss.item<float>();
  }
  EXPECT_GT(skipped, 0);
  EXPECT_LT(last_skipped, 20) << "the scale did not settle";
  EXPECT_EQ(scaler.scale().item<double>(), std::ldexp(LossScaler::kFirstScale, -skipped));
  EXPECT_LT(last, 0.5F * first);
  EXPECT_EQ(net->parameters()[0].scalar_type(), at::kFloat);  // the master weights
}

TEST(PrecisionTest, TheScaleGrowsAgain) {
  LossScaler scaler(torch::kCPU);
  scaler.Update(torch::ones({}));
  for (int64_t i = 0; i < LossScaler::kGrowthInterval; ++i) {
    EXPECT_EQ(scaler.scale().item<double>(), LossScaler::kFirstScale / 2);
    scaler.Update(torch::zeros({}));
  }
  EXPECT_EQ(scaler.scale().item<double>(), LossScaler::kFirstScale);
}

TEST(PrecisionTest, AutocastEndsWithItsGuard) {
  const torch::Tensor a = torch::randn({4, 4});
  {
    const AutocastGuard outer(torch::kCPU, at::kBFloat16);
    EXPECT_EQ(torch::mm(a, a).scalar_type(), at::kBFloat16);
    EXPECT_EQ(AutocastDtype(torch::kCPU), at::kBFloat16);
    {
      const AutocastGuard inner(torch::kCPU, std::nullopt);
      EXPECT_EQ(torch::mm(a, a).scalar_type(), at::kFloat);
    }
    EXPECT_EQ(torch::mm(a, a).scalar_type(), at::kBFloat16);
  }
  EXPECT_EQ(torch::mm(a, a).scalar_type(), at::kFloat);
  EXPECT_FALSE(AutocastDtype(torch::kCPU));
}

TEST(PrecisionTest, Tf32IsOfCuda) {
  EXPECT_THAT([] { SetPrecision("tf32", torch::kCPU); },
              ThrowsMessage<UserError>(HasSubstr("tf32 is a mode of CUDA devices")));
}

TEST(RecomputedTest, GradientsAreTheSame) {
  for (const bool autocast : {false, true}) {
    torch::nn::Sequential net = Net();
    auto block = [net](const torch::Tensor& x) mutable {
      return torch::dropout(net->forward(x), 0.5, /*train=*/true);
    };
    const auto gradients = [&](bool recomputed) {
      torch::manual_seed(11);
      torch::Tensor x = torch::randn({16, 5}).requires_grad_();
      torch::Tensor loss;
      {
        const AutocastGuard guard(torch::kCPU,
                                  autocast ? std::optional(at::kBFloat16) : std::nullopt);
        const torch::Tensor h = 2 * x;
        const torch::Tensor y = recomputed ? Recomputed(h, block) : block(h);
        loss = y.to(torch::kFloat32).square().sum() + torch::rand({1}).sum();
      }
      loss.backward();
      std::vector<torch::Tensor> all = {x.grad(), loss.detach(), torch::rand({1})};
      for (torch::Tensor& parameter : net->parameters()) {
        all.push_back(parameter.grad().clone());
        parameter.mutable_grad().reset();
      }
      return all;
    };
    const auto expected = gradients(false), actual = gradients(true);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(torch::equal(actual[i], expected[i])) << i << (autocast ? " bf16" : "");
  }
}

}  // namespace
}  // namespace simscale::train
