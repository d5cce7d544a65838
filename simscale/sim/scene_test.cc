#include "simscale/sim/scene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "simscale/common/error.h"
#include "simscale/sim/test_scene.h"

namespace simscale::sim {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

SceneConfig Plain() { return PandaScene(); }

std::string MessageOf(const SceneConfig& config) {
  try {
    BuildScene(config);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

class MjcfFile : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    path_ = fs::path(::testing::TempDir()) /
            (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".xml");
    std::ofstream(path_) << text;
    return path_.string();
  }
  void TearDown() override { fs::remove(path_); }
  fs::path path_;
};

TEST(SceneTest, HoldsWhatTheConfigNames) {
  SceneConfig config = Plain();
  config.objects = {
      {.name = "cube"},
      {.name = "ball", .shape = "sphere", .size = {0.06}, .mass = 0.1, .pos = {0.4, 0.2, 0.03}},
      {.name = "post",
       .shape = "cylinder",
       .size = {0.02, 0.3},
       .pos = {0.6, 0.3, 0.15},
       .free = false}};
  config.markers = {{.name = "goal", .pos = {0.5, 0.1, 0.3}}};
  Model model = BuildScene(config);
  EXPECT_EQ(model->nq, 9 + 2 * 7);
  EXPECT_EQ(model->nu, 8);
  EXPECT_EQ(model->ncam, 3);
  EXPECT_EQ(model->opt.timestep, 0.005);
  EXPECT_EQ(model->opt.integrator, mjINT_IMPLICITFAST);
  EXPECT_EQ(model->opt.solver, mjSOL_NEWTON);
  EXPECT_EQ(model->opt.cone, mjCONE_PYRAMIDAL);
  int cube = model.Id(mjOBJ_GEOM, "cube");
  EXPECT_EQ(model->geom_size[3 * cube + 2], 0.02);
  EXPECT_DOUBLE_EQ(model->body_mass[model.Id(mjOBJ_BODY, "cube")], 0.05);
  EXPECT_EQ(model->geom_type[model.Id(mjOBJ_GEOM, "ball")], mjGEOM_SPHERE);
  EXPECT_EQ(model->geom_size[3 * model.Id(mjOBJ_GEOM, "ball")], 0.03);
  EXPECT_EQ(model->body_jntnum[model.Id(mjOBJ_BODY, "post")], 0);
  EXPECT_EQ(model->body_mocapid[model.Id(mjOBJ_BODY, "goal")], 0);
  int goal = model.Id(mjOBJ_GEOM, "goal");
  EXPECT_EQ(model->geom_contype[goal] | model->geom_conaffinity[goal], 0);
  for (const char* camera : {"overhead", "front", "wrist"})
    EXPECT_GE(model.Id(mjOBJ_CAMERA, camera), 0);
}

TEST(SceneTest, HomeKeyframeIsAtRest) {
  SceneConfig config = Plain();
  config.objects = {{.name = "cube"}};
  Model model = BuildScene(config);
  Data data(model);
  mj_resetDataKeyframe(model.get(), data.get(), 0);
  EXPECT_EQ(StartKeyframe(model.get()), 0);
  const std::vector<double> home = {0, -0.1876, 0, -2.4027, 0, 2.2151, 0.7854, 0.04, 0.04};
  for (size_t i = 0; i < home.size(); ++i) EXPECT_EQ(data->qpos[i], home[i]);
  EXPECT_EQ(data->qpos[9], 0.5);  // the cube's own place
  EXPECT_EQ(data->ctrl[3], home[3]);
  EXPECT_NEAR(data->ctrl[7], 0.04, 1e-12);
  mj_forward(model.get(), data.get());
  int site = model.Id(mjOBJ_SITE, "ee");
  EXPECT_NEAR(data->site_xmat[9 * site + 8], -1, 1e-9);  // the hand points down
  double start[3] = {data->site_xpos[3 * site], data->site_xpos[3 * site + 1],
                     data->site_xpos[3 * site + 2]};
  for (int t = 0; t < 400; ++t) mj_step(model.get(), data.get());
  mj_kinematics(model.get(), data.get());
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(data->site_xpos[3 * site + k], start[k], 5e-4);
  EXPECT_NEAR(data->qpos[11], 0.02, 1e-3);  // the cube lies on the table
}

TEST(SceneTest, MeshSets) {
  SceneConfig config;
  Model prepared = BuildScene(config);
  config.meshes = "full";
  Model full = BuildScene(config);
  config.meshes = "none";
  Model none = BuildScene(config);
  EXPECT_EQ(none->nmesh, 0);
  EXPECT_EQ(prepared->nmesh, full->nmesh);
  EXPECT_GT(prepared->nmeshface, 10000);
  EXPECT_LT(prepared->nmeshface, full->nmeshface / 6);
  EXPECT_EQ(full->nmeshface, 134300);  // all of the wheel's
  // The physics does not depend on what is seen.
  EXPECT_EQ(none->nbody, full->nbody);
  for (int i = 0; i < none->nbody; ++i) EXPECT_EQ(none->body_mass[i], full->body_mass[i]);
}

TEST(SceneTest, PreparedMeshesKeepTheirShapeAndSmoothNormals) {
  SceneConfig config;
  Model prepared = BuildScene(config);
  config.meshes = "full";
  Model full = BuildScene(config);
  for (int i = 0; i < prepared->ngeom; ++i) {
    if (prepared->geom_type[i] != mjGEOM_MESH) continue;
    int a = prepared->geom_dataid[i], b = full->geom_dataid[i];
    if (full->mesh_facenum[b] < 500) continue;
    EXPECT_NEAR(prepared->geom_rbound[i], full->geom_rbound[i], 0.004)
        << mj_id2name(prepared.get(), mjOBJ_MESH, a);
  }
  // A vertex normal of the smooth shells leans from the faces about it, as flat shading would not.
  int shell = prepared.Id(mjOBJ_MESH, "link1_white");
  EXPECT_EQ(prepared->mesh_normalnum[shell], prepared->mesh_vertnum[shell]);
  EXPECT_LT(prepared->mesh_vertnum[shell], 2 * prepared->mesh_facenum[shell]);
}

TEST(SceneTest, TheRobotTouchesObjectsAndTableButNeverItself) {
  Model model = BuildScene(Plain());
  auto meets = [&](const char* a, const char* b) {
    int i = model.Id(mjOBJ_GEOM, a), j = model.Id(mjOBJ_GEOM, b);
    return (model->geom_contype[i] & model->geom_conaffinity[j]) != 0 ||
           (model->geom_contype[j] & model->geom_conaffinity[i]) != 0;
  };
  EXPECT_TRUE(meets("left_pad", "table"));
  EXPECT_TRUE(meets("hand_collision", "floor"));
  EXPECT_FALSE(meets("left_pad", "right_pad"));
  EXPECT_FALSE(meets("table", "floor"));
}

TEST(SceneTest, LookAtCamerasSeeTheirTarget) {
  SceneConfig config = Plain();
  config.cameras = {{.name = "side", .pos = {0.5, -1, 0.4}, .target = {0.5, 0.2, 0.1}},
                    {.name = "down", .pos = {0.5, 0, 1}, .target = {0.5, 0, 0}}};
  Model model = BuildScene(config);
  Data data(model);
  mj_forward(model.get(), data.get());
  // Columns of the camera's frame: right, up, backward.
  const double* side = data->cam_xmat;
  double forward[3] = {0, 1.2, -0.3};
  mju_normalize3(forward);
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(side[3 * k + 2], -forward[k], 1e-9);
  EXPECT_NEAR(side[0], 1, 1e-9);  // right is x
  EXPECT_GT(side[7], 0.9);        // up is up
  EXPECT_NEAR(data->cam_xmat[9 + 8], 1, 1e-9);
}

TEST(SceneErrorTest, UnknownRobot) {
  SceneConfig config = Plain();
  config.robot = "pandas";
  EXPECT_THAT(MessageOf(config),
              AllOf(HasSubstr("unknown robot 'pandas'"), HasSubstr("Did you mean 'panda'"),
                    HasSubstr("path of an MJCF file")));
}

TEST(SceneErrorTest, MissingFile) {
  SceneConfig config = Plain();
  config.robot = "no/such/robot.xml";
  EXPECT_EQ(MessageOf(config), "robot no/such/robot.xml: no such file");
}

TEST_F(MjcfFile, BadXml) {
  SceneConfig config = Plain();
  config.robot = Write("<mujoco>\n<worldbody>\n<bodyy/>\n</worldbody></mujoco>");
  EXPECT_THAT(MessageOf(config),
              AllOf(HasSubstr("BadXml.xml: not valid MJCF: "), HasSubstr("bodyy"),
                    HasSubstr("line 3"), Not(HasSubstr("\n"))));
}

TEST_F(MjcfFile, DoesNotCompile) {
  SceneConfig config = Plain();
  config.robot = Write(
      "<mujoco><worldbody><body name='arm'><joint/><geom size='0.1'/></body></worldbody>"
      "<actuator><motor joint='missing'/></actuator></mujoco>");
  config.cameras = {};
  EXPECT_THAT(MessageOf(config), AllOf(HasSubstr("DoesNotCompile.xml: does not compile: "),
                                       HasSubstr("missing"), Not(HasSubstr("\n"))));
}

TEST_F(MjcfFile, MissingMeshFile) {
  SceneConfig config = Plain();
  config.meshes = "prepared";
  config.cameras = {};
  config.robot = Write(
      "<mujoco><asset><mesh name='m' file='gone.obj'/></asset><worldbody><body><geom type='mesh' "
      "mesh='m'/>"
      "</body></worldbody></mujoco>");
  EXPECT_THAT(MessageOf(config), AllOf(HasSubstr("does not compile"), HasSubstr("gone.obj")));
}

TEST_F(MjcfFile, ARobotOfTheUsersOwn) {
  SceneConfig config = Plain();
  config.cameras = {{.name = "tip", .body = "arm", .pos = {0, 0, 0}, .target = {1, 0, 0}}};
  config.objects = {{.name = "cube"}};
  config.robot = Write(
      "<mujoco><worldbody><body name='arm'><joint name='j' axis='0 0 1'/><geom "
      "size='0.1'/></body></worldbody>"
      "<actuator><position joint='j' kp='10'/></actuator>"
      "<keyframe><key name='home' qpos='0.3'/><key name='other' qpos='1'/></keyframe></mujoco>");
  Model model = BuildScene(config);
  EXPECT_EQ(model->nkey, 1);
  EXPECT_EQ(model->key_qpos[0], 0.3);
  EXPECT_DOUBLE_EQ(model->key_ctrl[0], 0.3);
}

TEST(SceneErrorTest, HomeThatDoesNotFit) {
  SceneConfig config = Plain();
  config.home_qpos = {0, 0};
  EXPECT_THAT(MessageOf(config),
              AllOf(HasSubstr("scene.home_qpos must have 9 numbers"), HasSubstr("got 2")));
  config = Plain();
  config.home_qpos = {0, 0, 0, 0.5, 0, 2, 0, 0, 0};
  EXPECT_THAT(MessageOf(config),
              AllOf(HasSubstr("home_qpos[3]"), HasSubstr("joint4"), HasSubstr("got 0.5")));
}

TEST(SceneErrorTest, NamesMustBeUnique) {
  SceneConfig config = Plain();
  config.objects = {{.name = "cube"}, {.name = "cube"}};
  EXPECT_THAT(MessageOf(config), HasSubstr("'cube' is used twice"));
  config.objects = {{.name = "link3"}};  // the robot's
  EXPECT_THAT(MessageOf(config), AllOf(HasSubstr("the name 'link3' is taken"), HasSubstr("body")));
}

TEST(SceneErrorTest, CameraBody) {
  SceneConfig config = Plain();
  config.cameras = {{.name = "c", .body = "hnd", .target = {0, 0, 1}}};
  EXPECT_THAT(MessageOf(config),
              AllOf(HasSubstr("camera 'c'"), HasSubstr("unknown body 'hnd'"), HasSubstr("hand")));
}

TEST(SceneErrorTest, ShapesAndCamerasAreChecked) {
  ObjectConfig object{.name = "o", .shape = "sphere"};
  EXPECT_THROW(
      {
        try {
          object.Validate();
        } catch (const UserError& error) {
          EXPECT_STREQ(error.what(), "object 'o': size of a sphere has 1 number, got 3");
          throw;
        }
      },
      UserError);
  CameraConfig camera{.name = "c", .target = {0, 0, 0}, .quat = {1, 0, 0, 0}};
  EXPECT_THROW(
      {
        try {
          camera.Validate();
        } catch (const UserError& error) {
          EXPECT_STREQ(error.what(),
                       "camera 'c' needs exactly one of target, quat and xyaxes, got 2");
          throw;
        }
      },
      UserError);
}

}  // namespace
}  // namespace simscale::sim
