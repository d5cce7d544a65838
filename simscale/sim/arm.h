#pragma once

#include <array>
#include <span>
#include <string>

#include "simscale/sim/model.h"

namespace simscale::sim {

/// The serial chain of hinges from the world to one site, copied out of a model: forward kinematics
/// and Jacobian at any joint positions without an mjData, in about a third of a microsecond for
/// seven joints. Vectors are of 3, matrices 3 x 3 row-major; metres and radians; world frame.
class Arm {
 public:
  static constexpr int kMaxJoints = 8;
  using Vec3 = std::array<double, 3>;
  using Mat3 = std::array<double, 9>;
  using Joints = std::array<double, kMaxJoints>;  ///< the first num_joints() count

  /// Throws UserError if the site or an actuator of a joint on the way is missing, or if there are
  /// joints other than hinges or more than kMaxJoints.
  Arm(const Model& model, const std::string& site);

  struct Pose {
    Vec3 pos;
    Mat3 rot;
    std::array<Vec3, kMaxJoints> axis;    ///< of each joint
    std::array<Vec3, kMaxJoints> anchor;  ///< a point on it
  };
  void Forward(const Joints& q, Pose& pose) const;

  int num_joints() const { return num_joints_; }
  const Joints& lower() const { return lower_; }
  const Joints& upper() const { return upper_; }
  /// The joint's name in the model.
  const std::string& joint_name(int i) const { return names_[static_cast<size_t>(i)]; }
  void ReadQpos(const mjData* data, Joints& q) const;
  void WriteCtrl(const Joints& q, mjData* data) const;

 private:
  struct Link {
    Vec3 pos;  ///< of the joint's frame in the previous joint's moving frame
    Mat3 rot;
    Vec3 axis, anchor;  ///< in the joint's frame
    double reference;   ///< the joint position at which the frames are as the MJCF places them
  };
  int num_joints_ = 0;
  std::array<Link, kMaxJoints> links_{};
  Vec3 site_pos_{};
  Mat3 site_rot_{};
  Joints lower_{}, upper_{};
  std::array<int, kMaxJoints> qpos_{}, ctrl_{};
  std::array<std::string, kMaxJoints> names_;
};

/// Small fixed-size algebra.
Arm::Mat3 Multiply(const Arm::Mat3& a, const Arm::Mat3& b);
Arm::Vec3 Rotate(const Arm::Mat3& a, const Arm::Vec3& v);
Arm::Vec3 Cross(const Arm::Vec3& a, const Arm::Vec3& b);
/// The rotation vector (axis times angle, 0 .. pi) of `to` relative to `from`, in the world frame.
Arm::Vec3 RotationError(const Arm::Mat3& from, const Arm::Mat3& to);

}  // namespace simscale::sim
