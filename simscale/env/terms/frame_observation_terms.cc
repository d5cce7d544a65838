// Observations of sites and bodies: where they are, how they move, how they lie to each other.

#include <algorithm>
#include <array>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;
using Quat = std::array<double, 4>;

Quat Inverse(const Quat& q) { return {q[0], -q[1], -q[2], -q[3]}; }

struct FrameParams {
  std::string frame;
  void Describe(Fields& f) { f.Field("frame", frame, {.help = "name of a site or body"}); }
};

/// A term that looks at one frame.
template <int kSize>
class FrameTerm : public ObservationTerm {
 public:
  using Params = FrameParams;
  FrameTerm(const FrameParams& params, const Model& model) : frame_(model, "frame", params.frame) {}
  int size() const override { return kSize; }

 protected:
  Frame frame_;
};

class FramePosition : public FrameTerm<3> {
 public:
  using FrameTerm::FrameTerm;
  void Write(const TermContext& context, std::span<double> out) const override {
    std::copy_n(frame_.position(context.data), 3, out.begin());
  }
};

class FrameQuaternion : public FrameTerm<4> {
 public:
  using FrameTerm::FrameTerm;
  void Write(const TermContext& context, std::span<double> out) const override {
    std::ranges::copy(frame_.quaternion(context.data), out.begin());
  }
};

class FrameVelocityTerm : public FrameTerm<3> {
 public:
  struct Params : FrameParams {
    std::string kind = "linear", axes = "world";
    void Describe(Fields& f) {
      FrameParams::Describe(f);
      f.Field("kind", kind,
              {.help = "linear, m/s, or angular, rad/s", .choices = {"linear", "angular"}});
      f.Field(
          "axes", axes,
          {.help = "the world's axes, or local: the frame's own", .choices = {"world", "local"}});
    }
  };
  FrameVelocityTerm(const Params& params, const Model& model)
      : FrameTerm(params, model),
        first_(params.kind == "linear" ? 0 : 3),
        local_(params.axes == "local") {}
  void Write(const TermContext& context, std::span<double> out) const override {
    double velocity[6];
    FrameVelocity(frame_, context, local_, velocity);
    std::copy_n(velocity + first_, 3, out.begin());
  }

 private:
  int first_;
  bool local_;
};

class ProjectedGravity : public FrameTerm<3> {
 public:
  using FrameTerm::FrameTerm;
  void Write(const TermContext& context, std::span<double> out) const override {
    const double down[3] = {0, 0, -1};
    mju_rotVecQuat(out.data(), down, Inverse(frame_.quaternion(context.data)).data());
  }
};

class UprightObservation : public FrameTerm<1> {
 public:
  using FrameTerm::FrameTerm;
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = CosTilt(frame_, context.data);
  }
};

class TiltObservation : public FrameTerm<1> {
 public:
  using FrameTerm::FrameTerm;
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = Tilt(frame_, context.data);
  }
};

class Height : public FrameTerm<1> {
 public:
  using FrameTerm::FrameTerm;
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = frame_.position(context.data)[2];
  }
};

struct PairParams {
  std::string frame, reference;
  void Describe(Fields& f) {
    f.Field("frame", frame, {.help = "name of a site or body"});
    f.Field("reference", reference, {.help = "the site or body that it is seen from"});
  }
};

class RelativePosition : public ObservationTerm {
 public:
  struct Params : PairParams {
    std::string axes = "reference";
    int dims = 3;
    void Describe(Fields& f) {
      PairParams::Describe(f);
      f.Field("axes", axes,
              {.help = "the reference's axes, or the world's", .choices = {"reference", "world"}});
      f.Field("dims", dims, {.help = "3: x, y, z; 2: x, y", .min = 1, .max = 3});
    }
  };
  RelativePosition(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame),
        reference_(model, "reference", params.reference),
        world_(params.axes == "world"),
        dims_(params.dims) {}
  int size() const override { return dims_; }
  void Write(const TermContext& context, std::span<double> out) const override {
    double difference[3];
    mju_sub3(difference, frame_.position(context.data), reference_.position(context.data));
    if (!world_) {
      const double in_world[3] = {difference[0], difference[1], difference[2]};
      mju_rotVecQuat(difference, in_world, Inverse(reference_.quaternion(context.data)).data());
    }
    std::copy_n(difference, dims_, out.begin());
  }

 private:
  Frame frame_, reference_;
  bool world_;
  int dims_;
};

