// Robots that the library does not know: what a scene makes of a file, and the controllers for it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/sim/controller.h"
#include "simscale/sim/robot_files.h"
#include "simscale/sim/scene.h"
#include "simscale/sim/test_mjcf.h"

namespace simscale::sim {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string BytesOf(const mjModel* model) {
  std::string bytes(static_cast<size_t>(mj_sizeModel(model)), '\0');
  mj_saveModel(model, nullptr, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

SceneConfig Bare(const std::string& robot) {
  SceneConfig config;
  config.robot = robot;
  config.backdrop = false;
  return config;
}

std::string BytesByMujoco(const std::string& file) {
  InstallMujocoHandlers();
  char error[1000] = "";
  std::unique_ptr<mjModel, void (*)(mjModel*)> model(
      mj_loadXML(file.c_str(), nullptr, error, sizeof(error)), mj_deleteModel);
  if (!model) throw Error(error);
  model->opt.disableflags |= mjDSBL_AUTORESET;  // as Model does
  return BytesOf(model.get());
}

/// A sliding cart with a pole and a wheel: position actuators with and without ranges, and a motor.
const char* const kCart = R"(
<mujoco>
  <option timestep="0.004" integrator="RK4" iterations="7"/>
  <worldbody>
    <body name="cart">
      <joint name="slide" type="slide" axis="1 0 0" range="-2 2" limited="true" damping="400"/>
      <geom size="0.1 0.1 0.1" type="box"/>
      <body name="pole" pos="0 0 0.2">
        <joint name="hinge" axis="0 1 0" damping="1"/>
        <geom type="capsule" fromto="0 0 0 0 0 0.4" size="0.02"/>
        <site name="tip" pos="0 0 0.4"/>
      </body>
      <body name="wheel" pos="0 0.2 0">
        <joint name="spin" axis="0 1 0" damping="0.1"/>
        <geom type="cylinder" size="0.05 0.02"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="push" joint="spin" ctrlrange="-3 1" ctrllimited="true"/>
    <position name="slide_to" joint="slide" kp="500" gear="2"/>
    <position name="hinge_to" joint="hinge" kp="50" ctrlrange="-1 1" ctrllimited="true"/>
    <motor joint="hinge"/>
  </actuator>
  <keyframe>
    <key name="left" qpos="-1 0.5 3" qvel="1 2 3" ctrl="0.25 -2 0.5 0"/>
    <key name="right" qpos="1 0.25 0"/>
  </keyframe>
</mujoco>)";

class AnyRobot : public MjcfTest {};

TEST_F(AnyRobot, WithNothingAddedTheModelIsMujocosOwn) {
  for (const char* name :
       {"ant", "half_cheetah", "hopper", "humanoid", "humanoidstandup", "inverted_pendulum",
        "inverted_double_pendulum", "pusher_v5", "reacher", "swimmer", "walker2d_v5"}) {
    const std::string robot = std::string("wheel:gymnasium/envs/mujoco/assets/") + name + ".xml";
    std::string file;
    try {
      file = FindRobot(robot).file;
    } catch (const UserError& error) {
      GTEST_SKIP() << error.what();
    }
    Model model = BuildScene(Bare(robot));
    EXPECT_TRUE(BytesOf(model.get()) == BytesByMujoco(file)) << name;
    EXPECT_EQ(StartKeyframe(model.get()), -1);
  }
}

TEST_F(AnyRobot, TheFilesKeyframesStayInABareScene) {
  const std::string file = Write(kCart);
  Model model = BuildScene(Bare(file));
  EXPECT_EQ(model->nkey, 2);
  EXPECT_TRUE(BytesOf(model.get()) == BytesByMujoco(file));
  EXPECT_EQ(StartKeyframe(model.get()), -1);
  Data data(model);
  data->qpos[0] = 1;
  data->ctrl[1] = 1;
  ResetToStart(model.get(), data.get());
  EXPECT_EQ(data->qpos[0], 0);
  EXPECT_EQ(data->ctrl[1], 0);
}

TEST_F(AnyRobot, OptionsAreTheFilesUnlessGiven) {
  SceneConfig config = Bare(Write(kCart));
  config.timestep = 0.002;
  config.solver = "cg";
  Model model = BuildScene(config);
  EXPECT_EQ(model->opt.timestep, 0.002);
  EXPECT_EQ(model->opt.solver, mjSOL_CG);
  EXPECT_EQ(model->opt.integrator, mjINT_RK4);
  EXPECT_EQ(model->opt.iterations, 7);
  config.integrator = "implicit";
  config.iterations = 9;
  config.cone = "elliptic";
  Model other = BuildScene(config);
  EXPECT_EQ(other->opt.integrator, mjINT_IMPLICIT);
  EXPECT_EQ(other->opt.iterations, 9);
  EXPECT_EQ(other->opt.cone, mjCONE_ELLIPTIC);
}

TEST_F(AnyRobot, AKeyframeOfTheFileIsTheStart) {
  SceneConfig config = Bare(Write(kCart));
  config.keyframe = "left";
  config.objects = {{.name = "cube", .pos = {5, 0, 0.02}}};
  Model model = BuildScene(config);
  EXPECT_EQ(model->nkey, 1);
  ASSERT_EQ(StartKeyframe(model.get()), 0);
  Data data(model);
  ResetToStart(model.get(), data.get());
  EXPECT_EQ(data->qpos[1], 0.5);
  EXPECT_EQ(data->qpos[3], 5);  // the cube's own place
  EXPECT_EQ(data->qvel[2], 3);
  EXPECT_EQ(data->qvel[3], 0);
  EXPECT_EQ(data->ctrl[1], -2);  // the file's
  config.keyframe = "right";
  Model right = BuildScene(config);
  EXPECT_EQ(right->key_qpos[0], 1);
  EXPECT_EQ(right->key_ctrl[1], 2);  // holds the slide at 1 through the gear of 2
  config.keyframe = "rigth";
  EXPECT_THAT(MessageOf([&] { BuildScene(config); }),
              AllOf(HasSubstr("scene.keyframe"), HasSubstr("unknown keyframe 'rigth'"),
                    HasSubstr("Did you mean 'right'")));
}

TEST_F(AnyRobot, ADefaultSceneWorksForAnyRobot) {
  SceneConfig config;
  config.robot = Write(
      "<mujoco><worldbody><body name='ball' pos='0 0 1'><freejoint/><geom size='0.1' "
      "conaffinity='0'/></body></worldbody></mujoco>");
  Model model = BuildScene(config);
  EXPECT_EQ(model->geom_pos[3 * model.Id(mjOBJ_GEOM, "floor") + 2], 0);  // no table: at z = 0
  EXPECT_EQ(model->opt.timestep, 0.002);
  Data data(model);
  for (int i = 0; i < 1000; ++i) mj_step(model.get(), data.get());
  EXPECT_NEAR(data->qpos[2], 0.1, 1e-3);  // it lies on the floor, though it looks for no contact
}

TEST_F(AnyRobot, AGroundAndASkyOfTheFilesOwnStay) {
  SceneConfig config;
  config.robot = Write(
      "<mujoco><asset><texture type='skybox' builtin='flat' width='8' height='8'/></asset>"
      "<worldbody><geom name='floor' type='plane' size='1 1 1'/></worldbody></mujoco>");
  Model model = BuildScene(config);
  EXPECT_EQ(model->ngeom, 1);
  EXPECT_EQ(model->ntex, 1);
}

// --- controllers ---------------------------------------------------------------------------------

struct Rig {
  Rig(const Model& m, const ControllerConfig& config)
      : model(m), data(m), controller(MakeController(config, m)) {
    state.resize(static_cast<size_t>(controller->state_dim()));
    ResetToStart(model.get(), data.get());
    mj_forward(model.get(), data.get());
    controller->Reset(model.get(), data.get(), state);
  }
  void Apply(const std::vector<double>& action, const mjModel* own = nullptr) {
    controller->Apply(own != nullptr ? own : model.get(), data.get(), action, state, {});
  }
  const Model& model;
  Data data;
  std::unique_ptr<Controller> controller;
  std::vector<double> state;
};

TEST_F(AnyRobot, ActuatorsNormalizedSpanTheirRange) {
  Model model = BuildScene(Bare(Write(kCart)));
  ControllerConfig config{.type = "actuators"};
  config.actuators = {"hinge_to", "push"};
  Rig rig(model, config);
  EXPECT_THAT(rig.controller->action_names(), ElementsAre("hinge_to", "push"));
  EXPECT_EQ(rig.controller->action_low(1), -1);
  EXPECT_EQ(rig.controller->action_high(1), 1);
  EXPECT_TRUE(rig.controller->clips_action());
  EXPECT_EQ(rig.controller->state_dim(), 0);
  rig.Apply({1, -1});
  EXPECT_EQ(rig.data->ctrl[2], 1);
  EXPECT_EQ(rig.data->ctrl[0], -3);
  rig.Apply({-4, 0});
  EXPECT_EQ(rig.data->ctrl[2], -1);
  EXPECT_EQ(rig.data->ctrl[0], -1);
  rig.Apply({std::nan(""), 1});
  EXPECT_EQ(rig.data->ctrl[2], -1);  // stays
  EXPECT_EQ(rig.data->ctrl[0], 1);

  // An environment's own model counts.
  std::unique_ptr<mjModel, void (*)(mjModel*)> own(mj_copyModel(nullptr, model.get()),
                                                   mj_deleteModel);
  own->actuator_ctrlrange[1] = 5;
  rig.Apply({0, 1}, own.get());
  EXPECT_EQ(rig.data->ctrl[0], 5);
}

TEST_F(AnyRobot, ActuatorsCtrlrangePassesTheNumberThrough) {
  Model model = BuildScene(Bare(Write(kCart)));
  ControllerConfig config{.type = "actuators", .action_range = "ctrlrange"};
  Rig rig(model, config);
  EXPECT_THAT(rig.controller->action_names(), ElementsAre("push", "slide_to", "hinge_to", "hinge"));
  EXPECT_FALSE(rig.controller->clips_action());
  EXPECT_EQ(rig.controller->action_low(0), -3);
  EXPECT_EQ(rig.controller->action_high(0), 1);
  EXPECT_EQ(rig.controller->action_high(1), std::numeric_limits<double>::infinity());
  rig.Apply({0.1, -7.25, 40, 1e-3});
  EXPECT_EQ(rig.data->ctrl[0], 0.1);
  EXPECT_EQ(rig.data->ctrl[1], -7.25);
  EXPECT_EQ(rig.data->ctrl[2], 40);  // MuJoCo clamps, as it does for Gymnasium
  EXPECT_EQ(rig.data->ctrl[3], 1e-3);
}

TEST_F(AnyRobot, JointPositionDrivesHingesAndSlidesOfAnyBranch) {
  Model model = BuildScene(Bare(Write(kCart)));
  ControllerConfig config{.type = "joint_position", .gripper = "", .reference = "target"};
  config.joints = {"hinge", "slide"};
  Rig rig(model, config);
  EXPECT_THAT(rig.controller->action_names(), ElementsAre("hinge", "slide"));
  rig.Apply({0.5, -1});
  EXPECT_DOUBLE_EQ(rig.data->ctrl[2], 0.05);
  EXPECT_DOUBLE_EQ(rig.data->ctrl[1], -0.2);  // gear 2
  for (int i = 0; i < 1000; ++i) mj_step(model.get(), rig.data.get());
  EXPECT_NEAR(rig.data->qpos[0], -0.1, 1e-3);

  config.joint_mode = "absolute";
  Rig absolute(model, config);
  absolute.Apply({1, 0.5});
  EXPECT_EQ(absolute.data->ctrl[2], 1);  // the hinge has no range; its actuator's counts
  EXPECT_EQ(absolute.data->ctrl[1], 2);  // position 1

  config.joints = {};
  config.ee_site = "tip";
  EXPECT_THAT(Rig(model, config).controller->action_names(), ElementsAre("slide", "hinge"));
}

TEST_F(AnyRobot, AControllerThatDoesNotSuitTheRobotSaysSo) {
  Model model = BuildScene(Bare(Write(kCart)));
  auto message = [&](ControllerConfig config) {
    return MessageOf([&] { MakeController(config, model); });
  };
  EXPECT_THAT(message({.type = "ee_delta"}),
              AllOf(HasSubstr("controller.ee_site"), HasSubstr("unknown site"), HasSubstr("tip")));
  EXPECT_THAT(message({.type = "joint_position"}),
              AllOf(HasSubstr("no site 'ee'"), HasSubstr("controller.joints")));
  EXPECT_THAT(message({.type = "joint_position", .ee_site = "tip"}),
              AllOf(HasSubstr("controller.gripper"), HasSubstr("unknown actuator"),
                    HasSubstr("robot without a gripper")));
  ControllerConfig joints{.type = "joint_position", .gripper = ""};
  joints.joints = {"spin"};
  EXPECT_THAT(message(joints),
              AllOf(HasSubstr("joint 'spin'"), HasSubstr("'push'"), HasSubstr("actuators")));
  joints.joints = {"hinge", "hinge"};
  EXPECT_THAT(message(joints), HasSubstr("'hinge' twice"));
  joints.joints = {"hnge"};
  EXPECT_THAT(message(joints), AllOf(HasSubstr("controller.joints"), HasSubstr("unknown joint"),
                                     HasSubstr("'hnge'")));
  ControllerConfig actuators{.type = "actuators"};
  EXPECT_THAT(message(actuators), AllOf(HasSubstr("'slide_to' has none"), HasSubstr("ctrlrange")));
  actuators.actuators = {"push", "push"};
  EXPECT_THAT(message(actuators), HasSubstr("'push' twice"));
  actuators.actuators = {"psh"};
  EXPECT_THAT(message(actuators), AllOf(HasSubstr("controller.actuators"),
                                        HasSubstr("unknown actuator"), HasSubstr("'psh'")));
}

// --- the state functions for a row's own model ---------------------------------------------------

TEST_F(AnyRobot, ARestoredStateOfTheRowsOwnModelGoesOnBitIdentically) {
  Model model = BuildScene(Bare(Write(kCart)));
  std::unique_ptr<mjModel, void (*)(mjModel*)> own(mj_copyModel(nullptr, model.get()),
                                                   mj_deleteModel);
  own->opt.gravity[0] = 3;
  Data data(own.get()), other(own.get());
  auto drive = [&](Data& d, int from, int to) {
    for (int i = from; i < to; ++i) {
      d->ctrl[0] = std::sin(i);
      mj_step(own.get(), d.get());
    }
  };
  drive(data, 0, 50);
  std::vector<double> state(static_cast<size_t>(StateSize(own.get())));
  GetState(own.get(), data.get(), state);
  SetState(own.get(), other.get(), state, Refresh::kForward);
  EXPECT_EQ(other->qacc[0], [&] {
    Data forward(own.get());
    mj_setState(own.get(), forward.get(), state.data(), mjSTATE_INTEGRATION);
    mj_forward(own.get(), forward.get());
    return forward->qacc[0];
  }());
  std::vector<double> again(state.size());
  GetState(own.get(), other.get(), again);
  EXPECT_EQ(std::memcmp(again.data(), state.data(), state.size() * sizeof(double)), 0);
  drive(data, 50, 100);
  drive(other, 50, 100);
  for (int i = 0; i < own->nq; ++i) EXPECT_EQ(data->qpos[i], other->qpos[i]);
  EXPECT_TRUE(IsFinite(own.get(), data.get()));
  data->qvel[1] = std::nan("");
  std::string what;
  EXPECT_FALSE(IsFinite(own.get(), data.get(), &what));
  EXPECT_EQ(what, "qvel[1] of joint 'hinge' is nan");
}

}  // namespace
}  // namespace simscale::sim
