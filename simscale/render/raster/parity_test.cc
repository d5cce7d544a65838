// The rasteriser against MuJoCo's own OpenGL renderer, on small scenes of everything that MJCF has.

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "simscale/render/renderer.h"
#include "simscale/render/test_scene.h"

namespace simscale::render {
namespace {

struct Agreement {
  double ids = 0, depth = 0, colour = 0;
};

struct Pictures {
  std::vector<uint8_t> rgb;
  std::vector<float> depth;
  std::vector<int32_t> segmentation;
};

Pictures Draw(const Scene& scene, const Camera& camera, const RenderConfig& config) {
  const auto pixels = static_cast<size_t>(config.width * config.height);
  Pictures p{std::vector<uint8_t>(pixels * 3), std::vector<float>(pixels),
             std::vector<int32_t>(pixels * 2)};
  MakeRenderer(scene.model.get(), config)
      ->Render(scene.model.get(), scene.data.get(), camera,
               {.width = config.width,
                .height = config.height,
                .rgb = p.rgb,
                .depth = p.depth,
                .segmentation = p.segmentation});
  return p;
}

Agreement Compare(const Scene& scene, const Camera& camera, RenderConfig config = {}) {
  const char* backend = std::getenv("SIMSCALE_TEST_GL");
  config.width = 160, config.height = 120;
  config.reflections = false;
  config.backend = backend == nullptr ? "egl" : backend;
  config.samples = 0;
  const Pictures gl = Draw(scene, camera, config);
  config.backend = "raster";
  const Pictures ours = Draw(scene, camera, config);
  double same = 0, geoms = 0, near = 0, error = 0;
  for (size_t i = 0; i < gl.depth.size(); ++i) {
    const bool equal = gl.segmentation[2 * i] == ours.segmentation[2 * i] &&
                       gl.segmentation[2 * i + 1] == ours.segmentation[2 * i + 1];
    same += equal;
    if (!equal || gl.segmentation[2 * i] < 0) continue;
    ++geoms;
    near += std::abs(gl.depth[i] - ours.depth[i]) < 1e-3F;
  }
  for (size_t i = 0; i < gl.rgb.size(); ++i) error += std::abs(gl.rgb[i] - ours.rgb[i]);
  return {same / static_cast<double>(gl.depth.size()), geoms > 0 ? near / geoms : 1,
          error / static_cast<double>(gl.rgb.size())};
}

struct Case {
  const char* name;
  const char* assets;
  const char* world;
  const char* rest;
};

constexpr char kCamera[] = R"(<camera name="eye" pos="0.3 -2.6 1.4" xyaxes="1 0.1 0 0 0.5 1"/>)";

const Case kCases[] = {
    {"shapes", "", R"(
       <geom type="plane" size="2 1.5 0.1" rgba="0.5 0.6 0.7 1"/>
       <geom type="sphere" size="0.3" pos="-1 0 0.3" rgba="0.9 0.2 0.2 1"/>
       <geom type="capsule" size="0.1 0.3" pos="-0.4 0.2 0.5" euler="40 20 0"/>
       <geom type="ellipsoid" size="0.3 0.2 0.1" pos="0.3 0 0.3" euler="10 50 0"/>
       <geom type="cylinder" size="0.15 0.3" pos="0.9 0.2 0.4" euler="60 10 0"/>
       <geom type="box" size="0.2 0.1 0.3" pos="0.2 0.8 0.3" euler="0 0 30"/>)",
     ""},
    {"textures", R"(
       <texture name="sky" type="skybox" builtin="gradient" width="64" height="384" rgb1=".9 .8 .7"
                rgb2=".1 .2 .5"/>
       <texture name="check" type="2d" builtin="checker" width="100" height="100" mark="edge"
                rgb1=".9 .9 .2" rgb2=".1 .2 .3" markrgb="1 0 0"/>
       <texture name="cube" type="cube" builtin="checker" width="64" height="384" rgb1="1 0.3 0"
                rgb2="0 1 0.5"/>
       <material name="check" texture="check" texrepeat="3 2"/>
       <material name="uniform" texture="check" texrepeat="2 2" texuniform="true"/>
       <material name="cube" texture="cube"/>
       <material name="cubeuniform" texture="cube" texuniform="true"/>
       <mesh name="m" vertex="-1 -1 0 1 -1 0 1 1 0 -1 1 0 0 0 1" scale="0.3 0.3 0.3"/>
       <mesh name="uv" vertex="-1 -1 0 1 -1 0 1 1 0 -1 1 0 0 0 1" scale="0.3 0.3 0.3"
             texcoord="0 0 1 0 1 1 0 1 0.5 0.5"/>)",
     R"(
       <geom type="plane" size="0 0 1" material="uniform"/>
       <geom type="box" size="0.2 0.3 0.2" pos="-1 0 0.4" euler="10 20 30" material="check"/>
       <geom type="box" size="0.2 0.2 0.3" pos="-0.4 0.6 0.4" euler="0 20 30" material="uniform"/>
       <geom type="sphere" size="0.25" pos="0 0 0.5" material="check"/>
       <geom type="sphere" size="0.25" pos="0.6 0.5 0.5" material="cube"/>
       <geom type="capsule" size="0.1 0.2" pos="0.6 -0.4 0.4" euler="40 30 0" material="cube"/>
       <geom type="cylinder" size="0.15 0.2" pos="1.1 0 0.5" euler="50 0 0" material="check"/>
       <geom type="mesh" mesh="m" pos="-0.5 -0.5 0.2" material="uniform"/>
       <geom type="mesh" mesh="uv" pos="0.2 0.9 0.3" material="check"/>
       <geom type="mesh" mesh="uv" pos="-0.5 -0.9 0.3" material="uniform"/>
       <geom type="ellipsoid" size="0.2 0.1 0.2" pos="1.2 0.8 0.5" material="cubeuniform"/>)",
     ""},
    // The plane's grid is fine, as OpenGL lights the corners alone.
    {"lights", R"(<material name="shiny" specular="1" shininess="0.3" rgba="0.4 0.3 0.8 1"/>
                  <material name="glow" emission="0.6" rgba="0.2 0.5 0.2 1"/>)",
     R"(
       <light pos="0 -0.5 2" dir="0 0.3 -1" cutoff="35" exponent="5" attenuation="0.5 0.1 0.1"
              diffuse="0.9 0.8 0.7" specular="0.5 0.5 0.5"/>
       <light directional="true" dir="1 0.5 -1" diffuse="0.3 0.2 0.4" ambient="0.05 0.1 0.05"/>
       <geom type="plane" size="2 2 0.03" rgba="0.6 0.6 0.5 1"/>
       <geom type="sphere" size="0.4" pos="-0.5 0 0.4" material="shiny"/>
       <geom type="box" size="0.2 0.3 0.2" pos="0.6 0.2 0.3" euler="0 20 30" material="glow"/>)",
     ""},
    {"hills", R"(<hfield name="h" nrow="6" ncol="7" size="1.2 0.9 0.5 0.1" elevation="
                   0 1 2 1 0 1 0  1 3 1 2 1 0 1  0 1 4 1 2 1 0  2 0 1 1 3 1 0
                   0 1 2 1 0 1 0  0 0 1 0 0 0 1"/>)",
     R"(<geom type="hfield" hfield="h" rgba="0.5 0.7 0.4 1"/>)", ""},
    {"glass", "", R"(
       <geom type="plane" size="0 0 0.1" rgba="0.6 0.6 0.5 1"/>
       <geom type="box" size="0.3 0.1 0.3" pos="-0.3 -0.5 0.4" rgba="0.9 0.1 0.1 0.4"/>
       <geom type="capsule" size="0.1 0.3" pos="0.1 0 0.5" euler="40 20 0" rgba="0.1 0.9 0.1 0.6"/>
       <geom type="sphere" size="0.3" pos="0.4 0.5 0.4" rgba="0.1 0.1 0.9 0.3"/>
       <geom type="box" size="0.3 0.1 0.3" pos="0.6 1 0.4"/>)",
     ""},
    {"tendons", "", R"(
       <geom type="plane" size="0 0 0.1" rgba="0.6 0.6 0.5 1"/>
       <site name="a" pos="-0.8 0 0.8" size="0.05"/>
       <body pos="0 0 0.5"><joint axis="0 1 0"/><geom name="w" type="cylinder" size="0.2 0.1"
             euler="90 0 0"/><site name="s" pos="0 0 0.4"/></body>
       <site name="b" pos="0.8 0 0.6" type="box" size="0.1 0.05 0.05" rgba="0.2 0.9 0.9 1"/>)",
     R"(<tendon><spatial width="0.03" rgba="0.9 0.3 0.2 1"><site site="a"/>
        <geom geom="w" sidesite="s"/><site site="b"/></spatial></tendon>)"},
    {"cloth", "", R"(
       <geom type="plane" size="0 0 0.1" rgba="0.6 0.6 0.5 1"/>
       <flexcomp name="cloth" type="grid" count="6 5 1" spacing="0.25 0.25 0.2" pos="-0.5 0 0.6"
                 radius="0.02" dim="2" rgba="0.8 0.5 0.2 1" euler="30 20 0" mass="1"/>
       <flexcomp name="jelly" type="grid" count="3 3 3" spacing="0.15 0.15 0.15" pos="0.8 0.2 0.6"
                 radius="0.01" dim="3" rgba="0.2 0.5 0.9 1" mass="1"/>
       <flexcomp name="rope" type="grid" count="8 1 1" spacing="0.1 0.1 0.1" pos="0.2 -0.8 0.4"
                 radius="0.02" dim="1" rgba="0.9 0.2 0.9 1" mass="1"/>)",
     ""},
    {"skin", "", R"(
       <geom type="plane" size="0 0 0.1" rgba="0.6 0.6 0.5 1"/>
       <body name="B0" pos="-0.4 0 0.5" euler="0 20 0"><freejoint/><geom size="0.05"/></body>
       <body name="B1" pos="0.4 0 0.7" euler="0 -30 20"><freejoint/><geom size="0.05"/></body>)",
     R"(<deformable><skin name="skin" rgba="0.8 0.6 0.2 1" inflate="0.02"
          vertex="-0.5 -0.3 0.4  0.5 -0.3 0.4  0.5 0.3 0.4  -0.5 0.3 0.4
                  -0.5 -0.3 0.6  0.5 -0.3 0.6  0.5 0.3 0.6  -0.5 0.3 0.6"
          face="0 2 1 0 3 2 4 5 6 4 6 7 0 1 5 0 5 4 2 3 7 2 7 6 1 2 6 1 6 5 3 0 4 3 4 7">
          <bone body="B0" bindpos="-0.4 0 0.5" bindquat="1 0 0 0" vertid="0 3 4 7"
                vertweight="1 1 1 1"/>
          <bone body="B1" bindpos="0.4 0 0.5" bindquat="1 0 0 0" vertid="1 2 5 6"
                vertweight="1 1 1 1"/>
        </skin></deformable>)"},
};

