#include "simscale/render/raster/picture.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace simscale::render::raster {
namespace {

/// x >= 0. lround would be a call.
uint32_t Round(float x) {
  return static_cast<uint32_t>(x + 0.5F);  // NOLINT(bugprone-incorrect-roundings)
}
uint32_t ToByte(float c) { return c > 0 ? Round(std::min(c, 1.0F) * 255.0F) : 0; }
uint32_t Pack(float r, float g, float b) { return ToByte(r) | ToByte(g) << 8 | ToByte(b) << 16; }

uint32_t BlendOver(uint32_t under, uint32_t over, float alpha) {
  uint32_t result = 0;
  for (int shift = 0; shift < 24; shift += 8) {
    const float a = static_cast<float>(under >> shift & 255U);
    const float b = static_cast<float>(over >> shift & 255U);
    result |= Round(a + (b - a) * alpha) << shift;
  }
  return result;
}

}  // namespace

Painter::Painter(const mjModel* model, std::shared_ptr<const Assets> assets,
                 const RenderConfig& config)
    : assets_(std::move(assets)),
      config_(config),
      grid_(config.samples > 1 ? 2 : 1),
      deformables_(model) {}

void Painter::Paint(const mjModel* model, const mjData* data, const Camera& camera,
                    const Frame& frame, FixedLayer* cache) {
  const View view = MakeView(model, data, camera, frame.width, frame.height);
  FillScene({model, data, assets_.get(), &deformables_, &config_}, view, scene_);
  eye_ = MakeEye(view, frame.width, frame.height, grid_);
  buffer_.Resize(eye_.width, eye_.height);
  const bool colours = !frame.rgb.empty();
  if (colours) colours_.resize(buffer_.id.size());
  drawn_.clear();
  const bool taken = cache != nullptr && Fits(*cache);
  const bool lit = taken && cache->has_colours;
  // Shadows of what moves fall on what doesn't.
  const bool shadows = colours && config_.shadows && MakeShadows(*model, taken ? cache : nullptr);
  const bool partly = taken && !shadows && (lit || !colours);
  area_.Reset(frame.width, frame.height);
  if (partly) {
    for (const Instance& instance : scene_.moving) AddInstance(instance, eye_, area_);
    for (const Instance& instance : scene_.fixed)
      if (instance.transparent) AddInstance(instance, eye_, area_);
  } else {
    area_.AddAll();
  }
  if (taken) {
    TakeFixedLayer(*cache);
  } else {
    buffer_.Clear(eye_.background);
    DrawInstances(scene_.fixed);
  }
  if (colours && !lit) FillSky();
  if (colours && !partly) ShadeVisible(buffer_, 0, area_, nullptr);
  if (cache != nullptr && (!taken || (colours && !lit)) && cache->seen == view) {
    if (!taken) cache->shadows.clear();  // drawn when they are asked for
    KeepFixedLayer(colours, frame, *cache);
  }
  if (cache != nullptr) cache->seen = view;
  const uint32_t first_moving = buffer_.num_refs;
  DrawInstances(scene_.moving);
  if (colours) ShadeVisible(buffer_, first_moving, area_, nullptr);
  DrawTransparent(colours);
  if (partly) {
    const auto copy = [](const auto& from, auto to) {
      if (!to.empty()) std::ranges::copy(from, to.begin());
    };
    copy(cache->rgb, frame.rgb);
    copy(cache->depth, frame.depth);
    copy(cache->segmentation, frame.segmentation);
  }
  Write(frame);
}

// --- What is seen ------------------------------------------------------------------------------

void Painter::DrawInstances(const std::vector<Instance>& instances) {
  order_.clear();
  for (size_t i = 0; i < instances.size(); ++i) {
    const Instance& instance = instances[i];
    if (instance.transparent) continue;
    const float distance = instance.camera_distance;
    order_.emplace_back(std::isfinite(distance) ? distance : 1e30F, static_cast<uint32_t>(i));
  }
  // The nearest first: it hides most.
  std::sort(order_.begin(), order_.end());
  for (const auto& [distance, i] : order_) DrawInstance(instances[i], eye_, buffer_, drawn_);
}

