#include "simscale/policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/policy/load.h"
#include "simscale/policy/nets/mlp.h"
#include "simscale/policy/nets/transformer.h"
#include "simscale/policy/registry.h"
#include "simscale/policy/tensor_io.h"

namespace simscale::policy {
namespace {

using ::testing::HasSubstr;

PolicySpec SmallSpec() {
  return {.policy = "bc",
          .env_name = "toy",
          .observations = {{"pos", 2}, {"goal", 1}},
          .action_dim = 2,
          .n_obs_steps = 2,
          .horizon = 3,
          .n_action_steps = 2};
}

PolicyConfig SmallConfig() {
  PolicyConfig config;
  config.bc.hidden = {16};
  config.bc.n_obs_steps = 2;
  config.bc.horizon = 3;
  config.bc.n_action_steps = 2;
  return config;
}

TEST(Mlp, ForwardEqualsArithmeticByHand) {
  torch::NoGradGuard no_grad;
  Mlp net(MlpOptions{.in = 2, .hidden = {2}, .out = 1, .activation = "relu"});
  auto params = net->named_parameters();
  params["linear_0.weight"].copy_(torch::tensor({{1.0F, 2.0F}, {-1.0F, 1.0F}}));
  params["linear_0.bias"].copy_(torch::tensor({0.5F, -4.0F}));
  params["linear_1.weight"].copy_(torch::tensor({{2.0F, 3.0F}}));
  params["linear_1.bias"].copy_(torch::tensor({-1.0F}));
  // h = relu(1*3 + 2*1 + 0.5, -3 + 1 - 4) = (5.5, 0); y = 2 * 5.5 - 1.
  EXPECT_FLOAT_EQ(net->forward(torch::tensor({{3.0F, 1.0F}})).item<float>(), 10.0F);
}

TEST(Mlp, LayerNormComesBeforeTheActivation) {
  torch::NoGradGuard no_grad;
  Mlp net(MlpOptions{.in = 1, .hidden = {2}, .out = 1, .activation = "tanh", .layer_norm = true});
  auto params = net->named_parameters();
  params["linear_0.weight"].copy_(torch::tensor({{1.0F}, {3.0F}}));
  params["linear_0.bias"].zero_();
  params["linear_1.weight"].copy_(torch::tensor({{0.0F, 1.0F}}));
  params["linear_1.bias"].zero_();
  // (2, 6) has mean 4 and std 2: normalised to (-1, 1).
  EXPECT_NEAR(net->forward(torch::tensor({{2.0F}})).item<float>(), std::tanh(1.0), 1e-5);
}

TEST(Mlp, UnknownActivation) {
  try {
    Mlp net(MlpOptions{.in = 1, .hidden = {2}, .out = 1, .activation = "rely"});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'rely'"));
    EXPECT_THAT(error.what(), HasSubstr("relu"));
  }
}

TEST(Bc, LossIsTheMaskedMean) {
  const struct {
    const char* name;
    double expected;
  } cases[] = {{"l1", 0.5}, {"mse", 0.25}, {"huber", 0.1 * (0.5 - 0.05)}};
  for (const auto& c : cases) {
    PolicyConfig config = SmallConfig();
    config.bc.loss = c.name;
    auto policy = MakePolicy(config, SmallSpec());
    {
      torch::NoGradGuard no_grad;
      for (torch::Tensor& parameter : policy->parameters()) parameter.zero_();  // predicts 0
    }
    Batch batch;
    batch.observation.state = torch::randn({4, 2, 3});
    batch.action = torch::full({4, 3, 2}, 0.5F);
    batch.action.select(1, 2).fill_(100);  // past the end: must not count
    batch.mask = torch::ones({4, 3});
    batch.mask.select(1, 2).zero_();
    EXPECT_NEAR(policy->Loss(batch).total.item<double>(), c.expected, 1e-6) << c.name;
  }
}

TEST(Bc, ActClampsAndNormalises) {
  torch::NoGradGuard no_grad;
  PolicyConfig config = SmallConfig();
  config.bc.hidden = {};
  auto policy = MakePolicy(config, SmallSpec());
  policy->eval();
  // The middle component never moved: its deviation is floored, so 1e-3 off the mean stays 0.1.
  policy->SetStatistics({.mean = {1, 2, 3}, .std = {2, 0, 4}}, 1e-2);
  auto params = policy->named_parameters();
  params["net.linear_0.weight"].zero_();
  params["net.linear_0.bias"].zero_();
  params["net.linear_0.weight"][0][3] = 1;   // action 0 of step 0 = first component of the present
  params["net.linear_0.weight"][1][4] = 1;   // action 1 = second
  params["net.linear_0.weight"][2][5] = 10;  // step 1's action 0 = third, times 10
  torch::Tensor state = torch::zeros({1, 2, 3});
  state[0][1] = torch::tensor({2.0F, 2.001F, 7.0F});
  const torch::Tensor action = policy->Act({.state = state});
  EXPECT_EQ(action.sizes(), (std::vector<int64_t>{1, 3, 2}));
  EXPECT_NEAR(action[0][0][0].item<float>(), 0.5, 1e-6);
  EXPECT_NEAR(action[0][0][1].item<float>(), 0.1, 1e-3);
  EXPECT_EQ(action[0][1][0].item<float>(), 1.0F);
}

TEST(Policy, StatisticsMustFitTheState) {
  auto policy = MakePolicy(SmallConfig(), SmallSpec());
  EXPECT_THROW(policy->SetStatistics({.mean = {1, 2}, .std = {1, 1}}, 1e-2), ShapeError);
}

TEST(Registry, EveryPolicyBuildsActsAndLearns) {
  ASSERT_FALSE(ListPolicies().empty());
  for (const PolicyDescription& entry : ListPolicies()) {
    PolicyConfig config = SmallConfig();
    config.name = entry.name;
    PolicySpec spec = SmallSpec();
    FillSpec(config, &spec);
    EXPECT_EQ(spec.policy, entry.name);
    auto policy = MakePolicy(config, spec);
    EXPECT_GT(policy->num_parameters(), 0);
    Batch batch{.observation = {torch::randn({5, spec.n_obs_steps, 3})},
                .action = torch::zeros({5, spec.horizon, 2}),
                .mask = torch::ones({5, spec.horizon})};
    policy->Loss(batch).total.backward();
    for (const auto& item : policy->named_parameters())
      EXPECT_TRUE(item.value().grad().defined()) << item.key();
    policy->eval();
    EXPECT_LE(policy->Act(batch.observation).abs().max().item<float>(), 1.0F);
    bool has_mean = false;
    for (const auto& [name, tensor] : StateOf(*policy)) has_mean |= name == "obs_mean";
    EXPECT_TRUE(has_mean);
  }
}

TEST(Registry, UnknownNameListsTheKnown) {
  try {
    CheckPolicyName("bcc");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown policy 'bcc'"));
    EXPECT_THAT(error.what(), HasSubstr("Did you mean 'bc'?"));
  }
}

TEST(TensorIo, WrongTensorsAreNamed) {
  auto policy = MakePolicy(SmallConfig(), SmallSpec());
  const NamedTensors state = ToCpu(StateOf(*policy));
  const SafetensorsLayout layout = LayoutSafetensors(AsBytes(state));
  std::string bytes = layout.header;
  for (auto piece : layout.data)
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  const SafetensorsFile file = SafetensorsFile::Parse(bytes, "m.safetensors");
  for (const auto& [name, tensor] : state)
    EXPECT_TRUE(torch::equal(ReadTensor(file, *file.Find(name)), tensor));

  PolicyConfig wider = SmallConfig();
  wider.bc.hidden = {17};
  auto other = MakePolicy(wider, SmallSpec());
  try {
    CopyInto(file, "", StateOf(*other));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("m.safetensors: tensor 'net.linear_0.weight' has shape [16, 6]"));
    EXPECT_THAT(error.what(), HasSubstr("needs [17, 6]"));
  }
  try {
    CopyInto(file, "ema.", StateOf(*policy));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("lacks the tensor 'ema."));
  }
}

