// Randomisation of bodies and geoms: mass, inertia, centre of mass, size, friction; and gravity and
// the time step.

#include <cmath>

#include "simscale/env/randomization/body_boxes.h"
#include "simscale/env/randomization/terms.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;
using Operation = Distribution::Operation;

std::string NotMoving(const mjModel* m, int body) {
  if (m->body_dofnum[m->body_weldid[body]] == 0) return "does not move, so its mass has no effect";
  if (m->body_mass[body] <= 0) return "has no mass";
  return "";
}

struct BodyMassParams {
  std::vector<std::string> bodies;
  bool scale_inertia = true;
  void Describe(Fields& f) {
    DescribePatterns(f, "bodies", bodies);
    f.Field("scale_inertia", scale_inertia, {.help = "the inertia changes in proportion"});
  }
};

class BodyMass : public SelectedTerm {
 public:
  using Params = BodyMassParams;
  BodyMass(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_BODY, "bodies", params.bodies,
                            [&](int id) { return NotMoving(model.get(), id); })),
        scale_inertia_(params.scale_inertia) {}
  double lower_bound() const override { return kAboveZero; }
  bool needs_set_const() const override { return true; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) {
      pieces.Add(m->body_mass + id, 1);
      if (scale_inertia_) pieces.Add(m->body_inertia + 3 * id, 3);
    }
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) values[i] = m->body_mass[ids()[i]];
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      const int id = ids()[i];
      if (scale_inertia_)
        mju_scl3(m->body_inertia + 3 * id, m->body_inertia + 3 * id, values[i] / m->body_mass[id]);
      m->body_mass[id] = values[i];
    }
  }

 private:
  bool scale_inertia_;
};

class BodyInertia : public SelectedTerm {
 public:
  using Params = BodyPatterns;
  BodyInertia(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_BODY, "bodies", params.bodies,
                            [&](int id) { return NotMoving(model.get(), id); })) {}
  // One factor for all three keeps the inertia that of a possible body (each principal moment at
  // most the sum of the others).
  std::vector<Operation> operations() const override { return {Operation::kScale}; }
  double lower_bound() const override { return kAboveZero; }
  bool needs_set_const() const override { return true; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->body_inertia + 3 * id, 3);
  }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    std::ranges::fill(values, 1.0);
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      mjtNum* inertia = m->body_inertia + 3 * ids()[i];
      mju_scl3(inertia, inertia, values[i]);
    }
  }
};

struct BodyAxesParams {
  std::vector<std::string> bodies;
  std::string axes = "xyz";
  void Describe(Fields& f) {
    DescribePatterns(f, "bodies", bodies);
    f.Field("axes", axes, {.help = "of the body's frame: some of x, y, z"});
  }
};

class BodyCom : public AxesTerm {
 public:
  using Params = BodyAxesParams;
  BodyCom(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_BODY, "bodies", params.bodies,
                        [&](int id) { return Refusal(model.get(), id); }),
                 "axes", params.axes, "xyz") {}
  std::vector<Operation> operations() const override { return {Operation::kAdd, Operation::kSet}; }
  bool needs_set_const() const override { return true; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) {
      pieces.Add(m->body_ipos + 3 * id, 3);
      TouchBodyBoxes(m, id, pieces);
    }
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    ForEach([&](size_t i, int id, int axis) { values[i] = m->body_ipos[3 * id + axis]; });
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    const size_t components = axes().size();
    for (size_t k = 0; k < ids().size(); ++k) {
      const int id = ids()[k];
      mjtNum shift[3] = {0, 0, 0};
      for (size_t c = 0; c < components; ++c) {
        const int axis = axes()[c];
        shift[axis] = values[k * components + c] - m->body_ipos[3 * id + axis];
        m->body_ipos[3 * id + axis] = values[k * components + c];
      }
      ShiftBodyBoxes(m, id, shift);
    }
  }

 private:
  static std::string Refusal(const mjModel* m, int body) {
    if (std::string reason = NotMoving(m, body); !reason.empty()) return reason;
    // Its rows of the mass matrix are stored as a diagonal, which is right for this place alone.
    if (m->body_simple[body] != 0) {
      return "was compiled with MuJoCo's simple inertia, whose centre of mass can't move; give the "
             "body simple=\"false\" in its MJCF";
    }
    return "";
  }
};

struct GeomSizeParams {
  std::vector<std::string> geoms;
  bool keep_mass = true;
  void Describe(Fields& f) {
    DescribePatterns(f, "geoms", geoms);
    f.Field("keep_mass", keep_mass,
            {.help = "of a body whose only geom this is: true keeps its mass, false its density"});
  }
};