bool Painter::Fits(const FixedLayer& cache) const {
  return cache.valid && cache.view == scene_.view && cache.width == buffer_.width &&
         cache.height == buffer_.height && cache.lights == scene_.lights &&
         cache.haze == scene_.haze && cache.fog == scene_.fog && cache.sky == scene_.sky &&
         cache.fixed == scene_.fixed;
}

void Painter::TakeFixedLayer(const FixedLayer& cache) {
  const bool colours = cache.has_colours && !colours_.empty();
  for (int y = area_.first_row(); y <= area_.last_row(); ++y) {
    const Area::Stretch& row = area_.row(y);
    if (row.empty()) continue;
    const auto count = static_cast<size_t>((row.last - row.first + 1) * grid_);
    for (int k = 0; k < grid_ * grid_; k += grid_) {
      const size_t at = Sample(row.first, y, k);
      std::copy_n(&cache.nearness[at], count, &buffer_.nearness[at]);
      std::copy_n(&cache.id[at], count, &buffer_.id[at]);
      if (colours) std::copy_n(&cache.colours[at], count, &colours_[at]);
    }
  }
  if (buffer_.refs.size() < cache.refs.size()) buffer_.refs.resize(cache.refs.size());
  std::ranges::copy(cache.refs, buffer_.refs.begin());
  buffer_.num_refs = static_cast<uint32_t>(cache.refs.size());
  for (const auto& [place, level] : cache.drawn) drawn_.push_back({&scene_.fixed[place], level});
}

void Painter::KeepFixedLayer(bool colours, const Frame& frame, FixedLayer& cache) {
  cache.valid = true;
  cache.has_colours = colours;
  cache.view = scene_.view;
  cache.width = buffer_.width, cache.height = buffer_.height;
  cache.fixed = scene_.fixed;
  cache.lights = scene_.lights;
  cache.haze = scene_.haze;
  cache.fog = scene_.fog;
  cache.sky = scene_.sky;
  cache.nearness = buffer_.nearness;
  cache.id = buffer_.id;
  if (colours) cache.colours = colours_;
  cache.refs.assign(buffer_.refs.begin(), buffer_.refs.begin() + buffer_.num_refs);
  cache.drawn.clear();
  for (const Drawn& drawn : drawn_) {
    cache.drawn.emplace_back(static_cast<uint32_t>(drawn.instance - scene_.fixed.data()),
                             drawn.level);
  }
  const auto pixels = static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height);
  cache.rgb.resize(colours ? pixels * 3 : 0);
  cache.depth.resize(pixels);
  cache.segmentation.resize(pixels * 2);
  Write({frame.width, frame.height, cache.rgb, cache.depth, cache.segmentation});
}

// --- Colours -----------------------------------------------------------------------------------

void Painter::FillSky() {
  const int width = buffer_.width / grid_, height = buffer_.height / grid_;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      bool empty = false;
      for (int k = 0; k < grid_ * grid_; ++k) empty |= buffer_.id[Sample(x, y, k)] == kNoTriangle;
      if (!empty) continue;
      const Vec3 colour =
          SkyColour(scene_, static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F);
      for (int k = 0; k < grid_ * grid_; ++k)
        colours_[Sample(x, y, k)] = Pack(colour.x, colour.y, colour.z);
    }
  }
}