TEST(Device, NamesAreChecked) {
  EXPECT_EQ(PickDevice("cpu"), torch::Device(torch::kCPU));
  EXPECT_THROW(PickDevice("gpu"), UserError);
  if (!torch::cuda::is_available()) {
    EXPECT_EQ(PickDevice("auto"), torch::Device(torch::kCPU));
    EXPECT_THROW(PickDevice("cuda"), UserError);
  }
}

TEST(Spec, JsonRoundTripAndLimits) {
  EXPECT_EQ(SpecFromJson(SpecToJson(SmallSpec()), "m"), SmallSpec());
  EXPECT_THROW(SpecFromJson("{}", "m"), UserError);
  PolicySpec bad = SmallSpec();
  bad.n_action_steps = 4;
  try {
    ValidateSpec(bad);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("n_action_steps must be at most horizon (3), got 4"));
  }
}

TEST(TransformerTest, IsAStackOfPreNormBlocks) {
  torch::manual_seed(0);
  Transformer net(TransformerConfig{.layers = 3, .width = 32, .heads = 4});
  int64_t parameters = 0;
  for (const torch::Tensor& parameter : net->parameters()) parameters += parameter.numel();
  // A block: 12 width^2 weights, 9 width biases, 4 width of norms; and the last norm.
  EXPECT_EQ(parameters, 3 * (12 * 32 * 32 + 13 * 32) + 2 * 32);

  const torch::Tensor x = torch::randn({2, 5, 32});
  const torch::Tensor y = net->forward(x);
  EXPECT_EQ(y.sizes(), x.sizes());
  // All tokens see all others, whatever their order.
  const torch::Tensor order = torch::tensor({4, 2, 0, 1, 3});
  EXPECT_TRUE(torch::allclose(net->forward(x.index_select(1, order)), y.index_select(1, order),
                              1e-4, 1e-5));

  std::vector<size_t> run;
  net->set_block_runner([&](size_t index, const torch::Tensor& in, const auto& forward) {
    run.push_back(index);
    return forward(in);
  });
  EXPECT_TRUE(torch::equal(net->forward(x), y));
  EXPECT_EQ(run, (std::vector<size_t>{0, 1, 2}));
}

