#include <cmath>

#include "simscale/env/terms/term_test_util.h"

namespace simscale::env {
namespace {

using testing::Each;
using testing::HasSubstr;

/// Applies a reset term to the world's state, with random numbers of `seed`.
void Apply(TermTestWorld& world, const std::string& name, const std::string& params,
           uint64_t seed = 1, const mjModel* model = nullptr) {
  const auto term = world.Make(CoreTerms().resets, name, params);
  Rng rng(seed, 0, "reset");
  ResetContext context{model != nullptr ? model : world.model.get(), world.model.get(),
                       world.data.get(), rng};
  term->Apply(context);
}

/// Mean, standard deviation and extremes of one number over many resets.
struct Spread {
  double mean = 0, deviation = 0, least = 1e300, most = -1e300;
};
Spread SpreadOf(const std::string& name, const std::string& params, double start,
                double* (*place)(mjData*)) {
  constexpr int kDraws = 4000;
  Spread spread;
  double square = 0;
  TermTestWorld world;
  const auto term = world.Make(CoreTerms().resets, name, params);
  Rng rng(3, 0, "reset");
  ResetContext context{world.model.get(), world.model.get(), world.data.get(), rng};
  for (int i = 0; i < kDraws; ++i) {
    *place(world.data.get()) = start;
    term->Apply(context);
    const double x = *place(world.data.get()) - start;
    spread.mean += x / kDraws;
    square += x * x / kDraws;
    spread.least = std::min(spread.least, x);
    spread.most = std::max(spread.most, x);
  }
  spread.deviation = std::sqrt(square - spread.mean * spread.mean);
  return spread;
}

TEST(ResetTerms, JointNoiseIsUniformOrNormalAndWithinLimits) {
  const auto shoulder = [](mjData* d) { return d->qpos + 7; };
  Spread s = SpreadOf("joint_noise", "{noise: 0.3}", 0.1, shoulder);
  EXPECT_NEAR(s.mean, 0, 0.01);
  EXPECT_NEAR(s.deviation, 0.3 / std::sqrt(3), 0.01);
  EXPECT_GE(s.least, -0.3);
  EXPECT_LE(s.most, 0.3);
  s = SpreadOf("joint_noise", "{noise: 0.2, distribution: normal}", 0, shoulder);
  EXPECT_NEAR(s.deviation, 0.2, 0.01);
  EXPECT_GT(s.most, 0.4);
  s = SpreadOf("joint_noise", "{joints: ['sh*'], noise: 0.5}", 0.9, shoulder);
  EXPECT_NEAR(s.most, 0.1, 1e-12);  // the limit is 1
}

TEST(ResetTerms, ArrayNoiseTouchesItsSliceAlone) {
  TermTestWorld world;
  const std::vector<double> before(world.data->qpos, world.data->qpos + 9);
  Apply(world, "qpos_noise", "{first: 2, count: 3, scale: 0.5}");
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(world.data->qpos[i] != before[i], i >= 2 && i < 5) << i;
  }
  Spread s = SpreadOf("qpos_noise", "{scale: 0.1}", 5, [](mjData* d) { return d->qpos + 7; });
  EXPECT_NEAR(s.deviation, 0.1 / std::sqrt(3), 0.005);
  EXPECT_GE(s.least, -0.1);  // and the joint's limit, 1, does not matter
  s = SpreadOf("qvel_noise", "{scale: 0.1, distribution: normal}", 2,
               [](mjData* d) { return d->qvel + 7; });
  EXPECT_NEAR(s.mean, 0, 0.01);
  EXPECT_NEAR(s.deviation, 0.1, 0.005);
}

TEST(ResetTerms, KeyframeSetsEverything) {
  TermTestWorld world;
  Apply(world, "keyframe", "{names: [bent]}");
  EXPECT_THAT(std::vector<double>(world.data->qpos, world.data->qpos + 9),
              testing::ElementsAre(0, 0, 2, 1, 0, 0, 0, -0.5, 0.05));
  EXPECT_THAT(std::vector<double>(world.data->qvel, world.data->qvel + 8),
              testing::ElementsAre(0, 0, 0, 0, 0, 0, 1, 2));
  EXPECT_EQ(world.data->act[0], 3);
  EXPECT_THAT(std::vector<double>(world.data->ctrl, world.data->ctrl + 3),
              testing::ElementsAre(4, 5, 6));
  int bent = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Apply(world, "keyframe", "{names: ['*']}", seed);
    bent += world.data->qpos[2] == 2 ? 1 : 0;
  }
  EXPECT_NEAR(bent, 50, 20);
}

TEST(ResetTerms, SetJointsDrawsRangesWithinANorm) {
  TermTestWorld world;
  Apply(world, "set_joints", "{joints: [slide, shoulder], low: [0.05, -0.5], high: [0.05, -0.5]}");
  EXPECT_EQ(world.data->qpos[8], 0.05);
  EXPECT_EQ(world.data->qpos[7], -0.5);
  double most = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Apply(world, "set_joints", "{joints: ['*'], low: [-1], high: [1], norm: [0.5, 0.8]}", seed);
    const double norm = std::hypot(world.data->qpos[7], world.data->qpos[8]);
    EXPECT_GE(norm, 0.5);
    EXPECT_LE(norm, 0.8);
    most = std::max(most, norm);
  }
  EXPECT_GT(most, 0.78);
}

