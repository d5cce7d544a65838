// The parts of PPO against numbers worked out by hand. tests/rl_reference_test.py compares the same
// parts with an implementation in NumPy.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "simscale/common/error.h"
#include "simscale/rl/gae.h"
#include "simscale/rl/learner.h"
#include "simscale/rl/observation_stack.h"
#include "simscale/rl/running_statistics.h"

namespace simscale::rl {
namespace {

using policy::GaussianConfig;
using policy::GaussianPolicy;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

TEST(Gae, IsWhatTheFormulaSays) {
  // One row, gamma 0.5, lambda 0.5: discount 0.25 of the next advantage.
  const std::vector<float> reward = {1, 2, 3}, value = {4, 2, 8, 6};
  const std::vector<unsigned char> done = {0, 0, 0};
  std::vector<float> advantage(3), returns(3);
  ComputeGae({.num_steps = 3,
              .num_rows = 1,
              .reward = reward,
              .value = value,
              .done = done,
              .gamma = 0.5,
              .lambda = 0.5},
             advantage, returns);
  // delta = {1 + 1 - 4, 2 + 4 - 2, 3 + 3 - 8} = {-2, 4, -2}
  EXPECT_THAT(advantage, ElementsAre(-2 + 0.25F * 3.5F, 4 - 0.5F, -2));
  EXPECT_THAT(returns, ElementsAre(4 - 2 + 0.875F, 2 + 3.5F, 6));
}

TEST(Gae, NothingFlowsBackOverAnEnd) {
  // Two rows; the first one's episode ends after the first step.
  const std::vector<float> reward = {1, 1, 5, 5}, value = {0, 0, 100, 10, 1000, 20};
  const std::vector<unsigned char> done = {1, 0, 0, 0};
  std::vector<float> advantage(4), returns(4);
  ComputeGae({.num_steps = 2,
              .num_rows = 2,
              .reward = reward,
              .value = value,
              .done = done,
              .gamma = 1,
              .lambda = 1},
             advantage, returns);
  EXPECT_THAT(advantage, ElementsAre(1, 11 + 15, 5 + 1000 - 100, 15));
  EXPECT_EQ(returns[0], 1);
}

TEST(Gae, ATruncationIsWorthWhatFollows) {
  // The trainer adds gamma V(last observation) to the reward: the episode would have gone on.
  const std::vector<float> reward = {1 + 0.9F * 10}, value = {3, 777};
  const std::vector<unsigned char> done = {1};
  std::vector<float> advantage(1), returns(1);
  ComputeGae({.num_steps = 1,
              .num_rows = 1,
              .reward = reward,
              .value = value,
              .done = done,
              .gamma = 0.9,
              .lambda = 0.95},
             advantage, returns);
  EXPECT_FLOAT_EQ(advantage[0], 7);
  EXPECT_FLOAT_EQ(returns[0], 10);
}

TEST(Gae, WrongSizesAreRefused) {
  std::vector<float> out(2);
  const std::vector<float> reward(2), value(2);
  const std::vector<unsigned char> done(2);
  EXPECT_THROW(
      ComputeGae({.num_steps = 2, .num_rows = 1, .reward = reward, .value = value, .done = done},
                 out, out),
      ShapeError);
}

TEST(RunningStatistics, MergeToTheWholesMeanAndVariance) {
  RunningStatistics running(2);
  // Rows of three numbers, of which two count.
  const std::vector<float> a = {1, 10, -1, 2, 20, -1}, b = {6, 60, -1};
  running.Update(a, 2, 3);
  running.Update(b, 1, 3);
  EXPECT_EQ(running.count(), 3);
  EXPECT_THAT(running.mean(), ElementsAre(3, 30));
  EXPECT_NEAR(running.variance(0), 14.0 / 3, 1e-12);  // 4 + 1 + 9
  EXPECT_NEAR(running.variance(1), 1400.0 / 3, 1e-9);

  RunningStatistics other(2);
  other.SetState(running.State());
  EXPECT_EQ(other.State(), running.State());
  EXPECT_THROW(other.SetState(std::vector<double>(4)), ShapeError);
}

TEST(RewardScaler, DividesByTheDeviationOfTheDiscountedReturn) {
  RewardScaler scaler(2, 0.5, 10);
  std::vector<float> scaled(2);
  scaler.Scale(std::vector<double>{1, 3}, std::vector<unsigned char>{0, 1}, scaled);
  // Returns 1 and 3: variance 1.
  EXPECT_THAT(scaled, Pointwise(FloatNear(1e-6F), std::vector<float>{1, 3}));
  scaler.Scale(std::vector<double>{1, 3}, std::vector<unsigned char>{0, 0}, scaled);
  // Returns 1.5 and 3 (begun anew): of {1, 3, 1.5, 3} the mean is 2.125.
  const double variance = (1.265625 + 0.765625 + 0.390625 + 0.765625) / 4;
  EXPECT_NEAR(scaled[0], 1 / std::sqrt(variance), 1e-6);
  RewardScaler clipped(1, 0.5, 0.25);
  std::vector<float> one(1);
  clipped.Scale(std::vector<double>{-7}, std::vector<unsigned char>{0}, one);
  EXPECT_EQ(one[0], -0.25F);
}

policy::PolicySpec Spec(int state, int action) {
  return {.policy = "ppo",
          .env_name = "x",
          .observations = {{.name = "state", .size = state}},
          .action_dim = action};
}

TEST(GaussianPolicy, LogProbabilityAndEntropyAreTheGaussians) {
  const GaussianPolicy gaussian(Spec(1, 2), {});
  const GaussianPolicy::Distribution d{.mean = torch::tensor({{0.5F, -1.0F}}),
                                       .log_std = torch::tensor({0.0F, std::log(2.0F)})};
  const torch::Tensor u = torch::tensor({{1.5F, 1.0F}});
  // z = 1 and 1.
  const double expected = -0.5 - 0.5 - std::numbers::ln2 - std::log(2 * std::numbers::pi);
  EXPECT_NEAR(gaussian.LogProb(d, u).item<double>(), expected, 1e-6);
  EXPECT_NEAR(GaussianPolicy::Entropy(d).item<double>(),
              1 + std::log(2 * std::numbers::pi) + std::numbers::ln2, 1e-6);
  EXPECT_TRUE(torch::equal(gaussian.ToAction(u), torch::tensor({{1.0F, 1.0F}})));
}

TEST(GaussianPolicy, SquashingChangesTheDensityByTheSlope) {
  const GaussianPolicy plain(Spec(1, 1), {}), squashed(Spec(1, 1), {.squash = true});
  const GaussianPolicy::Distribution d{.mean = torch::zeros({1, 1}), .log_std = torch::zeros({1})};
  for (const float value : {0.3F, -2.0F, 30.0F}) {
    const torch::Tensor u = torch::full({1, 1}, value);
    const double slope = value < 10 ? std::log(1 - std::pow(std::tanh(value), 2))
                                    : 2 * (std::numbers::ln2 - double{value});
    EXPECT_NEAR(squashed.LogProb(d, u).item<double>(), plain.LogProb(d, u).item<double>() - slope,
                1e-4);
  }
  EXPECT_NEAR(squashed.ToAction(torch::full({1, 1}, 0.5F)).item<double>(), std::tanh(0.5), 1e-6);
}

TEST(GaussianPolicy, ActionsReachTheControllersBounds) {
  GaussianPolicy gaussian(Spec(1, 2), {});
  gaussian.SetActionBounds({-0.4, 0}, {0.4, 10});
  const torch::Tensor action = gaussian.ToAction(torch::tensor({{-5.0F, 0.5F}}));
  EXPECT_NEAR(action[0][0].item<double>(), -0.4, 1e-6);
  EXPECT_NEAR(action[0][1].item<double>(), 7.5, 1e-6);
}

TEST(GaussianPolicy, OrthogonalWeightsHaveTheirGain) {
  torch::manual_seed(1);
  GaussianPolicy gaussian(Spec(8, 3), {.hidden = {8}});
  gaussian.InitializeOrthogonally();
  torch::NoGradGuard no_grad;
  const torch::Tensor w = gaussian.net()->linears()[0]->weight;
  EXPECT_LT((w.matmul(w.t()) - 2 * torch::eye(8)).abs().max().item<double>(), 1e-5);
  const torch::Tensor head = gaussian.net()->linears()[1]->weight;
  EXPECT_LT((head.matmul(head.t()) - 1e-4 * torch::eye(3)).abs().max().item<double>(), 1e-8);
}

struct Hand {
  GaussianPolicy gaussian{Spec(1, 1), {}};
  GaussianPolicy::Distribution distribution{.mean = torch::zeros({4, 1}),
                                            .log_std = torch::zeros({1})};
  Experience batch;
  Hand() {
    batch.u = torch::zeros({4, 1});
    const double now = -0.5 * std::log(2 * std::numbers::pi);
    // Ratios 1.5, 1.5, 0.5, 0.5 with advantages 1, -1, 1, -1.
    batch.log_prob = torch::full({4}, now) - torch::log(torch::tensor({1.5F, 1.5F, 0.5F, 0.5F}));
    batch.advantage = torch::tensor({1.0F, -1.0F, 1.0F, -1.0F});
    batch.value = torch::tensor({0.0F, 0.0F, 0.0F, 0.0F});
    batch.returns = torch::tensor({1.0F, 1.0F, 1.0F, -1.0F});
  }
};

TEST(PpoLosses, ClipWhatWouldGoTooFarAndNothingElse) {
  Hand hand;
  const torch::Tensor value = torch::tensor({0.5F, 2.0F, 0.0F, 0.0F});
  const PpoConfig config{.clip_range = 0.2, .value_coef = 0.5};
  const PpoLosses losses =
      ComputePpoLosses(hand.gaussian, hand.distribution, value, hand.batch, config, 0.1);
  // min(r A, clip(r) A) = 1.2, -1.5, 0.5, -0.8.
  EXPECT_NEAR(losses.policy.item<double>(), -(1.2 - 1.5 + 0.5 - 0.8) / 4, 1e-6);
  EXPECT_NEAR(losses.value.item<double>(), (0.25 + 1 + 1 + 1) / 4, 1e-6);
  EXPECT_NEAR(losses.clipped.item<double>(), 1, 1e-6);
  EXPECT_NEAR(losses.kl.item<double>(),
              (2 * (0.5 - std::log(1.5)) + 2 * (-0.5 - std::log(0.5))) / 4, 1e-6);
  EXPECT_NEAR(losses.total.item<double>(),
              losses.policy.item<double>() + 0.5 * losses.value.item<double>() -
                  0.1 * losses.entropy.item<double>(),
              1e-6);
}

TEST(PpoLosses, AClippedValueTakesTheGreaterError) {
  Hand hand;
  const torch::Tensor value = torch::tensor({0.5F, 2.0F, 0.05F, 0.0F});
  const PpoConfig config{.value_clip = 0.1};
  const PpoLosses losses =
      ComputePpoLosses(hand.gaussian, hand.distribution, value, hand.batch, config, 0);
  // Near values 0.1, 0.1, 0.05, 0: errors max(0.25, 0.81), max(1, 0.81), 0.9025, 1.
  EXPECT_NEAR(losses.value.item<double>(), (0.81 + 1 + 0.9025 + 1) / 4, 1e-6);
}

Experience RandomExperience(int64_t size) {
  Experience e;
  e.features = torch::randn({size, 3});
  e.privileged = torch::empty({size, 0});
  e.u = torch::randn({size, 2});
  e.log_prob = torch::full({size}, -2.0);
  e.value = torch::randn({size});
  e.advantage = torch::randn({size});
  e.returns = torch::randn({size});
  return e;
}

TEST(DirectGradient, EqualsAutogradOfTheLosses) {
  struct Case {
    const char* activation;
    double value_clip, entropy_coef, std_init;
    int num_privileged;
    bool critic_only;
  };
  for (const Case& c : {Case{"tanh", 0, 0, 1, 0, false}, Case{"relu", 0.1, 0.02, 1, 2, false},
                        Case{"elu", 0, 0.02, 0.01, 2, false}, Case{"tanh", 0.3, 0, 1, 1, true}}) {
    SCOPED_TRACE(Cat(c.activation, ", value_clip ", c.value_clip));
    torch::manual_seed(11);
    policy::GaussianConfig config{.hidden = {16, 8}, .activation = c.activation};
    config.std_init = config.std_min = c.std_init;  // at its bound, where gradients still pass
    GaussianPolicy gaussian(Spec(3, 2), config);
    const PpoConfig ppo{.value_clip = c.value_clip};
    Critic critic(gaussian.spec(), config, ppo, c.num_privileged);
    critic.SetPrivilegedStatistics({.mean = std::vector<float>(c.num_privileged, 0.5F),
                                    .std = std::vector<float>(c.num_privileged, 2.0F)},
                                   1e-3);
    Experience e = RandomExperience(37);
    e.privileged = torch::randn({37, c.num_privileged});
    {  // ratios on both sides of the clip range, values on both sides of theirs
      const torch::NoGradGuard no_grad;
      const auto now = gaussian.Decode(gaussian.Hidden(e.features, {}));
      e.u = now.mean + now.log_std.exp() * torch::randn({37, 2});
      e.log_prob = gaussian.LogProb(now, e.u) + 0.3 * torch::randn({37});
      e.value = critic.Value(e.features, {}, {}, e.privileged) + 0.3 * torch::randn({37});
    }
    const auto gradients = [&] {
      std::vector<torch::Tensor> all;
      for (const torch::nn::Module* module :
           {static_cast<torch::nn::Module*>(&gaussian), static_cast<torch::nn::Module*>(&critic)})
        for (torch::Tensor& p : module->parameters()) {
          all.push_back(p.grad().defined() ? p.grad().clone() : torch::Tensor());
          p.mutable_grad().reset();
        }
      return all;
    };
    const auto distribution = gaussian.Decode(gaussian.Hidden(e.features, {}));
    const torch::Tensor value = critic.Value(e.features, {}, {}, e.privileged);
    const PpoLosses losses =
        ComputePpoLosses(gaussian, distribution, value, e, ppo, c.entropy_coef);
    (0.25 * (c.critic_only ? ppo.value_coef * losses.value : losses.total)).backward();
    const std::vector<torch::Tensor> expected = gradients();

    ASSERT_TRUE(DirectGradient::Covers(gaussian, critic));
    DirectGradient direct(gaussian, critic, ppo);
    direct.LearnPolicy(e, 0.25, c.entropy_coef, c.critic_only);
    direct.LearnCritic(e, 0.25);
    const torch::Tensor record = direct.Record(c.entropy_coef);
    EXPECT_LT((record - losses.Record()).abs().max().item<double>(), 1e-5);
    const double clipped = record[5].item<double>();
    EXPECT_TRUE(clipped > 0.1 && clipped < 0.9) << clipped;
    const std::vector<torch::Tensor> got = gradients();
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(expected[i].defined(), got[i].defined()) << i;
      if (!got[i].defined()) continue;
      const double size = std::max(1e-3, expected[i].abs().max().item<double>());
      EXPECT_LT((expected[i] - got[i]).abs().max().item<double>(), 1e-5 * size) << i;
    }
  }
}

TEST(DirectGradient, LeavesToAutogradWhatItDoesNotCover) {
  const auto covers = [](const policy::GaussianConfig& config, const PpoConfig& ppo = {}) {
    const GaussianPolicy gaussian(Spec(3, 2), config);
    return DirectGradient::Covers(gaussian, Critic(gaussian.spec(), config, ppo, 0));
  };
  EXPECT_TRUE(covers({}));
  EXPECT_FALSE(covers({.activation = "gelu"}));
  EXPECT_FALSE(covers({.layer_norm = true}));
  EXPECT_FALSE(covers({.std = "network"}));
  EXPECT_FALSE(covers({.squash = true}));
  EXPECT_FALSE(covers({}, {.critic_shares_trunk = true}));
}

TEST(PpoLearner, ShardsAddUpToTheWholeWhateverTheThreads) {
  std::vector<std::vector<torch::Tensor>> results;
  for (const auto& [shards, threads] : {std::pair{1, 1}, {2, 1}, {2, 2}, {3, 2}}) {
    torch::manual_seed(5);
    const auto gaussian = std::make_shared<GaussianPolicy>(Spec(3, 2), GaussianConfig());
    const PpoConfig config{.minibatch_size = 64, .epochs = 2, .shards = shards};
    const auto critic = std::make_shared<Critic>(gaussian->spec(), gaussian->config(), config, 0);
    PpoLearner learner(gaussian, critic, config, threads, torch::kCPU);
    torch::manual_seed(8);  // copies of the networks have drawn weights of their own
    const Experience experience = RandomExperience(300);
    const UpdateStatistics s = learner.Update(experience, 1e-3, 0.01, false);
    EXPECT_EQ(s.num_steps, 2 * 4);
    std::vector<torch::Tensor> parameters;
    for (const torch::Tensor& p : gaussian->parameters()) parameters.push_back(p.detach().clone());
    for (const torch::Tensor& p : critic->parameters()) parameters.push_back(p.detach().clone());
    results.push_back(parameters);
  }
  for (size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_LT((results[0][i] - results[1][i]).abs().max().item<double>(), 2e-6);
    EXPECT_TRUE(torch::equal(results[1][i], results[2][i]));
    EXPECT_LT((results[0][i] - results[3][i]).abs().max().item<double>(), 2e-6);
  }
}

TEST(PpoLearner, TheCriticAloneLearnsInItsWarmUp) {
  torch::manual_seed(6);
  const auto gaussian = std::make_shared<GaussianPolicy>(Spec(3, 2), GaussianConfig());
  const PpoConfig config{.minibatch_size = 50, .epochs = 1};
  const auto critic = std::make_shared<Critic>(gaussian->spec(), gaussian->config(), config, 0);
  const torch::Tensor policy_before = gaussian->parameters()[0].detach().clone();
  const torch::Tensor critic_before = critic->parameters()[0].detach().clone();
  PpoLearner learner(gaussian, critic, config, 1, torch::kCPU);
  learner.Update(RandomExperience(100), 1e-2, 0, true);
  EXPECT_TRUE(torch::equal(gaussian->parameters()[0], policy_before));
  EXPECT_FALSE(torch::equal(critic->parameters()[0], critic_before));
}

TEST(PpoLearner, ALossThatIsNotFiniteChangesNothingAndCounts) {
  torch::manual_seed(7);
  const auto gaussian = std::make_shared<GaussianPolicy>(Spec(3, 2), GaussianConfig());
  const PpoConfig config{.minibatch_size = 50, .epochs = 1};
  const auto critic = std::make_shared<Critic>(gaussian->spec(), gaussian->config(), config, 0);
  const torch::Tensor before = gaussian->parameters()[0].detach().clone();
  PpoLearner learner(gaussian, critic, config, 1, torch::kCPU);
  Experience experience = RandomExperience(100);
  experience.returns[3] = NAN;
  experience.advantage.fill_(NAN);
  const UpdateStatistics s = learner.Update(experience, 1e-2, 0, false);
  EXPECT_EQ(s.num_bad, 2);
  EXPECT_EQ(s.num_steps, 0);
  EXPECT_EQ(learner.bad_in_a_row(), 2);
  EXPECT_TRUE(torch::equal(gaussian->parameters()[0], before));
}

TEST(ObservationStack, KeepsTheLastOnesAndBeginsWithTheFirst) {
  const env::ObservationSpec a{.name = "a", .shape = {2}}, b{.name = "b", .shape = {1}};
  std::vector<float> of_a = {1, 2, 3, 4}, of_b = {9, 8};  // two rows
  env::ObservationView view;
  view.num_rows = 2;
  view.keys = {{.spec = &a, .state = of_a, .image = {}, .state64 = {}},
               {.spec = &b, .state = of_b, .image = {}, .state64 = {}}};
  policy::PolicySpec spec = Spec(2, 1);
  spec.observations = {{.name = "a", .size = 2}};
  spec.n_obs_steps = 2;
  ObservationStack stack(spec, {"b"}, view);
  stack.Begin(view, 0);
  stack.Begin(view, 1);
  of_a = {10, 20, 30, 40};
  of_b = {7, 6};
  std::vector<float> state(4), privileged(1);
  stack.Peek(view, 1, state, privileged);
  EXPECT_THAT(state, ElementsAre(3, 4, 30, 40));
  EXPECT_THAT(privileged, ElementsAre(6));
  stack.Push(view, 0);
  EXPECT_THAT(stack.state(), ElementsAre(1, 2, 10, 20, 3, 4, 3, 4));
  EXPECT_THAT(stack.privileged(), ElementsAre(7, 8));
  try {
    const ObservationStack wrong(spec, {"c"}, view);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'c'"));
  }
}

}  // namespace
}  // namespace simscale::rl
