#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numbers>

#include "simscale/env/randomization/randomization_test_util.h"

namespace simscale::env {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

/// A copy of the test model as one entry's draws make it, without mj_setConst.
std::unique_ptr<mjModel, void (*)(mjModel*)> Changed(const std::string& entry,
                                                     EpisodeKey key = {0, 0}) {
  const Randomization r = RandomizeOne(entry);
  std::unique_ptr<mjModel, void (*)(mjModel*)> model(mj_copyModel(nullptr, TestModel().get()),
                                                     mj_deleteModel);
  std::vector<double> workspace(static_cast<size_t>(r.workspace_size()));
  r.ApplyToModel(SampleOf(r, key).values, model.get(), workspace);
  return model;
}

/// The names of the arrays and structs that differ from the test model's.
std::vector<std::string> Differences(const mjModel* m) {
  const mjModel* nominal = TestModel().get();
  std::vector<std::string> names;
  MJMODEL_POINTERS_PREAMBLE(m)
  (void)nq, (void)nv, (void)na, (void)nu, (void)nmocap;
#define X(type, name, nr, nc)                                                                \
  if (std::memcmp(m->name, nominal->name,                                                    \
                  sizeof(type) * static_cast<size_t>(m->nr) * static_cast<size_t>(nc)) != 0) \
    names.emplace_back(#name);
#define XNV X
  MJMODEL_POINTERS
#undef XNV
#undef X
  if (std::memcmp(&m->opt, &nominal->opt, sizeof(m->opt)) != 0) names.emplace_back("opt");
  if (std::memcmp(&m->vis, &nominal->vis, sizeof(m->vis)) != 0) names.emplace_back("vis");
  if (std::memcmp(&m->stat, &nominal->stat, sizeof(m->stat)) != 0) names.emplace_back("stat");
  return names;
}

int Id(mjtObj type, const char* name) { return TestModel().Id(type, name); }

TEST(BodyTerms, Mass) {
  const auto m = Changed("{term: body_mass, params: {bodies: [cube]}, range: [2, 2]}");
  EXPECT_THAT(Differences(m.get()), ElementsAre("body_mass", "body_inertia"));
  const int cube = Id(mjOBJ_BODY, "cube");
  EXPECT_EQ(m->body_mass[cube], 0.6);
  EXPECT_EQ(m->body_inertia[3 * cube], 2 * TestModel()->body_inertia[3 * cube]);
  const auto alone = Changed(
      "{term: body_mass, params: {bodies: [cube], scale_inertia: false}, operation: add, range: "
      "[0.1, 0.1]}");
  EXPECT_THAT(Differences(alone.get()), ElementsAre("body_mass"));
  EXPECT_EQ(alone->body_mass[cube], 0.4);
}

TEST(BodyTerms, Inertia) {
  const auto m = Changed("{term: body_inertia, params: {bodies: [arm]}, range: [3, 3]}");
  EXPECT_THAT(Differences(m.get()), ElementsAre("body_inertia"));
  for (int i = 3; i < 6; ++i) EXPECT_EQ(m->body_inertia[i], 3 * TestModel()->body_inertia[i]);
}

TEST(BodyTerms, CentreOfMass) {
  const auto m =
      Changed("{term: body_com, params: {bodies: [cube], axes: xz}, range: [0.01, 0.01]}");
  EXPECT_THAT(Differences(m.get()), ElementsAre("body_ipos", "bvh_aabb"));
  const int cube = Id(mjOBJ_BODY, "cube");
  EXPECT_THAT(std::vector<double>(m->body_ipos + 3 * cube, m->body_ipos + 3 * cube + 3),
              ElementsAre(0.01, 0, 0.01));
}

// The compiler is the reference: what it makes of the same sizes.
TEST(BodyTerms, SizeIsWhatTheCompilerMakesOfIt) {
  const auto scene = [](double s) {
    const auto size = [s](std::initializer_list<double> numbers) {
      std::string text;
      for (double n : numbers) text += Cat(n * s, " ");
      return text;
    };
    std::string xml = "<mujoco><worldbody>";
    const std::pair<const char*, std::string> shapes[] = {{"sphere", size({0.1})},
                                                          {"capsule", size({0.1, 0.2})},
                                                          {"cylinder", size({0.1, 0.2})},
                                                          {"ellipsoid", size({0.1, 0.2, 0.3})},
                                                          {"box", size({0.1, 0.2, 0.3})}};
    for (const auto& [type, sizes] : shapes) {
      xml += Cat("<body name='", type, "'><freejoint/><geom name='", type, "' type='", type,
                 "' size='", sizes, "' mass='1'/></body>");
    }
    return ModelOf(xml + "</worldbody></mujoco>");
  };
  const sim::Model nominal = scene(1), larger = scene(1.3);
  const Randomization r =
      RandomizeOne("{term: geom_size, params: {geoms: [\"*\"]}, range: [1.3, 1.3]}", nominal);
  const ModelOverlay overlay(nominal, r);
  ThreadModel scratch(nominal);
  std::vector<std::byte> block(overlay.size());
  overlay.Expand(SampleOf(r, {0, 0}).values, scratch, block);
  const mjModel *a = scratch.get(), *b = larger.get();
  const auto expect_equal = [](const mjtNum* x, const mjtNum* y, int n, const char* what) {
    for (int i = 0; i < n; ++i)
      EXPECT_NEAR(x[i], y[i], 1e-12 * std::abs(y[i]) + 1e-14) << what << i;
  };
  const int ngeom = static_cast<int>(a->ngeom), nbody = static_cast<int>(a->nbody);
  expect_equal(a->geom_size, b->geom_size, 3 * ngeom, "size ");
  expect_equal(a->geom_rbound, b->geom_rbound, ngeom, "rbound ");
  expect_equal(a->geom_aabb, b->geom_aabb, 6 * ngeom, "aabb ");
  expect_equal(a->bvh_aabb, b->bvh_aabb, 6 * static_cast<int>(a->nbvhstatic), "bvh ");
  expect_equal(a->body_mass, b->body_mass, nbody, "mass ");
  expect_equal(a->body_inertia, b->body_inertia, 3 * nbody, "inertia ");
  expect_equal(a->body_invweight0, b->body_invweight0, 2 * nbody, "invweight ");
  expect_equal(a->dof_M0, b->dof_M0, static_cast<int>(a->nv), "M0 ");
}

TEST(BodyTerms, SizeCanKeepTheDensity) {
  const auto m =
      Changed("{term: geom_size, params: {geoms: [cube, knob], keep_mass: false}, range: [2, 2]}");
  const int cube = Id(mjOBJ_BODY, "cube"), arm = Id(mjOBJ_BODY, "arm");
  EXPECT_NEAR(m->body_mass[cube], 8 * 0.3, 1e-12);
  EXPECT_NEAR(m->body_inertia[3 * cube], 32 * TestModel()->body_inertia[3 * cube], 1e-12);
  EXPECT_EQ(m->body_mass[arm], TestModel()->body_mass[arm]);  // has another geom
}

TEST(BodyTerms, Friction) {
  const int cube = Id(mjOBJ_GEOM, "cube");
  const auto friction = [&](const std::string& rest) {
    const auto m = Changed("{term: geom_friction, params: {geoms: [cube], " + rest + "}");
    EXPECT_THAT(Differences(m.get()), ElementsAre("geom_friction"));
    return std::vector<double>(m->geom_friction + 3 * cube, m->geom_friction + 3 * cube + 3);
  };
  EXPECT_THAT(friction("component: slide}, range: [0.5, 0.5]"), ElementsAre(0.4, 0.01, 0.001));
  EXPECT_THAT(friction("component: spin}, range: [0.2, 0.2], operation: set"),
              ElementsAre(0.8, 0.2, 0.001));
  EXPECT_THAT(friction("component: roll}, range: [2, 2]"), ElementsAre(0.8, 0.01, 0.002));
  EXPECT_THAT(friction("component: all}, range: [1.6, 1.6], operation: set"),
              ElementsAre(1.6, 0.02, 0.002));
}

TEST(BodyTerms, GravityAndTimestep) {
  const auto magnitude = Changed("{term: gravity, range: [0.5, 0.5]}");
  EXPECT_THAT(Differences(magnitude.get()), ElementsAre("opt"));
  EXPECT_DOUBLE_EQ(magnitude->opt.gravity[2], -9.81 / 2);
  const auto x = Changed("{term: gravity, params: {component: x}, operation: set, range: [1, 1]}");
  EXPECT_EQ(x->opt.gravity[0], 1);
  EXPECT_EQ(x->opt.gravity[2], -9.81);
  const auto timestep = Changed("{term: timestep, range: [1.05, 1.05]}");
  EXPECT_DOUBLE_EQ(timestep->opt.timestep, 0.0021);
}

TEST(JointTerms, ChangeTheirArrayAlone) {
  const std::map<std::string, std::string> arrays = {{"joint_damping", "dof_damping"},
                                                     {"joint_armature", "dof_armature"},
                                                     {"joint_frictionloss", "dof_frictionloss"},
                                                     {"joint_stiffness", "jnt_stiffness"}};
  for (const auto& [term, array] : arrays) {
    const auto m =
        Changed("{term: " + term +
                ", params: {joints: [elbow, cube_joint]}, operation: add, range: [0.5, 0.5]}");
    EXPECT_THAT(Differences(m.get()), ElementsAre(array));
  }
  const auto m = Changed(
      "{term: joint_damping, params: {joints: [elbow, cube_joint]}, operation: add, range: [0.5, "
      "0.5]}");
  const int elbow = TestModel().JointDofAddress("elbow"),
            cube = TestModel().JointDofAddress("cube_joint");
  EXPECT_EQ(m->dof_damping[elbow], 0.8);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(m->dof_damping[cube + i], 0.5);
  EXPECT_EQ(m->dof_damping[elbow - 1], 0.5);  // the shoulder's own
}

TEST(JointTerms, GainTakesTheServosBiasAlong) {
  const auto m = Changed("{term: actuator_gain, params: {actuators: [\"*\"]}, range: [2, 2]}");
  EXPECT_THAT(Differences(m.get()), ElementsAre("actuator_gainprm", "actuator_biasprm"));
  const auto gain = [&](int i) { return m->actuator_gainprm[i * mjNGAIN]; };
  const auto bias = [&](int i, int k) { return m->actuator_biasprm[i * mjNBIAS + k]; };
  EXPECT_EQ(gain(0), 100);
  EXPECT_EQ(bias(0, 1), -100);
  EXPECT_EQ(bias(0, 2), -3);
  EXPECT_EQ(gain(1), 8);
  EXPECT_EQ(bias(1, 2), -8);
  EXPECT_EQ(gain(2), 2);
}

TEST(JointTerms, BiasAndForceLimit) {
  const auto kv = Changed("{term: actuator_bias, params: {actuators: [servo]}, range: [2, 2]}");
  EXPECT_THAT(Differences(kv.get()), ElementsAre("actuator_biasprm"));
  EXPECT_EQ(kv->actuator_biasprm[2], -6);
  const auto offset = Changed(
      "{term: actuator_bias, params: {actuators: [servo], component: offset}, range: [-1, -1]}");
  EXPECT_EQ(offset->actuator_biasprm[0], -1);
  const auto limit =
      Changed("{term: actuator_force_limit, params: {actuators: [\"*\"]}, range: [0.5, 0.5]}");
  EXPECT_THAT(Differences(limit.get()), ElementsAre("actuator_forcerange"));
  EXPECT_EQ(limit->actuator_forcerange[0], -10);
  EXPECT_EQ(limit->actuator_forcerange[1], 15);
}

TEST(VisualTerms, Lights) {
  const int right = Id(mjOBJ_LIGHT, "right");
  const auto kept = Changed(
      "{term: light_position, params: {lights: [right], axes: x, aim: false}, range: [0.5, 0.5]}");
  EXPECT_THAT(Differences(kept.get()), ElementsAre("light_pos"));
  EXPECT_EQ(kept->light_pos[3 * right], -0.5);
  const auto aimed =
      Changed("{term: light_position, params: {lights: [right], axes: x}, range: [0.5, 0.5]}");
  EXPECT_THAT(Differences(aimed.get()), ElementsAre("light_pos", "light_dir"));
  // It pointed straight down at (-1, 0, centre's height), and still does from 0.5 m aside.
  const double height = 2 - TestModel()->stat.center[2], norm = std::hypot(0.5, height);
  EXPECT_NEAR(aimed->light_dir[3 * right], -0.5 / norm, 1e-12);
  EXPECT_NEAR(aimed->light_dir[3 * right + 2], -height / norm, 1e-12);

  const auto colour = Changed("{term: light_colour, params: {lights: [right]}, range: [2, 2]}");
  EXPECT_THAT(Differences(colour.get()), ElementsAre("light_diffuse"));
  EXPECT_FLOAT_EQ(colour->light_diffuse[3 * right + 2], 0.6F);
  const auto bright = Changed("{term: light_brightness, params: {lights: [right]}, range: [2, 2]}");
  EXPECT_FLOAT_EQ(bright->light_diffuse[3 * right + 2], 0.6F);
  EXPECT_FLOAT_EQ(bright->light_diffuse[0], 0.5F);
  const auto exposed = Changed("{term: exposure, range: [0.5, 0.5]}");
  EXPECT_FLOAT_EQ(exposed->light_diffuse[3 * right + 2], 0.15F);
  EXPECT_FLOAT_EQ(exposed->vis.headlight.diffuse[0], 0.2F);
  const auto count = Changed("{term: light_count, params: {lights: [left, right]}, range: [1, 1]}");
  EXPECT_THAT(Differences(count.get()), ElementsAre("light_active"));
  EXPECT_EQ(count->light_active[right], 0);
}

TEST(VisualTerms, ColoursAndTextures) {
  const int upper = Id(mjOBJ_GEOM, "upper"), cube = Id(mjOBJ_GEOM, "cube");
  // Without a colour of its own a geom shows its material's, which is what is scaled.
  const auto colour = Changed(
      "{term: geom_colour, params: {geoms: [upper, cube], channels: r}, range: [0.5, 0.5]}");
  EXPECT_THAT(Differences(colour.get()), ElementsAre("geom_rgba"));
  EXPECT_FLOAT_EQ(colour->geom_rgba[4 * upper], 0.35F);
  EXPECT_FLOAT_EQ(colour->geom_rgba[4 * upper + 2], 0.8F);
  EXPECT_FLOAT_EQ(colour->geom_rgba[4 * cube], 0.25F);
  const auto material = Changed(
      "{term: material_colour, params: {materials: [wood]}, operation: set, range: [0.1, 0.1]}");
  EXPECT_THAT(Differences(material.get()), ElementsAre("mat_rgba"));
  EXPECT_FLOAT_EQ(material->mat_rgba[1], 0.1F);
  std::set<int> seen;
  for (uint64_t episode = 0; episode < 20; ++episode) {
    const auto m = Changed("{term: texture, params: {geoms: [floor], materials: [wood, steel]}}",
                           {0, episode});
    seen.insert(m->geom_matid[Id(mjOBJ_GEOM, "floor")]);
  }
  EXPECT_THAT(seen, ElementsAre(0, 1));
}

TEST(VisualTerms, Cameras) {
  const auto position =
      Changed("{term: camera_position, params: {cameras: [front], axes: y}, range: [0.1, 0.1]}");
  EXPECT_THAT(Differences(position.get()), ElementsAre("cam_pos"));
  EXPECT_EQ(position->cam_pos[1], 0.1);
  const auto turned =
      Changed("{term: camera_orientation, params: {cameras: [front], axes: y}, range: [0.2, 0.2]}");
  EXPECT_THAT(Differences(turned.get()), ElementsAre("cam_quat"));
  mjtNum difference[3];
  mju_subQuat(difference, turned->cam_quat, TestModel()->cam_quat);
  EXPECT_NEAR(difference[0], 0, 1e-12);
  EXPECT_NEAR(difference[1], 0.2, 1e-12);
  const auto fovy = Changed("{term: camera_fovy, params: {cameras: [front]}, range: [1.1, 1.1]}");
  EXPECT_THAT(Differences(fovy.get()), ElementsAre("cam_fovy"));
  EXPECT_DOUBLE_EQ(fovy->cam_fovy[0], 49.5);
}

/// The state as the entries' draws make it out of qpos0.
sim::Data StateOf(const std::string& entries, EpisodeKey key = {0, 0}) {
  const Randomization r = Randomize(entries);
  sim::Data data(TestModel());
  std::vector<double> workspace(static_cast<size_t>(r.workspace_size()));
  r.ApplyToState(SampleOf(r, key).values, TestModel().get(), data.get(), workspace);
  return data;
}

TEST(StateTerms, InitialState) {
  const int cube = TestModel().JointQposAddress("cube_joint");
  const sim::Data data = StateOf(R"(
  q: {term: initial_joint_position, params: {joints: [elbow]}, range: [0.2, 0.2]}
  limited: {term: initial_joint_position, params: {joints: [shoulder]}, range: [5, 5]}
  v: {term: initial_joint_velocity, params: {joints: [elbow]}, range: [-1, -1]}
  place: {term: initial_body_position, params: {bodies: [cube, distractor0], axes: yz}, range: [0.1, 0.1]}
  yaw: {term: initial_body_yaw, params: {bodies: [cube]}, range: [0.5, 0.5]}
)");
  EXPECT_EQ(data->qpos[TestModel().JointQposAddress("elbow")], 0.2);
  EXPECT_EQ(data->qpos[TestModel().JointQposAddress("shoulder")], 1);
  EXPECT_EQ(data->qvel[TestModel().JointDofAddress("elbow")], -1);
  EXPECT_DOUBLE_EQ(data->qpos[cube], 0.5);
  EXPECT_DOUBLE_EQ(data->qpos[cube + 1], 0.6);
  EXPECT_DOUBLE_EQ(data->qpos[cube + 2], 0.15);
  EXPECT_DOUBLE_EQ(data->qpos[cube + 3], std::cos(0.25));
  EXPECT_DOUBLE_EQ(data->qpos[cube + 6], std::sin(0.25));
  EXPECT_DOUBLE_EQ(data->mocap_pos[1], 0.1);
  const sim::Data set = StateOf(R"(
  yaw: {term: initial_body_yaw, params: {bodies: [cube]}, range: [0.5, 0.5]}
  again: {term: initial_body_yaw, params: {bodies: [cube]}, range: [-0.3, -0.3], operation: set}
)");
  EXPECT_NEAR(set->qpos[cube + 6], std::sin(-0.15), 1e-12);
}

TEST(StateTerms, DistractorsKeepClearOrHide) {
  const Randomization r = RandomizeOne(
      "{term: distractors, params: {bodies: [\"distractor*\"], x: [0.3, 0.7], y: [0.3, 0.7], z: "
      "0.02, "
      "away_from: [cube], min_distance: 0.12}, range: [0, 3]}");
  EXPECT_THAT(r.value_names(),
              ElementsAre("x[count]", "x[distractor0.x]", "x[distractor0.y]", "x[distractor1.x]",
                          "x[distractor1.y]", "x[distractor2.x]", "x[distractor2.y]"));
  std::map<int, int> shown_times;
  int moved = 0;
  for (uint64_t episode = 0; episode < 200; ++episode) {
    const Sampled s = SampleOf(r, {0, episode});
    sim::Data data(TestModel());
    std::vector<double> workspace(static_cast<size_t>(r.workspace_size()));
    r.ApplyToState(s.values, TestModel().get(), data.get(), workspace);
    std::vector<std::array<double, 2>> places = {{0.5, 0.5}};  // the cube
    for (int i = 0; i < 3; ++i) {
      const double* p = data->mocap_pos + 3 * i;
      if (p[2] < -50) continue;
      EXPECT_EQ(p[2], 0.02);
      EXPECT_GE(p[0], 0.3);
      EXPECT_LE(p[0], 0.7);
      EXPECT_GE(p[1], 0.3);
      EXPECT_LE(p[1], 0.7);
      for (const auto& other : places) {
        EXPECT_GE(std::hypot(p[0] - other[0], p[1] - other[1]), 0.12);
      }
      places.push_back({p[0], p[1]});
      moved += std::abs(p[0] - s.values[static_cast<size_t>(1 + 2 * i)]) > 1e-9;
    }
    EXPECT_EQ(places.size() - 1, static_cast<size_t>(s.values[0]));
    ++shown_times[static_cast<int>(s.values[0])];
  }
  EXPECT_GT(moved, 20);
  for (int count = 0; count <= 3; ++count) EXPECT_NEAR(shown_times[count], 50, 25) << count;
}

TEST(ForceTerms, PushesActAndEnd) {
  const Randomization r = Randomize(R"(
  push: {term: push, params: {bodies: [cube], axes: x, duration: 0.1}, range: [3, 3], when: interval, interval: [0.2, 0.2]}
  twist: {term: push, params: {bodies: [cube], axes: z, kind: torque, duration: 0.05}, range: [2, 2], when: interval, interval: [0.2, 0.2]}
)");
  sim::Data data(TestModel());
  Sampled s = SampleOf(r, {0, 0});
  const double* applied = data->xfrc_applied + 6 * Id(mjOBJ_BODY, "cube");
  std::vector<double> force, torque;
  for (int step = 0; step < 8; ++step) {
    r.SampleInterval({0, 0}, 1, step, 0.05, s.values, s.memory);
    EXPECT_FALSE(r.BeforeStep(s.values, TestModel().get(), data.get()));
    force.push_back(applied[0]);
    torque.push_back(applied[5]);
  }
  EXPECT_THAT(force, ElementsAre(0, 0, 0, 0, 3, 3, 0, 0));
  EXPECT_THAT(torque, ElementsAre(0, 0, 0, 0, 2, 0, 0, 0));
}

TEST(ForceTerms, KicksChangeTheVelocityOnce) {
  const Randomization r = RandomizeOne(
      "{term: push, params: {bodies: [cube], axes: xy, kind: velocity}, range: [0.5, 0.5], when: "
      "interval, interval: [0.1, 0.1]}");
  sim::Data data(TestModel());
  Sampled s = SampleOf(r, {0, 0});
  const int dof = TestModel().JointDofAddress("cube_joint");
  std::vector<double> velocity;
  std::vector<bool> changed;
  for (int step = 0; step < 5; ++step) {
    r.SampleInterval({0, 0}, 1, step, 0.05, s.values, s.memory);
    changed.push_back(r.BeforeStep(s.values, TestModel().get(), data.get()));
    velocity.push_back(data->qvel[dof + 1]);
  }
  EXPECT_THAT(velocity, ElementsAre(0, 0, 0.5, 0.5, 1));
  EXPECT_THAT(changed, ElementsAre(false, false, true, false, true));
}

TEST(RandomizationTermsList, NamesAreUniqueAndHaveHelp) {
  std::set<std::string> names;
  for (const auto& type : RandomizationTerms()) {
    EXPECT_TRUE(names.insert(type.name).second) << type.name;
    EXPECT_FALSE(type.help.empty()) << type.name;
  }
  EXPECT_EQ(names.size(), 31u);
}

}  // namespace
}  // namespace simscale::env
