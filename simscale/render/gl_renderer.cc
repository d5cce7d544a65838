#include "simscale/render/gl_renderer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/log.h"
#include "simscale/render/gl_context.h"

namespace simscale::render {
namespace {

// OpenGL enumerants (gl.h is not included: its functions are looked up at run time).
constexpr unsigned kGlVendor = 0x1F00, kGlRenderer = 0x1F01, kGlVersion = 0x1F02;
constexpr unsigned kGlMaxTextureSize = 0x0D33, kGlMaxRenderbufferSize = 0x84E8;
constexpr unsigned kGlMaxSamples = 0x8D57;

// mjr_makeContext and mjr_freeContext keep a count of contexts that no lock guards.
std::mutex context_count_mutex;

/// Makes a context current for one scope.
class Current {
 public:
  explicit Current(internal::GlContext& context) : context_(context) { context.MakeCurrent(); }
  ~Current() { context_.Release(); }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  internal::GlContext& context_;
};

struct ModelDeleter {
  void operator()(mjModel* model) const { mj_deleteModel(model); }
};
struct DataDeleter {
  void operator()(mjData* data) const { mj_deleteData(data); }
};

/// What the driver can't do, told as the config's own ranges are.
void CheckLimit(const char* field, int value, int min, int max, const std::string& renderer) {
  if (value < min || value > max) {
    ThrowUser("render.", field, " must be in ", min, " .. ", max, " on ", renderer, ", got ",
              value);
  }
}

GlInfo ReadInfo(const internal::GlContext& context) {
  using GetString = const unsigned char* (*)(unsigned);
  auto get_string = reinterpret_cast<GetString>(context.Function("glGetString"));
  if (get_string == nullptr) ThrowIo(context.backend(), ": the driver has no glGetString");
  auto text = [&](unsigned name) {
    const unsigned char* value = get_string(name);
    return std::string(value == nullptr ? "" : reinterpret_cast<const char*>(value));
  };
  return {context.backend(), text(kGlVendor), text(kGlRenderer), text(kGlVersion)};
}

/// MuJoCo would end the process (or lower the number without a word) past the driver's limits.
void CheckLimits(const internal::GlContext& context, const GlInfo& info,
                 const RenderConfig& config) {
  using GetInteger = void (*)(unsigned, int*);
  auto get_integer = reinterpret_cast<GetInteger>(context.Function("glGetIntegerv"));
  if (get_integer == nullptr) ThrowIo(context.backend(), ": the driver has no glGetIntegerv");
  auto limit = [&](unsigned name) {
    int value = 0;
    get_integer(name, &value);
    return value;
  };
  const int max_side = std::min(limit(kGlMaxRenderbufferSize), limit(kGlMaxTextureSize));
  CheckLimit("width", config.width, 1, max_side, info.renderer);
  CheckLimit("height", config.height, 1, max_side, info.renderer);
  CheckLimit("samples", config.samples, 0, limit(kGlMaxSamples), info.renderer);
  if (config.shadows) CheckLimit("shadow_size", config.shadow_size, 16, max_side, info.renderer);
}

void SetGroups(mjtByte* flags, const std::vector<int>& groups) {
  std::fill_n(flags, mjNGROUP, mjtByte{0});
  for (int group : groups) flags[group] = 1;
}

/// From reversed depth: 1 at the near plane, 0 at the far one. glFrustum's matrix is in float,
/// which far away makes centimetres: the same roundings here, as mujoco.Renderer has them.
float Metres(float depth, const mjvGLCamera& camera) {
  const float near = camera.frustum_near, far = camera.frustum_far;
  if (camera.orthographic) return far - depth * (far - near);
  const float c = -0.5F * (-(far + near) / (far - near)) - 0.5F;
  const float d = -0.5F * (-(2.0F * far * near) / (far - near));
  return static_cast<float>(static_cast<double>(d) /
                            (static_cast<double>(depth) + static_cast<double>(c)));
}

}  // namespace

struct GlRenderer::Impl {
  Impl(const mjModel* model, const RenderConfig& wanted)
      : config((wanted.Validate(), wanted)),
        shape(ShapeOf(*model)),
        data(mj_makeData(model)),
        context(internal::MakeGlContext(config.backend)) {
    mjv_defaultOption(&option);
    SetGroups(option.geomgroup, config.geom_groups);
    SetGroups(option.sitegroup, config.site_groups);
    mjv_defaultScene(&scene);
    mjr_defaultContext(&mjr);
    try {
      MakeContext(*model);
      // MuJoCo adds geoms of its own for lights, tendons, contacts, ...: 1000 is Python's slack
      // too.
      const mjtSize max_geoms = model->ngeom + model->nsite + model->nbody + model->ntendon + 1000;
      mjv_makeScene(model, &scene, static_cast<int>(max_geoms));
    } catch (...) {
      Free();
      throw;
    }
    scene.flags[mjRND_SHADOW] = config.shadows;
    scene.flags[mjRND_REFLECTION] = config.reflections;
    scene.flags[mjRND_SKYBOX] = config.skybox;
    scene.flags[mjRND_FOG] = config.fog;
    option.flags[mjVIS_TENDON] = config.tendons;
    mjr.readDepthMap = mjDEPTH_ZEROFAR;
  }
  ~Impl() { Free(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// The buffers' sizes are read from the model: from a copy, as the model is shared and const.
  void MakeContext(const mjModel& model) {
    const std::unique_ptr<mjModel, ModelDeleter> copy(mj_copyModel(nullptr, &model));
    copy->vis.global.offwidth = config.width;
    copy->vis.global.offheight = config.height;
    copy->vis.quality.offsamples = config.samples > 1 ? config.samples : 0;
    copy->vis.quality.shadowsize = config.shadows ? config.shadow_size : 0;
    Current current(*context);
    info = ReadInfo(*context);
    CheckLimits(*context, info, config);
    const std::scoped_lock lock(context_count_mutex);
    mjr_makeContext(copy.get(), &mjr, mjFONTSCALE_100);
    mjr_setBuffer(mjFB_OFFSCREEN, &mjr);
    if (mjr.currentBuffer != mjFB_OFFSCREEN)
      ThrowIo("renderer: ", info.renderer, " gives no offscreen buffer");
  }

  /// Draws and reads back; spans are the picture's bottom row first.
  void Draw(const mjrRect& viewport, bool ids, uint8_t* rgb_out, float* depth_out) {
    scene.flags[mjRND_SEGMENT] = scene.flags[mjRND_IDCOLOR] = ids;
    Current current(*context);
    mjr_render(viewport, &scene, &mjr);
    mjr_readPixels(rgb_out, depth_out, viewport, &mjr);
  }

  void Free() noexcept {
    mjv_freeScene(&scene);
    if (!mjr.glInitialized) return;
    try {
      Current current(*context);
      const std::scoped_lock lock(context_count_mutex);
      mjr_freeContext(&mjr);
    } catch (const std::exception& error) {
      LogWarning("renderer: its OpenGL objects were not freed: ", error.what());
    }
  }

  RenderConfig config;
  ModelShape shape;
  std::unique_ptr<mjData, DataDeleter> data;  // mjv_updateScene wants to write to its data
  std::vector<uint8_t> rgb;                   // OpenGL's first row is the lowest
  std::vector<float> depth;
  std::unique_ptr<internal::GlContext> context;
  GlInfo info;
  mjvOption option;
  mjvScene scene;
  mjrContext mjr;
};

GlRenderer::GlRenderer(const mjModel* model, const RenderConfig& config) : Renderer(config) {
  if (model == nullptr) ThrowUser("renderer: the model is null");
  if (config.backend == "raster") ThrowUser("render.backend: raster is not OpenGL's");
  impl_ = std::make_unique<Impl>(model, config);
  LogDebug("renderer: ", info().backend, ", ", info().renderer, ", OpenGL ", info().version);
}
GlRenderer::~GlRenderer() = default;
GlRenderer::GlRenderer(GlRenderer&&) noexcept = default;
GlRenderer& GlRenderer::operator=(GlRenderer&&) noexcept = default;

void GlRenderer::Render(const mjModel* model, const mjData* data, const Camera& camera,
                        const Frame& frame, ViewCache* /*cache*/) {
  Impl& s = *impl_;
  CheckModel(model, data, s.shape);
  frame.Check(s.config.width, s.config.height);
  mjvCamera view = ToMujoco(model, camera);
  mjv_copyData(s.data.get(), model, data);
  mjv_updateScene(model, s.data.get(), &s.option, nullptr, &view, mjCAT_ALL, &s.scene);
  const mjrRect viewport = {0, 0, frame.width, frame.height};
  const size_t width = static_cast<size_t>(frame.width), height = static_cast<size_t>(frame.height);
  s.rgb.resize(width * height * 3);
  s.depth.resize(frame.depth.empty() ? 0 : width * height);
  const auto flipped = [&](size_t y) { return (height - 1 - y) * width; };
  if (!frame.rgb.empty()) {
    s.Draw(viewport, false, s.rgb.data(), nullptr);
    for (size_t y = 0; y < height; ++y)
      std::memcpy(&frame.rgb[y * width * 3], &s.rgb[flipped(y) * 3], width * 3);
  }
  if (frame.depth.empty() && frame.segmentation.empty()) return;
  // Drawn as flat ids, where all is opaque and there is no sky, depth and ids belong together.
  s.Draw(viewport, true, s.rgb.data(), frame.depth.empty() ? nullptr : s.depth.data());
  for (size_t y = 0; y < height && !frame.depth.empty(); ++y)
    for (size_t x = 0; x < width; ++x)
      frame.depth[y * width + x] = Metres(s.depth[flipped(y) + x], s.scene.camera[0]);
  for (size_t y = 0; y < height && !frame.segmentation.empty(); ++y) {
    for (size_t x = 0; x < width; ++x) {
      const uint8_t* p = &s.rgb[(flipped(y) + x) * 3];
      const int geom = (p[0] | p[1] << 8 | p[2] << 16) - 1;
      const bool known = geom >= 0 && geom < s.scene.ngeom;
      int32_t* out = &frame.segmentation[(y * width + x) * 2];
      out[0] = known ? s.scene.geoms[geom].objid : -1;
      out[1] = known ? s.scene.geoms[geom].objtype : -1;
    }
  }
}

std::string GlRenderer::Describe() const { return info().backend + ", " + info().renderer; }
const GlInfo& GlRenderer::info() const { return impl_->info; }

}  // namespace simscale::render
