// Objects and attachments that come from files of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "simscale/sim/scene.h"
#include "simscale/sim/test_mjcf.h"

namespace simscale::sim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const char* const kArm = R"(
<mujoco>
  <worldbody>
    <body name="upper">
      <joint name="shoulder" axis="0 0 1"/>
      <geom name="upper" type="capsule" fromto="0 0 0 0.3 0 0" size="0.02"/>
      <site name="flange" pos="0.3 0 0"/>
    </body>
    <body name="other"><joint name="last"/><geom size="0.1"/></body>
  </worldbody>
  <actuator><position name="shoulder" joint="shoulder" kp="100"/></actuator>
  <keyframe><key name="home" qpos="0.25 0.5" ctrl="0.3"/></keyframe>
</mujoco>)";

const char* const kHand = R"(
<mujoco>
  <compiler angle="radian"/>
  <default><geom density="200"/></default>
  <worldbody>
    <light pos="0 0 1"/>
    <body name="palm">
      <freejoint/>
      <geom size="0.03"/>
      <body name="finger" pos="0.05 0 0">
        <joint name="finger" axis="0 1 0" range="0 1" limited="true" damping="0.1" armature="0.01"/>
        <geom size="0.01"/>
      </body>
    </body>
  </worldbody>
  <actuator><position name="finger" joint="finger" kp="5" ctrlrange="0 1" ctrllimited="true"/></actuator>
  <keyframe><key name="home" qpos="0 0 0 1 0 0 0 0"/></keyframe>
</mujoco>)";

class Attached : public MjcfTest {
 protected:
  SceneConfig Arm() {
    SceneConfig config;
    config.robot = Write(kArm, "arm.xml");
    Write(kHand, "hand.xml");
    return config;
  }
  std::string HandFile() const { return (dir() / "hand.xml").string(); }
};

TEST_F(Attached, AHandGoesToASiteWithItsActuators) {
  SceneConfig config = Arm();
  config.attachments = {{.name = "hand", .mjcf = HandFile(), .site = "flange"}};
  config.objects = {{.name = "cube", .pos = {1, 0, 0.02}}};
  Model model = BuildScene(config);
  EXPECT_EQ(model->nq, 3 + 7);
  EXPECT_EQ(model->nu, 2);
  EXPECT_EQ(model->nlight, 0);  // what stands around the hand in its file stays there
  EXPECT_EQ(model->body_parentid[model.Id(mjOBJ_BODY, "hand/palm")], model.Id(mjOBJ_BODY, "upper"));
  // The arm's keyframe goes to the arm's joints, though the hand's lie between them.
  EXPECT_EQ(model.JointQposAddress("hand/finger"), 1);
  Data data(model);
  ResetToStart(model.get(), data.get());
  EXPECT_EQ(data->qpos[model.JointQposAddress("shoulder")], 0.25);
  EXPECT_EQ(data->qpos[model.JointQposAddress("last")], 0.5);
  EXPECT_EQ(data->qpos[model.JointQposAddress("hand/finger")], 0);
  EXPECT_EQ(data->ctrl[model.Id(mjOBJ_ACTUATOR, "shoulder")], 0.3);
  mj_kinematics(model.get(), data.get());
  const double* palm = data->xpos + 3 * model.Id(mjOBJ_BODY, "hand/palm");
  EXPECT_NEAR(palm[0], 0.3 * std::cos(0.25), 1e-9);
  EXPECT_NEAR(palm[1], 0.3 * std::sin(0.25), 1e-9);

  config.home_qpos = {0.1, 0.2, 0.3};  // in the model's order
  Model home = BuildScene(config);
  EXPECT_EQ(home->key_qpos[home.JointQposAddress("hand/finger")], 0.2);
  EXPECT_EQ(home->key_ctrl[home.Id(mjOBJ_ACTUATOR, "hand/finger")], 0.2);
  EXPECT_EQ(home->key_ctrl[home.Id(mjOBJ_ACTUATOR, "shoulder")], 0.1);
  config.home_qpos = {0.1, 2, 0.3};
  EXPECT_THAT(MessageOf([&] { BuildScene(config); }),
              AllOf(HasSubstr("home_qpos[1]"), HasSubstr("hand/finger"), HasSubstr("got 2")));
}

TEST_F(Attached, WithoutPrefixNamesStay) {
  SceneConfig config = Arm();
  config.attachments = {
      {.name = "hand", .mjcf = HandFile(), .body = "upper", .pos = {0, 0, 0.1}, .prefix = false}};
  Model model = BuildScene(config);
  EXPECT_EQ(model->body_pos[3 * model.Id(mjOBJ_BODY, "palm") + 2], 0.1);
  EXPECT_GE(model.Id(mjOBJ_ACTUATOR, "finger"), 0);
}