void Painter::CollectFragments(const VisibilityBuffer& buffer, uint32_t first_ref,
                               const Area& area) {
  if (seen_.size() < buffer.id.size()) seen_.resize(buffer.id.size());
  Seen* end = seen_.data();
  for (int y = area.first_row() * grid_; y < (area.last_row() + 1) * grid_; ++y) {
    const size_t row = static_cast<size_t>(y) * static_cast<size_t>(buffer.stride);
    const uint32_t* ids = &buffer.id[row];
    const Area::Stretch& columns = area.row(y / grid_);
    for (int x = columns.first * grid_; x < (columns.last + 1) * grid_; ++x) {
      // kNoTriangle is the largest id.
      if (ids[x] - first_ref >= kNoTriangle - first_ref) continue;
      const size_t sample = row + static_cast<size_t>(x);
      if (grid_ > 1 && !IsFirstOfPixel(buffer, y, sample)) continue;
      const TriangleRef& ref = buffer.refs[ids[x]];
      *end++ = {static_cast<uint32_t>(sample), ref.instance, ref.triangle, x, y};
    }
  }
  const std::span<const Seen> seen(seen_.data(), end);
  starts_.assign(drawn_.size() + 1, 0);
  for (const Seen& s : seen) ++starts_[s.instance + 1];
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  fragments_.Resize(seen.size());
  const float unit = 1 / static_cast<float>(grid_);
  for (const Seen& s : seen) {
    const size_t at = starts_[s.instance]++;
    fragments_.sample[at] = s.sample;
    fragments_.triangle[at] = s.triangle;
    fragments_.x[at] = (static_cast<float>(s.x) + 0.5F) * unit;
    fragments_.y[at] = (static_cast<float>(s.y) + 0.5F) * unit;
    fragments_.depth[at] = Depth(buffer.nearness[s.sample]);
  }
  // Each start has moved to the next one's.
  for (size_t i = starts_.size() - 1; i > 0; --i) starts_[i] = starts_[i - 1];
  starts_[0] = 0;
}

/// Whether none of the pixel's samples before this one shows the same instance: each instance is
/// shaded once a pixel.
bool Painter::IsFirstOfPixel(const VisibilityBuffer& buffer, int y, size_t sample) const {
  const auto instance = [&](size_t s) {
    return buffer.id[s] == kNoTriangle ? kNoTriangle : buffer.refs[buffer.id[s]].instance;
  };
  const uint32_t own = instance(sample);
  const bool right = sample % 2 != 0, lower = y % 2 != 0;  // strides are even
  if (right && instance(sample - 1) == own) return false;
  if (!lower) return true;
  const size_t above = sample - static_cast<size_t>(buffer.stride);
  return instance(above) != own && instance(right ? above - 1 : above + 1) != own;
}

void Painter::ShadeVisible(const VisibilityBuffer& buffer, uint32_t first_ref, const Area& area,
                           Blend* blend) {
  CollectFragments(buffer, first_ref, area);
  for (size_t d = 0; d < drawn_.size(); ++d) {
    const size_t first = starts_[d], count = starts_[d + 1] - first;
    if (count == 0) continue;
    // Only what is opaque takes shadows, as with MuJoCo.
    Shade({.scene = &scene_,
           .instance = drawn_[d].instance,
           .level = drawn_[d].level,
           .shadows = shadows_.active() && blend == nullptr ? &shadows_ : nullptr},
          fragments_, first, count);
    const auto put = [&](size_t sample, uint32_t colour) {
      if (blend != nullptr) {
        blends_.emplace_back(static_cast<uint32_t>(sample), colour);
      } else {
        colours_[sample] = colour;
      }
    };
    for (size_t i = first; i < first + count; ++i) {
      const uint32_t colour = fragments_.colour[i];
      const size_t sample = fragments_.sample[i];
      if (grid_ == 1) {
        put(sample, colour);
        continue;
      }
      // All samples of the pixel that show this instance.
      const auto x = static_cast<int>(fragments_.x[i]), y = static_cast<int>(fragments_.y[i]);
      for (int k = 0; k < grid_ * grid_; ++k) {
        const size_t other = Sample(x, y, k);
        const uint32_t id = buffer.id[other];
        if (id - first_ref < kNoTriangle - first_ref && buffer.refs[id].instance == d)
          put(other, colour);
      }
    }
  }
}

