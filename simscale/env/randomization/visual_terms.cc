// Randomisation of what cameras see: colours, textures, cameras.

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/randomization/terms.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;
using Operation = Distribution::Operation;

// --- Colours and textures -----------------------------------------------------------------------

struct GeomColourParams {
  std::vector<std::string> geoms;
  std::string channels = "rgb";
  void Describe(Fields& f) {
    DescribePatterns(f, "geoms", geoms);
    f.Field("channels", channels, {.help = "some of r, g, b; with per: all, one draw a channel"});
  }
};

class GeomColour : public AxesTerm {
 public:
  using Params = GeomColourParams;
  GeomColour(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_GEOM, "geoms", params.geoms), "channels", params.channels,
                 "rgb") {}
  double lower_bound() const override { return 0; }
  double upper_bound() const override { return 1; }
  bool clips() const override { return true; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->geom_rgba + 4 * id, 4);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    ForEach([&](size_t i, int id, int channel) {
      values[i] = static_cast<double>(Shown(m, id)[channel]);
    });
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (const int id : ids()) {
      if (const float* shown = Shown(m, id); shown != m->geom_rgba + 4 * id) {
        std::copy_n(shown, 4, m->geom_rgba + 4 * id);
      }
    }
    ForEach([&](size_t i, int id, int channel) {
      m->geom_rgba[4 * id + channel] = static_cast<float>(values[i]);
    });
  }

 private:
  /// A geom shows its material's colour unless it has one of its own, other than MuJoCo's default.
  static const float* Shown(const mjModel* m, int id) {
    const float* own = m->geom_rgba + 4 * id;
    const bool is_default = own[0] == 0.5F && own[1] == 0.5F && own[2] == 0.5F && own[3] == 1.0F;
    const int material = m->geom_matid[id];
    return is_default && material >= 0 ? m->mat_rgba + 4 * material : own;
  }
};

struct MaterialColourParams {
  std::vector<std::string> materials;
  std::string channels = "rgb";
  void Describe(Fields& f) {
    DescribePatterns(f, "materials", materials);
    f.Field("channels", channels, {.help = "some of r, g, b; with per: all, one draw a channel"});
  }
};

class MaterialColour : public AxesTerm {
 public:
  using Params = MaterialColourParams;
  MaterialColour(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_MATERIAL, "materials", params.materials), "channels",
                 params.channels, "rgb") {}
  double lower_bound() const override { return 0; }
  double upper_bound() const override { return 1; }
  bool clips() const override { return true; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->mat_rgba + 4 * id, 4);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    ForEach([&](size_t i, int id, int channel) {
      values[i] = static_cast<double>(m->mat_rgba[4 * id + channel]);
    });
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    ForEach([&](size_t i, int id, int channel) {
      m->mat_rgba[4 * id + channel] = static_cast<float>(values[i]);
    });
  }
};

struct TextureParams {
  std::vector<std::string> geoms, materials;
  void Describe(Fields& f) {
    DescribePatterns(f, "geoms", geoms);
    f.Field("materials", materials,
            {.help = "names or patterns of what to choose from, textured or plain"});
  }
};

/// Renderers keep a material's texture from when they were made, but read a geom's material for
/// every picture: so a texture is chosen as the material that has it.
class Texture : public SelectedTerm {
 public:
  using Params = TextureParams;
  Texture(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_GEOM, "geoms", params.geoms)),
        materials_(Select(model, mjOBJ_MATERIAL, "materials", params.materials).ids) {
    if (materials_.empty()) ThrowUser("materials: the model has none to choose from");
  }
  std::vector<Operation> operations() const override { return {Operation::kSet}; }
  bool integer() const override { return true; }
  double lower_bound() const override { return 0; }
  double upper_bound() const override { return static_cast<double>(materials_.size()) - 1; }
  std::vector<double> default_range() const override { return {0, upper_bound()}; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->geom_matid + id, 1);
  }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    std::ranges::fill(values, 0.0);
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      m->geom_matid[ids()[i]] = materials_[static_cast<size_t>(values[i])];
    }
  }

 private:
  std::vector<int> materials_;
};

