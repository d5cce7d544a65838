// One environment of a batch goes wrong: its episode ends, what it hands out stays finite, the
// others do not notice, and the dump of its last good state can be opened whatever became of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "simscale/common/rng.h"
#include "simscale/env/batched_env.h"
#include "simscale/env/state_dump.h"
#include "simscale/tasks/malformed_task_test_util.h"

namespace simscale::tasks {
namespace {

using env::BatchedEnv;
using ::testing::Each;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Isolation : public sim::MjcfTest {
 protected:
  void SetUp() override {
    MjcfTest::SetUp();
    Write(kRobot);
  }

  env::TaskConfig Config(const std::vector<std::string>& overrides) {
    env::TaskConfig config = ParseTaskConfig(kBaseTask, "base", overrides);
    sim::ResolveFiles(config.scene, dir());
    return config;
  }
  std::shared_ptr<const env::Task> Make(const std::vector<std::string>& overrides) {
    return MakeTask(Config(overrides));
  }
  std::string Dumps() const { return (dir() / "dumps").string(); }
};

std::vector<double> StateOf(const BatchedEnv& batch, int row) {
  std::vector<double> state(static_cast<size_t>(batch.state_dim()));
  batch.GetState(row, state);
  return state;
}

std::vector<float> Zeros(const BatchedEnv& batch) {
  return std::vector<float>(static_cast<size_t>(batch.num_envs() * batch.action_dim()));
}

/// Everything that a learner reads, but for info.
void ExpectFinite(const BatchedEnv& batch) {
  for (const auto& key : batch.result().observations.keys) {
    for (float x : key.state) EXPECT_TRUE(std::isfinite(x)) << key.spec->name;
    for (double x : key.state64) EXPECT_TRUE(std::isfinite(x)) << key.spec->name;
  }
  for (double x : batch.result().reward) EXPECT_TRUE(std::isfinite(x));
  for (double x : batch.result().reward_terms) EXPECT_TRUE(std::isfinite(x));
}

TEST_F(Isolation, AFormulaWithoutAValueEndsItsRowAlone) {
  // The hinge starts below or above 0, and a formula has no value for the one.
  const auto task =
      Make({"rewards.root={term: expression, params: {expression: \"sqrt(q)\", "
            "variables: {q: {term: joint_positions, params: {joints: [hinge]}}}}}"});
  const auto harmless = Make({"rewards.root={term: constant}"});
  BatchedEnv batch(task, {.num_envs = 8, .num_threads = 2, .dump_dir = Dumps()});
  BatchedEnv others(harmless, {.num_envs = 8});
  batch.Reset(0);
  others.Reset(0);
  batch.Step(Zeros(batch));
  others.Step(Zeros(others));
  int ended = 0;
  for (int row = 0; row < 8; ++row) {
    const auto r = static_cast<size_t>(row);
    const bool below = others.data(row)->qpos[0] < 0;
    EXPECT_EQ(batch.result().non_finite[r], below ? 1 : 0);
    EXPECT_EQ(batch.result().terminated[r], below ? 1 : 0);
    if (below) {
      ++ended;
      EXPECT_EQ(batch.result().reward[r], 0);
    } else {
      EXPECT_EQ(StateOf(batch, row), StateOf(others, row));
      EXPECT_NEAR(batch.result().reward_terms[2 * r + 1], std::sqrt(batch.data(row)->qpos[0]),
                  1e-12);
    }
  }
  EXPECT_GT(ended, 0);
  EXPECT_LT(ended, 8);
  EXPECT_EQ(batch.num_quarantined(), ended);
  ExpectFinite(batch);
}

TEST_F(Isolation, WhatIsHandedOutStaysFinite) {
  for (const char* dtype : {"float32", "float64"}) {
    for (const char* term :
         {"observations.x={term: expression, params: {expression: \"log(0 - step)\"}}",
          "observations.x={term: expression, scale: 1e300, params: {expression: \"step\"}}",
          "observations.x={term: expression, delay: [1, 2], params: {expression: \"0 / (step - "
          "2)\"}}",
          "rewards={a: {term: constant, weight: 1.7e308}, b: {term: constant, weight: 1.7e308}}",
          "terminations.x={term: expression, params: {expression: \"0 / (step - 2)\"}}"}) {
      SCOPED_TRACE(Cat(dtype, " ", term));
      const auto task = Make({term, Cat("observation_dtype=", dtype)});
      for (const auto mode : {env::AutoresetMode::kDisabled, env::AutoresetMode::kNextStep,
                              env::AutoresetMode::kSameStep}) {
        BatchedEnv batch(task, {.num_envs = 2, .autoreset = mode});
        batch.Reset(0);
        for (int t = 0; t < 6; ++t) {
          batch.Step(Zeros(batch));
          ExpectFinite(batch);
          for (const auto& key : batch.final_observation().keys) {
            for (float x : key.state) EXPECT_TRUE(std::isfinite(x)) << key.spec->name;
          }
        }
        EXPECT_GT(batch.num_quarantined(), 0);
      }
    }
  }
}

TEST_F(Isolation, FailingTermsOfAnyKindEndTheirRow) {
  class Fails : public env::RewardTerm {
   public:
    struct Params {
      void Describe(config::Fields&) {}
    };
    Fails(const Params&, const sim::Model&) {}
    double Value(const env::TermContext& context) const override {
      // As a plugin's term may.
      if (context.data->qpos[0] < 0) throw std::out_of_range("vector::at");
      return 1;
    }
  };
  env::TermLibrary library = AllTerms();
  env::AddTerm<Fails>(library.rewards, "fails", "");
  const auto task =
      std::make_shared<const env::Task>(Config({"rewards={x: {term: fails}}"}), library);
  BatchedEnv batch(task, {.num_envs = 8, .num_threads = 2});
  batch.Reset(0);
  batch.Step(Zeros(batch));
  EXPECT_GT(batch.num_quarantined(), 0);
  EXPECT_LT(batch.num_quarantined(), 8);
  for (size_t r = 0; r < 8; ++r) {
    EXPECT_EQ(batch.result().reward[r], batch.result().non_finite[r] ? 0 : 1);
  }
}

TEST_F(Isolation, PhysicsThatExplodesEndsItsRowAloneAndItsDumpOpens) {
  std::string stiff = kRobot;
  const std::string damping = "damping=\"0.1\"";
  stiff.replace(stiff.find(damping), damping.size(), "stiffness=\"1e7\"");
  const std::string option = "<option ";
  stiff.replace(stiff.find(option), option.size(), "<option gravity=\"0 0 0\" ");
  Write(stiff);
  // A spring that this step can't follow: at rest nothing happens, off it everything does.
  const auto task = Make({"scene.timestep=0.1", "frame_skip=1", "scene.integrator=euler",
                          "terminations=null", "resets=null", "max_episode_steps=1000"});
  BatchedEnv batch(task, {.num_envs = 3, .num_threads = 2, .dump_dir = Dumps()});
  batch.Reset(0);
  std::vector<double> state = StateOf(batch, 1);
  state[1] = 0.5;  // qpos of the hinge, after the time
  batch.SetState(1, state, batch.key(1));
  int steps = 0;
  while (batch.num_quarantined() == 0 && ++steps < 100) {
    batch.Step(Zeros(batch));
    ExpectFinite(batch);
  }
  EXPECT_EQ(batch.num_quarantined(), 1);
  EXPECT_THAT(std::vector<uint8_t>(batch.active().begin(), batch.active().end()),
              ::testing::ElementsAre(1, 0, 1));
  for (int t = 0; t < 10; ++t) batch.Step(Zeros(batch));
  EXPECT_EQ(batch.num_quarantined(), 1);
  EXPECT_EQ(batch.data(0)->qpos[0], 0);

  const auto dump = env::LoadStateDump(fs::path(Dumps()) / "non_finite_1_0.json");
  BatchedEnv again(MakeTask(ParseTaskConfig(dump.task_config, "dump")), {});
  again.SetState(0, dump.state, dump.key);
  EXPECT_EQ(dump.step, steps - 1);
  EXPECT_EQ(StateOf(again, 0), dump.state);
  EXPECT_EQ(again.Step(dump.action).non_finite[0], 1);
}

TEST_F(Isolation, EpisodesThatAllFailFillNeitherLogNorDisk) {
  const auto task = Make({"rewards.x={term: expression, params: {expression: \"0 / 0\"}}"});
  BatchedEnv batch(task, {.num_envs = 4,
                          .num_threads = 2,
                          .autoreset = env::AutoresetMode::kSameStep,
                          .dump_dir = Dumps()});
  ::testing::internal::CaptureStderr();
  for (int t = 0; t < 100; ++t) batch.Step(Zeros(batch));
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(batch.num_quarantined(), 400);
  EXPECT_EQ(std::distance(fs::directory_iterator(Dumps()), fs::directory_iterator()), 50);
  EXPECT_EQ(std::ranges::count(log, '\n'), 50);
  EXPECT_THAT(log, HasSubstr("further ones are counted, not reported"));
}

/// A task whose state holds everything that a state may: delays, dropout, schedules, textures.
std::vector<std::string> EverythingInTheState() {
  return {"observations.late={term: qpos, delay: [1, 3], bias: 0.1, dropout: 0.3}",
          "action={delay: [0, 2], dropout: 0.1}",
          "resets.command={term: command, params: {low: [-1], high: [1]}}",
          "rewards.potential={term: potential, params: {a: tip, b: puck}}",
          "terminations.touch={term: contact, params: {a: [puck], steps: 3}}",
          "curriculum={enabled: true, window: 2}",
          "scene.lights=[{name: l}, {name: r, pos: [1, 1, 2]}]",
          "scene.markers=[{name: distractor1, shape: sphere, size: [0.1]}]",
          "randomization={mass: {term: body_mass, params: {bodies: [pole]}, range: [0.5, 2]}, "
          "size: {term: geom_size, params: {geoms: [rod]}, range: [0.5, 2]}, "
          "lights: {term: light_count, params: {lights: [l, r]}}, "
          "clutter: {term: distractors}, gravity: {term: gravity, range: [0.5, 1.5], when: "
          "interval, interval: [0.05, 0.1]}, "
          "push: {term: push, params: {bodies: [puck]}, range: [-1, 1], when: interval}}"};
}

TEST_F(Isolation, StatesThatAreTamperedWithAreRefusedOrPlayed) {
  const auto task = Make(EverythingInTheState());
  BatchedEnv batch(task, {.num_envs = 1});
  batch.Reset(0);
  batch.Step(Zeros(batch));
  const std::vector<double> good = StateOf(batch, 0);
  const std::vector<double> bad = {1e308, -1e308, 1e18, -1e10, 1e-308, -1, 0.5, 4e9, 0};
  const auto key = batch.key(0);
  ::testing::internal::CaptureStderr();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const double number : bad) {
      std::vector<double> state = good;
      state[i] = number;
      try {
        batch.SetState(0, state, key);
      } catch (const Error&) {
        continue;
      }
      for (int t = 0; t < 3; ++t) {
        batch.Step(Zeros(batch));
        ExpectFinite(batch);
      }
    }
    std::vector<double> state = good;
    state[i] = std::numeric_limits<double>::quiet_NaN();
    try {
      batch.SetState(0, state, key);
      ADD_FAILURE() << "number " << i << " may be NaN";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("nan"));
    }
  }
  ::testing::internal::GetCapturedStderr();
  // None of it has left a trace.
  batch.SetState(0, good, key);
  EXPECT_EQ(StateOf(batch, 0), good);
}

}  // namespace
}  // namespace simscale::tasks
