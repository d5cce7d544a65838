#include <cmath>

#include "simscale/env/terms/term_test_util.h"

namespace simscale::env {
namespace {

using testing::HasSubstr;

/// A state: qpos 0..2 of the box, the shoulder, the slide; velocities likewise.
struct State {
  double x = 0, y = 0, z = 1, shoulder = 0, slide = 0.1;
  double vx = 0, vy = 0, shoulder_velocity = 0, slide_velocity = 0;
};

void Set(TermTestWorld& world, const State& s) {
  mjData* d = world.data.get();
  d->qpos[0] = s.x;
  d->qpos[1] = s.y;
  d->qpos[2] = s.z;
  d->qpos[7] = s.shoulder;
  d->qpos[8] = s.slide;
  d->qvel[0] = s.vx;
  d->qvel[1] = s.vy;
  d->qvel[6] = s.shoulder_velocity;
  d->qvel[7] = s.slide_velocity;
  d->ctrl[0] = 2;  // times the gear 3: 6 N m at the shoulder
  d->ctrl[1] = -4;
  d->userdata[0] = 1;
  d->userdata[1] = 0.5;
  world.Forward();
  d->cfrc_ext[6 * 1 + 5] = 50;  // what mj_rnePostConstraint would write: 50 N on the box
  d->cfrc_ext[6 * 3 + 3] = 5;   // and 5 N on the hand
}

/// Its value after `moved` when the episode started at the default state.
struct Case {
  std::string term, params;
  State moved;
  double expected;
};

// The goal is at [0, 0, 0.5], so that the box starts 0.5 from it.
const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"distance", "{a: box, b: goal}", {}, std::tanh(5)},
      {"distance", "{a: box, b: goal, kernel: linear, scale: 2}", {}, 0.25},
      {"distance", "{a: box, b: goal, kernel: exp, scale: 0.5}", {}, std::exp(-1)},
      {"distance", "{a: box, b: goal, kernel: gaussian, scale: 0.25}", {}, std::exp(-4)},
      {"orientation", "{a: arm, b: goal, kernel: linear, scale: 1}", {.shoulder = 0.5}, 0.5},
      {"orientation",
       "{a: arm, b: goal, kernel: exp, scale: 0.5}",
       {.shoulder = -0.5},
       std::exp(-1)},
      {"height", "{frame: box, low: 1, high: 3}", {.z = 1.5}, 0.25},
      {"height", "{frame: box, low: 1, high: 3}", {.z = 4}, 1},
      {"height", "{frame: box, low: 1, high: 3}", {.z = 0.5}, 0},
      {"upright", "{frame: arm}", {.shoulder = 0.5}, std::cos(0.5)},
      // phi goes from -0.5 to -0.3.
      {"potential",
       "{a: box, b: goal, kernel: linear, scale: 1, gamma: 0.9}",
       {.z = 0.8},
       -0.27 + 0.5},
      {"potential",
       "{a: box, b: goal, kernel: exp, scale: 0.5, gamma: 1}",
       {.z = 0.5},
       1 - std::exp(-1)},
      {"constant", "", {}, 1},
      {"action_norm", "", {}, (0.25 + 1) / 3},
      {"action_rate", "", {}, (0.0625 + 0 + 1) / 3},
      {"joint_velocity_norm", "", {.shoulder_velocity = 2, .slide_velocity = -3}, 13},
      {"joint_velocity_norm",
       "{joints: [slide]}",
       {.shoulder_velocity = 2, .slide_velocity = -3},
       9},
      {"torque_norm", "", {}, 36 + 16},
      {"torque_norm", "{joints: [shoulder]}", {}, 36},
      {"power", "", {.shoulder_velocity = 2, .slide_velocity = 3}, 12 + 12},
      // Margins: 0.1 of 2 rad and of 0.2 m.
      {"joint_limit", "{margin: 0.1}", {.shoulder = 0.75, .slide = 0.1}, 0},
      {"joint_limit", "{margin: 0.1}", {.shoulder = 0.9, .slide = 0.005}, 0.1 + 0.015},
      {"joint_limit", "{margin: 0, joints: [shoulder]}", {.shoulder = -1.25, .slide = 0.3}, 0.25},
      {"progress", "{frame: box}", {.x = 0.1}, 2},
      {"progress", "{frame: box, axis: [0, 0, -1]}", {.z = 0.9}, 2},
      {"progress", "{frame: box, target: goal}", {.z = 0.75}, 5},
      {"progress", "{joint: shoulder}", {.shoulder = -0.1}, -2},
      {"velocity", "{frame: box}", {.vx = 1, .vy = 2}, 1},
      {"velocity", "{frame: box, axis: [3, 4, 0]}", {.vx = 1, .vy = 2}, 0.6 + 1.6},
      {"velocity_tracking", "{frame: box, scale: 2}", {.vx = 1, .vy = 0.5}, 1},
      {"velocity_tracking", "{frame: box, scale: 2}", {.vx = 3, .vy = 0.5}, std::exp(-1)},
      {"velocity_tracking",
       "{frame: box, components: [vy], command: 1, scale: 0.5}",
       {.vy = 1},
       std::exp(-1)},
      {"velocity_tracking",
       "{frame: arm, components: [wy, vz], target: [1, 0], scale: 1}",
       {.shoulder_velocity = 0},
       std::exp(-1)},
      {"contact", "{a: [box], b: [floor]}", {.z = 0.099}, 1},
      {"contact", "{a: [box], b: [floor]}", {.z = 0.101}, 0},
      {"contact_force_norm", "{bodies: [box, hand]}", {}, 55},
      {"contact_force_norm", "{bodies: [box, hand], threshold: 10}", {}, 40},
      {"contact_force_norm", "{bodies: ['*'], most: 52}", {}, 52},
      {"healthy", "{ranges: [{frame: box, low: 1, high: 2}]}", {.z = 1}, 1},
      {"healthy", "{ranges: [{frame: box, low: 1, high: 2}], strict: true}", {.z = 1}, 0},
      {"healthy", "{ranges: [{of: tilt, frame: arm, high: 0.5}]}", {.shoulder = 0.49}, 1},
      {"healthy", "{ranges: [{of: tilt, frame: arm, high: 0.5}]}", {.shoulder = -0.51}, 0},
      {"healthy", "{ranges: [{of: position, joints: [slide], low: 0.1}]}", {.slide = 0.1}, 1},
      {"healthy", "{ranges: [{of: position, joints: [slide], low: 0.1}]}", {.slide = 0.09}, 0},
      {"healthy",
       "{ranges: [{of: velocity, joints: ['*'], low: -1, high: 1}]}",
       {.slide_velocity = 1},
       1},
      {"healthy",
       "{ranges: [{of: velocity, joints: ['*'], low: -1, high: 1}]}",
       {.slide_velocity = 1.01},
       0},
      {"healthy", "{ranges: [{of: qpos, first: 2, count: 1, low: 0.2}]}", {.z = 0.2}, 1},
      {"healthy", "{ranges: [{of: qpos, first: 2, count: 1, low: 0.2}]}", {.z = 0.19}, 0},
      {"healthy", "{ranges: [{frame: box, low: 0}, {of: qvel, high: 1}]}", {.vy = 1.5}, 0},
      {"healthy", "{ranges: [{frame: box}]}", {.vy = std::nan("")}, 0},
  };
  return cases;
}

