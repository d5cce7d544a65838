// How an episode starts: where free bodies and markers are, and how they move.

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

/// The free joint of a body, or -1.
int FreeJoint(const mjModel* model, int body) {
  const int joint = model->body_jntadr[body];
  return joint >= 0 && model->jnt_type[joint] == mjJNT_FREE ? joint : -1;
}

struct PlaceParams {
  std::string body;
  std::vector<double> x = {0, 0}, y = {0, 0}, z = {0, 0}, yaw = {0, 0};
  std::string away_from;
  double min_distance = 0;
  void Describe(Fields& f) {
    f.Field("body", body, {.help = "a free body or a marker"});
    f.Field("x", x, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("y", y, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("z", z, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("yaw", yaw, {.help = "uniform range about the vertical", .unit = "rad", .size = 2});
    f.Field("away_from", away_from, {.help = "a body placed before; empty for none"});
    f.Field("min_distance", min_distance,
            {.help = "least horizontal distance from it", .unit = "m", .min = 0});
  }
  void Validate() const {
    for (const auto& [key, range] :
         {std::pair{"x", &x}, std::pair{"y", &y}, std::pair{"z", &z}, std::pair{"yaw", &yaw}}) {
      if ((*range)[0] > (*range)[1]) {
        ThrowUser(key, " must be [low, high] with low <= high, got [", (*range)[0], ", ",
                  (*range)[1], "]");
      }
    }
  }
};

/// Where a body's pose lies in mjData: the qpos of its free joint, or its mocap pose.
struct PoseAddress {
  int qpos = -1, mocap = -1, body = -1;
  PoseAddress() = default;
  PoseAddress(const Model& model, const std::string& key, const std::string& name)
      : body(FindIds(model, mjOBJ_BODY, key, {name})[0]) {
    mocap = model->body_mocapid[body];
    const int joint = FreeJoint(model.get(), body);
    if (mocap < 0 && joint >= 0) qpos = model->jnt_qposadr[joint];
    if (mocap < 0 && qpos < 0) {
      ThrowUser(key, ": '", name, "' can't be placed: it is neither a free body nor a marker");
    }
  }
  double* position(mjData* data) const {
    return mocap >= 0 ? data->mocap_pos + 3 * mocap : data->qpos + qpos;
  }
  double* quaternion(mjData* data) const {
    return mocap >= 0 ? data->mocap_quat + 4 * mocap : data->qpos + qpos + 3;
  }
};

/// Half of a body's height when its one geom stands upright in it; 0 for other bodies.
double HalfHeight(const mjModel* model, int body) {
  if (model->body_geomnum[body] != 1) return 0;
  const int geom = model->body_geomadr[body];
  const double* size = model->geom_size + 3 * geom;
  switch (model->geom_type[geom]) {
    case mjGEOM_SPHERE:
      return size[0];
    case mjGEOM_CAPSULE:
      return size[0] + size[1];
    case mjGEOM_CYLINDER:
      return size[1];
    case mjGEOM_BOX:
    case mjGEOM_ELLIPSOID:
      return size[2];
    default:
      return 0;
  }
}

class Place : public ResetTerm {
 public:
  using Params = PlaceParams;
  Place(const Params& params, const Model& model)
      : params_(params), body_(model, "body", params.body) {
    if (!params.away_from.empty()) other_ = PoseAddress(model, "away_from", params.away_from);
    // The range must leave room, or the draw below would not end well.
    const double diagonal = std::hypot(params.x[1] - params.x[0], params.y[1] - params.y[0]);
    if (!params.away_from.empty() && params.min_distance > 0.5 * diagonal) {
      ThrowUser("min_distance must be at most half of the range's diagonal (", 0.5 * diagonal,
                " m), got ", params.min_distance);
    }
  }
  void Apply(ResetContext& context) const override {
    mjData* data = context.data;
    Rng& rng = context.rng;
    double* position = body_.position(data);
    // A draw succeeds with probability >= 1/4 or so; 200 draws can't all fail in practice, and the
    // last one is kept if they do.
    for (int draw = 0; draw < 200; ++draw) {
      position[0] = rng.Uniform(params_.x[0], params_.x[1]);
      position[1] = rng.Uniform(params_.y[0], params_.y[1]);
      if (params_.away_from.empty()) break;
      const double* other = other_.position(data);
      if (std::hypot(position[0] - other[0], position[1] - other[1]) >= params_.min_distance) break;
    }
    // z is meant for the nominal size: a body whose size was drawn must not start in the table.
    position[2] = rng.Uniform(params_.z[0], params_.z[1]) + HalfHeight(context.model, body_.body) -
                  HalfHeight(context.nominal, body_.body);
    const double yaw = rng.Uniform(params_.yaw[0], params_.yaw[1]);
    double* quat = body_.quaternion(data);
    quat[0] = std::cos(yaw / 2);
    quat[1] = quat[2] = 0;
    quat[3] = std::sin(yaw / 2);
  }

 private:
  Params params_;
  PoseAddress body_, other_;
};

class Velocity : public ResetTerm {
 public:
  struct Params {
    std::string body;
    std::vector<double> low = {0, 0, 0, 0, 0, 0}, high = {0, 0, 0, 0, 0, 0};
    void Describe(Fields& f) {
      f.Field("body", body, {.help = "a free body"});
      f.Field("low", low,
              {.help = "least velocity: 3 linear in the world, m/s, 3 angular in the body's axes, "
                       "rad/s",
               .size = 6});
      f.Field("high", high, {.help = "most velocity, likewise", .size = 6});
    }
    void Validate() const {
      for (size_t i = 0; i < 6; ++i) {
        if (low[i] > high[i]) {
          ThrowUser("low must be at most high in each component, got ", low[i], " and ", high[i]);
        }
      }
    }
  };
  Velocity(const Params& params, const Model& model) : params_(params) {
    const int body = FindIds(model, mjOBJ_BODY, "body", {params.body})[0];
    const int joint = FreeJoint(model.get(), body);
    if (joint < 0) ThrowUser("body: '", params.body, "' is not free: it has no free joint");
    dof_ = model->jnt_dofadr[joint];
  }
  void Apply(ResetContext& context) const override {
    for (size_t i = 0; i < 6; ++i) {
      context.data->qvel[static_cast<size_t>(dof_) + i] =
          context.rng.Uniform(params_.low[i], params_.high[i]);
    }
  }

 private:
  Params params_;
  int dof_;
};

}  // namespace

void AddPlaceResets(TermLibrary& library) {
  auto& s = library.resets;
  AddTerm<Place>(s, "place", "a free body or marker at a random place");
  AddTerm<Velocity>(s, "velocity", "a free body's velocity, uniform");
}

}  // namespace simscale::env