TEST(ResetTerms, VelocitiesAreSet) {
  TermTestWorld world;
  Apply(world, "joint_velocity", "{joints: [slide], low: [2], high: [2]}");
  EXPECT_EQ(world.data->qvel[7], 2);
  EXPECT_EQ(world.data->qvel[6], 0);
  Apply(world, "velocity", "{body: box, low: [1, 2, 3, 4, 5, -6], high: [1, 2, 3, 4, 5, 6]}");
  EXPECT_THAT(std::vector<double>(world.data->qvel, world.data->qvel + 5),
              testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_LT(std::abs(world.data->qvel[5]), 6);
}

TEST(ResetTerms, CommandsGoToUserdata) {
  TermTestWorld world;
  Apply(world, "command", "{first: 1, low: [4, -2], high: [4, 2]}");
  EXPECT_EQ(world.data->userdata[0], 0);
  EXPECT_EQ(world.data->userdata[1], 4);
  EXPECT_LT(std::abs(world.data->userdata[2]), 2);
  EXPECT_NE(world.data->userdata[2], 0);
  Apply(world, "command", "{count: 3, low: [5], high: [5]}");
  EXPECT_THAT(std::vector<double>(world.data->userdata, world.data->userdata + 3), Each(5));
}

TEST(ResetTerms, CommandsWidenWithTheCurriculum) {
  TermTestWorld world;
  const auto term =
      world.Make(CoreTerms().resets, "command", "{low: [1], high: [5], initial_high: [1]}");
  for (const double level : {0.0, 0.25, 1.0}) {
    double most = 0;
    Rng rng(1, 0, "reset");
    for (int i = 0; i < 200; ++i) {
      ResetContext context{world.model.get(), world.model.get(), world.data.get(), rng, level};
      term->Apply(context);
      EXPECT_GE(world.data->userdata[0], 1);
      most = std::max(most, world.data->userdata[0]);
    }
    EXPECT_LE(most, 1 + 4 * level);
    EXPECT_GE(most, 1 + 3.8 * level);
  }
}

TEST(ResetTerms, PlaceHonoursARandomisedSize) {
  TermTestWorld world;
  const std::string params = "{body: box, x: [1, 1], y: [2, 2], z: [0.1, 0.1], yaw: [1, 1]}";
  Apply(world, "place", params);
  EXPECT_THAT(std::vector<double>(world.data->qpos, world.data->qpos + 7),
              Near({1, 2, 0.1, std::cos(0.5), 0, 0, std::sin(0.5)}));
  mjModel* bigger = mj_copyModel(nullptr, world.model.get());
  bigger->geom_size[3 * mj_name2id(bigger, mjOBJ_GEOM, "box_geom") + 2] = 0.15;
  Apply(world, "place", params, 1, bigger);
  EXPECT_NEAR(world.data->qpos[2], 0.15, 1e-12);
  mj_deleteModel(bigger);
  Apply(world, "place", "{body: goal, x: [1, 2], z: [0.5, 0.5]}");
  EXPECT_GE(world.data->mocap_pos[0], 1);
  EXPECT_LE(world.data->mocap_pos[0], 2);
  EXPECT_EQ(world.data->mocap_pos[2], 0.5);
}

TEST(ResetTerms, PlaceKeepsItsDistance) {
  TermTestWorld world;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Apply(world, "place", "{body: goal, x: [-1, 1], y: [-1, 1], away_from: box, min_distance: 0.5}",
          seed);
    EXPECT_GE(std::hypot(world.data->mocap_pos[0], world.data->mocap_pos[1]), 0.5);
  }
}

TEST(ResetTerms, EveryTypeIsTestedAbove) {
  EXPECT_EQ(TypeNames(CoreTerms().resets),
            (std::set<std::string>{"command", "joint_noise", "joint_velocity", "keyframe", "place",
                                   "qpos_noise", "qvel_noise", "set_joints", "velocity"}));
}

TEST(ResetTerms, NameWhatIsWrong) {
  const auto types = CoreTerms().resets;
  struct Wrong {
    std::string term, params, message;
  };
  for (const Wrong& w : std::vector<Wrong>{
           {"keyframe", "{names: [sit]}",
            "names: unknown key of the model 'sit'. Known: home, bent."},
           {"set_joints", "{joints: ['*'], low: [1, 2, 3]}", "low must have 1 number or 2, got 3"},
           {"set_joints", "{joints: [slide], low: [2], high: [1]}",
            "low must be at most high (1), got 2"},
           {"set_joints", "{joints: [slide], norm: [1]}",
            "norm must be [least, most], got 1 numbers"},
           {"command", "{first: 2, low: [0, 0]}", "4 commands are needed, but scene.userdata is 3"},
           {"place", "{body: arm}",
            "body: 'arm' can't be placed: it is neither a free body nor a marker"},
           {"place", "{body: box, x: [2, 1]}",
            "x must be [low, high] with low <= high, got [2, 1]"},
           {"place", "{body: goal, x: [0, 1], away_from: box, min_distance: 1}",
            "min_distance must be at most half of the range's diagonal (0.5 m), got 1"},
           {"velocity", "{body: arm}", "body: 'arm' is not free: it has no free joint"},
           {"velocity", "{body: box, low: [1, 0, 0, 0, 0, 0]}", "low must be at most high in each"},
           {"qpos_noise", "{first: 20}", "has 9 numbers, got first 20"},
       }) {
    TermTestWorld world;
    EXPECT_THAT(world.MakeError(types, w.term, w.params), HasSubstr(w.message)) << w.term;
  }
}

}  // namespace
}  // namespace simscale::env
