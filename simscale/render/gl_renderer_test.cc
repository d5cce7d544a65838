#include "simscale/render/gl_renderer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <thread>

#include "simscale/common/error.h"
#include "simscale/render/test_scene.h"
#include "simscale/render/test_util.h"

// Which backend is tested is the process's one choice: SIMSCALE_TEST_GL=egl|osmesa, egl if unset.
// Whatever needs another state of the process runs in a child process (EXPECT_EXIT).

// OSMesa leaks some 200 bytes a context of its own (its window buffers), which we can't mend.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer's name for it
extern "C" const char* __lsan_default_suppressions() { return "leak:libOSMesa.so\n"; }

namespace simscale::render {
namespace {

using ::testing::HasSubstr;

// A camera 1 m above the origin looks straight down; x is right and y is up in the picture. With 90
// degrees of view the picture spans -1 .. 1 m at z = 0. Emission 1 and no light: a geom's colour is
// its rgba, to the bit.
constexpr char kScene[] = R"(
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
    <material name="grey" rgba="0.5 0.5 0.5 1" emission="1" specular="0"/>
  </asset>
  <worldbody>
    <camera name="top" pos="0 0 1" fovy="90"/>
    <camera name="away" pos="0 0 1" xyaxes="1 0 0 0 -1 0" fovy="90"/>
    <camera pos="0 0 2"/>
    <geom name="floor" type="box" size="3 3 0.001" material="grey"/>
    <body name="red" pos="-0.5 0.5 0">
      <freejoint/>
      <geom name="red" type="box" size="0.2 0.2 0.002" material="red"/>
    </body>
    <geom name="green" type="box" size="0.2 0.2 0.002" pos="0.5 0.5 0" material="green"/>
    <geom name="blue" type="box" size="0.2 0.2 0.002" pos="0.5 -0.5 0" material="blue" group="4"/>
  </worldbody>
</mujoco>)";

std::string TestBackend() {
  const char* backend = std::getenv("SIMSCALE_TEST_GL");
  return backend == nullptr ? "egl" : backend;
}

RenderConfig Plain(int width = 64, int height = 64) {
  RenderConfig config;
  config.width = width;
  config.height = height;
  config.backend = TestBackend();
  config.samples = 0;
  config.shadows = false;
  return config;
}

const Rgb kRed = {255, 0, 0}, kGreen = {0, 255, 0}, kBlue = {0, 0, 255};

/// 0.5 is 127.5: either neighbour will do.
bool IsGrey(Rgb c) { return (c.r == 127 || c.r == 128) && c.g == c.r && c.b == c.r; }

TEST(GlRenderer, DrawsEachGeomWhereItIsInItsColour) {
  Scene scene(kScene);
  GlRenderer renderer(scene.model.get(), Plain());
  EXPECT_EQ(renderer.info().backend, TestBackend());
  EXPECT_NE(renderer.info().renderer, "");
  const Image image = renderer.Picture(scene.model.get(), scene.data.get(), Camera::Named("top"));
  ASSERT_EQ(image.width, 64);
  ASSERT_EQ(image.height, 64);
  EXPECT_EQ(image.at(16, 16), kRed);    // upper left: rows run downwards
  EXPECT_EQ(image.at(48, 16), kGreen);  // upper right
  EXPECT_TRUE(IsGrey(image.at(16, 48)));
  EXPECT_TRUE(IsGrey(image.at(48, 48)));  // blue is in group 4, which is hidden
  // Red spans x in [-0.7, -0.3] m on a plane 0.998 m away: columns 9.6 to 22.4, so 13 or so.
  int red = 0;
  for (int x = 0; x < 64; ++x) red += image.at(x, 16) == kRed;
  EXPECT_NEAR(red, 12.8, 1.0);

  RenderConfig config = Plain();
  config.geom_groups = {4};
  GlRenderer other(scene.model.get(), config);
  const Image hidden = other.Picture(scene.model.get(), scene.data.get(), Camera::Named("top"));
  EXPECT_EQ(hidden.at(48, 48), kBlue);
  EXPECT_NE(hidden.at(16, 16), kRed);
}

TEST(GlRenderer, FollowsTheStateAndTheModelAndLeavesDataAlone) {
  Scene scene(kScene);
  GlRenderer renderer(scene.model.get(), Plain());
  scene.data->qpos[0] = -0.5;
  scene.data->qpos[1] = -0.5;  // red goes to the lower left
  mj_forward(scene.model.get(), scene.data.get());
  std::vector<mjtNum> before(
      static_cast<size_t>(mj_stateSize(scene.model.get(), mjSTATE_INTEGRATION)));
  std::vector<mjtNum> after(before.size());
  mj_getState(scene.model.get(), scene.data.get(), before.data(), mjSTATE_INTEGRATION);
  Image image = renderer.Picture(scene.model.get(), scene.data.get(), Camera::Named("top"));
  mj_getState(scene.model.get(), scene.data.get(), after.data(), mjSTATE_INTEGRATION);
  EXPECT_EQ(before, after);
  EXPECT_TRUE(IsGrey(image.at(16, 16)));
  EXPECT_EQ(image.at(16, 48), kRed);

  // A copy with another colour is drawn in that colour.
  std::unique_ptr<mjModel, ModelDeleter> other(mj_copyModel(nullptr, scene.model.get()));
  const int red = mj_name2id(other.get(), mjOBJ_MATERIAL, "red");
  for (int i = 0; i < 3; ++i) other->mat_rgba[4 * red + i] = i == 2 ? 1.0f : 0.0f;
  image = renderer.Picture(other.get(), scene.data.get(), Camera::Named("top"));
  EXPECT_EQ(image.at(16, 48), kBlue);
}

TEST(GlRenderer, FreeCameraStandsWhereItIsTold) {
  Scene scene(kScene);
  GlRenderer renderer(scene.model.get(), Plain());
  Camera camera;
  camera.lookat[0] = 0.5;
  camera.lookat[1] = 0.5;
  camera.distance = 0.5;
  camera.azimuth = 90;
  camera.elevation = -90;
  const Image image = renderer.Picture(scene.model.get(), scene.data.get(), camera);
  EXPECT_EQ(image.at(32, 32), kGreen);
  const Camera overview = Camera::Overview(scene.model.get());
  EXPECT_EQ(overview.name, "");
  EXPECT_DOUBLE_EQ(overview.distance, 1.5);  // MuJoCo's 1.5 times the model's extent, 1 m
}

TEST(GlRenderer, EqualCallsGiveEqualPictures) {
  Scene scene(kScene);
  RenderConfig config = Plain(97, 41);  // odd sides: no row padding
  config.samples = 4;
  config.shadows = true;
  GlRenderer first(scene.model.get(), config);
  GlRenderer second(scene.model.get(), config);
  const Camera camera = Camera::Overview(scene.model.get());
  const Image image = first.Picture(scene.model.get(), scene.data.get(), camera);
  EXPECT_EQ(first.Picture(scene.model.get(), scene.data.get(), camera), image);
  EXPECT_EQ(second.Picture(scene.model.get(), scene.data.get(), camera), image);
}

TEST(GlRenderer, ShadowsDarkenTheFloor) {
  const char* xml = R"(
    <mujoco>
      <visual><headlight ambient="0.2 0.2 0.2" diffuse="0 0 0" specular="0 0 0"/></visual>
      <statistic extent="2" center="0 0 0"/>
      <worldbody>
        <light name="sun" type="directional" pos="0 0 3" dir="0 0 -1" diffuse="0.7 0.7 0.7"/>
        <camera name="side" pos="0 -3 1.2" xyaxes="1 0 0 0 0.37 0.93" fovy="45"/>
        <geom type="plane" size="3 3 0.1" rgba="1 1 1 1"/>
        <geom type="box" size="0.4 0.4 0.01" pos="0 0 0.8" rgba="1 0 0 1"/>
      </worldbody>
    </mujoco>)";
  Scene scene(xml);
  auto darkest_floor = [&](bool shadows) {
    RenderConfig config = Plain(80, 80);
    config.shadows = shadows;
    config.shadow_size = 1024;
    GlRenderer renderer(scene.model.get(), config);
    const Image image =
        renderer.Picture(scene.model.get(), scene.data.get(), Camera::Named("side"));
    int darkest = 255;
    for (int y = 24; y < 80; ++y)  // below the horizon
      for (int x = 0; x < 80; ++x) {
        const Rgb c = image.at(x, y);
        if (std::abs(c.r - c.g) < 8) darkest = std::min<int>(darkest, c.r);  // grey: the floor
      }
    return darkest;
  };
  EXPECT_LT(darkest_floor(true), 90);
  EXPECT_GT(darkest_floor(false), 120);
}

