// Terms out of shared libraries: they work as our own do, and what is wrong with a library is said.

#include "simscale/tasks/plugins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/env/batched_env.h"
#include "simscale/sim/test_mjcf.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Plugin(const std::string& name) {
  return Cat(SIMSCALE_TEST_PLUGINS, "/libtest_plugin_", name, ".so");
}

/// A pendulum of a file of its own, with terms of the plugin `good`.
class Plugins : public sim::MjcfTest {
 protected:
  void SetUp() override {
    MjcfTest::SetUp();
    fs::create_directories(dir() / "build");
    Write(R"(
<mujoco>
  <worldbody>
    <body name="pole"><joint name="hinge" axis="0 1 0"/><geom size="0.1" pos="0 0 -0.5"/></body>
  </worldbody>
  <actuator><motor name="motor" joint="hinge" ctrlrange="-1 1"/></actuator>
</mujoco>)");
    Write(R"(
name: swing
frame_skip: 1
scene: {robot: robot.xml, backdrop: false}
controller: {type: actuators}
plugins: [build/libgood.so]
observations:
  wobble: {term: wobble, params: {joint: hinge, gain: 2}}
rewards:
  brittle: {term: brittle}
resets:
  angle: {term: joint_noise, params: {joints: [hinge], noise: 0.5}}
randomization:
  held: {term: weight, params: {body: pole}, operation: set, range: [0.25, 0.75]}
)",
          "task.yaml");
    fs::copy_file(Plugin("good"), dir() / "build/libgood.so");
  }

  std::string File() const { return (dir() / "task.yaml").string(); }
  std::string Error(const std::vector<std::string>& overrides) const {
    try {
      MakeTask(LoadTaskConfig(File(), overrides));
    } catch (const simscale::Error& error) {
      return error.what();
    }
    return "no error";
  }
  std::string Wrong(const std::string& plugin) const {
    return Error({Cat("plugins=[\"", plugin, "\"]")});
  }
};

TEST_F(Plugins, TermsWorkAsOursDo) {
  const auto task = MakeTask(LoadTaskConfig(File()));
  env::BatchedEnv env(task, {.num_envs = 3, .num_threads = 2});
  env.Reset(1);
  const env::StepResult& result = env.Step(std::vector<float>(3, 0.5F));
  for (int row = 0; row < 3; ++row) {
    const auto wobble = result.observations.keys[0].state.subspan(static_cast<size_t>(row) * 2, 2);
    EXPECT_FLOAT_EQ(wobble[0], static_cast<float>(2 * env.data(row)->qpos[0]));
    EXPECT_NE(wobble[0], 0);
    EXPECT_GE(wobble[1], 1);
    EXPECT_LT(wobble[1], 2);
    EXPECT_EQ(result.reward[static_cast<size_t>(row)], 3);
    const double held = env.model(row)->body_gravcomp[1];
    EXPECT_GE(held, 0.25);
    EXPECT_LE(held, 0.75);
    EXPECT_EQ(result.randomization[static_cast<size_t>(row)], held);
  }
  EXPECT_NE(result.randomization[0], result.randomization[1]);
}

TEST_F(Plugins, AnExpressionMayNameTheirObservations) {
  const auto task = MakeTask(LoadTaskConfig(
      File(), {"rewards={sum: {term: expression, params: {expression: 10 * w, variables: "
               "{w: {term: wobble, index: 1, params: {joint: hinge}}}}}}"}));
  env::BatchedEnv env(task, {});
  env.Reset(1);
  const double reward = env.Step(std::vector<float>(1)).reward[0];
  EXPECT_GE(reward, 10);  // the term's number is in [1, 2)
  EXPECT_LT(reward, 20);
}