// --- Transparent objects -----------------------------------------------------------------------

void Painter::DrawTransparent(bool colours) {
  std::vector<const Instance*>& list = transparent_;
  list.clear();
  for (const auto* instances : {&scene_.fixed, &scene_.moving})
    for (const Instance& instance : *instances)
      if (instance.transparent) list.push_back(&instance);
  if (list.empty()) return;
  std::sort(list.begin(), list.end(), [](const Instance* a, const Instance* b) {
    return std::pair(a->camera_distance, a->object) < std::pair(b->camera_distance, b->object);
  });
  layer_.Resize(buffer_.width, buffer_.height);
  blends_.clear();
  objects_.clear();
  fronts_.clear();
  for (size_t i = 0; i < list.size();) {
    // The parts of one object, such as a capsule's, are one layer.
    size_t end = i + 1;
    while (end < list.size() && list[end]->object == list[i]->object) ++end;
    DrawLayer(std::span(list).subspan(i, end - i), colours);
    i = end;
  }
  for (const Front& front : fronts_) {
    if (!(front.nearness > buffer_.nearness[front.sample])) continue;
    buffer_.nearness[front.sample] = front.nearness;
    buffer_.id[front.sample] = front.id;
  }
  // MuJoCo blends twice: the nearest first, then the farthest first.
  const auto apply = [&](const Blend& blend) {
    for (size_t b = blend.first; b < blend.first + blend.count; ++b) {
      uint32_t& colour = colours_[blends_[b].first];
      colour = BlendOver(colour, blends_[b].second, blend.alpha);
    }
  };
  std::for_each(objects_.begin(), objects_.end(), apply);
  std::for_each(objects_.rbegin(), objects_.rend(), apply);
}

/// One transparent object over what is opaque: into `blends_` and `fronts_`.
void Painter::DrawLayer(std::span<const Instance* const> parts, bool colours) {
  layer_area_.Reset(buffer_.width / grid_, buffer_.height / grid_);
  for (const Instance* part : parts) AddInstance(*part, eye_, layer_area_);
  if (layer_area_.empty()) return;
  const auto each_row = [&](auto&& function) {
    for (int y = layer_area_.first_row(); y <= layer_area_.last_row(); ++y) {
      const Area::Stretch& row = layer_area_.row(y);
      for (int k = 0; k < grid_ * grid_ && !row.empty(); k += grid_)
        function(Sample(row.first, y, k), static_cast<size_t>((row.last - row.first + 1) * grid_));
    }
  };
  each_row([&](size_t at, size_t count) {
    std::copy_n(&buffer_.nearness[at], count, &layer_.nearness[at]);
    std::fill_n(&layer_.id[at], count, kNoTriangle);
  });
  // References go on after the others, so that both kinds of ids can stand side by side.
  const uint32_t first_ref = buffer_.num_refs;
  std::swap(layer_.refs, buffer_.refs);
  layer_.num_refs = first_ref;
  for (const Instance* part : parts) DrawInstance(*part, eye_, layer_, drawn_);
  if (layer_.num_refs > first_ref) {
    if (colours) {
      Blend blend{.first = blends_.size(), .alpha = parts[0]->material.rgba[3]};
      ShadeVisible(layer_, first_ref, layer_area_, &blend);
      blend.count = blends_.size() - blend.first;
      objects_.push_back(blend);
    }
    each_row([&](size_t at, size_t count) {
      for (size_t s = at; s < at + count; ++s) {
        if (layer_.id[s] != kNoTriangle)
          fronts_.push_back({static_cast<uint32_t>(s), layer_.id[s], layer_.nearness[s]});
      }
    });
  }
  buffer_.num_refs = layer_.num_refs;
  std::swap(layer_.refs, buffer_.refs);
}

