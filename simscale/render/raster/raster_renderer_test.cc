#include "simscale/render/raster/raster_renderer.h"

#include <gmock/gmock.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "simscale/common/error.h"
#include "simscale/render/test_scene.h"
#include "simscale/render/test_util.h"

namespace simscale::render {
namespace {

using ::testing::HasSubstr;

/// Pictures of all three kinds.
struct Shot {
  int width, height;
  std::vector<uint8_t> rgb;
  std::vector<float> depth;
  std::vector<int32_t> segmentation;

  Shot(int w, int h)
      : width(w),
        height(h),
        rgb(static_cast<size_t>(w * h * 3)),
        depth(static_cast<size_t>(w * h)),
        segmentation(static_cast<size_t>(w * h * 2)) {}
  Frame frame() {
    return {
        .width = width, .height = height, .rgb = rgb, .depth = depth, .segmentation = segmentation};
  }
  size_t at(int x, int y) const { return static_cast<size_t>(y * width + x); }
  Rgb colour(int x, int y) const {
    const uint8_t* p = &rgb[3 * at(x, y)];
    return {p[0], p[1], p[2]};
  }
  int id(int x, int y) const { return segmentation[2 * at(x, y)]; }
  bool operator==(const Shot&) const = default;
};

RenderConfig Plain(int width = 64, int height = 64) {
  RenderConfig config;
  config.width = width, config.height = height;
  config.backend = "raster";
  config.samples = 1;
  config.shadows = false;
  return config;
}

Shot Draw(const Scene& scene, const Camera& camera, const RenderConfig& config = Plain(),
          ViewCache* cache = nullptr) {
  Shot shot(config.width, config.height);
  MakeRenderer(scene.model.get(), config)
      ->Render(scene.model.get(), scene.data.get(), camera, shot.frame(), cache);
  return shot;
}

// Geoms of the world come first: floor 0, green 1, hidden 2, glass 3, red 4. As in
// gl_renderer_test.cc: 1 m above the origin, 90 degrees of view, x right and y up.
enum { kFloor, kGreen, kHidden, kGlass, kRed };
constexpr char kTop[] = R"(
<mujoco>
  <visual>
    <headlight ambient="0 0 0" diffuse="0 0 0" specular="0 0 0"/>
    <map znear="0.01" zfar="50"/>
  </visual>
  <statistic extent="1" center="0 0 0"/>
  <asset>
    <material name="red" rgba="1 0 0 1" emission="1" specular="0"/>
    <material name="green" rgba="0 1 0 1" emission="1" specular="0"/>
    <material name="blue" rgba="0 0 1 1" emission="1" specular="0"/>
    <material name="glass" rgba="0 0 1 0.5" emission="1" specular="0"/>
    <material name="white" rgba="1 1 1 1" emission="1" specular="0"/>
  </asset>
  <worldbody>
    <camera name="top" pos="0 0 1" fovy="90"/>
    <camera name="lens" pos="0 0 1" focal="0.5 0.5" sensorsize="1 1" principal="0.25 0"
            resolution="64 64"/>
    <camera name="flat" pos="0 0 1" projection="orthographic" fovy="2"/>
    <geom name="floor" type="box" size="3 3 0.001" material="white"/>
    <body name="red" pos="-0.5 0.5 0"><freejoint/>
      <geom name="red" type="box" size="0.2 0.2 0.002" material="red"/></body>
    <geom name="green" type="box" size="0.2 0.2 0.002" pos="0.5 0.5 0" material="green"/>
    <geom name="hidden" type="box" size="0.2 0.2 0.002" pos="0.5 -0.5 0" material="blue" group="4"/>
    <geom name="glass" type="box" size="0.2 0.2 0.002" pos="-0.5 -0.5 0.1" material="glass"/>
    <site name="site" type="box" size="0.1 0.1 0.003" pos="0 0 0" material="blue" group="3"/>
  </worldbody>
</mujoco>)";

TEST(RasterRenderer, DrawsEachGeomWhereItIs) {
  const Scene scene(kTop);
  const Shot shot = Draw(scene, Camera::Named("top"));
  EXPECT_EQ(shot.colour(16, 16), (Rgb{255, 0, 0}));  // rows run downwards
  EXPECT_EQ(shot.colour(48, 16), (Rgb{0, 255, 0}));
  EXPECT_EQ(shot.colour(48, 48), (Rgb{255, 255, 255}));  // group 4 is hidden
  EXPECT_EQ(shot.id(16, 16), kRed);
  EXPECT_EQ(shot.id(48, 16), kGreen);
  EXPECT_EQ(shot.id(48, 48), 0);
  EXPECT_EQ(shot.segmentation[2 * shot.at(0, 0) + 1], mjOBJ_GEOM);
  EXPECT_NEAR(shot.depth[shot.at(16, 16)], 0.998, 1e-6);
  EXPECT_NEAR(shot.depth[shot.at(48, 48)], 0.999, 1e-6);
  // Red spans x in [-0.7, -0.3] m, 0.998 m away: columns 9.6 to 22.4.
  int red = 0;
  for (int x = 0; x < 64; ++x) red += shot.id(x, 16) == kRed;
  EXPECT_EQ(red, 12);
}

TEST(RasterRenderer, ATransparentGeomIsBlendedAndStillHasDepthAndId) {
  const Scene scene(kTop);
  const Shot shot = Draw(scene, Camera::Named("top"));
  // MuJoCo blends twice: a quarter of the white floor is left.
  EXPECT_EQ(shot.colour(16, 48), (Rgb{64, 64, 255}));
  EXPECT_EQ(shot.id(16, 48), kGlass);
  EXPECT_NEAR(shot.depth[shot.at(16, 48)], 0.898, 1e-6);
}

TEST(RasterRenderer, ShowsTheGroupsThatAreAskedFor) {
  const Scene scene(kTop);
  RenderConfig config = Plain();
  config.geom_groups = {4};
  config.site_groups = {3};
  const Shot shot = Draw(scene, Camera::Named("top"), config);
  EXPECT_EQ(shot.id(48, 48), kHidden);
  EXPECT_EQ(shot.id(16, 16), -1);
  EXPECT_EQ(shot.colour(16, 16), (Rgb{0, 0, 0}));
  EXPECT_FLOAT_EQ(shot.depth[shot.at(16, 16)], 50);  // the far plane
  EXPECT_EQ(shot.id(32, 32), 0);
  EXPECT_EQ(shot.segmentation[2 * shot.at(32, 32) + 1], mjOBJ_SITE);
}

TEST(RasterRenderer, TakesIntrinsicsAndOrthographicCameras) {
  const Scene scene(kTop);
  const Shot shot = Draw(scene, Camera::Named("lens"));
  // 1 m of sensor at focal length 0.5 is 64 pixels; the principal point is a quarter off.
  int last = -1;
  for (int x = 0; x < 64; ++x)
    if (shot.id(x, 16) == kRed) last = x;
  EXPECT_EQ(last, static_cast<int>(-0.3 / 0.998 * 32 + 32 - 16 - 0.5));
  const Shot flat = Draw(scene, Camera::Named("flat"));
  // 2 m over 64 pixels: red from column 9.6 to 22.4, whatever its height.
  EXPECT_EQ(flat.id(10, 16), kRed);
  EXPECT_EQ(flat.id(9, 16), 0);
  EXPECT_EQ(flat.id(21, 16), kRed);
  EXPECT_NEAR(flat.depth[flat.at(16, 16)], 0.998, 1e-5);
}

TEST(RasterRenderer, MultisamplingSoftensEdgesAlone) {
  const Scene scene(kTop);
  RenderConfig config = Plain();
  config.samples = 4;
  const Shot soft = Draw(scene, Camera::Named("top"), config),
             hard = Draw(scene, Camera::Named("top"));
  // Columns 9.6 to 22.4: a quarter or three of the outermost are red, by two of four samples.
  EXPECT_EQ(soft.colour(16, 16), hard.colour(16, 16));
  EXPECT_EQ(soft.colour(9, 16), (Rgb{255, 128, 128}));
  EXPECT_EQ(soft.id(16, 16), kRed);
  config.samples = 3;
  EXPECT_EQ(MessageOf<UserError>([&] { MakeRenderer(scene.model.get(), config); }),
            "render.samples must be 1 or 4 with backend raster, got 3");
}

/// A bit of everything, with things that move and things that don't.
constexpr char kMixed[] = R"(
<mujoco>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" width="64" height="384" rgb1=".7 .8 .9"
             rgb2=".1 .2 .3"/>
    <texture name="check" type="2d" builtin="checker" width="64" height="64" rgb1=".8 .7 .6"
             rgb2=".2 .3 .4"/>
    <material name="floor" texture="check" texrepeat="2 2" texuniform="true"/>
    <hfield name="hills" nrow="8" ncol="8" size="0.5 0.5 0.2 0.1"
            elevation="0 1 0 1 0 1 0 1  1 0 1 0 1 0 1 0  0 1 0 1 0 1 0 1  1 0 1 0 1 0 1 0
                       0 1 0 1 0 1 0 1  1 0 1 0 1 0 1 0  0 1 0 1 0 1 0 1  1 0 1 0 1 0 1 0"/>
    <mesh name="tetra" vertex="0 0 0  0.4 0 0  0 0.4 0  0 0 0.4"/>
  </asset>
  <worldbody>
    <light pos="0.5 -1 2" dir="-0.2 0.4 -1" cutoff="60" castshadow="true"/>
    <camera name="side" pos="0 -2.5 1.5" xyaxes="1 0 0 0 0.5 1"/>
    <geom type="plane" size="0 0 1" material="floor"/>
    <geom type="box" size="0.2 0.1 0.3" pos="-1 0 0.3" rgba="0.8 0.2 0.1 1"/>
    <geom type="hfield" hfield="hills" pos="0.9 0.8 0.1"/>
    <body pos="0 0 0.8"><freejoint/>
      <geom type="sphere" size="0.2" rgba="0.1 0.7 0.2 1"/>
      <geom type="capsule" size="0.05" fromto="0 0 0 0.5 0 0.3" rgba="0.2 0.3 0.9 0.6"/></body>
    <body pos="-0.5 -0.4 0.5"><freejoint/><geom type="mesh" mesh="tetra"/></body>
    <body pos="0.5 -0.5 0.3" euler="40 20 0"><freejoint/>
      <geom type="cylinder" size="0.15 0.2"/><geom type="ellipsoid" size=".3 .1 .1"/></body>
  </worldbody>
</mujoco>)";

