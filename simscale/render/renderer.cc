#include "simscale/render/renderer.h"

#include <algorithm>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/render/gl_renderer.h"
#include "simscale/render/raster/raster_renderer.h"

namespace simscale::render {
namespace {

constexpr int kMaxSide = 16384;  // of every OpenGL 4 driver we know

const std::vector<std::string>& Backends() {
  static const std::vector<std::string> backends = {"raster", "gl", "egl", "osmesa"};
  return backends;
}

void CheckRange(const char* field, int value, int min, int max, const std::string& why = "") {
  if (value < min || value > max) {
    ThrowUser("render.", field, " must be in ", min, " .. ", max, why, ", got ", value);
  }
}

void CheckSpan(const char* what, size_t size, size_t per_pixel, const Frame& frame) {
  const size_t wanted =
      static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height) * per_pixel;
  if (size != 0 && size != wanted) {
    throw ShapeError(Cat("renderer: ", what, " takes [", frame.height, ", ", frame.width,
                         per_pixel > 1 ? Cat(", ", per_pixel) : "", "] = ", wanted,
                         " numbers, got ", size));
  }
}

}  // namespace

void RenderConfig::Describe(config::Fields& f) {
  f.Field("width", width, {.help = "picture width", .unit = "pixels", .min = 1, .max = kMaxSide});
  f.Field("height", height,
          {.help = "picture height", .unit = "pixels", .min = 1, .max = kMaxSide});
  f.Field("backend", backend,
          {.help = "raster: the rasteriser of this project, for learning; gl: OpenGL, for videos "
                   "(egl, on a GPU or in software, else osmesa, in software)",
           .choices = Backends()});
  f.Field("samples", samples,
          {.help = "samples a pixel, against jagged edges; raster: 1 or 4; 0: as 1",
           .min = 0,
           .max = 16});
  f.Field("shadows", shadows, {.help = "draw shadows (dear with OpenGL without a GPU)"});
  f.Field("shadow_size", shadow_size,
          {.help = "side of the shadow map", .unit = "pixels", .min = 16, .max = kMaxSide});
  f.Field("reflections", reflections, {.help = "draw reflections of reflective planes; gl alone"});
  f.Field("skybox", skybox, {.help = "draw the sky texture, if the model has one"});
  f.Field("fog", fog, {.help = "draw fog, from vis.map.fogstart to fogend"});
  f.Field("tendons", tendons, {.help = "draw spatial tendons"});
  f.Field("geom_groups", geom_groups,
          {.help = "visible geom groups", .min = 0, .max = mjNGROUP - 1});
  f.Field("site_groups", site_groups,
          {.help = "visible site groups", .min = 0, .max = mjNGROUP - 1});
  f.Field("levels_of_detail", levels_of_detail,
          {.help = "raster: draw meshes with fewer triangles where they are small, by no more than "
                   "1 mm and a quarter of a pixel"});
}

void RenderConfig::Validate() const {
  CheckRange("width", width, 1, kMaxSide);
  CheckRange("height", height, 1, kMaxSide);
  CheckRange("samples", samples, 0, 16);
  CheckRange("shadow_size", shadow_size, 16, kMaxSide);
  for (int group : geom_groups) CheckRange("geom_groups", group, 0, mjNGROUP - 1);
  for (int group : site_groups) CheckRange("site_groups", group, 0, mjNGROUP - 1);
  if (std::find(Backends().begin(), Backends().end(), backend) == Backends().end())
    throw UserError(Cat("render.backend: ", UnknownName("backend", backend, Backends())));
  if (backend == "raster" && samples > 1 && samples != 4)
    ThrowUser("render.samples must be 1 or 4 with backend raster, got ", samples);
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

void Frame::Check(int max_width, int max_height) const {
  CheckRange("width", width, 1, max_width);
  CheckRange("height", height, 1, max_height);
  CheckSpan("rgb", rgb.size(), 3, *this);
  CheckSpan("depth", depth.size(), 1, *this);
  CheckSpan("segmentation", segmentation.size(), 2, *this);
}

Image Renderer::Picture(const mjModel* model, const mjData* data, const Camera& camera) {
  Image image(config_.width, config_.height);
  Render(model, data, camera, {.width = image.width, .height = image.height, .rgb = image.rgb});
  return image;
}

std::unique_ptr<Renderer> MakeRenderer(const mjModel* model, const RenderConfig& config) {
  return std::move(MakeRenderers(model, config, 1).front());
}

std::vector<std::unique_ptr<Renderer>> MakeRenderers(const mjModel* model,
                                                     const RenderConfig& config, int count) {
  config.Validate();
  if (model == nullptr) ThrowUser("renderer: the model is null");
  std::vector<std::unique_ptr<Renderer>> renderers;
  if (config.backend == "raster") return MakeRasterRenderers(model, config, count);
  for (int i = 0; i < count; ++i) renderers.push_back(std::make_unique<GlRenderer>(model, config));
  return renderers;
}

ModelShape ShapeOf(const mjModel& m) {
  return {m.nbody,   m.ngeom,       m.nsite, m.ncam, m.nlight,   m.nmesh, m.nmeshvert, m.nmeshface,
          m.nhfield, m.nhfielddata, m.nskin, m.ntex, m.ntexdata, m.nmat,  m.nflex,     m.ntendon};
}

void CheckModel(const mjModel* model, const mjData* data, const ModelShape& shape) {
  if (model == nullptr || data == nullptr) ThrowUser("renderer: model or data is null");
  if (ShapeOf(*model) == shape) return;
  ThrowUser("renderer: drawn with another model than it was made for (", model->ngeom,
            " geoms, not ", shape.ngeom, "). Make one renderer a model");
}

mjvCamera ToMujoco(const mjModel* model, const Camera& camera) {
  mjvCamera result;
  mjv_defaultCamera(&result);
  if (camera.name.empty() && camera.id >= 0) {
    if (camera.id >= model->ncam)
      ThrowUser("camera ", camera.id, ": the model has ", model->ncam, " cameras");
    result.type = mjCAMERA_FIXED;
    result.fixedcamid = camera.id;
    return result;
  }
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

std::vector<std::string> CameraNames(const mjModel* model) {
  std::vector<std::string> names;
  for (int i = 0; i < static_cast<int>(model->ncam); ++i) {
    const char* name = mj_id2name(model, mjOBJ_CAMERA, i);
    if (name != nullptr && *name != '\0') names.emplace_back(name);
  }
  return names;
}

}  // namespace simscale::render