TEST(RewardTerms, AreHandComputedNumbers) {
  const TermLibrary library = CoreTerms();
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.term + " " + c.params);
    TermTestWorld world;
    Set(world, {});
    const auto term = world.Make(library.rewards, c.term, c.params);
    Set(world, c.moved);
    EXPECT_NEAR(term->Value(world.context), c.expected, 1e-9);
  }
}

TEST(RewardTerms, SuccessAndAliveFollowTheTerminations) {
  const TermLibrary library = CoreTerms();
  TermTestWorld world;
  const auto success = world.Make(library.rewards, "success", "");
  const auto alive = world.Make(library.rewards, "alive", "");
  EXPECT_EQ(success->Value(world.context), 0);
  EXPECT_EQ(alive->Value(world.context), 1);
  world.context.terminated = true;
  EXPECT_EQ(success->Value(world.context), 0);
  EXPECT_EQ(alive->Value(world.context), 0);
  world.context.success = true;
  EXPECT_EQ(success->Value(world.context), 1);
}

TEST(RewardTerms, EveryTypeHasACase) {
  std::set<std::string> covered = {"success", "alive"};  // above
  for (const Case& c : Cases()) covered.insert(c.term);
  EXPECT_EQ(covered, TypeNames(CoreTerms().rewards));
}

TEST(RewardTerms, MemoryGoesOnFromStepToStep) {
  TermTestWorld world;
  Set(world, {});
  const auto term = world.Make(CoreTerms().rewards, "progress", "{frame: box}");
  Set(world, {.x = 0.1});
  EXPECT_NEAR(term->Value(world.context), 2, 1e-12);
  Set(world, {.x = 0.25});
  EXPECT_NEAR(term->Value(world.context), 3, 1e-12);
}

TEST(RewardTerms, NameWhatIsWrong) {
  const auto types = CoreTerms().rewards;
  struct Wrong {
    std::string term, params, message;
  };
  for (const Wrong& w : std::vector<Wrong>{
           {"distance", "{a: box, b: gaol}",
            "b: unknown site or body 'gaol'. Did you mean 'goal'?"},
           {"distance", "{a: box, b: goal, kernel: cos}", "kernel"},
           {"height", "{frame: box, low: 1, high: 1}", "high must be above low (1 m), got 1"},
           {"velocity_tracking", "{frame: box, command: 2}",
            "command: 4 commands are needed, but scene.userdata is 3"},
           {"velocity_tracking", "{frame: box, target: [1]}",
            "target must have a number for each of the 2 components, got 1"},
           {"velocity_tracking", "{frame: box, components: []}",
            "components: at least one is needed"},
           {"velocity_tracking", "{frame: box, components: [up]}", "components"},
           {"healthy", "{}", "ranges: at least one range is needed, got none"},
           {"healthy", "{ranges: [{frame: bx}]}", "ranges.0.frame: unknown site or body 'bx'"},
           {"healthy", "{ranges: [{of: qpos, first: 9}]}",
            "ranges.0.first: qpos of this model has 9"},
           {"healthy", "{ranges: [{frame: box, low: 2, high: 1}]}",
            "low must be at most high (1), got 2"},
           {"joint_limit", "{joints: [root]}", "'root' is neither a hinge nor a slide joint"},
       }) {
    TermTestWorld world;
    EXPECT_THAT(world.MakeError(types, w.term, w.params), HasSubstr(w.message)) << w.term;
  }
}

