#include "simscale/render/renderer.h"

#include <algorithm>
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

void CheckRange(const char* field, int value, int min, int max, const std::string& why = "") {
  if (value < min || value > max) {
    ThrowUser("render.", field, " must be in ", min, " .. ", max, why, ", got ", value);
  }
}

/// What must not differ between the model of the context and the one that is drawn.
struct ModelShape {
  mjtSize nbody, ngeom, nsite, ncam, nlight, nmesh, nmeshvert, nmeshface, nhfield, nhfielddata,
      nskin, ntex, ntexdata, nmat, nflex, ntendon;
  bool operator==(const ModelShape&) const = default;
};
ModelShape ShapeOf(const mjModel& m) {
  return {m.nbody,   m.ngeom,       m.nsite, m.ncam, m.nlight,   m.nmesh, m.nmeshvert, m.nmeshface,
          m.nhfield, m.nhfielddata, m.nskin, m.ntex, m.ntexdata, m.nmat,  m.nflex,     m.ntendon};
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
  const std::string why = Cat(" on ", info.renderer);
  const int max_side = std::min(limit(kGlMaxRenderbufferSize), limit(kGlMaxTextureSize));
  CheckRange("width", config.width, 1, max_side, why);
  CheckRange("height", config.height, 1, max_side, why);
  CheckRange("samples", config.samples, 0, limit(kGlMaxSamples), why);
  if (config.shadows) CheckRange("shadow_size", config.shadow_size, 16, max_side, why);
}

void SetGroups(mjtByte* flags, const std::vector<int>& groups) {
  std::fill_n(flags, mjNGROUP, mjtByte{0});
  for (int group : groups) flags[group] = 1;
}

mjvCamera ToMujoco(const mjModel* model, const Camera& camera) {
  mjvCamera result;
  mjv_defaultCamera(&result);
  if (camera.name.empty()) {
    result.type = mjCAMERA_FREE;
    std::copy_n(camera.lookat, 3, result.lookat);
    result.distance = camera.distance;
    result.azimuth = camera.azimuth;
    result.elevation = camera.elevation;
    return result;
  }
  result.type = mjCAMERA_FIXED;
  result.fixedcamid = mj_name2id(model, mjOBJ_CAMERA, camera.name.c_str());
  if (result.fixedcamid < 0) {
    const std::vector<std::string> known = CameraNames(model);
    if (known.empty())
      ThrowUser("unknown camera '", camera.name, "': the model has no named camera");
    throw UserError(UnknownName("camera", camera.name, known));
  }
  return result;
}

}  // namespace

void RenderConfig::Validate() const {
  constexpr int kMaxSide = 16384;  // of every OpenGL 4 driver we know
  CheckRange("width", width, 1, kMaxSide);
  CheckRange("height", height, 1, kMaxSide);
  CheckRange("samples", samples, 0, 16);
  CheckRange("shadow_size", shadow_size, 16, kMaxSide);
  for (int group : geom_groups) CheckRange("geom_groups", group, 0, mjNGROUP - 1);
  for (int group : site_groups) CheckRange("site_groups", group, 0, mjNGROUP - 1);
  const std::vector<std::string> backends = {"auto", "egl", "osmesa"};
  if (std::find(backends.begin(), backends.end(), backend) == backends.end())
    throw UserError(Cat("render.backend: ", UnknownName("backend", backend, backends)));
}

Camera Camera::Named(std::string name) {
  Camera camera;
  camera.name = std::move(name);
  return camera;
}

Camera Camera::Overview(const mjModel* model) {
  mjvCamera view;
  mjv_defaultFreeCamera(model, &view);
  Camera camera;
  std::copy_n(view.lookat, 3, camera.lookat);
  camera.distance = view.distance;
  camera.azimuth = view.azimuth;
  camera.elevation = view.elevation;
  return camera;
}

Camera Camera::Choose(const mjModel* model, const std::string& name) {
  const std::vector<std::string> names = CameraNames(model);
  const auto known = [&](const std::string& wanted) {
    return std::find(names.begin(), names.end(), wanted) != names.end();
  };
  if (!name.empty()) {
    if (!known(name)) throw UserError(UnknownName("camera", name, names));
    return Named(name);
  }
  if (names.empty()) return Overview(model);
  return Named(known("front") ? "front" : names.front());
}