TEST(RasterRenderer, ACacheChangesNoByte) {
  Scene scene(kMixed);
  for (const int samples : {1, 4}) {
    for (const bool shadows : {false, true}) {
      RenderConfig config = Plain(80, 60);
      config.samples = samples;
      config.shadows = shadows;
      const auto renderer = MakeRenderer(scene.model.get(), config);
      const auto cache = renderer->MakeCache();
      for (int step = 0; step < 10; ++step) {
        Shot with(80, 60), without(80, 60);
        for (Shot* shot : {&with, &without}) {
          Frame frame = shot->frame();
          if (step < 3 || step == 7) frame.rgb = {};  // kept without colours first
          if (step == 8) frame.depth = {}, frame.segmentation = {};
          renderer->Render(scene.model.get(), scene.data.get(), Camera::Named("side"), frame,
                           shot == &with ? cache.get() : nullptr);
        }
        EXPECT_EQ(with, without) << samples << " samples, shadows " << shadows << ", " << step;
        scene.data->qpos[2] -= 0.06;
        if (step == 5) scene.model->geom_rgba[4] = 0.3F;  // what doesn't move changes its colour
        mj_forward(scene.model.get(), scene.data.get());
      }
    }
  }
}

TEST(RasterRenderer, EveryInstructionSetSeesTheSame) {
  const Scene scene(kMixed);
  const Shot best = Draw(scene, Camera::Named("side"), Plain(100, 75));
  int tested = 0;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const Shot shot = Draw(scene, Camera::Named("side"), Plain(100, 75));
    EXPECT_EQ(shot.segmentation, best.segmentation) << hwy::TargetName(target);
    EXPECT_EQ(shot.depth, best.depth) << hwy::TargetName(target);
    int most = 0;
    for (size_t i = 0; i < shot.rgb.size(); ++i)
      most = std::max(most, std::abs(shot.rgb[i] - best.rgb[i]));
    EXPECT_LE(most, 1) << hwy::TargetName(target);
    ++tested;
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  EXPECT_GE(tested, 2);
}

