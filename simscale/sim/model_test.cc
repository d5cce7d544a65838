#include "simscale/sim/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "simscale/common/error.h"
#include "simscale/sim/controller.h"
#include "simscale/sim/test_scene.h"

namespace simscale::sim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const Model& TestModel() {
  static const Model model = [] {
    SceneConfig config = PandaScene();
    config.objects.push_back({.name = "cube"});
    return BuildScene(config);
  }();
  return model;
}

template <class F>
std::string MessageOf(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// Home, with the cube falling onto the table from a tilt, so that there are contacts.
void Start(const Model& model, Data& data) {
  mj_resetDataKeyframe(model.get(), data.get(), 0);
  double* cube = data->qpos + model.JointQposAddress("cube_joint");
  cube[2] = 0.06;
  cube[3] = 0.9, cube[4] = 0.4;
  mj_forward(model.get(), data.get());
}

void Drive(const Model& model, Data& data, int from, int to) {
  for (int t = from; t < to; ++t) {
    for (int i = 0; i < 7; ++i) data->ctrl[i] = model->key_ctrl[i] + 0.3 * std::sin(0.05 * t + i);
    mj_step(model.get(), data.get());
  }
}

std::vector<double> StateOf(const Model& model, const Data& data) {
  std::vector<double> state(static_cast<size_t>(StateSize(model)));
  GetState(model, data, state);
  return state;
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

TEST(ModelTest, NullIsRefused) {
  EXPECT_THAT(MessageOf([] { Model model(nullptr); }), HasSubstr("model is null"));
}

TEST(ModelTest, IdsByName) {
  const Model& model = TestModel();
  EXPECT_EQ(model.JointQposAddress("joint3"), 2);
  EXPECT_EQ(model.JointDofAddress("finger_joint2"), 8);
  EXPECT_EQ(model.JointQposAddress("cube_joint"), 9);
  EXPECT_THAT(MessageOf([&] { model.JointQposAddress("joint33"); }),
              AllOf(HasSubstr("unknown joint"), HasSubstr("'joint33'"),
                    HasSubstr("Did you mean 'joint3'"), HasSubstr("finger_joint1")));
}

TEST(ModelTest, HashFollowsContent) {
  SceneConfig config = PandaScene();
  std::string first = BuildScene(config).hash();
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(BuildScene(config).hash(), first);
  config.timestep = 0.004;
  EXPECT_NE(BuildScene(config).hash(), first);
}

TEST(ModelTest, AutoresetIsOff) { EXPECT_TRUE(TestModel()->opt.disableflags & mjDSBL_AUTORESET); }

TEST(StateTest, RestoredStateGoesOnBitIdentically) {
  const Model& model = TestModel();
  Data original(model);
  Start(model, original);
  Drive(model, original, 0, 50);
  std::vector<double> middle = StateOf(model, original);
  Drive(model, original, 50, 250);

  Data restored(model);
  Start(model, restored);
  Drive(model, restored, 0, 7);  // another past
  SetState(model, restored, middle);
  EXPECT_TRUE(SameBits(StateOf(model, restored), middle));
  Drive(model, restored, 50, 250);
  EXPECT_TRUE(SameBits(StateOf(model, restored), StateOf(model, original)));
}

TEST(StateTest, SetStateMakesPositionsCurrent) {
  const Model& model = TestModel();
  Data data(model), other(model);
  Start(model, data);
  Drive(model, data, 0, 100);
  std::vector<double> state = StateOf(model, data);
  SetState(model, other, state);
  mj_kinematics(model.get(), data.get());
  int site = model.Id(mjOBJ_SITE, "ee");
  for (int k = 0; k < 3; ++k)
    EXPECT_EQ(other->site_xpos[3 * site + k], data->site_xpos[3 * site + k]);
}

TEST(StateTest, WrongSizeIsRefused) {
  const Model& model = TestModel();
  Data data(model);
  std::vector<double> state(3);
  EXPECT_THAT(MessageOf([&] { SetState(model, data, state); }), HasSubstr("got 3"));
  EXPECT_THROW(GetState(model, data, state), ShapeError);
}

TEST(StateTest, OneModelOverThreadsIsBitwiseEqual) {
  const Model& model = TestModel();
  constexpr int kThreads = 4;
  std::vector<std::vector<double>> ends(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      Data data(model);
      Start(model, data);
      Drive(model, data, 0, 300);
      ends[static_cast<size_t>(t)] = StateOf(model, data);
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& end : ends) EXPECT_TRUE(SameBits(end, ends[0]));
}

TEST(IsFiniteTest, NamesTheJoint) {
  const Model& model = TestModel();
  Data data(model);
  Start(model, data);
  std::string what;
  EXPECT_TRUE(IsFinite(model, data, &what));
  EXPECT_EQ(what, "");
  data->qpos[2] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(IsFinite(model, data, &what));
  EXPECT_EQ(what, "qpos[2] of joint 'joint3' is nan");
  data->qpos[2] = 0;
  data->qpos[12] = 2e10;
  EXPECT_FALSE(IsFinite(model, data, &what));
  EXPECT_THAT(what, HasSubstr("qpos[12] of joint 'cube_joint'"));
  data->qpos[12] = 0;
  data->qvel[8] = -std::numeric_limits<double>::infinity();
  EXPECT_FALSE(IsFinite(model, data, &what));
  EXPECT_EQ(what, "qvel[8] of joint 'finger_joint2' is -inf");
  EXPECT_FALSE(IsFinite(model, data));
}

TEST(IsFiniteTest, MujocoDoesNotResetABadState) {
  const Model& model = TestModel();
  Data data(model);
  Start(model, data);
  Drive(model, data, 0, 20);
  double time = data->time;
  data->qvel[0] = std::numeric_limits<double>::quiet_NaN();
  mj_step(model.get(), data.get());
  EXPECT_GT(data->time, time);  // autoreset would have set it to 0
  EXPECT_FALSE(IsFinite(model, data));
}

TEST(HandlerTest, ErrorsBecomeExceptionsThroughMujocosFrames) {
  InstallMujocoHandlers();
  EXPECT_EQ(MessageOf([] { mju_error("no %s\nat all", "luck"); }), "MuJoCo: no luck at all");
  const Model& model = TestModel();
  Data data(model);
  // From deep within a step.
  mj_resetData(model.get(), data.get());
  mjcb_control = [](const mjModel*, mjData*) { mju_error("deep"); };
  EXPECT_EQ(MessageOf([&] { mj_step(model.get(), data.get()); }), "MuJoCo: deep");
  mjcb_control = nullptr;
  std::vector<double> state(4);
  EXPECT_THAT(MessageOf([&] { mj_getState(model.get(), data.get(), state.data(), -1); }),
              HasSubstr("invalid state signature"));
}

TEST(HandlerTest, WorksInOtherThreads) {
  std::string message;
  std::thread thread([&] { message = MessageOf([] { mju_error("from a thread"); }); });
  thread.join();
  EXPECT_EQ(message, "MuJoCo: from a thread");
}

}  // namespace
}  // namespace simscale::sim