// --- Cameras ------------------------------------------------------------------------------------

struct CameraAxesParams {
  std::vector<std::string> cameras;
  std::string axes = "xyz";
  void Describe(Fields& f) {
    DescribePatterns(f, "cameras", cameras);
    f.Field("axes", axes, {.help = "some of x, y, z"});
  }
};

bool AnyTracks(const Model& model, const std::vector<int>& cameras) {
  return std::ranges::any_of(cameras,
                             [&](int id) { return model->cam_mode[id] != mjCAMLIGHT_FIXED; });
}

class CameraPosition : public AxesTerm {
 public:
  using Params = CameraAxesParams;
  CameraPosition(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_CAMERA, "cameras", params.cameras), "axes", params.axes,
                 "xyz"),
        set_const_(AnyTracks(model, ids())) {}
  std::vector<Operation> operations() const override { return {Operation::kAdd, Operation::kSet}; }
  bool needs_set_const() const override { return set_const_; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->cam_pos + 3 * id, 3);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    ForEach([&](size_t i, int id, int axis) { values[i] = m->cam_pos[3 * id + axis]; });
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    ForEach([&](size_t i, int id, int axis) { m->cam_pos[3 * id + axis] = values[i]; });
  }

 private:
  bool set_const_;
};

/// Turns cameras by a rotation vector in their own frame (x: tilt, y: pan, z: roll).
class CameraOrientation : public AxesTerm {
 public:
  using Params = CameraAxesParams;
  CameraOrientation(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_CAMERA, "cameras", params.cameras), "axes", params.axes,
                 "xyz"),
        set_const_(AnyTracks(model, ids())) {}
  std::vector<Operation> operations() const override { return {Operation::kAdd}; }
  bool needs_set_const() const override { return set_const_; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->cam_quat + 4 * id, 4);
  }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    std::ranges::fill(values, 0.0);
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    const size_t components = axes().size();
    for (size_t k = 0; k < ids().size(); ++k) {
      mjtNum turn[3] = {0, 0, 0};
      for (size_t c = 0; c < components; ++c) turn[axes()[c]] = values[k * components + c];
      mju_quatIntegrate(m->cam_quat + 4 * ids()[k], turn, 1);
    }
  }

 private:
  bool set_const_;
};

struct CameraPatterns {
  std::vector<std::string> cameras;
  void Describe(Fields& f) { DescribePatterns(f, "cameras", cameras); }
};

class CameraFovy : public SelectedTerm {
 public:
  using Params = CameraPatterns;
  CameraFovy(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_CAMERA, "cameras", params.cameras, [&](int id) {
          return model->cam_sensorsize[2 * id + 1] > 0
                     ? "takes its field of view from its sensor size and focal length"
                     : "";
        })) {}
  double lower_bound() const override { return 0.1; }
  double upper_bound() const override { return 179; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->cam_fovy + id, 1);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) values[i] = m->cam_fovy[ids()[i]];
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) m->cam_fovy[ids()[i]] = values[i];
  }
};

}  // namespace

void AddVisualRandomization(RandomizationTypes& types) {
  AddTerm<GeomColour>(types, "geom_colour", "red, green and blue of geoms, clipped to [0, 1]");
  AddTerm<MaterialColour>(types, "material_colour",
                          "red, green and blue of materials, clipped to [0, 1]");
  AddTerm<Texture>(types, "texture", "the material, with its texture, that geoms show");
  AddTerm<CameraPosition>(types, "camera_position", "where cameras are on their body, m");
  AddTerm<CameraOrientation>(types, "camera_orientation",
                             "cameras turned about their own axes, rad");
  AddTerm<CameraFovy>(types, "camera_fovy", "vertical field of view, degrees");
}

}  // namespace simscale::env