TEST_F(Attached, AnObjectOfAFileFallsAndKeepsItsName) {
  SceneConfig config = Arm();
  config.objects = {{.name = "a", .mjcf = HandFile(), .pos = {1, 0, 0.5}},
                    {.name = "b", .mjcf = HandFile(), .pos = {2, 0, 0.5}, .free = false}};
  Model model = BuildScene(config);
  EXPECT_EQ(model->jnt_type[model.Id(mjOBJ_JOINT, "a_joint")], mjJNT_FREE);
  EXPECT_EQ(model->body_jntnum[model.Id(mjOBJ_BODY, "b")], 0);
  EXPECT_GE(model.Id(mjOBJ_JOINT, "b/finger"), 0);
  EXPECT_EQ(model->nkey, 1);  // the arm's own
  Data data(model);
  ResetToStart(model.get(), data.get());
  EXPECT_EQ(data->qpos[model.JointQposAddress("a_joint")], 1);
  for (int i = 0; i < 1000; ++i) mj_step(model.get(), data.get());
  EXPECT_NEAR(data->qpos[model.JointQposAddress("a_joint") + 2], 0.03, 5e-3);
  EXPECT_EQ(data->xpos[3 * model.Id(mjOBJ_BODY, "b") + 2], 0.5);
}

TEST_F(Attached, Shapes) {
  SceneConfig config = Arm();
  Write("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n", "wedge.obj");
  config.objects = {{.name = "pill", .shape = "capsule", .size = {0.02, 0.1}},
                    {.name = "egg", .shape = "ellipsoid", .size = {0.02, 0.04, 0.06}},
                    {.name = "wedge",
                     .shape = "mesh",
                     .mesh = "wedge.obj",
                     .size = {0.1, 0.1, 0.2},
                     .mass = 0.3}};
  config.markers = {{.name = "goal", .shape = "capsule", .size = {0.02, 0.1}}};
  ResolveFiles(config, dir());
  EXPECT_TRUE(std::filesystem::path(config.objects[2].mesh).is_absolute());
  Model model = BuildScene(config);
  const double* pill = model->geom_size + 3 * model.Id(mjOBJ_GEOM, "pill");
  EXPECT_EQ(pill[0], 0.01);
  EXPECT_DOUBLE_EQ(pill[1], 0.04);  // half of it without the caps
  EXPECT_EQ(model->geom_size[3 * model.Id(mjOBJ_GEOM, "egg") + 2], 0.03);
  EXPECT_EQ(model->geom_type[model.Id(mjOBJ_GEOM, "wedge")], mjGEOM_MESH);
  EXPECT_NEAR(model->body_mass[model.Id(mjOBJ_BODY, "wedge")], 0.3, 1e-12);
  float top = 0;
  for (int i = 0; i < model->nmeshvert; ++i) top = std::max(top, model->mesh_vert[3 * i + 2]);
  EXPECT_NEAR(top, 0.15, 0.05);  // a fifth of a metre high, about its centre
  EXPECT_EQ(model->geom_type[model.Id(mjOBJ_GEOM, "goal")], mjGEOM_CAPSULE);
}