// --- Terminations -------------------------------------------------------------------------------

/// A state where it holds and one just outside.
struct EndCase {
  std::string term, params;
  State holds, outside;
};

const std::vector<EndCase>& EndCases() {
  static const std::vector<EndCase> cases = {
      {"within_distance", "{a: box, b: goal, distance: 0.1}", {.z = 0.599}, {.z = 0.601}},
      {"beyond_distance", "{a: box, b: goal, distance: 1}", {.z = 1.501}, {.z = 1.499}},
      {"out_of_box", "{frame: box, x: [-1, 1]}", {.x = 1.001}, {.x = 0.999}},
      {"out_of_box", "{frame: box, y: [-1, 1]}", {.y = -1.001}, {.y = -0.999}},
      {"out_of_box", "{frame: box, z: [0.5, 2]}", {.z = 2.001}, {.z = 2}},
      {"joint_limit", "{}", {.shoulder = 1.001}, {.shoulder = 0.999}},
      {"joint_limit", "{joints: [slide], margin: 0.1}", {.slide = 0.019}, {.slide = 0.021}},
      {"contact", "{a: [box], b: [floor]}", {.z = 0.099}, {.z = 0.101}},
      {"unhealthy", "{ranges: [{frame: box, low: 0.5}]}", {.z = 0.499}, {.z = 0.5}},
  };
  return cases;
}

TEST(TerminationTerms, HoldInsideAndNotJustOutside) {
  const TermLibrary library = CoreTerms();
  for (const EndCase& c : EndCases()) {
    SCOPED_TRACE(c.term + " " + c.params);
    TermTestWorld world;
    const auto term = world.Make(library.terminations, c.term, c.params);
    Set(world, c.outside);
    EXPECT_FALSE(term->Holds(world.context));
    Set(world, c.holds);
    EXPECT_TRUE(term->Holds(world.context));
  }
}

TEST(TerminationTerms, EveryTypeHasACase) {
  std::set<std::string> covered = {"time_after"};  // below
  for (const EndCase& c : EndCases()) covered.insert(c.term);
  EXPECT_EQ(covered, TypeNames(CoreTerms().terminations));
}

TEST(TerminationTerms, CountTheirStepsInARow) {
  const TermLibrary library = CoreTerms();
  for (const std::string params : {"{a: box, b: goal, distance: 0.1, steps: 3}"}) {
    TermTestWorld world;
    const auto term = world.Make(library.terminations, "within_distance", params);
    std::string held;
    for (double z : {0.55, 0.55, 1.0, 0.55, 0.55, 0.55, 0.55}) {
      Set(world, {.z = z});
      held += term->Holds(world.context) ? '1' : '0';
    }
    EXPECT_EQ(held, "0000011");
  }
  TermTestWorld world;
  const auto term = world.Make(library.terminations, "contact", "{a: [box], steps: 2}");
  std::string held;
  for (double z : {0.099, 1.0, 0.099, 0.099}) {
    Set(world, {.z = z});
    held += term->Holds(world.context) ? '1' : '0';
  }
  EXPECT_EQ(held, "0001");
}

TEST(TerminationTerms, TimeAfterCountsControlSteps) {
  TermTestWorld world;
  const auto term = world.Make(CoreTerms().terminations, "time_after", "{seconds: 0.3}");
  world.context.step = 5;
  EXPECT_FALSE(term->Holds(world.context));
  world.context.step = 6;  // 6 * 0.05 is a little more than 0.3, 3 * 0.1 would be a little less
  EXPECT_TRUE(term->Holds(world.context));
}

TEST(TerminationTerms, NameWhatIsWrong) {
  TermTestWorld world;
  const auto types = CoreTerms().terminations;
  EXPECT_THAT(world.MakeError(types, "out_of_box", "{frame: box, x: [1, -1]}"),
              HasSubstr("x must be [low, high] with low <= high, got [1, -1]"));
  EXPECT_THAT(world.MakeError(types, "contact", "{a: [hend]}"),
              HasSubstr("a: unknown body or geom 'hend'. Did you mean 'hand'?"));
  EXPECT_THAT(world.MakeError(types, "joint_limit", "{joints: ['z*']}"),
              HasSubstr("joints: the wildcard 'z*' matches no joint"));
}

}  // namespace
}  // namespace simscale::env