class GeomSize : public SelectedTerm {
 public:
  using Params = GeomSizeParams;
  GeomSize(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_GEOM, "geoms", params.geoms,
                            [&](int id) { return Refusal(model->geom_type[id]); })),
        keep_mass_(params.keep_mass) {
    for (const int id : ids()) set_const_ |= ChangesInertia(model.get(), id);
  }
  std::vector<Operation> operations() const override { return {Operation::kScale}; }
  double lower_bound() const override { return 1e-3; }
  bool needs_set_const() const override { return set_const_; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) {
      pieces.Add(m->geom_size + 3 * id, 3);
      pieces.Add(m->geom_rbound + id, 1);
      pieces.Add(m->geom_aabb + 6 * id, 6);
      TouchBodyBoxes(m, m->geom_bodyid[id], pieces);
      if (!ChangesInertia(m, id)) continue;
      pieces.Add(m->body_inertia + 3 * m->geom_bodyid[id], 3);
      pieces.Add(m->body_mass + m->geom_bodyid[id], 1);
    }
  }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    std::ranges::fill(values, 1.0);
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      const int id = ids()[i], body = m->geom_bodyid[id];
      const double s = values[i];
      mju_scl3(m->geom_size + 3 * id, m->geom_size + 3 * id, s);
      m->geom_rbound[id] *= s;
      mju_scl(m->geom_aabb + 6 * id, m->geom_aabb + 6 * id, s, 6);
      RefitBodyBoxes(m, id);
      if (!ChangesInertia(m, id)) continue;
      const double mass = keep_mass_ ? 1 : s * s * s;
      m->body_mass[body] *= mass;
      mju_scl3(m->body_inertia + 3 * body, m->body_inertia + 3 * body, mass * s * s);
    }
  }

 private:
  static std::string Refusal(int type) {
    switch (type) {
      case mjGEOM_SPHERE:
      case mjGEOM_CAPSULE:
      case mjGEOM_ELLIPSOID:
      case mjGEOM_CYLINDER:
      case mjGEOM_BOX:
        return "";
      case mjGEOM_MESH:
        return "is a mesh, whose size is compiled in; use a box, sphere, capsule, cylinder or "
               "ellipsoid";
      default:
        return "is no box, sphere, capsule, cylinder or ellipsoid";
    }
  }
  static bool ChangesInertia(const mjModel* m, int geom) {
    const int body = m->geom_bodyid[geom];
    return m->body_geomnum[body] == 1 && NotMoving(m, body).empty();
  }
  bool keep_mass_;
  bool set_const_ = false;
};

struct GeomFrictionParams {
  std::vector<std::string> geoms;
  std::string component = "slide";
  void Describe(Fields& f) {
    DescribePatterns(f, "geoms", geoms);
    f.Field(
        "component", component,
        {.help = "slide, spin or roll; all: slide, and the others in proportion. A contact takes "
                 "the greater of its two geoms' frictions, unless one has priority",
         .choices = {"slide", "spin", "roll", "all"}});
  }
};

class GeomFriction : public SelectedTerm {
 public:
  using Params = GeomFrictionParams;
  GeomFriction(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_GEOM, "geoms", params.geoms,
                            [&](int id) {
                              return model->geom_contype[id] == 0 &&
                                             model->geom_conaffinity[id] == 0
                                         ? "touches nothing"
                                         : "";
                            })),
        component_(params.component == "spin"   ? 1
                   : params.component == "roll" ? 2
                                                : 0),
        all_(params.component == "all") {}
  double lower_bound() const override { return 0; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->geom_friction + 3 * id, 3);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i)
      values[i] = m->geom_friction[3 * ids()[i] + component_];
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      mjtNum* friction = m->geom_friction + 3 * ids()[i];
      const double before = friction[component_];
      friction[component_] = values[i];
      if (!all_ || before <= 0) continue;
      friction[1] *= values[i] / before;
      friction[2] *= values[i] / before;
    }
  }

 private:
  int component_;
  bool all_;
};

/// A term on the model as a whole.
class SingleTerm : public RandomizationTerm {
 public:
  int elements() const override { return 1; }
  std::string element_label(int) const override { return ""; }
};

struct GravityParams {
  std::string component = "magnitude";
  void Describe(Fields& f) {
    f.Field("component", component,
            {.help = "the magnitude (of none there is nothing to change), or one of the vector's "
                     "components",
             .unit = "m/s2",
             .choices = {"magnitude", "x", "y", "z"}});
  }
};

class Gravity : public SingleTerm {
 public:
  using Params = GravityParams;
  Gravity(const Params& params, const Model& model)
      : axis_(params.component == "magnitude" ? -1 : params.component[0] - 'x'),
        exists_(axis_ >= 0 || mju_norm3(model->opt.gravity) > 0) {}
  // Nothing, so that one file serves scenes that have no gravity, too.
  int elements() const override { return exists_ ? 1 : 0; }
  double lower_bound() const override { return axis_ < 0 ? 0 : RandomizationTerm::lower_bound(); }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    pieces.Add(m->opt.gravity, 3);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    if (!exists_) return;
    values[0] = axis_ < 0 ? mju_norm3(m->opt.gravity) : m->opt.gravity[axis_];
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    mjtNum* gravity = m->opt.gravity;
    if (axis_ >= 0) {
      gravity[axis_] = values[0];
    } else if (const double norm = mju_norm3(gravity); norm > 0) {
      mju_scl3(gravity, gravity, values[0] / norm);
    }
  }

 private:
  int axis_;
  bool exists_;
};

struct NoParams {
  void Describe(Fields&) {}
};

class Timestep : public SingleTerm {
 public:
  using Params = NoParams;
  Timestep(const Params&, const Model&) {}
  double lower_bound() const override { return 1e-6; }
  double upper_bound() const override { return 1; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    pieces.Add(&m->opt.timestep, 1);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    values[0] = m->opt.timestep;
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    m->opt.timestep = values[0];
  }
};

}  // namespace

void AddBodyRandomization(RandomizationTypes& types) {
  AddTerm<BodyMass>(types, "body_mass", "mass of bodies, kg; the inertia changes along");
  AddTerm<BodyInertia>(types, "body_inertia", "inertia of bodies, by a factor");
  AddTerm<BodyCom>(types, "body_com",
                   "centre of mass in the body's frame, m; offset (add) or place");
  AddTerm<GeomSize>(types, "geom_size",
                    "size of primitive geoms, by a factor; the inertia follows");
  AddTerm<GeomFriction>(types, "geom_friction", "friction of geoms: slide, spin, roll or all");
  AddTerm<Gravity>(types, "gravity", "gravity's magnitude or one component, m/s2");
  AddTerm<Timestep>(types, "timestep", "physics time step, s; the control step goes along");
}

}  // namespace simscale::env
