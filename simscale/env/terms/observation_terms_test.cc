#include <cmath>

#include "simscale/env/terms/term_test_util.h"

namespace simscale::env {
namespace {

using testing::HasSubstr;

constexpr double kHalf = 0.70710678118654752;  // of a quarter turn's quaternion

/// The state of every case below. The box lies on its side (a quarter turn about x), so its own z
/// axis is the world's -y and its own y axis is the world's z.
void SetState(TermTestWorld& world) {
  mjData* d = world.data.get();
  const double qpos[] = {0.3, 0.4, 1.2, kHalf, kHalf, 0, 0, 0.5, 0.1};
  const double qvel[] = {1, 2, 3, 0, 0, 1, 0.5, -0.25};
  std::ranges::copy(qpos, d->qpos);
  std::ranges::copy(qvel, d->qvel);
  d->act[0] = 0.75;
  d->ctrl[0] = 2;
  d->ctrl[1] = -1;
  d->userdata[0] = 7;
  d->userdata[1] = 8;
  d->userdata[2] = 9;
  world.Forward();
  d->cfrc_ext[6 * 1 + 3] = 4;  // what mj_rnePostConstraint would write
  d->cfrc_ext[6 * 1 + 5] = 30;
  d->xfrc_applied[6 * 1 + 2] = 10;  // a force, then a torque: the other way round
}

struct Case {
  std::string term, params;
  std::vector<double> expected;
};

const double kC = std::cos(0.5), kS = std::sin(0.5);
// The tip is 0.5 + 0.1 (slide) + 0.1 from the shoulder, which turned by 0.5 rad about y.
const double kTipX = 1 + 0.7 * kC, kTipZ = 1 - 0.7 * kS;
// It moves by the shoulder's 0.5 rad/s across and by the slide's -0.25 m/s along.
const double kTipVx = -0.25 * kC - 0.7 * 0.5 * kS, kTipVz = 0.25 * kS - 0.7 * 0.5 * kC;

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"qpos", "", {0.3, 0.4, 1.2, kHalf, kHalf, 0, 0, 0.5, 0.1}},
      {"qpos", "{first: 7, count: 1}", {0.5}},
      {"qpos", "{first: 7, relative: true}", {0.25, 0}},
      {"qvel", "", {1, 2, 3, 0, 0, 1, 0.5, -0.25}},
      {"qvel", "{first: 6}", {0.5, -0.25}},
      {"joint_positions", "{joints: [slide, shoulder]}", {0.1, 0.5}},
      {"joint_positions", "{joints: ['s*'], relative: true}", {0.25, 0}},
      {"joint_velocities", "{joints: ['*']}", {0.5, -0.25}},
      {"joint_torques", "{joints: ['*']}", {6, -1}},
      {"joint_constraint_forces", "{joints: ['*']}", {0, 0}},
      {"gripper_opening", "{joints: [shoulder, slide]}", {0.6}},
      {"ctrl", "", {2, -1, 0}},
      {"ctrl", "{actuators: ['s*_motor']}", {2, -1}},
      {"act", "", {0.75}},
      {"actuator_force", "{actuators: [slide_motor, shoulder_motor]}", {-1, 2}},
      {"tendon_length", "", {1}},
      {"tendon_velocity", "{tendons: [cord]}", {1}},
      {"sensor", "{sensors: [tip_pos, shoulder_pos]}", {kTipX, 0, kTipZ, 0.5}},
      {"last_action", "", {0.5, -1, 0}},
      {"command", "{first: 1}", {8, 9}},
      {"constant", "{values: [1.5, -2]}", {1.5, -2}},
      {"time", "", {0.05}},
      {"phase", "{period: 0.2}", {1, 0}},
      {"energy", "{kind: potential}", {2 * 10 * 1.2 + 10 * 1 + 10 * (1 - 0.6 * kS)}},
      {"frame_position", "{frame: tip}", {kTipX, 0, kTipZ}},
      {"frame_position", "{frame: top}", {0.3, 0.3, 1.2}},
      {"frame_quaternion", "{frame: box}", {kHalf, kHalf, 0, 0}},
      {"frame_velocity", "{frame: tip}", {kTipVx, 0, kTipVz}},
      {"frame_velocity", "{frame: tip, axes: local}", {-0.25, 0, -0.35}},
      {"frame_velocity", "{frame: box}", {1, 2, 3}},
      {"frame_velocity", "{frame: box, axes: local}", {1, 3, -2}},
      {"frame_velocity", "{frame: box, kind: angular}", {0, -1, 0}},
      {"frame_velocity", "{frame: box, kind: angular, axes: local}", {0, 0, 1}},
      {"relative_position", "{frame: goal, reference: box}", {-0.3, -0.7, 0.4}},
      {"relative_position", "{frame: goal, reference: box, axes: world, dims: 2}", {-0.3, -0.4}},
      {"relative_quaternion", "{frame: goal, reference: box}", {kHalf, -kHalf, 0, 0}},
      {"distance", "{a: box, b: goal}", {std::sqrt(0.09 + 0.16 + 0.49)}},
      {"projected_gravity", "{frame: box}", {0, -1, 0}},
      {"projected_gravity", "{frame: goal}", {0, 0, -1}},
      {"upright", "{frame: arm}", {kC}},
      {"tilt", "{frame: box}", {std::acos(0.0)}},
      {"tilt", "{frame: arm}", {0.5}},
      {"height", "{frame: tip}", {kTipZ}},
      {"com_position", "{body: arm}", {1 + 0.3 * kC, 0, 1 - 0.3 * kS}},
      {"com_position", "", {(0.6 + 1 + 1 + 0.6 * kC) / 4, 0.2, (2.4 + 1 + 1 - 0.6 * kS) / 4}},
      // The hand is 0.6 from the shoulder; the arm's own mass does not move.
      {"com_velocity", "{body: arm}", {(-0.25 * kC - 0.3 * kS) / 2, 0, (0.25 * kS - 0.3 * kC) / 2}},
      {"com_velocity", "{body: box}", {1, 2, 3}},
      {"average_velocity", "{joint: shoulder}", {0}},
      {"contact", "{a: [box], b: [floor]}", {0}},
      {"contact_force", "{bodies: [box]}", {4, 0, 20}},
  };
  return cases;
}