// --- Shadows -----------------------------------------------------------------------------------

/// Whether there are any. layer: what doesn't move was taken from there; its maps are, too.
bool Painter::MakeShadows(const mjModel& model, FixedLayer* layer) {
  ShadowConfig shadow;
  shadow.size = config_.shadow_size;
  shadow.clip = static_cast<float>(model.stat.extent) * model.vis.map.shadowclip;
  shadow.scale = model.vis.map.shadowscale;
  if (layer == nullptr)
    for (VisibilityBuffer& map : fixed_shadows_) map.width = 0;  // of another picture
  shadows_.Draw(scene_, shadow, layer != nullptr ? layer->shadows : fixed_shadows_);
  return shadows_.active();
}

// --- Numbers out -------------------------------------------------------------------------------

void Painter::Write(const Frame& frame) const {
  for (int y = area_.first_row(); y <= area_.last_row(); ++y) {
    const Area::Stretch& row = area_.row(y);
    if (row.empty()) continue;
    const auto pixel =
        static_cast<size_t>(y) * static_cast<size_t>(frame.width) + static_cast<size_t>(row.first);
    if (!frame.rgb.empty()) WriteRgb(y, row, &frame.rgb[3 * pixel]);
    if (!frame.depth.empty()) WriteDepth(y, row, &frame.depth[pixel]);
    if (!frame.segmentation.empty()) WriteSegmentation(y, row, &frame.segmentation[2 * pixel]);
  }
}

/// Of a pixel's samples one that shows what most of them show.
size_t Painter::MainSample(int x, int y) const {
  if (grid_ == 1) return Sample(x, y, 0);
  const auto shows = [&](int k) {
    const uint32_t id = buffer_.id[Sample(x, y, k)];
    return id == kNoTriangle ? nullptr : drawn_[buffer_.refs[id].instance].instance;
  };
  int best = 0, most = 0;
  for (int k = 0; k < 4; ++k) {
    int count = 0;
    for (int j = 0; j < 4; ++j) count += shows(j) == shows(k);
    if (count > most) best = k, most = count;
  }
  return Sample(x, y, best);
}

void Painter::WriteRgb(int y, Area::Stretch row, uint8_t* out) const {
  const uint32_t* upper = &colours_[Sample(row.first, y, 0)];
  if (grid_ == 1) {
    for (int x = row.first; x <= row.last; ++x, out += 3, ++upper) {
      out[0] = static_cast<uint8_t>(*upper), out[1] = static_cast<uint8_t>(*upper >> 8),
      out[2] = static_cast<uint8_t>(*upper >> 16);
    }
    return;
  }
  const uint32_t* lower = &colours_[Sample(row.first, y, 2)];
  for (int x = row.first; x <= row.last; ++x, out += 3, upper += 2, lower += 2) {
    for (int shift = 0; shift < 24; shift += 8) {
      const auto channel = [&](uint32_t c) { return c >> shift & 255U; };
      out[shift / 8] = static_cast<uint8_t>(
          (channel(upper[0]) + channel(upper[1]) + channel(lower[0]) + channel(lower[1]) + 2) / 4);
    }
  }
}

void Painter::WriteDepth(int y, Area::Stretch row, float* out) const {
  for (int x = row.first; x <= row.last; ++x) *out++ = Depth(buffer_.nearness[MainSample(x, y)]);
}

void Painter::WriteSegmentation(int y, Area::Stretch row, int32_t* out) const {
  for (int x = row.first; x <= row.last; ++x, out += 2) {
    const uint32_t id = buffer_.id[MainSample(x, y)];
    out[0] = out[1] = -1;
    if (id == kNoTriangle) continue;
    const Instance& instance = *drawn_[buffer_.refs[id].instance].instance;
    out[0] = instance.object_id, out[1] = instance.object_type;
  }
}

}  // namespace simscale::render::raster