struct GlRenderer::Impl {
  Impl(const mjModel* model, const RenderConfig& wanted)
      : config((wanted.Validate(), wanted)),
        shape(ShapeOf(*model)),
        data(mj_makeData(model)),
        bottom_up(static_cast<size_t>(config.width) * static_cast<size_t>(config.height) * 3),
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
  }
  ~Impl() { Free(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// The buffers' sizes are read from the model: from a copy, as the model is shared and const.
  void MakeContext(const mjModel& model) {
    const std::unique_ptr<mjModel, ModelDeleter> copy(mj_copyModel(nullptr, &model));
    copy->vis.global.offwidth = config.width;
    copy->vis.global.offheight = config.height;
    copy->vis.quality.offsamples = config.samples;
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
  std::vector<uint8_t> bottom_up;             // OpenGL's first row is the lowest
  std::unique_ptr<internal::GlContext> context;
  GlInfo info;
  mjvOption option;
  mjvScene scene;
  mjrContext mjr;
};

GlRenderer::GlRenderer(const mjModel* model, const RenderConfig& config) {
  if (model == nullptr) ThrowUser("renderer: the model is null");
  impl_ = std::make_unique<Impl>(model, config);
  LogDebug("renderer: ", info().backend, ", ", info().renderer, ", OpenGL ", info().version);
}
GlRenderer::~GlRenderer() = default;
GlRenderer::GlRenderer(GlRenderer&&) noexcept = default;
GlRenderer& GlRenderer::operator=(GlRenderer&&) noexcept = default;

void GlRenderer::Render(const mjModel* model, const mjData* data, const Camera& camera,
                        std::span<uint8_t> rgb_HWC) {
  Impl& s = *impl_;
  if (model == nullptr || data == nullptr) ThrowUser("renderer: model or data is null");
  if (!(ShapeOf(*model) == s.shape)) {
    ThrowUser("renderer: drawn with another model than it was made for (", model->ngeom,
              " geoms, not ", s.shape.ngeom, "). Make one renderer a model");
  }
  if (rgb_HWC.size() != s.bottom_up.size()) {
    throw ShapeError(Cat("renderer: the picture takes [", s.config.height, ", ", s.config.width,
                         ", 3] = ", s.bottom_up.size(), " bytes, got ", rgb_HWC.size()));
  }
  mjvCamera view = ToMujoco(model, camera);
  mjv_copyData(s.data.get(), model, data);
  mjv_updateScene(model, s.data.get(), &s.option, nullptr, &view, mjCAT_ALL, &s.scene);
  const mjrRect viewport = {0, 0, s.config.width, s.config.height};
  {
    Current current(*s.context);
    mjr_render(viewport, &s.scene, &s.mjr);
    mjr_readPixels(s.bottom_up.data(), nullptr, viewport, &s.mjr);
  }
  const size_t row = static_cast<size_t>(s.config.width) * 3;
  const size_t height = static_cast<size_t>(s.config.height);
  for (size_t y = 0; y < height; ++y)
    std::memcpy(&rgb_HWC[y * row], &s.bottom_up[(height - 1 - y) * row], row);
}

Image GlRenderer::Render(const mjModel* model, const mjData* data, const Camera& camera) {
  Image image(width(), height());
  Render(model, data, camera, image.rgb);
  return image;
}

int GlRenderer::width() const { return impl_->config.width; }
int GlRenderer::height() const { return impl_->config.height; }
const GlInfo& GlRenderer::info() const { return impl_->info; }

std::vector<std::string> CameraNames(const mjModel* model) {
  std::vector<std::string> names;
  for (int i = 0; i < static_cast<int>(model->ncam); ++i) {
    const char* name = mj_id2name(model, mjOBJ_CAMERA, i);
    if (name != nullptr && *name != '\0') names.emplace_back(name);
  }
  return names;
}

}  // namespace simscale::render