TEST(RasterRenderer, ACameraInsideOfThingsOrNowhereIsNoTrouble) {
  Scene scene(kMixed);
  const auto renderer = MakeRenderer(scene.model.get(), Plain());
  for (const double distance : {0.0, 1e-6, 0.3, 1e6, 1e30}) {
    Camera camera;
    camera.lookat[2] = 0.8;
    camera.distance = distance;
    Shot shot(64, 64);
    renderer->Render(scene.model.get(), scene.data.get(), camera, shot.frame());
    for (const float depth : shot.depth) EXPECT_TRUE(std::isfinite(depth));
  }
  const double bad[] = {std::nan(""), std::numeric_limits<double>::infinity(), 1e300};
  for (const double value : bad) {
    scene.data->geom_xpos[9] = value;
    scene.data->geom_xmat[40] = value;
    scene.data->light_xpos[0] = value;
    Shot shot(64, 64);
    renderer->Render(scene.model.get(), scene.data.get(), Camera::Named("side"), shot.frame());
    for (const float depth : shot.depth) EXPECT_TRUE(std::isfinite(depth));
  }
}

TEST(RasterRenderer, RefusesAnotherModelOrSize) {
  const Scene scene(kTop), other("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>");
  const auto renderer = MakeRenderer(scene.model.get(), Plain());
  EXPECT_THAT(MessageOf<UserError>(
                  [&] { renderer->Picture(other.model.get(), other.data.get(), Camera()); }),
              HasSubstr("another model than it was made for (1 geoms, not 5)"));
  std::vector<float> small(10);
  EXPECT_EQ(MessageOf<ShapeError>([&] {
              renderer->Render(scene.model.get(), scene.data.get(), Camera::Named("top"),
                               {.width = 64, .height = 64, .depth = small});
            }),
            "renderer: depth takes [64, 64] = 4096 numbers, got 10");
  EXPECT_THAT(renderer->Describe(), HasSubstr("raster ("));
}

}  // namespace
}  // namespace simscale::render
