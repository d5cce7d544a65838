#include "simscale/render/raster/picture.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace simscale::render::raster {
namespace {

uint32_t ToByte(float c) {
  return c > 0 ? static_cast<uint32_t>(std::min(c, 1.0F) * 255.0F + 0.5F) : 0;
}
uint32_t Pack(float r, float g, float b) { return ToByte(r) | ToByte(g) << 8 | ToByte(b) << 16; }

uint32_t BlendOver(uint32_t under, uint32_t over, float alpha) {
  uint32_t result = 0;
  for (int shift = 0; shift < 24; shift += 8) {
    const float a = static_cast<float>(under >> shift & 255U);
    const float b = static_cast<float>(over >> shift & 255U);
    result |= static_cast<uint32_t>(a + (b - a) * alpha + 0.5F) << shift;
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
  const int width = eye_.width, height = eye_.height;
  buffer_.Resize(width, height);
  const bool wants_colours = !frame.rgb.empty();
  if (wants_colours) colours_.resize(buffer_.id.size());
  const Rows all = {0, height - 1};
  drawn_.clear();
  const bool taken = cache != nullptr && TakeFixedLayer(*cache);
  if (!taken) {
    buffer_.Clear(eye_.background);
    DrawInstances(scene_.fixed, buffer_);
  }
  const bool shades =
      wants_colours && config_.shadows && MakeShadows(*model, taken ? cache : nullptr);
  if (wants_colours && (!taken || !cache->has_colours || shades)) {
    if (!taken || !cache->has_colours) FillSky();
    ShadeVisible(buffer_, 0, all, nullptr);
  }
  if (cache != nullptr && (!taken || (wants_colours && !cache->has_colours)) &&
      cache->seen == view) {
    cache->has_colours = wants_colours;
    KeepFixedLayer(*cache);
  }
  if (cache != nullptr) cache->seen = view;
  const uint32_t first_moving = buffer_.num_refs;
  DrawInstances(scene_.moving, buffer_);
  if (wants_colours) ShadeVisible(buffer_, first_moving, all, nullptr);
  has_front_ = false;
  DrawTransparent(wants_colours, !frame.depth.empty() || !frame.segmentation.empty());
  if (wants_colours) WriteRgb(frame);
  if (!frame.depth.empty()) WriteDepth(frame);
  if (!frame.segmentation.empty()) WriteSegmentation(frame);
}

// --- What is seen ------------------------------------------------------------------------------

void Painter::DrawInstances(const std::vector<Instance>& instances, VisibilityBuffer& buffer) {
  order_.clear();
  for (size_t i = 0; i < instances.size(); ++i) {
    const Instance& instance = instances[i];
    if (instance.transparent) continue;
    const float distance = instance.camera_distance;
    order_.emplace_back(std::isfinite(distance) ? distance : 1e30F, static_cast<uint32_t>(i));
  }
  // The nearest first: it hides most.
  std::sort(order_.begin(), order_.end());
  for (const auto& [distance, i] : order_) DrawInstance(instances[i], eye_, buffer, drawn_);
}

bool Painter::TakeFixedLayer(const FixedLayer& cache) {
  if (!cache.valid || !(cache.view == scene_.view) || cache.width != buffer_.width ||
      cache.height != buffer_.height || cache.lights != scene_.lights ||
      !(cache.haze == scene_.haze) || !(cache.fog == scene_.fog) || cache.sky != scene_.sky ||
      cache.fixed != scene_.fixed)
    return false;
  std::copy(cache.nearness.begin(), cache.nearness.end(), buffer_.nearness.begin());
  std::copy(cache.id.begin(), cache.id.end(), buffer_.id.begin());
  if (cache.has_colours && !colours_.empty())
    std::copy(cache.colours.begin(), cache.colours.end(), colours_.begin());
  if (buffer_.refs.size() < cache.refs.size()) buffer_.refs.resize(cache.refs.size());
  std::copy(cache.refs.begin(), cache.refs.end(), buffer_.refs.begin());
  buffer_.num_refs = static_cast<uint32_t>(cache.refs.size());
  for (const auto& [place, level] : cache.drawn) drawn_.push_back({&scene_.fixed[place], level});
  return true;
}

void Painter::KeepFixedLayer(FixedLayer& cache) const {
  cache.valid = true;
  cache.view = scene_.view;
  cache.width = buffer_.width, cache.height = buffer_.height;
  cache.fixed = scene_.fixed;
  cache.lights = scene_.lights;
  cache.haze = scene_.haze;
  cache.fog = scene_.fog;
  cache.sky = scene_.sky;
  cache.nearness = buffer_.nearness;
  cache.id = buffer_.id;
  if (cache.has_colours) cache.colours = colours_;
  cache.shadows.clear();  // drawn when they are asked for
  cache.refs.assign(buffer_.refs.begin(), buffer_.refs.begin() + buffer_.num_refs);
  cache.drawn.clear();
  for (const Drawn& drawn : drawn_) {
    cache.drawn.emplace_back(static_cast<uint32_t>(drawn.instance - scene_.fixed.data()),
                             drawn.level);
  }
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

void Painter::CollectFragments(const VisibilityBuffer& buffer, uint32_t first_ref, Rows rows) {
  const auto most =
      static_cast<size_t>(rows.last - rows.first + 1) * static_cast<size_t>(buffer.width);
  if (seen_.size() < most) seen_.resize(most);
  Seen* end = seen_.data();
  for (int y = rows.first; y <= rows.last; ++y) {
    const size_t row = static_cast<size_t>(y) * static_cast<size_t>(buffer.stride);
    const uint32_t* ids = &buffer.id[row];
    for (int x = 0; x < buffer.width; ++x) {
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

void Painter::ShadeVisible(const VisibilityBuffer& buffer, uint32_t first_ref, Rows rows,
                           Blend* blend) {
  CollectFragments(buffer, first_ref, rows);
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
      const uint32_t colour = Pack(fragments_.r[i], fragments_.g[i], fragments_.b[i]);
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

void Painter::DrawTransparent(bool colours, bool ids) {
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
  if (ids) {
    front_.Resize(buffer_.width, buffer_.height);
    front_.nearness = buffer_.nearness;
    front_.id = buffer_.id;
    has_front_ = true;
  }
  blends_.clear();
  objects_.clear();
  // References go on after the opaque ones, so that both kinds of ids can stand side by side.
  uint32_t num_refs = buffer_.num_refs;
  for (size_t i = 0; i < list.size();) {
    // The parts of one object, such as a capsule's, are one layer.
    size_t end = i + 1;
    while (end < list.size() && list[end]->object == list[i]->object) ++end;
    Rows rows;
    for (size_t k = i; k < end; ++k) rows = Union(rows, RowsOf(*list[k], eye_));
    if (!rows.empty()) {
      const size_t stride = static_cast<size_t>(buffer_.stride);
      const size_t begin = static_cast<size_t>(rows.first) * stride;
      const size_t size = static_cast<size_t>(rows.last - rows.first + 1) * stride;
      std::copy_n(&buffer_.nearness[begin], size, &layer_.nearness[begin]);
      std::fill_n(&layer_.id[begin], size, kNoTriangle);
      std::swap(layer_.refs, buffer_.refs);
      layer_.num_refs = num_refs;
      for (size_t k = i; k < end; ++k) DrawInstance(*list[k], eye_, layer_, drawn_);
      if (colours && layer_.num_refs > num_refs) {
        Blend blend{.first = blends_.size(), .alpha = list[i]->material.rgba[3]};
        ShadeVisible(layer_, num_refs, rows, &blend);
        blend.count = blends_.size() - blend.first;
        objects_.push_back(blend);
      }
      if (ids && layer_.num_refs > num_refs) {
        for (size_t s = begin; s < begin + size; ++s) {
          if (layer_.id[s] == kNoTriangle || !(layer_.nearness[s] > front_.nearness[s])) continue;
          front_.nearness[s] = layer_.nearness[s];
          front_.id[s] = layer_.id[s];
        }
      }
      num_refs = layer_.num_refs;
      std::swap(layer_.refs, buffer_.refs);
    }
    i = end;
  }
  buffer_.num_refs = num_refs;
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

/// Of a pixel's samples one that shows what most of them show.
size_t Painter::MainSample(const VisibilityBuffer& buffer, int x, int y) const {
  const auto shows = [&](int k) {
    const uint32_t id = buffer.id[Sample(x, y, k)];
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

void Painter::WriteRgb(const Frame& frame) const {
  uint8_t* out = frame.rgb.data();
  for (int y = 0; y < frame.height; ++y) {
    if (grid_ == 1) {
      const uint32_t* row = &colours_[Sample(0, y, 0)];
      for (int x = 0; x < frame.width; ++x, out += 3) {
        out[0] = static_cast<uint8_t>(row[x]), out[1] = static_cast<uint8_t>(row[x] >> 8),
        out[2] = static_cast<uint8_t>(row[x] >> 16);
      }
      continue;
    }
    const uint32_t* upper = &colours_[Sample(0, y, 0)];
    const uint32_t* lower = &colours_[Sample(0, y, 2)];
    for (int x = 0; x < frame.width; ++x, out += 3, upper += 2, lower += 2) {
      for (int shift = 0; shift < 24; shift += 8) {
        const auto channel = [&](uint32_t c) { return c >> shift & 255U; };
        out[shift / 8] = static_cast<uint8_t>(
            (channel(upper[0]) + channel(upper[1]) + channel(lower[0]) + channel(lower[1]) + 2) /
            4);
      }
    }
  }
}

void Painter::WriteDepth(const Frame& frame) const {
  const VisibilityBuffer& seen = has_front_ ? front_ : buffer_;
  float* out = frame.depth.data();
  for (int y = 0; y < frame.height; ++y, out += frame.width) {
    if (grid_ == 1) {
      const float* row = &seen.nearness[Sample(0, y, 0)];
      for (int x = 0; x < frame.width; ++x) out[x] = Depth(row[x]);
    } else {
      for (int x = 0; x < frame.width; ++x) out[x] = Depth(seen.nearness[MainSample(seen, x, y)]);
    }
  }
}

void Painter::WriteSegmentation(const Frame& frame) const {
  const VisibilityBuffer& seen = has_front_ ? front_ : buffer_;
  int32_t* out = frame.segmentation.data();
  for (int y = 0; y < frame.height; ++y) {
    for (int x = 0; x < frame.width; ++x, out += 2) {
      const uint32_t id = seen.id[grid_ == 1 ? Sample(x, y, 0) : MainSample(seen, x, y)];
      out[0] = out[1] = -1;
      if (id == kNoTriangle) continue;
      const Instance& instance = *drawn_[buffer_.refs[id].instance].instance;
      out[0] = instance.object_id, out[1] = instance.object_type;
    }
  }
}

}  // namespace simscale::render::raster
