#include "simscale/policy/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/policy/registry.h"

namespace simscale::policy {
namespace {

using ::testing::HasSubstr;

/// Observations of N rows: "pos" [2] and "goal" [1].
struct Rows {
  env::ObservationSpec pos{"pos", {2}}, goal{"goal", {1}};
  std::vector<float> pos_data, goal_data;
  env::ObservationView View() {
    env::ObservationView view;
    view.num_rows = static_cast<int>(goal_data.size());
    view.keys = {{&goal, goal_data, {}}, {&pos, pos_data, {}}};  // another order than the spec's
    return view;
  }
};

/// Answers with what it was asked: chunk step h is (newest pos 0 + h / 100, oldest goal).
class EchoPolicy : public Policy {
 public:
  explicit EchoPolicy(const PolicySpec& spec) : Policy(spec) {}
  Losses Loss(const Batch&) override { return {}; }
  torch::Tensor Act(const Observation& observation) override {
    calls.push_back(observation.state.clone());
    const torch::Tensor& s = observation.state;
    torch::Tensor out = torch::zeros({s.size(0), spec().horizon, 2});
    for (int h = 0; h < spec().horizon; ++h) {
      out.select(1, h).select(1, 0).copy_(s.select(1, -1).select(1, 0) + h / 100.0);
      out.select(1, h).select(1, 1).copy_(s.select(1, 0).select(1, 2));
    }
    return out;
  }
  int inference_block(const torch::Device&) const override { return 3; }
  std::vector<torch::Tensor> calls;
};

PolicySpec EchoSpec() {
  return {.policy = "bc",
          .env_name = "toy",
          .observations = {{"pos", 2}, {"goal", 1}},
          .action_dim = 2,
          .n_obs_steps = 3,
          .horizon = 4,
          .n_action_steps = 2};
}

TEST(PolicyRunner, KeepsHistoryAndExecutesChunks) {
  auto policy = std::make_shared<EchoPolicy>(EchoSpec());
  PolicyRunner runner(policy, torch::kCPU);
  Rows rows;
  const std::vector<uint8_t> active = {1};
  std::vector<float> action(2);
  std::vector<std::pair<float, float>> got;
  runner.Reset(0, {});
  for (int t = 0; t < 5; ++t) {
    const auto x = static_cast<float>(t) / 10;
    rows.pos_data = {x, 0};
    rows.goal_data = {0.5F + x};
    runner.Act(rows.View(), active, action);
    got.emplace_back(action[0], action[1]);
  }
  // Asked at t = 0, 2, 4. The history at 0 repeats the first observation; at 4 its oldest is t = 2.
  const std::vector<std::pair<float, float>> want = {
      {0, .5F}, {.01F, .5F}, {.2F, .5F}, {.21F, .5F}, {.4F, .7F}};
  for (size_t t = 0; t < 5; ++t) {
    EXPECT_NEAR(got[t].first, want[t].first, 1e-6) << t;
    EXPECT_NEAR(got[t].second, want[t].second, 1e-6) << t;
  }
  EXPECT_EQ(runner.num_calls(), 3);
  runner.Reset(0, {});  // in the middle of a chunk: it is dropped, and the history with it
  runner.Act(rows.View(), active, action);
  EXPECT_EQ(runner.num_calls(), 4);
  EXPECT_NEAR(action[1], 0.9, 1e-6);
}

TEST(PolicyRunner, PadsBlocksAndLeavesInactiveRowsAlone) {
  auto policy = std::make_shared<EchoPolicy>(EchoSpec());
  PolicyRunner runner(policy, torch::kCPU);
  Rows rows;
  for (int r = 0; r < 5; ++r) {
    rows.pos_data.insert(rows.pos_data.end(), {static_cast<float>(r) / 10, 0});
    rows.goal_data.push_back(0.1F);
  }
  std::vector<float> action(10, 7.0F);
  runner.Act(rows.View(), std::vector<uint8_t>{1, 1, 0, 1, 1}, action);
  ASSERT_EQ(policy->calls.size(), 2U);
  for (const torch::Tensor& call : policy->calls) EXPECT_EQ(call.size(0), 3);
  EXPECT_EQ(policy->calls[1].slice(0, 1).abs().max().item<float>(), 0.0F);
  EXPECT_EQ(action[4], 7.0F);
  EXPECT_NEAR(action[6], 0.3, 1e-6);
  EXPECT_NEAR(action[8], 0.4, 1e-6);
}

/// Actions of one row with given observations over some steps, as row `place` of `n`.
std::vector<float> Play(const std::shared_ptr<Policy>& policy, int n, int place, int block) {
  PolicyRunner runner(policy, torch::kCPU, {.block = block});
  std::vector<float> result;
  Rows rows;
  rows.pos_data.resize(static_cast<size_t>(n) * 2);
  rows.goal_data.resize(static_cast<size_t>(n));
  std::vector<float> action(static_cast<size_t>(n) * 2);
  const std::vector<uint8_t> active(static_cast<size_t>(n), 1);
  for (int t = 0; t < 6; ++t) {
    for (int r = 0; r < n; ++r) {
      // The row under test sees the same wherever it stands; the others see anything.
      const uint64_t stream = r == place ? 0 : static_cast<uint64_t>(1 + r + 100 * n);
      Rng rng(stream, static_cast<uint64_t>(t), "row_test");
      const auto i = static_cast<size_t>(r);
      rows.pos_data[2 * i] = static_cast<float>(rng.Normal());
      rows.pos_data[2 * i + 1] = static_cast<float>(rng.Normal());
      rows.goal_data[i] = static_cast<float>(rng.Normal());
    }
    runner.Act(rows.View(), active, action);
    const auto at = static_cast<size_t>(place) * 2;
    result.insert(result.end(), {action[at], action[at + 1]});
  }
  return result;
}

TEST(PolicyRunner, ActionsDoNotDependOnPlaceOrNumberOfRows) {
  at::set_num_threads(1);
  const std::vector<std::vector<int>> sizes = {
      {64, 64}, {256, 256, 256}, {512, 512, 512}, {100, 37}};
  for (const std::vector<int>& hidden : sizes) {
    PolicyConfig config;
    config.bc.hidden = hidden;
    config.bc.horizon = 4;
    config.bc.n_action_steps = 2;
    PolicySpec spec = EchoSpec();
    FillSpec(config, &spec);
    torch::manual_seed(1);
    auto policy = MakePolicy(config, spec);
    // The odd sizes hold for the block that BC really uses (one row); blocks of eight need widths
    // that fill whole vector registers.
    const std::vector<int> blocks =
        hidden[0] % 16 == 0 ? std::vector<int>{0, 8} : std::vector<int>{0};
    for (int block : blocks) {
      const std::vector<float> alone = Play(policy, 1, 0, block);
      for (const auto& [n, place] :
           std::vector<std::pair<int, int>>{{2, 1}, {7, 3}, {8, 7}, {13, 0}, {13, 9}, {33, 32}}) {
        const std::vector<float> among = Play(policy, n, place, block);
        EXPECT_EQ(std::memcmp(alone.data(), among.data(), alone.size() * sizeof(float)), 0)
            << "hidden " << hidden[0] << " block " << block << " row " << place << " of " << n;
      }
    }
  }
}

TEST(PolicyRunner, SaysWhenTheTaskIsAnother) {
  auto policy = std::make_shared<EchoPolicy>(EchoSpec());
  PolicyRunner runner(policy, torch::kCPU);
  Rows rows;
  rows.pos_data = {0, 0};
  rows.goal_data = {0};
  std::vector<float> action(2);
  const std::vector<uint8_t> active = {1};
  auto message = [&](std::span<float> out) {
    try {
      runner.Act(rows.View(), active, out);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message(action), "accepted");
  std::vector<float> three(3);
  EXPECT_THAT(message(three), HasSubstr("gives 2 action components; this environment takes 3"));
  rows.goal.name = "object_pos";
  EXPECT_THAT(
      message(action),
      HasSubstr("checkpoint of another task: the bc policy was trained on 'toy' and reads the "
                "observation 'goal', which this environment lacks (it has object_pos, pos)"));
  rows.goal.name = "goal";
  rows.pos.shape = {3};
  EXPECT_THAT(message(action),
              HasSubstr("reads the observation 'pos' with 2 numbers; this environment's has 3"));
  EXPECT_THROW(PolicyRunner(policy, torch::kCPU, {.n_action_steps = 5}), UserError);
}

}  // namespace
}  // namespace simscale::policy