TEST(ObservationTerms, WriteHandComputedNumbers) {
  const TermLibrary library = CoreTerms();
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.term + " " + c.params);
    TermTestWorld world;
    SetState(world);
    const auto term = world.Make(library.observations, c.term, c.params);
    std::vector<double> out(static_cast<size_t>(term->size()), -99);
    term->Write(world.context, out);
    EXPECT_THAT(out, Near(c.expected));
  }
}

TEST(ObservationTerms, EveryTypeHasACase) {
  std::set<std::string> covered;
  for (const Case& c : Cases()) covered.insert(c.term);
  EXPECT_EQ(covered, TypeNames(CoreTerms().observations));
}

TEST(ObservationTerms, KineticEnergyIsMujocos) {
  TermTestWorld world;
  SetState(world);
  mj_energyVel(world.model.get(), world.data.get());
  // The box alone: 2 kg at sqrt(14) m/s, and 2 / 12 * (0.2^2 + 0.2^2) kg m^2 at 1 rad/s.
  const double box = 0.5 * 2 * 14 + 0.5 * 2.0 / 12 * 0.08;
  EXPECT_GT(world.data->energy[1], box);
  const auto term = world.Make(CoreTerms().observations, "energy", "{kind: kinetic}");
  double out = 0;
  term->Write(world.context, std::span(&out, 1));
  EXPECT_NEAR(out, world.data->energy[1], 1e-12);
  mju_zero(world.data->qvel + 6, 2);
  world.Forward();
  term->Write(world.context, std::span(&out, 1));
  EXPECT_NEAR(out, box, 1e-12);
}

TEST(ObservationTerms, AverageVelocityIsTheDisplacementOfTheStep) {
  const TermLibrary library = CoreTerms();
  struct Moved {
    std::string params;
    double expected;
  };
  // In one control step of 0.05 s the box goes from [0, 0, 1] to [0.3, 0.4, 1], the shoulder by
  // 0.1.
  for (const Moved& c :
       {Moved{"{frame: box}", 6}, Moved{"{frame: box, axis: [0, 2, 0]}", 8},
        Moved{"{frame: box, axis: [3, 4, 0]}", 10}, Moved{"{com: box, axis: [0, 1, 0]}", 8},
        Moved{"{com: world}", 3 + 0.5 * (std::cos(0.1) - 1) / 4 / 0.05},
        Moved{"{joint: shoulder}", 2},
        Moved{"{frame: box, target: goal}", (0.5 - std::sqrt(0.5)) / 0.05}}) {
    SCOPED_TRACE(c.params);
    TermTestWorld world;
    const auto term = world.Make(library.observations, "average_velocity", c.params);
    world.data->qpos[0] = 0.3;
    world.data->qpos[1] = 0.4;
    world.data->qpos[7] = 0.1;
    world.Forward();
    double out = 0;
    term->Write(world.context, std::span(&out, 1));
    EXPECT_NEAR(out, c.expected, 1e-9);
    term->Write(world.context, std::span(&out, 1));
    EXPECT_EQ(out, 0);
  }
}

