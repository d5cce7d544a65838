#include "simscale/sim/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/sim/arm.h"
#include "simscale/sim/test_scene.h"

namespace simscale::sim {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kSubsteps = 10;  // a control step of 50 ms
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const Model& TestModel() {
  static const Model model = [] { return BuildScene(PandaScene()); }();
  return model;
}

/// One simulation under one controller.
class Rig {
 public:
  explicit Rig(const ControllerConfig& config)
      : model_(TestModel()), data_(model_), controller_(MakeController(config, model_)) {
    state_.resize(static_cast<size_t>(controller_->state_dim()));
    scratch_.resize(static_cast<size_t>(controller_->scratch_dim()));
    mj_resetDataKeyframe(model_.get(), data_.get(), 0);
    mj_forward(model_.get(), data_.get());
    controller_->Reset(model_.get(), data_.get(), state_);
  }
  void Step(const std::vector<float>& action) {
    const std::vector<double> as_doubles(action.begin(), action.end());
    controller_->Apply(model_.get(), data_.get(), as_doubles, state_, scratch_);
    for (int i = 0; i < kSubsteps; ++i) mj_step(model_.get(), data_.get());
    mj_kinematics(model_.get(), data_.get());
    for (int i = 0; i < 7; ++i) {
      EXPECT_GE(data_->ctrl[i], model_->jnt_range[2 * i]);
      EXPECT_LE(data_->ctrl[i], model_->jnt_range[2 * i + 1]);
    }
  }
  Arm::Vec3 ee() const {
    const double* p = data_->site_xpos + 3 * static_cast<ptrdiff_t>(model_.Id(mjOBJ_SITE, "ee"));
    return {p[0], p[1], p[2]};
  }
  double tilt() const {
    return std::acos(std::clamp(-data_->site_xmat[9 * model_.Id(mjOBJ_SITE, "ee") + 8], -1.0, 1.0));
  }
  double yaw() const {
    const double* r = data_->site_xmat + 9 * static_cast<ptrdiff_t>(model_.Id(mjOBJ_SITE, "ee"));
    return std::atan2(r[3], r[0]);
  }
  double gripper() const { return data_->ctrl[7]; }
  Data& data() { return data_; }
  std::vector<double>& state() { return state_; }
  const Controller& controller() const { return *controller_; }

  /// Steps towards a place in proportion to the distance left, as an agent would.
  void Reach(const Arm::Vec3& goal, int steps) {
    for (int t = 0; t < steps; ++t) {
      Arm::Vec3 p = ee();
      std::vector<float> action(controller_->action_names().size(), 0.0F);
      for (size_t k = 0; k < 3; ++k) action[k] = static_cast<float>((goal[k] - p[k]) / 0.05 * 0.6);
      Step(action);
    }
  }

