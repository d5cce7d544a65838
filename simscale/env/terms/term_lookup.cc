#include "simscale/env/terms/term_lookup.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

bool IsScalar(const mjModel* model, int joint) {
  return model->jnt_type[joint] == mjJNT_HINGE || model->jnt_type[joint] == mjJNT_SLIDE;
}

int Count(const mjModel* model, mjtObj type) {
  switch (type) {
    case mjOBJ_BODY:
      return model->nbody;
    case mjOBJ_JOINT:
      return model->njnt;
    case mjOBJ_GEOM:
      return model->ngeom;
    case mjOBJ_TENDON:
      return model->ntendon;
    case mjOBJ_ACTUATOR:
      return model->nactuator;
    case mjOBJ_SENSOR:
      return model->nsensor;
    case mjOBJ_KEY:
      return model->nkey;
    default:
      return 0;
  }
}

}  // namespace

bool IsWildcard(const std::string& name) { return name.find_first_of("*?[") != std::string::npos; }

bool Matches(const std::string& wildcard, const std::string& name) {
  return fnmatch(wildcard.c_str(), name.c_str(), 0) == 0;
}

Names AllNames(const mjModel* model, mjtObj type) {
  Names all;
  for (int i = 0; i < Count(model, type); ++i) {
    const char* name = mj_id2name(model, type, i);
    all.emplace_back(name != nullptr ? name : "");
  }
  return all;
}

namespace {

/// `accepts` says which of the objects a wildcard may stand for.
template <class Accept>
std::vector<int> Find(const sim::Model& model, mjtObj type, std::string_view key,
                      const Names& names, Accept accepts) {
  if (names.empty()) ThrowUser(key, ": at least one name is needed, got none");
  const Names all = AllNames(model.get(), type);
  Names known;
  for (const std::string& name : all) {
    if (!name.empty()) known.push_back(name);
  }
  std::vector<int> ids;
  auto add = [&ids](int id) {
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  };
  for (const std::string& name : names) {
    const int id = mj_name2id(model.get(), type, name.c_str());
    if (id >= 0) {
      add(id);
    } else if (IsWildcard(name)) {
      bool found = false;
      for (size_t i = 0; i < all.size(); ++i) {
        // "*" also takes what has no name.
        if (!accepts(static_cast<int>(i)) || !Matches(name, all[i])) continue;
        add(static_cast<int>(i));
        found = true;
      }
      if (!found) {
        ThrowUser(key, ": the wildcard '", name, "' matches no ", mju_type2Str(type),
                  ". Known: ", known.empty() ? "none" : Join(known, ", "), ".");
      }
    } else {
      ThrowUser(key, ": ", UnknownName(Cat(mju_type2Str(type), " of the model"), name, known));
    }
  }
  return ids;
}

}  // namespace

std::vector<int> FindIds(const sim::Model& model, mjtObj type, std::string_view key,
                         const Names& names) {
  return Find(model, type, key, names, [](int) { return true; });
}

std::vector<int> FindScalarJoints(const sim::Model& model, std::string_view key,
                                  const Names& names) {
  std::vector<int> ids = Find(model, mjOBJ_JOINT, key, names,
                              [&model](int joint) { return IsScalar(model.get(), joint); });
  for (int id : ids) {
    if (!IsScalar(model.get(), id)) {
      ThrowUser(key, ": '", mj_id2name(model.get(), mjOBJ_JOINT, id),
                "' is neither a hinge nor a slide joint");
    }
  }
  return ids;
}

void SliceParams::DescribeSlice(config::Fields& f) {
  f.Field("first", first, {.help = "index of the first number", .min = 0, .max = 1e6});
  f.Field("count", count, {.help = "how many; 0: all from there on", .min = 0, .max = 1e6});
}

Slice SliceParams::Resolve(std::string_view what, int total) const {
  const int n = count == 0 ? total - first : count;
  if (n < 1 || first + n > total) {
    ThrowUser("first: ", what, " of this model has ", total, " numbers, got first ", first,
              " and count ", count);
  }
  return {first, n};
}

std::span<const double> HomeQpos(const mjModel* model) {
  const int key = sim::StartKeyframe(model);
  return {key >= 0 ? model->key_qpos + key * model->nq : model->qpos0,
          static_cast<size_t>(model->nq)};
}

std::vector<double> UnitAxis(std::string_view key, const std::vector<double>& axis) {
  std::vector<double> unit = axis;
  const double length = std::hypot(axis[0], axis[1], axis[2]);
  if (length < 1e-9) ThrowUser(key, ": an axis must have a length, got [0, 0, 0]");
  for (double& x : unit) x /= length;
  return unit;
}

void CheckOrdered(std::string_view key, const std::vector<double>& range) {
  if (range[0] > range[1]) {
    ThrowUser(key, " must be [low, high] with low <= high, got [", range[0], ", ", range[1], "]");
  }
}

double CosTilt(const Frame& frame, const mjData* data) {
  // The last entry of the rotation matrix.
  const std::array<double, 4> q = frame.quaternion(data);
  return std::clamp(1 - 2 * (q[1] * q[1] + q[2] * q[2]), -1.0, 1.0);
}

double Tilt(const Frame& frame, const mjData* data) { return std::acos(CosTilt(frame, data)); }

void FrameVelocity(const Frame& frame, const TermContext& context, bool local, double velocity[6]) {
  double rotation_first[6];
  mj_objectVelocity(context.model, context.data, frame.type(), frame.id(), rotation_first, local);
  std::copy_n(rotation_first + 3, 3, velocity);
  std::copy_n(rotation_first, 3, velocity + 3);
}

}  // namespace simscale::env
