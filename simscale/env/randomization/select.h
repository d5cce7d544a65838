#pragma once

#include <functional>
#include <string>
#include <vector>

#include "simscale/sim/model.h"

namespace simscale::env {

/// What a list of names and patterns selects of a model, without doubles, in the list's order.
struct Selection {
  std::vector<int> ids;
  std::vector<std::string> labels;  ///< names; "#3" for what has none
  bool named = false;               ///< not just "*": someone wrote a name or a part of one
};

/// Whether `*` (any text) and `?` (one character) in `pattern` make it fit all of `name`.
bool FitsPattern(std::string_view pattern, std::string_view name);

/// refuse(id) says why something can't be selected, such as "is a mesh", or "" if it can.
/// A name must exist and be selectable. A pattern passes over what is refused; it must leave
/// something, but for "*", which may select nothing so that one file serves every robot.
/// Throws UserError that begins with `key`.
Selection Select(const sim::Model& model, mjtObj type, const std::string& key,
                 const std::vector<std::string>& patterns,
                 const std::function<std::string(int)>& refuse = {});

/// Where the pose of a free body or of a marker (mocap) lies in mjData.
struct PosePlace {
  int qpos = -1, mocap = -1, dof = -1;
  /// "" if there is one, else why not.
  static std::string Refusal(const mjModel* model, int body);
  PosePlace(const mjModel* model, int body);
  double* position(mjData* data) const {
    return mocap >= 0 ? data->mocap_pos + 3 * mocap : data->qpos + qpos;
  }
  const double* position(const mjData* data) const { return position(const_cast<mjData*>(data)); }
  double* quaternion(mjData* data) const {
    return mocap >= 0 ? data->mocap_quat + 4 * mocap : data->qpos + qpos + 3;
  }
  const double* quaternion(const mjData* data) const {
    return quaternion(const_cast<mjData*>(data));
  }
};

/// The indices 0, 1, 2 of letters such as "xyz" or "rb", out of `letters`. Throws UserError that
/// begins with `key` for others, doubles and an empty text.
std::vector<int> AxisIndices(const std::string& key, const std::string& text,
                             const std::string& letters);

}  // namespace simscale::env
