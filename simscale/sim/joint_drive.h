#pragma once

#include <string>
#include <vector>

#include "simscale/sim/model.h"

namespace simscale::sim {

/// One joint with the position actuator that drives it.
struct JointDrive {
  std::string name;
  int qpos = 0;          ///< address in qpos
  int ctrl = 0;          ///< index in ctrl
  double ctrl_unit = 1;  ///< ctrl that holds the joint at position 1
  double lower = 0;      ///< rad or m: the joint's range, else its actuator's, else infinite
  double upper = 0;
};

/// The hinges and slides of these names, in this order; they need not form a chain. Throws
/// UserError for a name that does not exist or comes twice, and for one without a position
/// actuator.
std::vector<JointDrive> FindJointDrives(const Model& model, const std::vector<std::string>& names);
/// Those from the world down to a site. Free joints are left out: nothing drives them.
std::vector<JointDrive> FindJointDrivesTo(const Model& model, const std::string& site);

}  // namespace simscale::sim
