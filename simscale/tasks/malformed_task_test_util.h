#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/sim/test_mjcf.h"
#include "simscale/tasks/registry.h"

/// Task files that users may get wrong, on a small robot that has one of everything.
namespace simscale::tasks {

struct Malformed {
  std::string name;     ///< of the case
  std::string text;     ///< merged over kBaseTask; after "<>" it is the whole file
  std::string message;  ///< a part of what is said, without the test's folder
  std::vector<std::string> overrides = {};
};
inline void PrintTo(const Malformed& malformed, std::ostream* out) { *out << malformed.name; }
inline std::string NameOf(const ::testing::TestParamInfo<Malformed>& test) {
  return test.param.name;
}

inline constexpr char kRobot[] = R"(
<mujoco>
  <compiler angle="radian"/>
  <option timestep="0.01"/>
  <asset><mesh name="wedge" vertex="0 0 0 1 0 0 0 1 0 0 0 1" scale="0.05 0.05 0.05"/></asset>
  <worldbody>
    <camera name="fixed" pos="0 -2 1"/>
    <body name="pole" pos="0 0 1">
      <joint name="hinge" axis="0 1 0" damping="0.1" range="-2 2" limited="true"/>
      <geom name="rod" type="capsule" fromto="0 0 0 0 0 -0.5" size="0.02" mass="1"/>
      <site name="tip" pos="0 0 -0.5"/>
      <body name="slider" pos="0 0 -0.5">
        <joint name="slide" type="slide" axis="1 0 0"/>
        <joint name="ball" type="ball" pos="0 0 0.1"/>
        <geom name="wedge" type="mesh" mesh="wedge" mass="0.1"/>
      </body>
    </body>
    <body name="puck" pos="1 0 1"><freejoint name="puck"/><geom name="puck" size="0.05"/></body>
    <body name="post"><geom name="post" type="box" size="0.1 0.1 0.1" pos="0 2 0"/></body>
  </worldbody>
  <actuator>
    <motor name="motor" joint="hinge" ctrlrange="-2 2" ctrllimited="true"/>
    <motor name="free_motor" joint="slide"/>
  </actuator>
  <sensor><jointpos name="angle" joint="hinge"/></sensor>
</mujoco>)";

inline constexpr char kBaseTask[] = R"(
name: arm
frame_skip: 2
max_episode_steps: 50
scene: {robot: robot.xml, backdrop: false, timestep: 0, userdata: 2}
controller: {type: actuators, action_range: ctrlrange}
observations:
  state: {term: qpos}
  tip: {term: frame_position, params: {frame: tip}}
rewards:
  calm: {term: action_norm, weight: -0.5}
terminations:
  high: {term: time_after, params: {seconds: 1}}
resets:
  angle: {term: joint_noise, params: {joints: [hinge], noise: 0.1}}
)";

inline std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// A folder with the task and what it may name: other tasks and robots, whole and broken.
class MalformedTaskTest : public sim::MjcfTest, public ::testing::WithParamInterface<Malformed> {
 protected:
  void SetUp() override {
    MjcfTest::SetUp();
    std::filesystem::create_directories(dir() / "folder.yaml");
    Write(kRobot);
    Write(kBaseTask, "base.yaml");
    Write("defaults: [task]\n", "circle.yaml");
    Write("a: [\n", "broken.yaml");
    Write("resetts: {}\n", "unknown.yaml");
    Write("<mujoco><worldbody><body name='arm'><ge", "broken.xml");
    Write("<mujoco><worldbody><geom size='1' pos='nan 0 0'/></worldbody></mujoco>", "nan.xml");
    std::string tiny = kRobot;
    Write(tiny.insert(tiny.find("<option"), "<size memory='1K'/>"), "tiny.xml");
    Write("<mujoco><worldbody><body name='pole'><geom size='0.1'/></body></worldbody></mujoco>",
          "hand.xml");
  }

  void Check() {
    const Malformed& malformed = GetParam();
    const bool whole = malformed.text.starts_with("<>");
    const std::string file =
        Write(whole ? malformed.text.substr(2) : "defaults: [base]\n" + malformed.text + "\n",
              "task.yaml");
    std::string message = "nothing is wrong with it";
    try {
      MakeTask(LoadTaskConfig(file, malformed.overrides));
    } catch (const UserError& error) {
      message = error.what();
    }
    // The file with line and column, where that is known; else the task and its section.
    const std::string folder = dir().string() + "/";
    EXPECT_THAT(message,
                ::testing::AnyOf(::testing::StartsWith(folder), ::testing::StartsWith("task arm: "),
                                 ::testing::StartsWith("command line: ")));
    EXPECT_THAT(message, ::testing::Not(::testing::ContainsRegex("[[:cntrl:]]")));
    EXPECT_LT(message.size(), 1000U);
    size_t at = 0;
    while ((at = message.find(folder)) != std::string::npos) message.erase(at, folder.size());
    EXPECT_THAT(message, ::testing::HasSubstr(malformed.message));
  }
};

}  // namespace simscale::tasks
