// Randomisation of lights.

#include <cmath>

#include "simscale/env/randomization/terms.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;
using Operation = Distribution::Operation;

struct LightPatterns {
  std::vector<std::string> lights;
  void Describe(Fields& f) { DescribePatterns(f, "lights", lights); }
};

struct LightPositionParams {
  std::vector<std::string> lights;
  std::string axes = "xyz";
  bool aim = true;
  void Describe(Fields& f) {
    DescribePatterns(f, "lights", lights);
    f.Field("axes", axes, {.help = "some of x, y, z"});
    f.Field("aim", aim,
            {.help = "lights of the world go on pointing at the place by the scene's centre they "
                     "pointed at; else they keep their direction"});
  }
};

class LightPosition : public AxesTerm {
 public:
  using Params = LightPositionParams;
  LightPosition(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_LIGHT, "lights", params.lights), "axes", params.axes, "xyz"),
        aim_(params.aim) {
    for (const int id : ids()) set_const_ |= model->light_mode[id] != mjCAMLIGHT_FIXED;
  }
  std::vector<Operation> operations() const override { return {Operation::kAdd, Operation::kSet}; }
  bool needs_set_const() const override { return set_const_; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) {
      pieces.Add(m->light_pos + 3 * id, 3);
      pieces.Add(m->light_dir + 3 * id, 3);
    }
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    ForEach([&](size_t i, int id, int axis) { values[i] = m->light_pos[3 * id + axis]; });
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    const size_t components = axes().size();
    for (size_t k = 0; k < ids().size(); ++k) {
      const int id = ids()[k];
      mjtNum *position = m->light_pos + 3 * id, *direction = m->light_dir + 3 * id;
      mjtNum target[3];
      mju_sub3(target, m->stat.center, position);
      const double distance = mju_dot3(target, direction);
      mju_addScl3(target, position, direction, distance);
      for (size_t c = 0; c < components; ++c) position[axes()[c]] = values[k * components + c];
      if (!aim_ || m->light_bodyid[id] != 0 || distance <= 0) continue;
      mjtNum aimed[3];
      mju_sub3(aimed, target, position);
      if (mju_normalize3(aimed) > 1e-3) mju_copy3(direction, aimed);
    }
  }

 private:
  bool aim_, set_const_ = false;
};

class LightColour : public AxesTerm {
 public:
  using Params = LightPatterns;
  LightColour(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_LIGHT, "lights", params.lights), "channels", "rgb", "rgb") {}
  double lower_bound() const override { return 0; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->light_diffuse + 3 * id, 3);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    ForEach([&](size_t i, int id, int channel) {
      values[i] = static_cast<double>(m->light_diffuse[3 * id + channel]);
    });
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    ForEach([&](size_t i, int id, int channel) {
      m->light_diffuse[3 * id + channel] = static_cast<float>(values[i]);
    });
  }
};

void Brighten(float* colour, double factor) {
  for (int i = 0; i < 3; ++i) {
    colour[i] = static_cast<float>(static_cast<double>(colour[i]) * factor);
  }
}

void BrightenLight(mjModel* m, int id, double factor) {
  Brighten(m->light_ambient + 3 * id, factor);
  Brighten(m->light_diffuse + 3 * id, factor);
  Brighten(m->light_specular + 3 * id, factor);
}

void TouchLight(const mjModel* m, int id, ModelPieces& pieces) {
  pieces.Add(m->light_ambient + 3 * id, 3);
  pieces.Add(m->light_diffuse + 3 * id, 3);
  pieces.Add(m->light_specular + 3 * id, 3);
}

class LightBrightness : public SelectedTerm {
 public:
  using Params = LightPatterns;
  LightBrightness(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_LIGHT, "lights", params.lights)) {}
  std::vector<Operation> operations() const override { return {Operation::kScale}; }
  double lower_bound() const override { return 0; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) TouchLight(m, id, pieces);
  }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    std::ranges::fill(values, 1.0);
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) BrightenLight(m, ids()[i], values[i]);
  }
};

/// The whole picture's brightness, as a longer exposure would change it.
class Exposure : public RandomizationTerm {
 public:
  struct Params {
    void Describe(Fields&) {}
  };
  Exposure(const Params&, const Model&) {}
  int elements() const override { return 1; }
  std::string element_label(int) const override { return ""; }
  std::vector<Operation> operations() const override { return {Operation::kScale}; }
  double lower_bound() const override { return 0; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (int id = 0; id < m->nlight; ++id) TouchLight(m, id, pieces);
    pieces.Add(&m->vis.headlight, 1);
  }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    values[0] = 1;
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (int id = 0; id < m->nlight; ++id) BrightenLight(m, id, values[0]);
    Brighten(m->vis.headlight.ambient, values[0]);
    Brighten(m->vis.headlight.diffuse, values[0]);
    Brighten(m->vis.headlight.specular, values[0]);
  }
};

/// How many of the selected lights are on: the first ones.
class LightCount : public RandomizationTerm {
 public:
  using Params = LightPatterns;
  LightCount(const Params& params, const Model& model)
      : ids_(Select(model, mjOBJ_LIGHT, "lights", params.lights).ids) {}
  int elements() const override { return ids_.empty() ? 0 : 1; }
  std::string element_label(int) const override { return ""; }
  std::vector<Operation> operations() const override { return {Operation::kSet}; }
  bool integer() const override { return true; }
  double lower_bound() const override { return 1; }
  double upper_bound() const override { return static_cast<double>(ids_.size()); }
  std::vector<double> default_range() const override {
    return {1, std::max(1.0, static_cast<double>(ids_.size()))};
  }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids_) pieces.Add(m->light_active + id, 1);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    if (values.empty()) return;
    values[0] = static_cast<double>(
        std::ranges::count_if(ids_, [&](int id) { return m->light_active[id] != 0; }));
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids_.size(); ++i) {
      m->light_active[ids_[i]] = static_cast<double>(i) < values[0] ? 1 : 0;
    }
  }

 private:
  std::vector<int> ids_;
};

}  // namespace

void AddLightRandomization(RandomizationTypes& types) {
  AddTerm<LightPosition>(types, "light_position", "where lights stand, m");
  AddTerm<LightColour>(types, "light_colour", "diffuse red, green and blue of lights");
  AddTerm<LightBrightness>(types, "light_brightness", "all colours of a light, by a factor");
  AddTerm<LightCount>(types, "light_count", "how many lights are on, 1 at least");
  AddTerm<Exposure>(types, "exposure", "all lights and the headlight, by a factor");
}

}  // namespace simscale::env