std::string Xml(const Case& c) {
  return std::string(
             "<mujoco><compiler angle='degree'/><visual><map znear='0.02' fogstart='1' "
             "fogend='4'/></visual><statistic extent='2' center='0 0 0.3'/><asset>") +
         c.assets + "</asset><worldbody>" + kCamera + c.world + "</worldbody>" + c.rest +
         "</mujoco>";
}

class Parity : public ::testing::TestWithParam<Case> {};

TEST_P(Parity, PicturesAreMujocos) {
  Scene scene(Xml(GetParam()));
  RenderConfig config;
  config.shadows = false;
  const Agreement near = Compare(scene, Camera::Named("eye"), config);
  EXPECT_GE(near.ids, 0.995);
  EXPECT_GE(near.depth, 0.995);
  EXPECT_LE(near.colour, 3.0);
  // Through the middle of things: whatever is cut off by the near plane.
  Camera close;
  close.lookat[0] = 0.1, close.lookat[2] = 0.4;
  close.distance = 0.7, close.azimuth = 70, close.elevation = -10;
  const Agreement within = Compare(scene, close, config);
  EXPECT_GE(within.ids, 0.995);
  EXPECT_GE(within.depth, 0.995);
  // Highlights on large faces: OpenGL lights their corners alone.
  EXPECT_LE(within.colour, 8.0);
  config.fog = true;
  EXPECT_LE(Compare(scene, Camera::Named("eye"), config).colour, 3.0);
  printf("          %s: ids %.5f %.5f, depth %.5f %.5f, colour %.3f %.3f\n", GetParam().name,
         near.ids, within.ids, near.depth, within.depth, near.colour, within.colour);
}

