// Whole runs on a small task: learning, exact resume, any number of threads, starting from another
// policy, and what goes wrong.

#include "simscale/rl/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/env/episode_runner.h"
#include "simscale/policy/load.h"
#include "simscale/sim/test_mjcf.h"
#include "simscale/tasks/registry.h"
#include "simscale/tasks/test_task.h"

namespace simscale::rl {
namespace {

using ::testing::HasSubstr;

/// A point that a force moves along a line; it is to come to rest at the target.
constexpr char kSlider[] = R"(
<mujoco>
  <option timestep="0.02"/>
  <worldbody>
    <body name="target" mocap="true"/>
    <body name="point">
      <joint name="slide" type="slide" axis="1 0 0" damping="4"/>
      <geom type="sphere" size="0.1" mass="1"/>
    </body>
  </worldbody>
  <actuator><motor name="motor" joint="slide" ctrlrange="-4 4" ctrllimited="true"/></actuator>
</mujoco>)";

constexpr char kTask[] = R"(
name: slider
frame_skip: 2
max_episode_steps: 50
controller: {type: actuators, action_range: normalized}
observations:
  position: {term: qpos}
  speed: {term: qvel}
rewards:
  distance: {term: distance, weight: -1, params: {a: point, b: target, scale: 0.5}}
  success: {term: success, weight: 3}
terminations:
  arrived: {term: within_distance, outcome: success, params: {a: point, b: target, distance: 0.05}}
resets:
  start: {term: qpos_noise, params: {scale: 1.0}}
)";

class RlTest : public sim::MjcfTest {
 protected:
  void SetUp() override {
    MjcfTest::SetUp();
    Write(kSlider, "slider.xml");
    task_ = MakeTask({});
    hooks_.evaluate = [this](env::Agent& agent, const train::EvalRequest& wanted) {
      return Evaluate(agent, wanted.n_episodes, wanted.seed);
    };
  }

  std::shared_ptr<const env::Task> MakeTask(const std::vector<std::string>& overrides) const {
    const std::string yaml = kTask + tasks::BareScene(dir() / "slider.xml");
    return tasks::MakeTask(tasks::ParseTaskConfig(yaml, "slider.yaml", overrides));
  }

  train::EvalResult Evaluate(env::Agent& agent, int n_episodes, uint64_t seed) const {
    class Counter : public env::EpisodeObserver {
     public:
      void OnEpisodeEnd(const env::BatchedEnv&, const env::EpisodeOutcome& outcome) override {
        successes += outcome.success ? 1 : 0;
        total += outcome.episode_return;
      }
      int successes = 0;
      double total = 0;
    } counter;
    env::BatchedEnv env(task_, {.num_envs = 8});
    uint64_t next = 0;
    env::RunEpisodes(env, agent, counter, [&](env::EpisodeKey* key) {
      *key = {seed, next};
      return next++ < static_cast<uint64_t>(n_episodes);
    });
    return {.n_episodes = n_episodes,
            .successes = counter.successes,
            .success_rate = static_cast<double>(counter.successes) / n_episodes,
            .mean_return = counter.total / n_episodes};
  }

  RlConfig Config(const std::string& run) const {
    RlConfig config;
    config.env_name = "slider";
    config.save_path = (dir() / run).string();
    config.total_steps = 4096;
    config.num_envs = 8;
    config.threads = 1;
    config.seed = 3;
    config.ppo.n_steps = 32;
    config.ppo.minibatch_size = 64;
    config.run = {.eval_every = 1024, .eval_episodes = 16, .save_every = 512, .keep_last = 20};
    return config;
  }
  RlResult Run(const RlConfig& config, const RlOptions& options = {}) const {
    return RunRl(config, task_, options, hooks_);
  }
  std::string MessageOf(const RlConfig& config, const RlOptions& options = {}) const {
    return sim::MessageOf([&] { Run(config, options); });
  }
  static void ExpectEqualRuns(const fs::path& a, const fs::path& b, const std::string& step) {
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"})
      EXPECT_EQ(Sha256Hex(ReadFile(a / step / file)), Sha256Hex(ReadFile(b / step / file))) << file;
    EXPECT_EQ(ReadFile(a / "metrics.jsonl"), ReadFile(b / "metrics.jsonl"));
    EXPECT_EQ(fs::read_symlink(a / "best"), fs::read_symlink(b / "best"));
  }

