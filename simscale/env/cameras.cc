#include "simscale/env/cameras.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/render/point_cloud.h"

namespace simscale::env {
namespace {

const std::vector<std::string> kKinds = {"rgb", "depth", "segmentation", "points"};
constexpr int kMaxSide = 4096;
constexpr int kMaxDelay = 100;  // control steps; each costs a picture in every environment

bool Has(const CameraObservationConfig& config, const std::string& kind) {
  return std::ranges::find(config.kinds, kind) != config.kinds.end();
}

ObservationSpec MakeSpec(const std::string& name, const CameraObservationConfig& config,
                         const std::string& kind) {
  const int h = config.height, w = config.width;
  const std::string key = name + "_" + kind;
  if (kind == "rgb") return {key, {h, w, 3}, Element::kUint8};
  if (kind == "depth") return {key, {h, w}, Element::kFloat32};
  if (kind == "segmentation") return {key, {h, w, 2}, Element::kInt32};
  const int points = config.num_points > 0 ? config.num_points : h * w;
  return {key, {points, render::kPointSize}, Element::kFloat32};
}

template <class T>
std::span<T> RowOf(std::vector<T>& all, int row, size_t size) {
  return std::span(all).subspan(static_cast<size_t>(row) * size, size);
}

/// Roughly normal, of standard deviation 1: sums of four uniform bytes, two from each draw. Colours
/// are rounded to whole numbers anyway.
void AddColourNoise(Rng& rng, double deviation, std::span<uint8_t> rgb) {
  const double scale = deviation / std::sqrt(4 * (256.0 * 256 - 1) / 12);
  for (size_t i = 0; i < rgb.size(); i += 2) {
    const uint64_t bits = rng.Next64();
    for (size_t k = 0; k < 2 && i + k < rgb.size(); ++k) {
      const uint64_t word = bits >> (32 * k);
      const auto sum = static_cast<double>((word & 255U) + (word >> 8 & 255U) +
                                           (word >> 16 & 255U) + (word >> 24 & 255U));
      const double value = rgb[i + k] + (sum - 510) * scale;
      rgb[i + k] = static_cast<uint8_t>(std::clamp(std::lround(value), 0L, 255L));
    }
  }
}

}  // namespace

void CameraObservationConfig::Describe(config::Fields& f) {
  f.Field("camera", camera, {.help = "camera of the scene; empty: the one of the entry's name"});
  f.Field("width", width, {.help = "picture width", .unit = "pixels", .min = 1, .max = kMaxSide});
  f.Field("height", height,
          {.help = "picture height", .unit = "pixels", .min = 1, .max = kMaxSide});
  f.Field("kinds", kinds,
          {.help = "what is observed, each under the key <name>_<kind>: rgb uint8 [H, W, 3]; depth "
                   "float32 [H, W], m; segmentation int32 [H, W, 2], id and mjtObj type; points "
                   "float32 [num_points, 7], x y z in the world, r g b, id",
           .choices = kKinds});
  f.Field("num_points", num_points,
          {.help = "points of kind points; 0: one a pixel", .min = 0, .max = 1e7});
  f.Field("rate", rate,
          {.help = "pictures a second; 0: one a control step", .unit = "Hz", .min = 0});
  f.Field("delay", delay,
          {.help = "[least, most] control steps, drawn once an episode; empty: none",
           .min = 0,
           .max = kMaxDelay});
  f.Field("noise", noise, {.help = "of colours: standard deviation, of 255", .min = 0, .max = 255});
  f.Field("depth_noise", depth_noise,
          {.help = "of depth: standard deviation, as a share of it", .min = 0, .max = 1});
}

void CameraObservationConfig::Validate() const {
  if (kinds.empty()) ThrowUser("kinds must name at least one of ", Join(kKinds, ", "));
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (std::find(kinds.begin() + static_cast<ptrdiff_t>(i) + 1, kinds.end(), kinds[i]) !=
        kinds.end())
      ThrowUser("kinds names ", kinds[i], " twice");
  }
  if (!delay.empty() && (delay.size() != 2 || delay[0] > delay[1]))
    ThrowUser("delay must be [least, most] control steps with least <= most");
}

