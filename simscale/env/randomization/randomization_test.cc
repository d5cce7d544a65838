#include "simscale/env/randomization/randomization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "simscale/env/randomization/randomization_test_util.h"
#include "simscale/env/randomization/select.h"

namespace simscale::env {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::string Refused(const std::string& entry) {
  return MessageOf([&] { RandomizeOne(entry); });
}

TEST(Randomization, NamesItsValues) {
  const Randomization r = Randomize(R"(
  cube_mass: {term: body_mass, params: {bodies: [cube]}, range: [0.5, 2]}
  damping: {term: joint_damping, params: {joints: [shoulder, "el*"]}, range: [0.5, 2]}
  together: {term: joint_damping, params: {joints: [shoulder, elbow]}, range: [0.5, 2], per: all}
  com: {term: body_com, params: {bodies: [arm], axes: xz}, range: [-0.01, 0.01]}
  colour: {term: geom_colour, params: {geoms: [cube, ball]}, range: [0, 0.1], operation: set, per: all}
  off: {term: gravity, range: [0.9, 1.1], enabled: false}
)");
  EXPECT_THAT(r.value_names(),
              ElementsAre("cube_mass", "damping[shoulder]", "damping[elbow]", "together",
                          "com[arm.x]", "com[arm.z]", "colour[r]", "colour[g]", "colour[b]"));
  EXPECT_EQ(r.num_values(), 9);
  EXPECT_EQ(r.memory_size(), 0);
  EXPECT_FALSE(r.has_intervals());
  ASSERT_EQ(r.Table().size(), 5u);
  EXPECT_EQ(r.Table()[1].distribution, "uniform [0.5, 2], scale");
}

TEST(Randomization, IsAFunctionOfKeyAndLevel) {
  const Randomization r = Randomize(R"(
  mass: {term: body_mass, params: {bodies: ["*"]}, range: [0.5, 2]}
  size: {term: geom_size, params: {geoms: [cube]}, range: [0.9, 1.1], initial_range: [1, 1]}
)");
  const Sampled s = SampleOf(r, {3, 8});
  EXPECT_EQ(SampleOf(r, {3, 8}).values, s.values);
  for (const EpisodeKey& key : {EpisodeKey{3, 9}, EpisodeKey{4, 8}}) {
    const Sampled other = SampleOf(r, key);
    for (size_t i = 0; i < s.values.size(); ++i) EXPECT_NE(other.values[i], s.values[i]);
  }
  // No two elements share a draw, and a term's draws don't depend on the other terms.
  EXPECT_EQ(std::set<double>(s.values.begin(), s.values.end()).size(), s.values.size());
  const Randomization alone = Randomize(
      "  size: {term: geom_size, params: {geoms: [cube]}, range: [0.9, 1.1], initial_range: [1, "
      "1]}\n");
  EXPECT_EQ(SampleOf(alone, {3, 8}).values[0], s.values.back());
  EXPECT_EQ(SampleOf(alone, {3, 8}, 0).values[0], 1);
  EXPECT_NEAR(SampleOf(alone, {3, 8}, 0.5).values[0], 1 + (s.values.back() - 1) / 2, 1e-15);
}

TEST(Randomization, GroupsShareTheirDraws) {
  const Randomization r = Randomize(R"(
  kp: {term: actuator_gain, params: {actuators: [servo]}, range: [0.5, 1.5], group: servo}
  kv: {term: actuator_bias, params: {actuators: [servo]}, range: [1, 3], group: servo}
  other: {term: actuator_gain, params: {actuators: [wheel]}, range: [0.5, 1.5]}
)");
  std::set<double> seen;
  for (uint64_t episode = 0; episode < 20; ++episode) {
    const auto v = SampleOf(r, {1, episode}).values;
    EXPECT_NEAR(v[0] - 0.5, (v[1] - 1) / 2, 1e-15);
    EXPECT_NE(v[2], v[0]);
    seen.insert(v[0]);
  }
  EXPECT_EQ(seen.size(), 20u);
}

TEST(Randomization, OneForAllOrOneEach) {
  const auto damping = [](const std::string& per) {
    const Randomization r = RandomizeOne(
        "{term: joint_damping, params: {joints: [shoulder, elbow]}, range: [0.5, 2], per: " + per +
        "}");
    const ModelOverlay overlay(TestModel(), r);
    ThreadModel scratch(TestModel());
    std::vector<std::byte> block(overlay.size());
    overlay.Expand(SampleOf(r, {2, 0}).values, scratch, block);
    return std::pair(scratch.get()->dof_damping[0] / 0.5, scratch.get()->dof_damping[1] / 0.3);
  };
  EXPECT_NEAR(damping("all").first, damping("all").second, 1e-15);
  EXPECT_GT(std::abs(damping("each").first - damping("each").second), 1e-3);
}

/// Each step's values for 400 steps; those after `resume` by an environment that took over there.
std::vector<std::vector<double>> Trace(const Randomization& r, EpisodeKey key, int resume) {
  Sampled s = SampleOf(r, key);
  std::vector<std::vector<double>> trace;
  for (int step = 0; step < 400; ++step) {
    if (step == resume) {
      // Another environment, in the middle of another episode, is given the saved numbers.
      Sampled other = SampleOf(r, {99, 99});
      for (int k = 0; k < 50; ++k)
        r.SampleInterval({99, 99}, 1, k, 0.05, other.values, other.memory);
      other = s;
      s = other;
    }
    r.SampleInterval(key, 1, step, 0.05, s.values, s.memory);
    trace.push_back(s.values);
  }
  return trace;
}

TEST(Randomization, IntervalsAreAFunctionOfKeyAndStep) {
  const Randomization r = Randomize(R"(
  friction: {term: geom_friction, params: {geoms: [cube]}, range: [0.5, 1.5], when: interval, interval: [0.5, 1.5]}
  push: {term: push, params: {bodies: [cube], duration: 0.2, axes: xy}, range: [-1, 1], when: interval, interval: [1, 2]}
)");
  EXPECT_TRUE(r.has_intervals());
  EXPECT_TRUE(r.has_forces());
  EXPECT_EQ(r.memory_size(), 6);
  const auto trace = Trace(r, {1, 2}, -1);
  EXPECT_EQ(Trace(r, {1, 2}, 123), trace);
  EXPECT_NE(Trace(r, {1, 3}, -1), trace);

  int last_change = 0, changes = 0, pushed_steps = 0, pushes = 0;
  for (int step = 1; step < 400; ++step) {
    const auto &now = trace[static_cast<size_t>(step)],
               &before = trace[static_cast<size_t>(step - 1)];
    if (now[0] != before[0]) {
      EXPECT_GE(step - last_change, 10);
      EXPECT_LE(step - last_change, 30);
      last_change = step;
      ++changes;
    }
    EXPECT_EQ(now[1] != 0, now[2] != 0);
    if (now[1] != 0) ++pushed_steps;
    if (now[1] != 0 && before[1] == 0) ++pushes;
  }
  EXPECT_NEAR(changes, 20, 6);
  EXPECT_NEAR(pushes, 13, 4);
  EXPECT_EQ(pushed_steps, 4 * pushes);
  EXPECT_EQ(trace[0][1], 0);  // a push waits for its first interval
}

TEST(Randomization, SaysWhenTheModelMustBeExpandedAgain) {
  const Randomization friction = RandomizeOne(
      "{term: geom_friction, params: {geoms: [cube]}, range: [0.5, 1.5], when: interval, interval: "
      "[0.1, 0.1]}");
  Sampled s = SampleOf(friction, {0, 0});
  EXPECT_FALSE(friction.SampleInterval({0, 0}, 1, 0, 0.05, s.values, s.memory));
  EXPECT_FALSE(friction.SampleInterval({0, 0}, 1, 1, 0.05, s.values, s.memory));
  EXPECT_TRUE(friction.SampleInterval({0, 0}, 1, 2, 0.05, s.values, s.memory));
  EXPECT_FALSE(friction.SampleInterval({0, 0}, 1, 3, 0.05, s.values, s.memory));
  const Randomization push = RandomizeOne(
      "{term: push, params: {bodies: [cube]}, range: [-1, 1], when: interval, interval: [0.1, "
      "0.1]}");
  s = SampleOf(push, {0, 0});
  for (int step = 0; step < 10; ++step) {
    EXPECT_FALSE(push.SampleInterval({0, 0}, 1, step, 0.05, s.values, s.memory));
  }
}

TEST(Randomization, NothingIsRandomisedByDefault) {
  const Randomization r;
  EXPECT_TRUE(r.empty());
  EXPECT_EQ(r.num_values(), 0);
  EXPECT_FALSE(r.changes_model());
}

TEST(Randomization, RefusesInOneLine) {
  EXPECT_EQ(Refused("{}"),
            "randomization.x: says no `term:`; name its type (simscale list-envs --terms)");
  EXPECT_THAT(Refused("{term: body_mas}"),
              ::testing::StartsWith("randomization.x: unknown term 'body_mas'. Did you mean "
                                    "'body_mass'? Known: body_mass, body_inertia, "));
  EXPECT_EQ(Refused("{term: body_mass, params: {body: [cube]}, range: [1, 2]}"),
            "randomization.x: task.yaml:2:33: unknown key 'body'. Known: "
            "bodies, scale_inertia.");
  EXPECT_EQ(Refused("{term: body_mass, range: [1, 2]}"),
            "randomization.x: bodies: at least one name or pattern is needed, got none");
  EXPECT_THAT(
      Refused("{term: body_mass, params: {bodies: [cub]}, range: [1, 2]}"),
      ::testing::StartsWith(
          "randomization.x: bodies: unknown body of the model 'cub'. Did you mean 'cube'?"));
  EXPECT_EQ(Refused("{term: body_mass, params: {bodies: [world]}, range: [1, 2]}"),
            "randomization.x: bodies: 'world' does not move, so its mass has no effect");
  EXPECT_EQ(Refused("{term: body_mass, params: {bodies: [\"cub?\", \"xyz*\"]}, range: [1, 2]}"),
            "randomization.x: bodies: no body of the model fits 'xyz*'. There are world, arm, "
            "forearm, cube, ball, rock, distractor0, distractor1, distractor2");
  EXPECT_EQ(Refused("{term: body_mass, params: {bodies: [\"distractor*\"]}, range: [1, 2]}"),
            "randomization.x: bodies: 'distractor*' selects nothing: 'distractor0' does not move, "
            "so its mass has no effect");
  EXPECT_EQ(Refused("{term: body_mass, params: {bodies: [cube]}}"),
            "randomization.x: range must be given, as [low, high]");
  EXPECT_EQ(Refused("{term: body_mass, params: {bodies: [cube]}, range: [-1, 2]}"),
            "randomization.x: values must be in 1e-12 .. inf, got -0.3 (of cube, which is 0.3). "
            "Change range or operation.");
  EXPECT_EQ(Refused("{term: body_mass, params: {bodies: [cube]}, distribution: normal, mean: 1, "
                    "std: 0.1}"),
            "randomization.x: range must be given, too: values must be in 1e-12 .. inf, and a "
            "normal has no ends");
  EXPECT_EQ(Refused("{term: geom_size, params: {geoms: [rock]}, range: [1, 2]}"),
            "randomization.x: geoms: 'rock' is a mesh, whose size is compiled in; use a box, "
            "sphere, capsule, cylinder or ellipsoid");
  EXPECT_EQ(Refused("{term: geom_size, params: {geoms: [cube]}, range: [1, 2], operation: add}"),
            "randomization.x: operation must be one of scale for geom_size, got add");
  EXPECT_EQ(Refused("{term: body_com, params: {bodies: [ball]}, range: [0, 0.1]}"),
            "randomization.x: bodies: 'ball' was compiled with MuJoCo's simple inertia, whose "
            "centre of mass can't move; give the body simple=\"false\" in its MJCF");
  EXPECT_EQ(Refused("{term: body_com, params: {bodies: [cube], axes: xx}, range: [0, 0.1]}"),
            "randomization.x: axes must be one or more of the letters xyz, each once, got 'xx'");
  EXPECT_EQ(
      Refused("{term: initial_joint_position, params: {joints: [elbow]}, range: [0, 1], when: "
              "interval}"),
      "randomization.x: when must be reset for initial_joint_position, which says how an "
      "episode starts");
  EXPECT_EQ(Refused("{term: push, params: {bodies: [cube]}, range: [0, 1]}"),
            "randomization.x: when must be interval for push, got reset. Say how often: interval: "
            "[1, 3].");
  EXPECT_EQ(Refused("{term: push, params: {bodies: [arm], kind: velocity}, range: [0, 1], when: "
                    "interval}"),
            "randomization.x: bodies: 'arm' can't be given a velocity: it has no free joint");
  EXPECT_EQ(
      Refused("{term: joint_frictionloss, params: {joints: [shoulder]}, range: [1, 2]}"),
      "randomization.x: operation must be add or set where all values are 0, got scale, which "
      "leaves them so");
  EXPECT_EQ(Refused("{term: light_count, params: {lights: [left, right]}, range: [0.5, 2]}"),
            "randomization.x: range must be whole numbers, got 0.5");
  EXPECT_EQ(Refused("{term: light_count, params: {lights: [left, right]}, range: [0, 2]}"),
            "randomization.x: values must be in 1 .. 2, got 0 (which is 2). Change range or "
            "operation.");
  EXPECT_EQ(
      Refused("{term: camera_fovy, params: {cameras: [front]}, range: [1, 5]}"),
      "randomization.x: values must be in 0.1 .. 179, got 225 (of front, which is 45). Change "
      "range or operation.");
  EXPECT_EQ(MessageOf([] {
              Randomize(R"(
  a: {term: gravity, range: [1, 2], group: g}
  b: {term: timestep, range: [1, 2], group: g, when: interval}
)");
            }),
            "randomization.b: when and interval must be those of a, which is of the same group, g");
}

TEST(Randomization, AStarMaySelectNothing) {
  const Randomization r = Randomize(
      R"(
  limits: {term: actuator_force_limit, params: {actuators: ["*"]}, range: [0.8, 1.2]}
)",
      ModelOf("<mujoco><worldbody><body><joint/><geom size='1'/></body></worldbody></mujoco>"));
  EXPECT_EQ(r.num_values(), 0);
  EXPECT_FALSE(r.changes_model());
}

TEST(FitsPattern, StarsAndQuestionMarks) {
  EXPECT_TRUE(FitsPattern("*", ""));
  EXPECT_TRUE(FitsPattern("finger_*", "finger_joint1"));
  EXPECT_TRUE(FitsPattern("*joint*", "finger_joint1"));
  EXPECT_TRUE(FitsPattern("joint?", "joint1"));
  EXPECT_TRUE(FitsPattern("a*b*c", "a_b_b_c"));
  EXPECT_FALSE(FitsPattern("joint?", "joint"));
  EXPECT_FALSE(FitsPattern("joint", "joint1"));
  EXPECT_FALSE(FitsPattern("a*b", "a_c"));
}

}  // namespace
}  // namespace simscale::env