 private:
  const Model& model_;
  Data data_;
  std::unique_ptr<Controller> controller_;
  std::vector<double> state_, scratch_;
};

double Distance(const Arm::Vec3& a, const Arm::Vec3& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

TEST(ArmTest, KinematicsEqualMujocos) {
  const Model& model = TestModel();
  Arm arm(model, "ee");
  ASSERT_EQ(arm.num_joints(), 7);
  Data data(model);
  int site = model.Id(mjOBJ_SITE, "ee");
  Rng rng(1, 0, "test");
  for (int trial = 0; trial < 20; ++trial) {
    Arm::Joints q{};
    for (size_t i = 0; i < 7; ++i)
      data->qpos[i] = q[i] = rng.Uniform(arm.lower()[i], arm.upper()[i]);
    mj_kinematics(model.get(), data.get());
    mj_comPos(model.get(), data.get());
    Arm::Pose pose;
    arm.Forward(q, pose);
    std::vector<double> jacobian(static_cast<size_t>(3 * model->nv));
    mj_jacSite(model.get(), data.get(), jacobian.data(), nullptr, site);
    for (size_t k = 0; k < 3; ++k)
      EXPECT_NEAR(pose.pos[k], data->site_xpos[3 * static_cast<size_t>(site) + k], 1e-9);
    for (size_t k = 0; k < 9; ++k)
      EXPECT_NEAR(pose.rot[k], data->site_xmat[9 * static_cast<size_t>(site) + k], 1e-9);
    for (size_t i = 0; i < 7; ++i) {
      Arm::Vec3 lever;
      for (size_t k = 0; k < 3; ++k) lever[k] = pose.pos[k] - pose.anchor[i][k];
      Arm::Vec3 column = Cross(pose.axis[i], lever);
      for (size_t k = 0; k < 3; ++k)
        EXPECT_NEAR(column[k], jacobian[k * static_cast<size_t>(model->nv) + i], 1e-9);
    }
  }
}

TEST(ArmTest, RotationErrorIsTheRotationVector) {
  Arm::Mat3 identity = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  double c = std::cos(0.7), s = std::sin(0.7);
  EXPECT_THAT(RotationError(identity, {c, -s, 0, s, c, 0, 0, 0, 1}),
              ElementsAre(0, 0, ::testing::DoubleNear(0.7, 1e-12)));
  EXPECT_THAT(RotationError(identity, identity), ElementsAre(0, 0, 0));
}

class EeDeltaTest : public ::testing::TestWithParam<const char*> {
 protected:
  ControllerConfig Config() const {
    ControllerConfig config;
    config.reference = GetParam();
    return config;
  }
};
INSTANTIATE_TEST_SUITE_P(References, EeDeltaTest, ::testing::Values("measured", "target"));

TEST_P(EeDeltaTest, Names) {
  ControllerConfig config = Config();
  EXPECT_THAT(Rig(config).controller().action_names(), ElementsAre("dx", "dy", "dz", "gripper"));
  config.yaw = true;
  EXPECT_THAT(Rig(config).controller().action_names(),
              ElementsAre("dx", "dy", "dz", "dyaw", "gripper"));
  config.gripper = "";
  EXPECT_THAT(Rig(config).controller().action_names(), ElementsAre("dx", "dy", "dz", "dyaw"));
}

TEST_P(EeDeltaTest, ZeroActionHoldsStill) {
  Rig rig(Config());
  Arm::Vec3 start = rig.ee();
  for (int t = 0; t < 200; ++t) rig.Step({0, 0, 0, 1});
  EXPECT_LT(Distance(rig.ee(), start), 1e-3);
}

// Half a kilogram hangs on the hand.
TEST_P(EeDeltaTest, ZeroActionHoldsUnderLoad) {
  Rig rig(Config());
  rig.data()->xfrc_applied[6 * TestModel().Id(mjOBJ_BODY, "hand") + 2] = -5;
  for (int t = 0; t < 20; ++t) rig.Step({0, 0, 0, 1});
  Arm::Vec3 sagged = rig.ee();
  for (int t = 0; t < 100; ++t) rig.Step({0, 0, 0, 1});
  EXPECT_LT(Distance(rig.ee(), sagged), 1e-3);
}

// Where the task asks for and pick-and-place happens; the far high corners need a tilted hand.
TEST(EeDeltaMeasuredTest, ReachesTheWholeWorkspaceWithin1mm) {
  for (double x : {0.3, 0.4, 0.5, 0.6, 0.7})
    for (double y : {-0.3, -0.15, 0.0, 0.3})
      for (double z : {0.02, 0.1, 0.3, 0.5}) {
        Rig rig(ControllerConfig{});
        rig.Reach({x, y, z}, 80);
        EXPECT_LT(Distance(rig.ee(), {x, y, z}), 1e-3) << x << " " << y << " " << z;
        bool stretched = std::hypot(x, y) > 0.65 && z > 0.35;
        if (!stretched) {
          EXPECT_LT(rig.tilt(), 0.01) << x << " " << y << " " << z;
          EXPECT_NEAR(rig.yaw(), 0, 0.01);
        }
      }
}

TEST_P(EeDeltaTest, FullSpeedMovesWithoutOscillation) {
  Rig rig(Config());
  Arm::Vec3 start = rig.ee();
  std::vector<double> y;
  for (int t = 0; t < 6; ++t) {
    rig.Step({0, 1, 0, 1});
    y.push_back(rig.ee()[1]);
  }
  for (size_t t = 1; t < y.size(); ++t) EXPECT_GT(y[t], y[t - 1]);
  double peak = y.back();
  for (int t = 0; t < 20; ++t) {
    rig.Step({0, 0, 0, 1});
    peak = std::max(peak, rig.ee()[1]);
  }
  EXPECT_LT(peak - rig.ee()[1], 0.015);  // overshoot after a dead stop from about 1 m/s
  EXPECT_GT(rig.ee()[1] - start[1], 0.15);
  EXPECT_NEAR(rig.ee()[0], start[0], 0.01);
  EXPECT_NEAR(rig.ee()[2], start[2], 0.01);
}

TEST(EeDeltaTargetTest, FollowsTheCommandExactly) {
  ControllerConfig config;
  config.reference = "target";
  Rig rig(config);
  Arm::Vec3 start = rig.ee();
  for (int t = 0; t < 5; ++t) rig.Step({0.4F, -0.6F, 0.2F, 1});
  for (int t = 0; t < 30; ++t) rig.Step({0, 0, 0, 1});
  EXPECT_LT(Distance(rig.ee(), {start[0] + 0.1, start[1] - 0.15, start[2] + 0.05}), 1e-3);
}

TEST_P(EeDeltaTest, CommandCannotWindUpAgainstTheTable) {
  ControllerConfig config = Config();
  config.workspace_low[2] = -0.3;  // below the table top
  Rig rig(config);
  for (int t = 0; t < 40; ++t) rig.Step({0, 0, -1, 1});
  EXPECT_GT(rig.ee()[2], 0.0);  // the pads stand on the table
  EXPECT_GT(rig.state()[2], rig.ee()[2] - config.lead_limit - 0.02);
  double low = rig.ee()[2];
  for (int t = 0; t < 6; ++t) rig.Step({0, 0, 1, 1});
  EXPECT_GT(rig.ee()[2], low + 0.05);
}

TEST_P(EeDeltaTest, CommandStaysInTheWorkspace) {
  ControllerConfig config = Config();
  Rig rig(config);
  for (int t = 0; t < 60; ++t) rig.Step({0, 0, -1, 1});
  EXPECT_NEAR(rig.ee()[2], config.workspace_low[2], 1e-3);
  EXPECT_EQ(rig.data()->ncon, 0);  // above the table
  for (int t = 0; t < 60; ++t) rig.Step({-1, 0, 0, 1});
  EXPECT_NEAR(rig.ee()[0], config.workspace_low[0], 1e-3);
}

TEST_P(EeDeltaTest, YawTurnsAndStopsAtItsLimit) {
  ControllerConfig config = Config();
  config.yaw = true;
  config.yaw_limit = 1.2;
  Rig rig(config);
  Arm::Vec3 start = rig.ee();
  for (int t = 0; t < 60; ++t) rig.Step({0, 0, 0, 1, 1});
  EXPECT_NEAR(rig.yaw(), 1.2, 0.01);
  EXPECT_LT(Distance(rig.ee(), start), 3e-3);
  EXPECT_LT(rig.tilt(), 0.01);
  for (int t = 0; t < 60; ++t) rig.Step({0, 0, 0, -1, 1});
  EXPECT_NEAR(rig.yaw(), -1.2, 0.01);
}

TEST_P(EeDeltaTest, GripperIsAbsolute) {
  Rig rig(Config());
  EXPECT_NEAR(rig.gripper(), 0.04, 1e-12);
  rig.Step({0, 0, 0, -1});
  EXPECT_EQ(rig.gripper(), 0.0);
  rig.Step({0, 0, 0, 0});
  EXPECT_NEAR(rig.gripper(), 0.02, 1e-12);
  rig.Step({0, 0, 0, kNan});
  EXPECT_NEAR(rig.gripper(), 0.02, 1e-12);
  for (int t = 0; t < 20; ++t) rig.Step({0, 0, 0, 1});
  EXPECT_NEAR(rig.data()->qpos[7], 0.04, 5e-4);
  EXPECT_NEAR(rig.data()->qpos[7], rig.data()->qpos[8], 1e-4);
}

TEST_P(EeDeltaTest, BadNumbersCommandNothing) {
  Rig rig(Config()), same(Config());
  rig.Step({kNan, kNan, kNan, 1});
  same.Step({0, 0, 0, 1});
  for (int i = 0; i < 9; ++i) EXPECT_EQ(rig.data()->qpos[i], same.data()->qpos[i]);
  rig.Step({1e30F, -std::numeric_limits<float>::infinity(), 0, 1});  // clipped
  same.Step({1, -1, 0, 1});
  for (int i = 0; i < 9; ++i) EXPECT_EQ(rig.data()->qpos[i], same.data()->qpos[i]);
}

TEST_P(EeDeltaTest, RestoredStateGoesOnBitIdentically) {
  const Model& model = TestModel();
  Rig rig(Config()), other(Config());
  Rng rng(3, 0, "test");
  auto random = [&] {
    std::vector<float> action(4);
    for (float& a : action) a = static_cast<float>(rng.Uniform(-1, 1));
    return action;
  };
  for (int t = 0; t < 20; ++t) rig.Step(random());
  std::vector<double> physics(static_cast<size_t>(StateSize(model)));
  GetState(model, rig.data(), physics);
  other.Step(random());
  SetState(model, other.data(), physics);
  other.state() = rig.state();
  for (int t = 0; t < 20; ++t) {
    std::vector<float> action = random();
    rig.Step(action);
    other.Step(action);
  }
  for (int i = 0; i < model->nq; ++i) EXPECT_EQ(rig.data()->qpos[i], other.data()->qpos[i]);
}

TEST(JointPositionTest, DeltaMovesJoints) {
  ControllerConfig config{.type = "joint_position"};
  Rig rig(config);
  EXPECT_THAT(
      rig.controller().action_names(),
      ElementsAre("joint1", "joint2", "joint3", "joint4", "joint5", "joint6", "joint7", "gripper"));
  double start = rig.data()->qpos[1];
  config.reference = "target";
  Rig target(config);
  for (int t = 0; t < 4; ++t) target.Step({0, -0.5F, 0, 0, 0, 0, 0, -1});
  for (int t = 0; t < 30; ++t) target.Step({0, 0, 0, 0, 0, 0, 0, -1});
  EXPECT_NEAR(target.data()->qpos[1], start - 0.2, 1e-3);
  for (int t = 0; t < 100; ++t) target.Step({0, 0, 0, -1, 0, 0, 0, 1});
  EXPECT_NEAR(target.data()->qpos[3], -3.0718, 5e-3);  // stops at the joint's limit
}

TEST(JointPositionTest, AbsoluteSpansTheRange) {
  ControllerConfig config{.type = "joint_position", .joint_mode = "absolute"};
  Rig rig(config);
  for (int t = 0; t < 60; ++t) rig.Step({0.1F, 0, 0, 0, 0, 0, 0, 1});
  EXPECT_NEAR(rig.data()->qpos[0], 0.28973, 2e-3);
  EXPECT_NEAR(rig.data()->qpos[3], (-3.0718 - 0.0698) / 2, 2e-3);
  rig.Step({kNan, 0, 0, 0, 0, 0, 0, 1});
  EXPECT_NEAR(rig.data()->ctrl[0], 0.28973, 1e-6);
}

TEST(ControllerErrorTest, Messages) {
  auto message = [](const ControllerConfig& config) -> std::string {
    try {
      MakeController(config, TestModel());
    } catch (const UserError& error) {
      return error.what();
    }
    return "no UserError";
  };
  EXPECT_THAT(message({.type = "ee_dleta"}),
              AllOf(HasSubstr("'ee_dleta'"), HasSubstr("Did you mean 'ee_delta'")));
  EXPECT_THAT(message({.ee_site = "tip"}),
              AllOf(HasSubstr("unknown site"), HasSubstr("'tip'"), HasSubstr("ee")));
  EXPECT_THAT(message({.gripper = "grip"}),
              AllOf(HasSubstr("unknown actuator"), HasSubstr("gripper")));
  ControllerConfig box;
  box.workspace_low[1] = 2;
  EXPECT_THAT(message(box),
              HasSubstr("workspace_low must not lie above workspace_high, got y 2 > 0.45"));
}

}  // namespace
}  // namespace simscale::sim