void CameraLookConfig::Describe(config::Fields& f) {
  f.Field("backend", backend,
          {.help = "raster: the project's rasteriser; gl, egl, osmesa: MuJoCo's OpenGL renderer",
           .choices = {"raster", "gl", "egl", "osmesa"}});
  f.Field("samples", samples,
          {.help = "samples a pixel, against jagged edges; raster: 1 or 4", .min = 0, .max = 16});
  f.Field("shadows", shadows, {.help = "draw shadows"});
  f.Field("shadow_size", shadow_size,
          {.help = "side of the shadow map", .unit = "pixels", .min = 16, .max = 16384});
  f.Field("skybox", skybox, {.help = "draw the sky"});
  f.Field("fog", fog, {.help = "draw fog"});
  f.Field("tendons", tendons, {.help = "draw spatial tendons"});
  f.Field("geom_groups", geom_groups,
          {.help = "visible geom groups", .min = 0, .max = mjNGROUP - 1});
  f.Field("site_groups", site_groups,
          {.help = "visible site groups", .min = 0, .max = mjNGROUP - 1});
  f.Field("levels_of_detail", levels_of_detail,
          {.help = "raster: coarser meshes where they are small"});
}

render::RenderConfig CameraLookConfig::ToRenderConfig(int width, int height) const {
  render::RenderConfig config;
  config.width = width, config.height = height;
  config.backend = backend;
  config.samples = samples;
  config.shadows = shadows;
  config.shadow_size = shadow_size;
  config.reflections = false;
  config.skybox = skybox;
  config.fog = fog;
  config.tendons = tendons;
  config.geom_groups = geom_groups;
  config.site_groups = site_groups;
  config.levels_of_detail = levels_of_detail;
  return config;
}

Cameras::Cameras(const Configs& configs, const CameraLookConfig& look, const sim::Model& model,
                 double control_rate) {
  int width = 1, height = 1;
  for (const auto& [name, config] : configs) {
    Item item;
    item.name = name;
    item.config = config;
    item.camera = render::Camera::Choose(model.get(), config.camera.empty() ? name : config.camera);
    if (config.rate > 0) {
      const double period = control_rate / config.rate;
      if (std::abs(period - std::round(period)) > 1e-6 || period < 0.5) {
        ThrowUser(name, ".rate must be the control rate (", control_rate,
                  " Hz) or a whole part of it, got ", config.rate, " Hz");
      }
      item.period = static_cast<int>(std::lround(period));
    }
    item.num_frames = config.delay.empty() ? 1 : config.delay[1] + 1;
    item.first_spec = static_cast<int>(specs_.size());
    for (const std::string& kind : config.kinds) specs_.push_back(MakeSpec(name, config, kind));
    width = std::max(width, config.width);
    height = std::max(height, config.height);
    items_.push_back(std::move(item));
  }
  look_ = look.ToRenderConfig(width, height);
  look_.Validate();
}

CameraRows::CameraRows(const Cameras& cameras, const sim::Model& model, int num_envs,
                       int num_threads, bool changes)
    : cameras_(cameras), caches_by_row_(changes), scratch_(static_cast<size_t>(num_threads)) {
  if (cameras.empty()) return;
  renderers_ = render::MakeRenderers(model.get(), cameras.look(), num_threads);
  const size_t items = cameras.items().size();
  const auto owners = static_cast<size_t>(caches_by_row_ ? num_envs : num_threads);
  for (size_t i = 0; i < owners * items; ++i) caches_.push_back(renderers_[0]->MakeCache());
  memory_.resize(static_cast<size_t>(num_envs) * items);
}

void CameraRows::Observe(const Row& row, const Buffers& buffers) {
  for (size_t i = 0; i < cameras_.items().size(); ++i) {
    const Cameras::Item& item = cameras_.items()[i];
    const bool due = row.fresh || row.step % item.period == 0;
    if (due) Draw(row, i, buffers);
    if (item.num_frames > 1) Delay(row, i, due, buffers);
  }
}