TEST(TransformerTest, IsATrunkOfBehaviourCloning) {
  PolicyConfig config;
  config.bc.trunk = "transformer";
  config.bc.transformer = {.layers = 2, .width = 32, .heads = 4};
  const PolicySpec spec = SmallSpec();
  torch::manual_seed(0);
  auto policy = MakePolicy(config, spec);
  const int64_t S = spec.state_dim();
  Batch batch;
  batch.observation.state = torch::randn({5, spec.n_obs_steps, S});
  batch.action = torch::rand({5, spec.horizon, spec.action_dim}) - 0.5;
  batch.mask = torch::ones({5, spec.horizon});
  const torch::Tensor action = policy->Act(batch.observation);
  EXPECT_EQ(action.sizes(), batch.action.sizes());
  // Each row is its own, and each step of the chunk has a query of its own.
  EXPECT_TRUE(torch::allclose(policy->Act({.state = batch.observation.state.narrow(0, 2, 1)}),
                              action.narrow(0, 2, 1), 1e-4, 1e-5));
  EXPECT_FALSE(torch::equal(action.select(1, 0), action.select(1, 1)));
  policy->Loss(batch).total.backward();
  for (const auto& item : policy->named_parameters())
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
}

TEST(TransformerTest, HeadsDivideTheWidth) {
  EXPECT_THROW(Transformer(TransformerConfig{.width = 30, .heads = 4}), UserError);
}

}  // namespace
}  // namespace simscale::policy
