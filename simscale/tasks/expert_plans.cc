#include "simscale/tasks/expert_plans.h"

#include <algorithm>
#include <cmath>

namespace simscale::tasks {
namespace {

// Lengths in m. The cube's edge is 4 cm and its centre rests at 2 cm.
constexpr double kHalfCube = 0.02;
constexpr double kHover = 0.10;  // height at which the hand travels, over the cube or the table
constexpr double kGraspSideways = 0.013;   // the fingers may close: the cube is well between them,
constexpr double kGraspHeight = 0.010;     // and the pads at its middle
constexpr double kHeldTolerance = 0.022;   // the cube is between the fingers
constexpr double kHeldOpening = 0.047;     // fingers on the cube's faces, or nearly
constexpr double kPlacedTolerance = 0.02;  // the cube lies at its target
constexpr double kFree = 0.06;             // opening at which the fingers are off the cube

// Heights follow from the distance that is left sideways: a funnel, steep enough that the fingers
// pass over the cube's edge and continuous, so that a policy can learn it.
constexpr double kFunnelRadius = 0.008;
constexpr double kFunnelSlope = 4.0;
constexpr double kClimb = 0.04;  // this far below the funnel the hand climbs and does not travel

double FunnelHeight(double sideways) {
  return std::clamp(kFunnelSlope * (sideways - kFunnelRadius), 0.0, kHover);
}

/// Moves by (dx, dy) and to a height that is `climb` above: travel waits for the climb.
std::array<double, 3> Travel(double dx, double dy, double climb) {
  const double share = std::clamp(1.0 - climb / kClimb, 0.0, 1.0);
  return {share * dx, share * dy, climb};
}

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
  const double above = ee[2] - cube[2];
  const bool resting = cube[2] < kHalfCube + 0.006;
  const bool around = to_cube < kHeldTolerance && std::abs(above) < kHeldTolerance;

  if (cube_to_target < kPlacedTolerance && resting) {
    // Done: open where it is, and rise once the fingers are free of the cube.
    out.gripper = 1;
    if (in.opening > kFree || !around) out.motion[2] = kHover + kHalfCube - ee[2];
    return out;
  }
  if (around && in.opening < kHeldOpening) {
    out.gripper = -1;
    const double height = kHalfCube + FunnelHeight(cube_to_target);
    out.motion = Travel(target[0] - cube[0], target[1] - cube[1], height - cube[2]);
    return out;
  }
  // Keep moving to the cube's middle while the fingers close: a plan that stood still where closing
  // begins would give its imitators a place to stand still for ever.
  const bool close = to_cube < kGraspSideways && std::abs(above) < kGraspHeight;
  out.gripper = close ? -1 : 1;
  out.motion = Travel(cube[0] - ee[0], cube[1] - ee[1], FunnelHeight(to_cube) - above);
  return out;
}

}  // namespace simscale::tasks
