#pragma once

#include <array>
#include <string>

#include "simscale/sim/model.h"

namespace simscale::env {

/// A named site or body of the model, looked up once (sites first).
class Frame {
 public:
  Frame() = default;
  /// Throws UserError that names the nearest known frame; `key` is the parameter's name.
  Frame(const sim::Model& model, const std::string& key, const std::string& name);
  const double* position(const mjData* data) const;            ///< [3], m, world
  std::array<double, 4> quaternion(const mjData* data) const;  ///< w, x, y, z
  double DistanceTo(const Frame& other, const mjData* data) const;
  int body() const { return body_; }
  /// As mj_objectVelocity and other MuJoCo functions want it: mjOBJ_SITE or mjOBJ_XBODY.
  mjtObj type() const { return site_ >= 0 ? mjOBJ_SITE : mjOBJ_XBODY; }
  int id() const { return site_ >= 0 ? site_ : body_; }

 private:
  int site_ = -1;
  int body_ = -1;
};

}  // namespace simscale::env