  std::shared_ptr<const env::Task> task_;
  train::TrainHooks hooks_;
};

TEST_F(RlTest, LearnsToComeToRestAtTheTarget) {
  RlConfig config = Config("run");
  config.total_steps = 40960;
  config.run.eval_every = 8192;
  config.ppo.lr = 1e-3;
  const RlResult result = Run(config);
  EXPECT_TRUE(result.finished);
  EXPECT_GE(result.best_success, 0.95);

  policy::CheckpointInfo info;
  auto agent = policy::MakePolicyAgent(config.save_path, {.device = "cpu"}, &info);
  EXPECT_EQ(info.spec.policy, "ppo");
  EXPECT_EQ(info.step, result.best_step);
  EXPECT_EQ(info.success_rate, result.best_success);
  EXPECT_EQ(info.model_hash, task_->model().hash());
  EXPECT_GE(Evaluate(*agent, 100, 12345).success_rate, 0.95);
}

TEST_F(RlTest, ResumedEqualsUninterruptedBitForBit) {
  Run(Config("whole"));
  int number = 0;
  for (const std::vector<int64_t>& stops :
       {std::vector<int64_t>{256}, {1024}, {1280, 3000}, {4095}}) {
    const std::string name = Cat("pieces_", number++);
    for (const int64_t stop : stops)
      EXPECT_FALSE(Run(Config(name), {.resume = true, .stop_after = stop}).finished);
    EXPECT_TRUE(Run(Config(name), {.resume = true}).finished);
    ExpectEqualRuns(dir() / "whole", dir() / name, "step_4096");
  }
  EXPECT_TRUE(Run(Config("whole"), {.resume = true}).already_done);
  RlConfig other = Config("whole");
  other.ppo.gamma = 0.5;
  EXPECT_THAT(MessageOf(other, {.resume = true}), HasSubstr("ppo.gamma was 0.99, now 0.5"));
}

TEST_F(RlTest, ResumesAfterAKill) {
  Run(Config("whole"));
  Run(Config("killed"), {.stop_after = 2000});
  const fs::path run = dir() / "killed";
  SwapLink(run / "latest", "step_1024");
  std::ofstream(run / "metrics.jsonl", std::ios::app) << R"({"step":2304,"kind":"train","lo)";
  Run(Config("killed"), {.resume = true});
  ExpectEqualRuns(dir() / "whole", run, "step_4096");
}

TEST_F(RlTest, TheBitsDoNotDependOnTheThreads) {
  Run(Config("one"));
  RlConfig two = Config("two");
  two.threads = 2;
  Run(two);
  EXPECT_EQ(ReadFile(dir() / "one/metrics.jsonl"), ReadFile(dir() / "two/metrics.jsonl"));
  EXPECT_EQ(ReadFile(dir() / "one/latest/model.safetensors"),
            ReadFile(dir() / "two/latest/model.safetensors"));
  RlConfig other = Config("other");
  other.seed = 4;
  Run(other);
  EXPECT_NE(ReadFile(dir() / "one/metrics.jsonl"), ReadFile(dir() / "other/metrics.jsonl"));
}