TEST_F(Plugins, TheStoredTaskAsksFirstRepeatsTheRunAndSaysIfThePluginChanged) {
  const auto task = MakeTask(LoadTaskConfig(File()));
  const std::string library = (dir() / "build/libgood.so").string();
  EXPECT_EQ(task->config().plugins, std::vector<std::string>{library});
  EXPECT_EQ(task->config().plugin_sha256, std::vector<std::string>{Sha256Hex(ReadFile(library))});
  const auto parse = [&](const std::vector<std::string>& overrides) {
    return MakeTask(ParseTaskConfig(task->ResolvedYaml(), "stored", overrides));
  };
  try {
    parse({"randomize=none"});
    ADD_FAILURE() << "a stored task chose what code runs";
  } catch (const UserError& error) {
    EXPECT_EQ(error.what(),
              Cat("stored: plugins: the task takes terms out of ", library,
                  ", which would run that code. If you trust it, say --plugin ", library));
  }
  const std::string trusted = Cat("plugins=[\"", library, "\"]");
  EXPECT_EQ(parse({trusted})->ResolvedYaml(), task->ResolvedYaml());
  fs::rename(library, dir() / "moved.so");
  EXPECT_THROW(parse({trusted}), UserError);
  const std::string moved = Cat("plugins=[\"", (dir() / "moved.so").string(), "\"]");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(parse({moved})->config().plugin_sha256, task->config().plugin_sha256);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  std::ofstream(dir() / "moved.so", std::ios::binary | std::ios::app) << "another build";
  ::testing::internal::CaptureStderr();
  EXPECT_NE(parse({moved})->config().plugin_sha256, task->config().plugin_sha256);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("moved.so differs from what the task was stored with"));
}

TEST_F(Plugins, WhatTheirTermsThrowIsToldWithItsPlace) {
  EXPECT_THAT(Error({"observations.wobble.params.joint=hinje"}),
              StartsWith("task swing: observations.wobble: unknown joint of the model 'hinje'. Did "
                         "you mean 'hinge'?"));
  EXPECT_EQ(Error({"observations.wobble.params.gain=11"}),
            "task swing: observations.wobble: command line: gain must be in 0 .. 10, got 11");
  EXPECT_EQ(Error({"rewards.brittle.params.what=2"}),
            "task swing: rewards.brittle: what must not be 2, got 2. Try 0.");
  EXPECT_EQ(Error({"rewards.brittle.params.what=1"}),
            "task swing: rewards.brittle: there is no such wheel");
}

TEST_F(Plugins, AStepThatThrowsEndsThatEpisodeAlone) {
  const auto task = MakeTask(LoadTaskConfig(File()));
  env::BatchedEnv env(task, {.num_envs = 2});
  env.Reset(1);
  const std::vector<float> action(2);
  EXPECT_EQ(env.Step(action).non_finite[0], 0);
  EXPECT_EQ(env.Step(action).non_finite[0], 1);
}

TEST_F(Plugins, OneLineForEveryWrongLibrary) {
  EXPECT_EQ(Wrong("/no/such.so"),
            "task swing: plugins: /no/such.so: no such file. Give the shared library that the "
            "plugin's build made: --plugin build/libmy_terms.so");
  EXPECT_THAT(Wrong(dir().string()), HasSubstr(": is no file. Give the shared library"));
  EXPECT_THAT(Wrong(File()),
              HasSubstr("task.yaml: can't be loaded as a shared library (invalid ELF header)."));
  EXPECT_THAT(Wrong(Plugin("no_entry")),
              HasSubstr("is a shared library but no plugin: it has no symbol simscale_plugin"));
  const std::string other = Wrong(Plugin("other_abi"));
  EXPECT_THAT(other, HasSubstr("was built for another version: it must be for 'simscale 0."));
  EXPECT_THAT(other, HasSubstr("got one for 'simscale 0.0.1-00000000, MuJoCo 2000000, libstdc++'. "
                               "Build it again with this simscale."));
  EXPECT_THAT(Wrong(Plugin("taken_name")),
              HasSubstr("adds the observation term 'qpos', but there is one of that name already"));
  EXPECT_THAT(Wrong(Plugin("expression_name")),
              HasSubstr("adds the reward term 'expression', but there is one of that name"));
  EXPECT_THAT(Wrong(Plugin("throws_text")),
              HasSubstr("adding its terms failed: the licence\\nhas run out"));
  EXPECT_THAT(Wrong(Plugin("throws_number")), HasSubstr("something that is no std::exception"));
  const std::string good = Plugin("good");
  EXPECT_THAT(Error({Cat("plugins=[\"", good, "\", \"", good, "\"]")}),
              HasSubstr("adds the observation term 'wobble', but there is one of that name"));
  EXPECT_THAT(Error({"plugins=[]"}), HasSubstr("unknown term 'wobble'"));
}

}  // namespace
}  // namespace simscale::tasks