TEST(GlRenderer, WorksOnAnyThreadAndOnSeveralAtOnce) {
  Scene scene(kScene);
  GlRenderer here(scene.model.get(), Plain());
  const Camera camera = Camera::Named("top");
  const Image expected = here.Picture(scene.model.get(), scene.data.get(), camera);

  // A renderer made here draws there, is moved, and dies there.
  std::thread([&, moved = GlRenderer(scene.model.get(), Plain())]() mutable {
    EXPECT_EQ(moved.Picture(scene.model.get(), scene.data.get(), camera), expected);
    GlRenderer again = std::move(moved);
    EXPECT_EQ(again.Picture(scene.model.get(), scene.data.get(), camera), expected);
  }).join();

  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      GlRenderer mine(scene.model.get(), Plain());
      for (int i = 0; i < 5; ++i)
        EXPECT_EQ(mine.Picture(scene.model.get(), scene.data.get(), camera), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(here.Picture(scene.model.get(), scene.data.get(), camera), expected);
}

TEST(GlRenderer, NamesTheCamerasThereAre) {
  Scene scene(kScene);
  GlRenderer renderer(scene.model.get(), Plain());
  EXPECT_THAT(CameraNames(scene.model.get()), ::testing::ElementsAre("top", "away"));
  const std::string message = MessageOf<UserError>(
      [&] { renderer.Picture(scene.model.get(), scene.data.get(), Camera::Named("tpo")); });
  EXPECT_THAT(message, HasSubstr("unknown camera 'tpo'. Did you mean 'top'? Known: top, away"));
}

TEST(GlRenderer, RefusesAnotherModelOrSize) {
  Scene scene(kScene);
  Scene other("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>");
  GlRenderer renderer(scene.model.get(), Plain());
  EXPECT_THAT(MessageOf<UserError>(
                  [&] { renderer.Picture(other.model.get(), other.data.get(), Camera()); }),
              HasSubstr("another model than it was made for (1 geoms, not 4)"));
  std::vector<uint8_t> small(64 * 64);
  EXPECT_EQ(MessageOf<ShapeError>([&] {
              renderer.Render(scene.model.get(), scene.data.get(), Camera::Named("top"),
                              {.width = 64, .height = 64, .rgb = small});
            }),
            "renderer: rgb takes [64, 64, 3] = 12288 numbers, got 4096");
  EXPECT_EQ(MessageOf<UserError>([&] {
              renderer.Render(scene.model.get(), scene.data.get(), Camera::Named("top"),
                              {.width = 65, .height = 64, .rgb = small});
            }),
            "render.width must be in 1 .. 64, got 65");
  EXPECT_EQ(MessageOf<UserError>([] { GlRenderer(nullptr, Plain()); }),
            "renderer: the model is null");
}

TEST(GlRenderer, RefusesBadConfigs) {
  Scene scene(kScene);
  auto message = [&](auto change) {
    RenderConfig config = Plain();
    change(config);
    return MessageOf<UserError>([&] { GlRenderer(scene.model.get(), config); });
  };
  EXPECT_EQ(message([](RenderConfig& c) { c.width = 0; }),
            "render.width must be in 1 .. 16384, got 0");
  EXPECT_EQ(message([](RenderConfig& c) { c.geom_groups = {6}; }),
            "render.geom_groups must be in 0 .. 5, got 6");
  EXPECT_THAT(
      message([](RenderConfig& c) { c.backend = "elg"; }),
      HasSubstr("unknown backend 'elg'. Did you mean 'gl'? Known: raster, gl, egl, osmesa"));
  EXPECT_EQ(message([](RenderConfig& c) { c.samples = 17; }),
            "render.samples must be in 0 .. 16, got 17");
}

TEST(GlRenderer, ChecksTheDriversLimitsAndGoesOn) {
  Scene scene(kScene);
  RenderConfig config = Plain();
  GlRenderer good(scene.model.get(), config);
  if (good.info().renderer.find("llvmpipe") != std::string::npos) {  // a GPU may well take 16
    config.samples = 16;
    EXPECT_THAT(MessageOf<UserError>([&] { GlRenderer(scene.model.get(), config); }),
                HasSubstr("render.samples must be in 0 .. 4 on llvmpipe"));
  }
  EXPECT_EQ(good.Picture(scene.model.get(), scene.data.get(), Camera::Named("top")).at(16, 16),
            kRed);
}

TEST(GlRenderer, OneBackendAProcess) {
  Scene scene(kScene);
  GlRenderer first(scene.model.get(), Plain());
  RenderConfig config = Plain();
  config.backend = TestBackend() == "egl" ? "osmesa" : "egl";
  EXPECT_THAT(MessageOf<IoError>([&] { GlRenderer(scene.model.get(), config); }),
              HasSubstr("this process draws with " + TestBackend() + " already"));
  config.backend = "gl";
  EXPECT_EQ(GlRenderer(scene.model.get(), config).info().backend, TestBackend());
}

/// In a child process of its own: makes a renderer and writes its backend, or the error, to stderr.
[[noreturn]] void MakeInChild(const char* backend, const char* egl, const char* osmesa) {
  if (egl != nullptr) setenv("SIMSCALE_EGL_LIBRARY", egl, 1);
  if (osmesa != nullptr) setenv("SIMSCALE_OSMESA_LIBRARY", osmesa, 1);
  try {
    Scene scene(kScene);
    RenderConfig config = Plain();
    config.backend = backend;
    GlRenderer renderer(scene.model.get(), config);
    const Image image = renderer.Picture(scene.model.get(), scene.data.get(), Camera::Named("top"));
    fprintf(stderr, "drawn with %s, red %d\n", renderer.info().backend.c_str(),
            image.at(16, 16) == kRed);
  } catch (const IoError& error) {
    fprintf(stderr, "IoError %s\n", error.what());
  } catch (const UserError& error) {
    fprintf(stderr, "UserError %s\n", error.what());
  }
  _exit(0);
}

class GlRendererDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(GlRendererDeathTest, MissingLibrariesAreToldWithTheWayOut) {
  EXPECT_EXIT(
      MakeInChild("egl", "/nonexistent/libEGL.so", nullptr), ::testing::ExitedWithCode(0),
      "IoError EGL: can't open /nonexistent/libEGL.so \\(from SIMSCALE_EGL_LIBRARY\\): .*"
      "Install libegl1 and libgl1-mesa-dri \\(or the GPU's driver\\), or use backend=osmesa");
  EXPECT_EXIT(MakeInChild("osmesa", nullptr, "/nonexistent/libOSMesa.so"),
              ::testing::ExitedWithCode(0),
              "IoError OSMesa: can't open /nonexistent/libOSMesa.so .*Install libosmesa6");
  EXPECT_EXIT(MakeInChild("gl", "/nonexistent/E", "/nonexistent/M"), ::testing::ExitedWithCode(0),
              "IoError no headless OpenGL: EGL: can't open .*; OSMesa: can't open .*");
  // A library that is there but is no EGL.
  EXPECT_EXIT(MakeInChild("egl", "libm.so.6", nullptr), ::testing::ExitedWithCode(0),
              "IoError EGL: the library has no function eglGetProcAddress");
}

TEST_F(GlRendererDeathTest, ABadDeviceNumberIsToldAndNotReplaced) {
  const ScopedEnv device("MUJOCO_EGL_DEVICE_ID", "99");
  EXPECT_EXIT(MakeInChild("gl", nullptr, nullptr), ::testing::ExitedWithCode(0),
              "UserError MUJOCO_EGL_DEVICE_ID must be a number from 0 to [0-9]+, got '99'");
}

TEST_F(GlRendererDeathTest, AutoTakesTheFirstThatWorksAndSaysSo) {
  if (TestBackend() == "egl") {
    EXPECT_EXIT(MakeInChild("gl", nullptr, nullptr), ::testing::ExitedWithCode(0),
                "drawn with egl, red 1");
  } else {
    EXPECT_EXIT(
        MakeInChild("gl", "/nonexistent/E", nullptr), ::testing::ExitedWithCode(0),
        "took osmesa, as egl doesn't work here \\(EGL: can't open.*drawn with osmesa, red 1");
  }
}

}  // namespace
}  // namespace simscale::render
