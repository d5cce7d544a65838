#include "simscale/env/randomization/model_overlay.h"

#include <gtest/gtest.h>

#include <cmath>

#include "simscale/env/randomization/randomization_test_util.h"

namespace simscale::env {
namespace {

// Every term that changes the model, and several on one thing.
constexpr const char* kEverything = R"(
  mass: {term: body_mass, params: {bodies: ["*"]}, range: [0.5, 2]}
  mass_again: {term: body_mass, params: {bodies: [cube], scale_inertia: false}, operation: add, range: [0.1, 0.2]}
  inertia: {term: body_inertia, params: {bodies: ["*"]}, range: [0.5, 2]}
  com: {term: body_com, params: {bodies: [arm, forearm, cube]}, range: [-0.02, 0.02]}
  size: {term: geom_size, params: {geoms: [upper, knob, cube, ball]}, range: [0.8, 1.2]}
  friction: {term: geom_friction, params: {geoms: ["*"], component: all}, range: [0.5, 1.5]}
  damping: {term: joint_damping, params: {joints: ["*"]}, range: [0.5, 1.5]}
  armature: {term: joint_armature, params: {joints: ["*"]}, operation: add, range: [0, 0.01]}
  frictionloss: {term: joint_frictionloss, params: {joints: ["*"]}, operation: add, range: [0, 0.1]}
  stiffness: {term: joint_stiffness, params: {joints: ["*"]}, range: [0.5, 1.5]}
  gain: {term: actuator_gain, params: {actuators: ["*"]}, range: [0.5, 1.5]}
  kv: {term: actuator_bias, params: {actuators: [servo]}, range: [0.5, 1.5]}
  offset: {term: actuator_bias, params: {actuators: [servo], component: offset}, range: [-0.1, 0.1]}
  limit: {term: actuator_force_limit, params: {actuators: ["*"]}, range: [0.5, 1.5]}
  gravity: {term: gravity, range: [0.9, 1.1]}
  sideways: {term: gravity, params: {component: x}, operation: set, range: [-1, 1]}
  timestep: {term: timestep, range: [0.9, 1.1]}
  light_position: {term: light_position, params: {lights: ["*"]}, range: [-0.5, 0.5]}
  light_colour: {term: light_colour, params: {lights: ["*"]}, range: [0.5, 1.5]}
  light_brightness: {term: light_brightness, params: {lights: [left]}, range: [0.5, 1.5]}
  light_count: {term: light_count, params: {lights: [left, right]}}
  exposure: {term: exposure, range: [0.5, 1.5]}
  geom_colour: {term: geom_colour, params: {geoms: ["*"]}, operation: set, range: [0, 1]}
  material_colour: {term: material_colour, params: {materials: ["*"]}, operation: set, range: [0, 1]}
  texture: {term: texture, params: {geoms: [floor], materials: ["*"]}}
  camera_position: {term: camera_position, params: {cameras: ["*"]}, range: [-0.1, 0.1]}
  camera_orientation: {term: camera_orientation, params: {cameras: ["*"]}, range: [-0.1, 0.1]}
  fovy: {term: camera_fovy, params: {cameras: ["*"]}, range: [0.9, 1.1]}
)";

/// What the overlay stands in for: a whole model of the row's own, built with the public calls.
std::string Direct(const Randomization& r, const std::vector<double>& values) {
  const mjModel* nominal = TestModel().get();
  std::unique_ptr<mjModel, void (*)(mjModel*)> model(mj_copyModel(nullptr, nominal),
                                                     mj_deleteModel);
  std::unique_ptr<mjData, void (*)(mjData*)> data(mj_makeData(nominal), mj_deleteData);
  std::vector<double> workspace(static_cast<size_t>(r.workspace_size()));
  r.ApplyToModel(values, model.get(), workspace);
  if (r.needs_set_const()) mj_setConst(model.get(), data.get());
  model->stat.meansize = nominal->stat.meansize;
  model->stat.extent = nominal->stat.extent;
  std::copy_n(nominal->stat.center, 3, model->stat.center);
  return BytesOf(model.get());
}

void ExpectExactOverlay(const Randomization& r) {
  const ModelOverlay overlay(TestModel(), r);
  ThreadModel first(TestModel()), second(TestModel());
  std::vector<std::byte> a(overlay.size()), b(overlay.size()), again(overlay.size());
  const auto values_a = SampleOf(r, {5, 0}).values;
  auto values_b = values_a;  // a choice may well be the same twice
  for (uint64_t k = 1; values_b == values_a; ++k) values_b = SampleOf(r, {5, k}).values;
  const std::string direct_a = Direct(r, values_a), direct_b = Direct(r, values_b);
  ASSERT_TRUE(direct_a != direct_b);

  overlay.Expand(values_a, first, a);
  EXPECT_TRUE(BytesOf(first.get()) == direct_a);
  overlay.Expand(values_b, first, b);
  EXPECT_TRUE(BytesOf(first.get()) == direct_b);
  // Whatever was loaded before, and in another thread's model.
  overlay.Load(a, second);
  EXPECT_TRUE(BytesOf(second.get()) == direct_a);
  overlay.Load(b, second);
  EXPECT_TRUE(BytesOf(second.get()) == direct_b);
  overlay.Expand(values_a, second, again);
  EXPECT_EQ(again, a);
  overlay.LoadNominal(second);
  EXPECT_TRUE(BytesOf(second.get()) == BytesOf(TestModel().get()));
}

TEST(ModelOverlay, IsTheModelItStandsInForByteForByte) {
  ExpectExactOverlay(Randomize(kEverything));
}

TEST(ModelOverlay, SoIsEachTermAlone) {
  SectionConfig section;
  config::Read(config::ParseYaml(std::string("randomization:") + kEverything, "task.yaml"),
               section);
  for (const auto& term : section.randomization) {
    SCOPED_TRACE(term.first);
    ExpectExactOverlay(Randomization({term}, RandomizationTerms(), TestModel()));
  }
}

TEST(ModelOverlay, KeepsAFractionOfTheModel) {
  const Randomization light = Randomize(R"(
  friction: {term: geom_friction, params: {geoms: [cube]}, range: [0.5, 1.5]}
  gravity: {term: gravity, range: [0.9, 1.1]}
)");
  EXPECT_FALSE(light.needs_set_const());
  EXPECT_EQ(ModelOverlay(TestModel(), light).size(), 3 * 8 + 3 * 8);
  const Randomization full = Randomize(kEverything);
  EXPECT_TRUE(full.needs_set_const());
  EXPECT_LT(ModelOverlay(TestModel(), full).size(), 8192);
  const Randomization none =
      Randomize("  q: {term: initial_joint_position, params: {joints: [elbow]}, range: [-1, 1]}\n");
  EXPECT_FALSE(none.changes_model());
  EXPECT_EQ(ModelOverlay(TestModel(), none).size(), 0);
}

// The mass matrix, contact softness and the solver's scale come from what mj_setConst derives: a
// row must move as the same scene compiled with the other mass does.
TEST(ModelOverlay, MovesAsTheSceneCompiledThatWayDoes) {
  const auto scene = [](double mass) {
    return ModelOf(Cat(R"(<mujoco><worldbody><geom type="plane" size="1 1 1"/>
      <body name="box" pos="0 0 0.3"><freejoint/><geom type="box" size="0.1 0.1 0.1" mass=")",
                       mass, R"("/></body>
      <body name="arm" pos="0 1 1"><joint axis="0 1 0" damping="0.1"/>
        <geom type="capsule" fromto="0 0 0 0.5 0 0" size="0.03" mass=")",
                       mass, R"("/></body></worldbody></mujoco>)"));
  };
  const sim::Model nominal = scene(1), heavy = scene(2);
  const Randomization r = Randomize(
      "  mass: {term: body_mass, params: {bodies: [box, arm]}, range: [2, 2]}\n", nominal);
  const ModelOverlay overlay(nominal, r);
  ThreadModel scratch(nominal);
  std::vector<std::byte> block(overlay.size());
  overlay.Expand(SampleOf(r, {0, 0}).values, scratch, block);

  sim::Data ours(nominal), theirs(heavy), before(nominal);
  for (int step = 0; step < 500; ++step) {
    mj_step(scratch.get(), ours.get());
    mj_step(heavy.get(), theirs.get());
    mj_step(nominal.get(), before.get());
  }
  for (int i = 0; i < nominal->nq; ++i) EXPECT_NEAR(ours->qpos[i], theirs->qpos[i], 1e-12) << i;
  // The arm's damping slows a heavy one less.
  EXPECT_GT(std::abs(ours->qpos[7] - before->qpos[7]), 1e-3);
}

TEST(ModelOverlay, AForceAcceleratesTwiceTheMassHalfAsMuch) {
  const Randomization r =
      RandomizeOne("{term: body_mass, params: {bodies: [ball]}, range: [2, 2]}");
  const ModelOverlay overlay(TestModel(), r);
  ThreadModel scratch(TestModel());
  std::vector<std::byte> block(overlay.size());
  overlay.Expand(SampleOf(r, {0, 0}).values, scratch, block);
  const int ball = TestModel().Id(mjOBJ_BODY, "ball"),
            dof = TestModel().JointDofAddress("ball_joint");
  const auto acceleration = [&](const mjModel* model) {
    sim::Data data(TestModel());
    data->xfrc_applied[6 * ball] = 1;
    mj_forward(model, data.get());
    return data->qacc_smooth[dof];
  };
  EXPECT_NEAR(acceleration(TestModel().get()), 1 / 0.2, 1e-12);
  EXPECT_NEAR(acceleration(scratch.get()), 1 / 0.4, 1e-12);
  EXPECT_NEAR(scratch.get()->body_invweight0[2 * ball], 1 / 0.4, 1e-12);
  EXPECT_NEAR(scratch.get()->body_inertia[3 * ball], 0.4 * 0.4 * 0.04 * 0.04, 1e-15);
}

// A geom that grew must be found by the midphase, whose boxes are compiled in.
TEST(ModelOverlay, BoxesFollowSizeAndCentreOfMass) {
  const Randomization r = Randomize(R"(
  size: {term: geom_size, params: {geoms: [knob, upper]}, range: [1.5, 1.5]}
  com: {term: body_com, params: {bodies: [arm]}, range: [0.05, 0.05]}
)");
  const ModelOverlay overlay(TestModel(), r);
  ThreadModel scratch(TestModel());
  std::vector<std::byte> block(overlay.size());
  overlay.Expand(SampleOf(r, {0, 0}).values, scratch, block);
  const mjModel* m = scratch.get();
  // Every corner of each geom's own box lies in the tree's root box, and touches it somewhere.
  const auto slack = [](const mjModel* model) {
    const int body = mj_name2id(model, mjOBJ_BODY, "arm");
    const mjtNum* root = model->bvh_aabb + 6 * model->body_bvhadr[body];
    double worst = -1e9;
    for (int g = model->body_geomadr[body]; g < model->body_geomadr[body] + 2; ++g) {
      for (int corner = 0; corner < 8; ++corner) {
        mjtNum p[3], q[4];
        for (int i = 0; i < 3; ++i) {
          p[i] = model->geom_aabb[6 * g + i] +
                 ((corner >> i) % 2 == 0 ? -1 : 1) * model->geom_aabb[6 * g + 3 + i];
        }
        mju_rotVecQuat(p, p, model->geom_quat + 4 * g);
        mju_addTo3(p, model->geom_pos + 3 * g);
        mju_subFrom3(p, model->body_ipos + 3 * body);
        mju_negQuat(q, model->body_iquat + 4 * body);
        mju_rotVecQuat(p, p, q);
        for (int i = 0; i < 3; ++i) worst = std::max(worst, std::abs(p[i] - root[i]) - root[3 + i]);
      }
    }
    return worst;
  };
  EXPECT_NEAR(slack(TestModel().get()), 0, 1e-6);
  EXPECT_NEAR(slack(m), 0, 1e-6);
  EXPECT_NE(m->bvh_aabb[6 * m->body_bvhadr[1]], TestModel()->bvh_aabb[6 * m->body_bvhadr[1]]);
}

}  // namespace
}  // namespace simscale::env