TEST_F(RlTest, EveryOptionRuns) {
  for (const char* options : {"squash", "network", "shared", "stack", "adaptive", "critic"}) {
    RlConfig config = Config(options);
    const std::string name = options;
    config.policy.ppo.squash = name == "squash";
    if (name == "network") config.policy.ppo.std = "network";
    config.ppo.critic_shares_trunk = name == "shared";
    if (name == "stack") config.policy.ppo.n_obs_steps = 3;
    if (name == "adaptive") config.ppo.lr_schedule = "adaptive";
    config.ppo.target_kl = name == "adaptive" ? 0.02 : 0;
    config.ppo.value_clip = name == "adaptive" ? 0.2 : 0;
    if (name == "critic") config.critic_observations = {"speed"};
    config.ppo.entropy_coef = 0.01;
    Run(config, {.stop_after = 2048});
    const RlResult result = Run(config, {.resume = true});
    EXPECT_TRUE(result.finished) << name;
    EXPECT_GT(result.best_return, -50) << name;
    const auto agent = policy::MakePolicyAgent(config.save_path, {.device = "cpu"});
    EXPECT_EQ(Evaluate(*agent, 5, 1).n_episodes, 5);
  }
}

TEST_F(RlTest, GoesOnFromAnotherPolicyWithItsNormaliser) {
  RlConfig first = Config("first");
  first.total_steps = 20480;
  const RlResult before = Run(first);
  RlConfig second = Config("second");
  second.from = first.save_path;
  second.ppo.critic_warmup = 4;
  second.total_steps = 1024;  // four updates: the policy stays as it was
  Run(second);
  const auto a = policy::MakePolicyAgent(first.save_path, {.device = "cpu"});
  const auto b = policy::MakePolicyAgent(second.save_path, {.device = "cpu"});
  EXPECT_EQ(Evaluate(*a, 20, 9).mean_return, Evaluate(*b, 20, 9).mean_return);
  EXPECT_GT(before.best_success, 0.5);
}

TEST_F(RlTest, ARunThatKeepsFailingStopsAndKeepsTheLastGoodState) {
  RlConfig config = Config("bad");
  Run(config, {.stop_after = 1024});
  const std::string good = ReadFile(dir() / "bad/latest/model.safetensors");
  // From now on rewards are beyond float32.
  task_ = MakeTask({"rewards.distance.weight=-1e200"});
  config.from = config.save_path;
  config.save_path = (dir() / "worse").string();
  config.ppo.normalize_rewards = false;
  config.ppo.max_bad_steps = 15;
  const std::string message = MessageOf(config);
  EXPECT_THAT(message, HasSubstr("loss or gradient was not finite for 20 gradient steps in a row"));
  EXPECT_THAT(message, HasSubstr("Lower ppo.lr"));
  EXPECT_EQ(ReadFile(dir() / "bad/latest/model.safetensors"), good);
}

TEST_F(RlTest, WrongSettingsAreOneLine) {
  RlConfig config = Config("x");
  config.ppo.minibatch_size = 1000;
  EXPECT_THAT(MessageOf(config), HasSubstr("ppo.minibatch_size must be at most n_steps * num_envs "
                                           "(32 * 8 = 256), got 1000"));
  config = Config("x");
  config.observations = {"positon"};
  EXPECT_THAT(MessageOf(config), HasSubstr("Did you mean 'position'"));
  config = Config("x");
  config.policy.name = "bc";
  EXPECT_THAT(MessageOf(config), HasSubstr("policy.name must be ppo"));
  config = Config("x");
  config.from = (dir() / "nowhere").string();
  EXPECT_THAT(MessageOf(config), HasSubstr("nowhere"));
  config = Config("x");
  config.ppo.lr_min = 1;
  EXPECT_THAT(MessageOf(config), HasSubstr("ppo.lr_min must be at most lr"));
  EXPECT_FALSE(fs::exists(dir() / "x"));

  Run(Config("twice"), {.stop_after = 512});
  EXPECT_THAT(MessageOf(Config("twice")), HasSubstr("--resume goes on with it"));
  config = Config("twice");
  config.ppo.gamma = 0.5;
  EXPECT_THAT(MessageOf(config, {.resume = true}), HasSubstr("ppo.gamma was 0.99, now 0.5"));
}

}  // namespace
}  // namespace simscale::rl
