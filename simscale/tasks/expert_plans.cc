#include "simscale/tasks/expert_plans.h"

#include <algorithm>
#include <cmath>

namespace simscale::tasks {
namespace {

// Lengths in m. The cube's edge is 4 cm and its centre rests at 2 cm.
constexpr double kHalfCube = 0.02;
constexpr double kHover = 0.10;  // above the cube before going down, above the table when carrying
constexpr double kGraspTolerance = 0.008;  // sideways, before the fingers go down around the cube
constexpr double kHeldTolerance = 0.022;   // the cube is between the fingers
constexpr double kHeldOpening = 0.047;     // fingers on the cube's faces, or nearly
constexpr double kPlaceTolerance = 0.012;  // the cube is above its target
constexpr double kPlacedTolerance = 0.02;  // the cube lies at its target

double Horizontal(std::span<const float> a, std::span<const float> b) {
  return std::hypot(a[0] - b[0], a[1] - b[1]);
}

}  // namespace

PlanOutput PlanReach(const PlanInput& input) {
  PlanOutput out;
  for (size_t i = 0; i < 3; ++i) out.motion[i] = input.target_pos[i] - input.ee_pos[i];
  return out;
}

PlanOutput PlanPickPlace(const PlanInput& in) {
  PlanOutput out;
  const auto& ee = in.ee_pos;
  const auto& cube = in.object_pos;
  const auto& target = in.target_pos;
  const double to_cube = Horizontal(ee, cube);
  const double cube_to_target = Horizontal(cube, target);
  const bool resting = cube[2] < kHalfCube + 0.006;
  const bool around = to_cube < kHeldTolerance && std::abs(ee[2] - cube[2]) < kHeldTolerance;
  const bool held = around && in.opening < kHeldOpening;

  if (cube_to_target < kPlacedTolerance && resting) {
    // Done: open where it is, and rise once the fingers are free of the cube.
    out.gripper = 1;
    if (in.opening > 0.06 || !around) out.motion = {0, 0, kHover + kHalfCube - ee[2]};
    return out;
  }
  if (held) {
    out.gripper = -1;
    const double dx = target[0] - cube[0], dy = target[1] - cube[1];
    if (cube_to_target < kPlaceTolerance) {
      out.motion = {dx, dy, kHalfCube - cube[2]};
      return out;
    }
    // Rise straight first; sideways as far as the height allows, so that the cube does not drag.
    const double rise = kHover - cube[2];
    const double clear = std::clamp((cube[2] - 0.03) / 0.03, 0.0, 1.0);
    // Come down on the way once near the target.
    const double descend = cube_to_target < 0.05 ? (0.05 - cube_to_target) * 1.0 : 0.0;
    out.motion = {clear * dx, clear * dy, clear < 1 ? rise : std::max(rise - descend, -0.02)};
    return out;
  }
  if (around && to_cube < kGraspTolerance * 1.6 && std::abs(ee[2] - cube[2]) < 0.010) {
    out.gripper = -1;  // close, standing still
    return out;
  }
  out.gripper = 1;
  const double dx = cube[0] - ee[0], dy = cube[1] - ee[1];
  // A funnel: the further off sideways, the higher the fingers stay.
  const double height = to_cube < kGraspTolerance
                            ? cube[2]
                            : cube[2] + std::min(kHover, 0.05 + 2.0 * (to_cube - kGraspTolerance));
  // Fingers that are low and off to the side rise before they move, not to push the cube.
  const bool low = ee[2] < cube[2] + 0.045 && to_cube > kHeldTolerance;
  out.motion = {low ? 0.0 : dx, low ? 0.0 : dy, height - ee[2]};
  return out;
}

}  // namespace simscale::tasks