TEST(ObservationTerms, ContactNeedsBothSides) {
  const TermLibrary library = CoreTerms();
  const auto touches = [&library](TermTestWorld& world, const std::string& params) {
    const auto term = world.Make(library.observations, "contact", params);
    double out = -1;
    term->Write(world.context, std::span(&out, 1));
    return out;
  };
  TermTestWorld world;
  world.data->qpos[2] = 0.099;  // the box's lower face is a millimetre in the floor
  world.Forward();
  EXPECT_EQ(touches(world, "{a: [box], b: [floor]}"), 1);
  EXPECT_EQ(touches(world, "{a: [floor], b: ['box*']}"), 1);
  EXPECT_EQ(touches(world, "{a: [box_geom]}"), 1);
  EXPECT_EQ(touches(world, "{a: [world], b: [box]}"), 1);
  EXPECT_EQ(touches(world, "{a: [box], b: [hand, arm]}"), 0);
  EXPECT_EQ(touches(world, "{a: ['*hand*']}"), 0);
  world.data->qpos[2] = 0.101;
  world.Forward();
  EXPECT_EQ(touches(world, "{a: [box], b: [floor]}"), 0);
}

TEST(ObservationTerms, NameWhatIsWrong) {
  const auto types = CoreTerms().observations;
  struct Wrong {
    std::string term, params, message;
  };
  for (const Wrong& w : std::vector<Wrong>{
           {"joint_positions", "{joints: [sholder]}",
            "joints: unknown joint of the model 'sholder'. Did you mean 'shoulder'?"},
           {"joint_positions", "{joints: [root]}",
            "joints: 'root' is neither a hinge nor a slide joint"},
           {"joint_positions", "{joints: []}", "joints: at least one name is needed, got none"},
           {"joint_velocities", "{joints: ['x*']}",
            "joints: the wildcard 'x*' matches no joint. Known: root, shoulder, slide."},
           {"frame_position", "{frame: tipp}", "frame: unknown site or body 'tipp'"},
           {"qpos", "{first: 8, count: 2}",
            "qpos of this model has 9 numbers, got first 8 and count 2"},
           {"qvel", "{first: 8}", "has 8 numbers, got first 8"},
           {"sensor", "{sensors: [tip]}", "sensors: unknown sensor of the model 'tip'"},
           {"tendon_length", "{tendons: [rope]}", "unknown tendon of the model 'rope'"},
           {"contact", "{a: [bx]}", "a: unknown body or geom 'bx'. Did you mean 'box'?"},
           {"contact", "{a: [goal]}", "a: body 'goal' has no geoms that could touch anything"},
           {"contact", "{a: ['z*']}",
            "a: the wildcard 'z*' matches no body with geoms and no geom"},
           {"contact", "{}", "a: at least one name is needed"},
           {"average_velocity", "{}", "exactly one of frame, com and joint is needed, got 0"},
           {"average_velocity", "{frame: box, joint: slide}", "is needed, got 2"},
           {"average_velocity", "{joint: slide, target: goal}", "target: a joint has no place"},
           {"average_velocity", "{frame: box, axis: [0, 0, 0]}",
            "axis: an axis must have a length"},
           {"com_position", "{body: boks}", "body: unknown body of the model 'boks'"},
           {"command", "{first: 2, count: 2}", "the commands (scene.userdata) of this model has 3"},
           {"constant", "{}", "values: at least one number is needed"},
       }) {
    TermTestWorld world;
    EXPECT_THAT(world.MakeError(types, w.term, w.params), HasSubstr(w.message)) << w.term;
  }
}

}  // namespace
}  // namespace simscale::env
