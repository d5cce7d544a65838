// Random scenes of all that MJCF has, sensible or not: no picture may crash, write beside its
// buffers or hold a number that is not finite. SIMSCALE_FUZZ_IMAGES=10000 draws that many.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "simscale/common/rng.h"
#include "simscale/render/renderer.h"
#include "simscale/render/test_scene.h"

namespace simscale::render {
namespace {

constexpr int kImagesAScene = 5;

class Writer {
 public:
  explicit Writer(uint64_t seed) : rng_(seed, 0, "fuzz") {}

  std::string Xml() {
    std::ostringstream xml;
    xml << "<mujoco><compiler angle='degree'/><visual><map znear='" << Pick({0.0001, 0.01, 0.5})
        << "' zfar='" << Pick({1, 50, 10000}) << "'/><headlight active='" << Below(2)
        << "'/><quality numslices='" << Pick({3, 28, 64}) << "' numstacks='" << Pick({2, 16, 40})
        << "'/></visual><statistic extent='" << Pick({0.001, 1, 1000}) << "'/>" << Assets()
        << "<worldbody>";
    for (uint64_t i = Below(5); i > 0; --i) xml << Light();
    for (uint64_t i = 1 + Below(3); i > 0; --i) xml << Camera();
    for (uint64_t i = Below(8); i > 0; --i) xml << Geom(true);
    for (uint64_t i = Below(4); i > 0; --i) xml << "<site " << Shape() << Look() << "/>";
    for (uint64_t i = Below(6); i > 0; --i)
      xml << "<body " << Place() << "><freejoint/><inertial pos='0 0 0' mass='1' "
          << "diaginertia='1 1 1'/>" << Geom(false) << Geom(false) << "</body>";
    xml << "</worldbody></mujoco>";
    return xml.str();
  }
  Rng& rng() { return rng_; }
  uint64_t Below(uint64_t n) { return rng_.Below(n); }
  double Pick(std::initializer_list<double> from) { return from.begin()[Below(from.size())]; }

 private:
  double Length() {
    return Below(4) == 0 ? Pick({1e-10, 1e-6, 1e-3, 100, 1e5}) : rng_.Uniform(0.02, 1);
  }
  std::string Numbers(int n, double low, double high) {
    std::ostringstream out;
    for (int i = 0; i < n; ++i) out << (i > 0 ? " " : "") << rng_.Uniform(low, high);
    return out.str();
  }
  std::string Place() {
    return "pos='" + Numbers(3, -1.5, 1.5) + "' euler='" + Numbers(3, -180, 180) + "' ";
  }
  std::string Look() {
    std::ostringstream out;
    if (Below(2) == 0) out << " material='m" << Below(4) << "'";
    if (Below(2) == 0) out << " rgba='" << Numbers(4, 0, 1) << "'";
    return out.str();
  }
  std::string Shape() {
    static const char* kTypes[] = {"sphere", "capsule", "ellipsoid", "cylinder", "box"};
    std::ostringstream out;
    out << Place() << "type='" << kTypes[Below(5)] << "' size='" << Length() << " " << Length()
        << " " << Length() << "' group='" << Below(4) << "'";
    return out.str();
  }
  std::string Geom(bool fixed) {
    std::ostringstream out;
    const uint64_t kind = Below(8);
    if (fixed && kind == 0) {
      out << "<geom " << Place() << "type='plane' size='" << (Below(2) == 0 ? 0 : Length()) << " "
          << (Below(2) == 0 ? 0 : Length()) << " 1'";
    } else if (fixed && kind == 1) {
      out << "<geom " << Place() << "type='hfield' hfield='h'";
    } else if (kind == 2) {
      out << "<geom " << Place() << "type='mesh' mesh='" << (Below(2) == 0 ? "plain" : "mapped")
          << "'";
    } else {
      out << "<geom " << Shape();
    }
    out << Look() << "/>";
    return out.str();
  }
  std::string Light() {
    std::ostringstream out;
    static const char* kTypes[] = {"spot", "directional", "point"};
    out << "<light type='" << kTypes[Below(3)] << "' pos='" << Numbers(3, -3, 3) << "' dir='"
        << Numbers(3, -1, 1) << "' diffuse='" << Numbers(3, 0, 2) << "' specular='"
        << Numbers(3, 0, 1) << "' ambient='" << Numbers(3, 0, 1) << "' cutoff='"
        << Pick({0, 1, 45, 90, 180}) << "' exponent='" << Pick({0, 1, 10, 128}) << "' attenuation='"
        << Numbers(3, 0, 1) << "' castshadow='" << (Below(2) == 0 ? "true" : "false") << "'/>";
    return out.str();
  }
  std::string Camera() {
    std::ostringstream out;
    out << "<camera " << Place();
    const uint64_t kind = Below(4);
    if (kind == 0) {
      out << "projection='orthographic' fovy='" << Pick({0.001, 1, 100}) << "'";
    } else if (kind == 1) {
      out << "focal='" << Numbers(2, 0.01, 2) << "' sensorsize='" << Numbers(2, 0.01, 2)
          << "' resolution='32 24' principal='" << Numbers(2, -1, 1) << "'";
    } else {
      out << "fovy='" << Pick({0.01, 20, 60, 120, 179}) << "'";
    }
    out << "/>";
    return out.str();
  }
  std::string Assets() {
    std::ostringstream out;
    out << "<asset><texture name='sky' type='skybox' builtin='gradient' width='8' height='48' "
           "rgb1='1 1 1' rgb2='0 0 1'/><texture name='t0' type='2d' builtin='checker' width='"
        << 1 + Below(70) << "' height='" << 1 + Below(70)
        << "'/><texture name='t1' type='cube' builtin='checker' width='" << 1 + Below(40)
        << "' height='8' mark='cross' random='0.1'/>";
    for (int i = 0; i < 4; ++i) {
      out << "<material name='m" << i << "' rgba='" << Numbers(4, 0, 1) << "' emission='"
          << Pick({0, 0.5, 3}) << "' specular='" << Pick({0, 0.5, 1}) << "' shininess='"
          << Pick({0, 0.1, 0.5, 1}) << "'";
      if (i > 0)
        out << " texture='t" << i % 2 << "' texuniform='" << (Below(2) == 0 ? "true" : "false")
            << "' texrepeat='" << Pick({0, 0.001, 1, 5, 1e4}) << " " << Pick({0, 1, 7}) << "'";
      out << "/>";
    }
    out << "<hfield name='h' nrow='" << 2 + Below(6) << "' ncol='" << 2 + Below(6) << "' size='"
        << Length() << " " << Length() << " " << Length() << " 0.1'/>"
        << "<mesh name='plain' vertex='0 0 0 1 0 0 0 1 0 0 0 1' scale='" << Numbers(3, 0.01, 1)
        << "'/><mesh name='mapped' vertex='0 0 0 1 0 0 0 1 0 0 0 1' scale='" << Numbers(3, 0.01, 1)
        << "' texcoord='0 0 1 0 0 1 1 1'/></asset>";
    return out.str();
  }

