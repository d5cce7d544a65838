#pragma once

#include <array>
#include <span>

namespace simscale::tasks {

/// What the plans look at, one row's observation.
struct PlanInput {
  std::span<const float> ee_pos;      ///< [3]
  std::span<const float> target_pos;  ///< [3]
  std::span<const float> object_pos;  ///< [3]; empty for reach
  double opening = 0;                 ///< m, between the fingers
};

/// Where to move the end effector (a displacement in m) and what the gripper should do
/// (-1 closed, +1 open).
struct PlanOutput {
  std::array<double, 3> motion{};
  double gripper = 1;
};

PlanOutput PlanReach(const PlanInput& input);
PlanOutput PlanPickPlace(const PlanInput& input);

}  // namespace simscale::tasks