TEST_F(Attached, MistakesAreOneLineThatSaysWhere) {
  auto message = [&](const std::function<void(SceneConfig&)>& change) {
    SceneConfig config = Arm();
    change(config);
    ResolveFiles(config, dir());
    std::string text = MessageOf([&] { BuildScene(config); });
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  };
  Write("<mujoco><worldbody><body/><body/></worldbody></mujoco>", "two.xml");
  Write("<mujoco/>", "none.xml");
  Write("<mujoco><worldbody><body><joint/><geom size='0.1'/></body></worldbody></mujoco>",
        "hinged.xml");
  Write("<mujoco><worldbody><body><freejoint/></body></worldbody></mujoco>", "light.xml");
  Write("<mujoco><worldbody><body name='upper'/></worldbody></mujoco>", "clash.xml");
  Write("nothing", "bad.stl");
  using Config = SceneConfig;
  EXPECT_THAT(message([](Config& c) {
                c.attachments = {{.name = "hand", .mjcf = "hand.xml", .site = "flang"}};
              }),
              AllOf(HasSubstr("attachment 'hand': unknown site 'flang'"), HasSubstr("flange")));
  EXPECT_THAT(message([](Config& c) {
                c.attachments = {{.name = "hand", .mjcf = "hand.xml", .body = "uper"}};
              }),
              HasSubstr("attachment 'hand': unknown body 'uper'. Did you mean 'upper'"));
  EXPECT_THAT(message([](Config& c) {
                c.attachments = {{.name = "hand", .mjcf = "two.xml", .site = "flange"}};
              }),
              AllOf(HasSubstr("two.xml must have one body"), HasSubstr("got 2")));
  EXPECT_THAT(message([](Config& c) {
                c.attachments = {{.name = "hand", .mjcf = "none.xml", .site = "flange"}};
              }),
              HasSubstr("got 0"));
  EXPECT_THAT(message([](Config& c) {
                c.attachments = {{.name = "hand", .mjcf = "gone.xml", .site = "flange"}};
              }),
              HasSubstr("gone.xml: no such file"));
  EXPECT_THAT(
      message([](Config& c) {
        c.attachments = {{.name = "hand", .mjcf = "clash.xml", .site = "flange", .prefix = false}};
      }),
      AllOf(HasSubstr("clash.xml"), HasSubstr("'upper'")));
  EXPECT_THAT(message([](Config& c) {
                c.attachments = {{.name = "a", .mjcf = "hand.xml", .site = "flange"},
                                 {.name = "a", .mjcf = "hand.xml", .site = "flange"}};
              }),
              HasSubstr("two attachments are named 'a'"));
  EXPECT_THAT(message([](Config& c) { c.objects = {{.name = "box", .mjcf = "hinged.xml"}}; }),
              AllOf(HasSubstr("object 'box'"), HasSubstr("free: false")));
  EXPECT_THAT(message([](Config& c) { c.objects = {{.name = "box", .mjcf = "light.xml"}}; }),
              AllOf(HasSubstr("/light.xml: does not compile"), HasSubstr("mass")));
  EXPECT_THAT(message([](Config& c) { c.objects = {{.name = "upper", .mjcf = "hand.xml"}}; }),
              HasSubstr("'upper' is taken"));
  EXPECT_THAT(message([](Config& c) {
                c.objects = {{.name = "last"}, {.name = "box", .mjcf = "wheel:no_such/x.xml"}};
              }),
              AllOf(HasSubstr("no package no_such"), HasSubstr("pip install")));
  EXPECT_THAT(message([](Config& c) {
                c.objects = {{.name = "m", .shape = "mesh", .mesh = "gone.stl", .size = {1, 1, 1}}};
              }),
              HasSubstr("object 'm': mesh gone.stl: no such file"));
  EXPECT_THAT(message([](Config& c) {
                c.objects = {{.name = "m", .shape = "mesh", .mesh = "bad.stl", .size = {1, 1, 1}}};
              }),
              AllOf(HasSubstr("/bad.stl: does not compile"), HasSubstr("STL")));
  EXPECT_THAT(message([this](Config& c) { c.robot = dir().string() + "/"; }),
              HasSubstr("is a folder"));
}

TEST(ObjectConfigTest, ShapeAndFileGoTogether) {
  auto message = [](const ObjectConfig& object) { return MessageOf([&] { object.Validate(); }); };
  EXPECT_THAT(message({.name = "o", .shape = "mesh"}), HasSubstr("without a file"));
  EXPECT_THAT(message({.name = "o", .mesh = "a.stl"}), HasSubstr("got shape box with a file"));
  EXPECT_THAT(message({.name = "o", .mjcf = "a.xml", .mesh = "a.stl"}), HasSubstr("both"));
  EXPECT_THAT(message({.name = "o", .shape = "capsule", .size = {0.1, 0.1}}),
              HasSubstr("must exceed its diameter 0.1, got 0.1"));
  AttachmentConfig neither{.name = "a", .mjcf = "a.xml"};
  EXPECT_THAT(MessageOf([&] { neither.Validate(); }), HasSubstr("either a site or a body"));
}

TEST(SceneConfigTest, ChoicesAreChecked) {
  auto message = [](const SceneConfig& config) { return MessageOf([&] { config.Validate(); }); };
  SceneConfig config;
  config.integrator = "rk5";
  EXPECT_EQ(
      message(config),
      "integrator must be one of euler, rk4, implicit, implicitfast, or empty for the MJCF's, "
      "got 'rk5'. Did you mean 'rk4'?");
  config = {};
  config.timestep = 1e-9;
  EXPECT_THAT(message(config), HasSubstr("timestep must be at least 1e-05"));
  config = {};
  config.keyframe = "home";
  config.home_qpos = {1};
  EXPECT_THAT(message(config), HasSubstr("leave one out"));
}

}  // namespace
}  // namespace simscale::sim