  Rng rng_;
};

/// What a frame's spans are cut out of: bytes before and after that must stay.
template <class T>
struct Guarded {
  static constexpr size_t kEdge = 64;
  std::vector<T> all;
  size_t size;
  T mark;
  Guarded(size_t n, T edge) : all(n + 2 * kEdge, edge), size(n), mark(edge) {}
  std::span<T> span() { return {all.data() + kEdge, size}; }
  bool intact() const {
    for (size_t i = 0; i < kEdge; ++i)
      if (all[i] != mark || all[kEdge + size + i] != mark) return false;
    return true;
  }
};

TEST(RasterFuzz, AnySceneGivesAPicture) {
  const char* wanted = std::getenv("SIMSCALE_FUZZ_IMAGES");
  const int images = wanted == nullptr ? 300 : std::atoi(wanted);
  int drawn = 0, refused = 0;
  for (uint64_t seed = 0; drawn < images; ++seed) {
    Writer writer(seed);
    std::unique_ptr<Scene> scene;
    try {
      scene = std::make_unique<Scene>(writer.Xml());
    } catch (const std::runtime_error&) {
      ++refused;  // MuJoCo takes some numbers for nonsense
      ASSERT_LT(refused, 100 + images);
      continue;
    }
    RenderConfig config;
    config.backend = "raster";
    config.width = 1 + static_cast<int>(writer.Below(70));
    config.height = 1 + static_cast<int>(writer.Below(50));
    config.samples = writer.Below(2) == 0 ? 1 : 4;
    config.shadows = writer.Below(2) == 0;
    config.shadow_size = 16 + static_cast<int>(writer.Below(100));
    config.fog = writer.Below(4) == 0;
    config.site_groups = config.geom_groups = {0, 1, 2, 3};
    const auto renderer = MakeRenderer(scene->model.get(), config);
    const auto cache = renderer->MakeCache();
    mjModel* model = scene->model.get();
    mjData* data = scene->data.get();
    for (int i = 0; i < kImagesAScene; ++i) {
      Camera camera;
      const auto choice = static_cast<int>(writer.Below(static_cast<uint64_t>(model->ncam) + 2));
      if (choice < model->ncam) {
        camera.id = choice;
      } else if (choice == model->ncam && model->ngeom > 0) {  // inside of something
        const uint64_t geom = writer.Below(static_cast<uint64_t>(model->ngeom));
        for (int k = 0; k < 3; ++k)
          camera.lookat[k] = data->geom_xpos[3 * geom + static_cast<uint64_t>(k)];
        camera.distance = writer.Pick({0, 1e-9, 0.01});
        camera.azimuth = writer.rng().Uniform(0, 360);
      }
      const auto pixels = static_cast<size_t>(config.width * config.height);
      Guarded<uint8_t> rgb(pixels * 3, 77);
      Guarded<float> depth(pixels, 123.0F);
      Guarded<int32_t> ids(pixels * 2, 99);
      renderer->Render(model, data, camera,
                       {.width = config.width,
                        .height = config.height,
                        .rgb = rgb.span(),
                        .depth = depth.span(),
                        .segmentation = ids.span()},
                       writer.Below(2) == 0 ? cache.get() : nullptr);
      ASSERT_TRUE(rgb.intact() && depth.intact() && ids.intact()) << "seed " << seed;
      for (const float d : depth.span()) ASSERT_TRUE(std::isfinite(d)) << "seed " << seed;
      ++drawn;
      for (int k = 0; k < model->nq; ++k) data->qpos[k] += writer.rng().Uniform(-0.2, 0.2);
      mj_normalizeQuat(model, data->qpos);
      mj_kinematics(model, data);
      mj_camlight(model, data);
      if (writer.Below(20) == 0 && model->ngeom > 0)
        data->geom_xpos[writer.Below(3 * static_cast<uint64_t>(model->ngeom))] =
            writer.Pick({std::nan(""), HUGE_VAL, 1e200});
    }
  }
  printf("          %d pictures, %d scenes refused by MuJoCo\n", drawn, refused);
}

}  // namespace
}  // namespace simscale::render
