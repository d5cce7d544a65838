#include "simscale/sim/joint_drive.h"

#include <algorithm>
#include <limits>

#include "simscale/common/error.h"
#include "simscale/sim/controllers.h"

namespace simscale::sim {
namespace {

std::string NameOf(const mjModel* m, mjtObj type, int id) {
  const char* name = mj_id2name(m, type, id);
  return name != nullptr ? name : Cat("#", id);
}

/// Affine in the joint's position, as <position> is: at rest ctrl stands for one position.
bool IsPositionActuator(const mjModel* m, int actuator) {
  return m->actuator_gainprm[static_cast<ptrdiff_t>(actuator) * mjNGAIN] > 0 &&
         m->actuator_biasprm[static_cast<ptrdiff_t>(actuator) * mjNBIAS + 1] < 0 &&
         m->actuator_gear[6 * static_cast<ptrdiff_t>(actuator)] != 0;
}

int ActuatorOf(const mjModel* m, int joint) {
  int other = -1;
  for (int i = 0; i < m->nu; ++i) {
    if (m->actuator_trntype[i] != mjTRN_JOINT || m->actuator_trnid[2 * i] != joint) continue;
    if (IsPositionActuator(m, i)) return i;
    other = i;
  }
  std::string name = NameOf(m, mjOBJ_JOINT, joint);
  if (other >= 0)
    ThrowUser("the controller joint_position needs a position actuator for joint '", name,
              "', but its actuator '", NameOf(m, mjOBJ_ACTUATOR, other),
              "' is none. Use controller.type actuators, or name other controller.joints.");
  ThrowUser("the controller joint_position needs a position actuator for joint '", name,
            "', which has no actuator. Name the driven joints in controller.joints.");
}

JointDrive DriveOf(const mjModel* m, int joint) {
  int type = m->jnt_type[joint];
  std::string name = NameOf(m, mjOBJ_JOINT, joint);
  if (type != mjJNT_HINGE && type != mjJNT_SLIDE)
    ThrowUser("the controller joint_position drives hinges and slides; joint '", name, "' is a ",
              type == mjJNT_FREE ? "free" : "ball", " joint");
  int i = ActuatorOf(m, joint);
  JointDrive drive{.name = name, .qpos = m->jnt_qposadr[joint], .ctrl = i};
  // At rest gain * ctrl + bias1 * length = 0, and an actuator's length is gear times the joint.
  drive.ctrl_unit = -m->actuator_biasprm[static_cast<ptrdiff_t>(i) * mjNBIAS + 1] /
                    m->actuator_gainprm[static_cast<ptrdiff_t>(i) * mjNGAIN] *
                    m->actuator_gear[6 * static_cast<ptrdiff_t>(i)];
  constexpr double kInf = std::numeric_limits<double>::infinity();
  drive.lower = -kInf;
  drive.upper = kInf;
  if (m->jnt_limited[joint]) {
    drive.lower = m->jnt_range[2 * joint];
    drive.upper = m->jnt_range[2 * joint + 1];
  } else if (m->actuator_ctrllimited[i]) {
    double a = m->actuator_ctrlrange[2 * i] / drive.ctrl_unit;
    double b = m->actuator_ctrlrange[2 * i + 1] / drive.ctrl_unit;
    drive.lower = std::min(a, b);
    drive.upper = std::max(a, b);
  }
  return drive;
}

}  // namespace

std::vector<JointDrive> FindJointDrives(const Model& model, const std::vector<std::string>& names) {
  std::vector<JointDrive> drives;
  for (const std::string& name : names) {
    for (const JointDrive& drive : drives)
      if (drive.name == name) ThrowUser("controller.joints names joint '", name, "' twice");
    drives.push_back(DriveOf(model.get(), IdFor(model, mjOBJ_JOINT, name, "controller.joints")));
  }
  return drives;
}

std::vector<JointDrive> FindJointDrivesTo(const Model& model, const std::string& site) {
  const mjModel* m = model.get();
  int id = mj_name2id(m, mjOBJ_SITE, site.c_str());
  if (id < 0)
    ThrowUser("the controller joint_position does not know its joints: the model has no site '",
              site, "'. Name them in controller.joints, or the end effector's site in ",
              "controller.ee_site.");
  std::vector<int> bodies;  // from the world down
  for (int b = m->site_bodyid[id]; b > 0; b = m->body_parentid[b]) bodies.push_back(b);
  std::reverse(bodies.begin(), bodies.end());
  std::vector<JointDrive> drives;
  for (int b : bodies)
    for (int j = m->body_jntadr[b]; j >= 0 && j < m->body_jntadr[b] + m->body_jntnum[b]; ++j)
      if (m->jnt_type[j] != mjJNT_FREE) drives.push_back(DriveOf(m, j));
  if (drives.empty()) ThrowUser("the controller's site '", site, "' hangs on no joint");
  return drives;
}

}  // namespace simscale::sim