void CameraRows::Draw(const Row& row, size_t index, const Buffers& buffers) {
  const Cameras::Item& item = cameras_.items()[index];
  const CameraObservationConfig& config = item.config;
  Scratch& scratch = scratch_[static_cast<size_t>(row.thread)];
  const size_t pixels = static_cast<size_t>(config.width) * static_cast<size_t>(config.height);
  const bool points = Has(config, "points");
  render::Frame frame;
  frame.width = config.width, frame.height = config.height;
  std::span<float> cloud;
  for (size_t k = 0; k < config.kinds.size(); ++k) {
    const auto at = static_cast<size_t>(buffers.first + item.first_spec) + k;
    const auto size =
        static_cast<size_t>(cameras_.specs()[at - static_cast<size_t>(buffers.first)].size());
    const std::string& kind = config.kinds[k];
    if (kind == "rgb") frame.rgb = RowOf((*buffers.image)[at], row.row, size);
    if (kind == "depth") frame.depth = RowOf((*buffers.state)[at], row.row, size);
    if (kind == "segmentation") frame.segmentation = RowOf((*buffers.ids)[at], row.row, size);
    if (kind == "points") cloud = RowOf((*buffers.state)[at], row.row, size);
  }
  const auto lend = [&](auto& span, auto& memory, size_t size) {
    if (!points || !span.empty()) return;
    memory.resize(size);
    span = memory;
  };
  lend(frame.rgb, scratch.rgb, pixels * 3);
  lend(frame.depth, scratch.depth, pixels);
  lend(frame.segmentation, scratch.segmentation, pixels * 2);
  const auto owner = static_cast<size_t>(caches_by_row_ ? row.row : row.thread);
  render::ViewCache* cache = caches_[owner * cameras_.items().size() + index].get();
  renderers_[static_cast<size_t>(row.thread)]->Render(row.model, row.data, item.camera, frame,
                                                      cache);
  if (config.depth_noise > 0 && !frame.depth.empty()) {
    Rng rng(row.key.seed, row.key.index, Cat("cameras/", item.name, "/depth/", row.step));
    for (float& depth : frame.depth)
      depth *= static_cast<float>(std::max(0.0, 1 + config.depth_noise * rng.Normal()));
  }
  if (config.noise > 0 && !frame.rgb.empty()) {
    Rng rng(row.key.seed, row.key.index, Cat("cameras/", item.name, "/rgb/", row.step));
    AddColourNoise(rng, config.noise, frame.rgb);
  }
  if (points) render::MakePointCloud(row.model, row.data, item.camera, frame, cloud);
}

/// Keeps the newest pictures, and gives out those of some steps before.
void CameraRows::Delay(const Row& row, size_t index, bool drawn, const Buffers& buffers) {
  const Cameras::Item& item = cameras_.items()[index];
  Memory& memory = memory_[static_cast<size_t>(row.row) * cameras_.items().size() + index];
  const auto frames = static_cast<size_t>(item.num_frames);
  if (row.fresh) {
    Rng rng(row.key.seed, row.key.index, Cat("cameras/", item.name, "/delay"));
    const auto choices = static_cast<uint64_t>(item.config.delay[1] - item.config.delay[0] + 1);
    memory.delay = item.config.delay[0] + static_cast<int>(rng.Below(choices));
  }
  const auto now = static_cast<size_t>(row.step) % frames;
  const auto late =
      (static_cast<size_t>(row.step) + frames - static_cast<size_t>(memory.delay)) % frames;
  const auto exchange = [&](auto& kept, auto span) {
    if (row.fresh || kept.size() != frames) {
      kept.assign(frames, {span.begin(), span.end()});  // all that was before is the first one
    } else if (drawn) {
      kept[now].assign(span.begin(), span.end());
    } else {
      kept[now] = kept[(now + frames - 1) % frames];
    }
    std::ranges::copy(kept[late], span.begin());
  };
  size_t images = 0, states = 0, ids = 0;
  for (size_t k = 0; k < item.config.kinds.size(); ++k) {
    const auto at = static_cast<size_t>(buffers.first + item.first_spec) + k;
    const ObservationSpec& spec = cameras_.specs()[static_cast<size_t>(item.first_spec) + k];
    const auto size = static_cast<size_t>(spec.size());
    const auto slot = [](auto& lists, size_t i) -> auto& {
      if (lists.size() <= i) lists.resize(i + 1);
      return lists[i];
    };
    if (spec.element == Element::kUint8)
      exchange(slot(memory.rgb, images++), RowOf((*buffers.image)[at], row.row, size));
    if (spec.element == Element::kFloat32)
      exchange(slot(memory.state, states++), RowOf((*buffers.state)[at], row.row, size));
    if (spec.element == Element::kInt32)
      exchange(slot(memory.ids, ids++), RowOf((*buffers.ids)[at], row.row, size));
  }
}

}  // namespace simscale::env