INSTANTIATE_TEST_SUITE_P(Scenes, Parity, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(ParityOfCameras, IntrinsicsAndOrthographic) {
  Scene scene(R"(<mujoco><statistic extent="1"/><worldbody>
    <camera name="lens" pos="0 -1 0.8" xyaxes="1 0 0 0 0.6 1" focal="0.5 0.6" sensorsize="1 0.8"
            principal="0.1 -0.05" resolution="160 120"/>
    <camera name="flat" pos="0 -1 0.8" xyaxes="1 0 0 0 0.6 1" projection="orthographic" fovy="1.5"/>
    <geom type="plane" size="2 2 0.1" rgba="0.5 0.6 0.7 1"/>
    <geom type="sphere" size="0.2" pos="0.1 0 0.2" rgba="0.8 0.2 0.3 1"/>
    <geom type="box" size="0.1 0.1 0.3" pos="-0.4 0.3 0.2"/></worldbody></mujoco>)");
  RenderConfig config;
  config.shadows = false;
  for (const char* name : {"lens", "flat"}) {
    const Agreement a = Compare(scene, Camera::Named(name), config);
    EXPECT_GE(a.ids, 0.995) << name;
    EXPECT_GE(a.depth, 0.995) << name;
    EXPECT_LE(a.colour, 3.0) << name;
  }
}

}  // namespace
}  // namespace simscale::render