class RelativeQuaternion : public ObservationTerm {
 public:
  using Params = PairParams;
  RelativeQuaternion(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame), reference_(model, "reference", params.reference) {}
  int size() const override { return 4; }
  void Write(const TermContext& context, std::span<double> out) const override {
    mju_mulQuat(out.data(), Inverse(reference_.quaternion(context.data)).data(),
                frame_.quaternion(context.data).data());
    if (out[0] < 0) {  // q and -q are one orientation: always the same of the two
      for (double& x : out) x = -x;
    }
  }

 private:
  Frame frame_, reference_;
};

class DistanceObservation : public ObservationTerm {
 public:
  struct Params {
    std::string a, b;
    void Describe(Fields& f) {
      f.Field("a", a, {.help = "name of a site or body"});
      f.Field("b", b, {.help = "name of the other site or body"});
    }
  };
  DistanceObservation(const Params& params, const Model& model)
      : a_(model, "a", params.a), b_(model, "b", params.b) {}
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = a_.DistanceTo(b_, context.data);
  }

 private:
  Frame a_, b_;
};

struct BodyParams {
  std::string body = "world";
  void Describe(Fields& f) {
    f.Field("body", body, {.help = "a body, with all that it carries; world: everything"});
  }
};

class ComPosition : public ObservationTerm {
 public:
  using Params = BodyParams;
  ComPosition(const Params& params, const Model& model)
      : body_(FindIds(model, mjOBJ_BODY, "body", {params.body})[0]) {}
  int size() const override { return 3; }
  void Write(const TermContext& context, std::span<double> out) const override {
    std::copy_n(context.data->subtree_com + 3 * body_, 3, out.begin());
  }

 private:
  int body_;
};

class ComVelocity : public ObservationTerm {
 public:
  using Params = BodyParams;
  ComVelocity(const Params& params, const Model& model) {
    const int root = FindIds(model, mjOBJ_BODY, "body", {params.body})[0];
    for (int b = root; b < model->nbody; ++b) {
      int ancestor = b;
      while (ancestor > root) ancestor = model->body_parentid[ancestor];
      if (ancestor == root) bodies_.push_back(b);
    }
  }
  int size() const override { return 3; }
  void Write(const TermContext& context, std::span<double> out) const override {
    const mjModel* m = context.model;
    const mjData* d = context.data;
    double momentum[3] = {0, 0, 0};
    double mass = 0;
    for (int b : bodies_) {
      double velocity[6];  // mjOBJ_BODY: of the body's centre of mass; rotation first
      mj_objectVelocity(m, d, mjOBJ_BODY, b, velocity, 0);
      mju_addToScl3(momentum, velocity + 3, m->body_mass[b]);
      mass += m->body_mass[b];
    }
    for (size_t k = 0; k < 3; ++k) out[k] = momentum[k] / std::max(mass, mjMINVAL);
  }

 private:
  std::vector<int> bodies_;
};

}  // namespace

void AddFrameObservations(TermLibrary& library) {
  auto& o = library.observations;
  AddTerm<FramePosition>(o, "frame_position", "world position of a site or body, m [3]");
  AddTerm<FrameQuaternion>(o, "frame_quaternion", "world orientation of a site or body, wxyz [4]");
  AddTerm<FrameVelocityTerm>(o, "frame_velocity", "velocity of a site or body, m/s or rad/s [3]");
  AddTerm<RelativePosition>(o, "relative_position", "a site or body seen from another, m [3]");
  AddTerm<RelativeQuaternion>(
      o, "relative_quaternion",
      "orientation of a site or body seen from another, wxyz with w >= 0 [4]");
  AddTerm<DistanceObservation>(o, "distance", "between two sites or bodies, m, >= 0 [1]");
  AddTerm<ProjectedGravity>(o, "projected_gravity",
                            "the world's down in a frame's axes: [0, 0, -1] when upright [3]");
  AddTerm<UprightObservation>(o, "upright",
                              "cosine between a frame's z axis and the world's, in [-1, 1] [1]");
  AddTerm<TiltObservation>(o, "tilt",
                           "angle between a frame's z axis and the world's, rad in [0, pi] [1]");
  AddTerm<Height>(o, "height", "z of a site or body in the world, m [1]");
  AddTerm<ComPosition>(o, "com_position", "centre of mass, m in the world [3]");
  AddTerm<ComVelocity>(o, "com_velocity", "velocity of the centre of mass, m/s in the world [3]");
}

}  // namespace simscale::env
