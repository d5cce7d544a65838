// Observations of the state as it is: generalized coordinates, joints, actuators, tendons.

#include <algorithm>

#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

class Qpos : public ObservationTerm {
 public:
  struct Params : SliceParams {
    bool relative = false;
    void Describe(Fields& f) {
      DescribeSlice(f);
      f.Field("relative", relative,
              {.help = "less the home pose (the keyframe home, or qpos0), number by number"});
    }
  };
  Qpos(const Params& params, const Model& model) : slice_(params.Resolve("qpos", model->nq)) {
    home_.resize(static_cast<size_t>(slice_.count));
    if (params.relative)
      std::copy_n(HomeQpos(model.get()).data() + slice_.first, slice_.count, home_.begin());
  }
  int size() const override { return slice_.count; }
  void Write(const TermContext& context, std::span<double> out) const override {
    const double* qpos = context.data->qpos + slice_.first;
    for (size_t i = 0; i < out.size(); ++i) out[i] = qpos[i] - home_[i];
  }

 private:
  Slice slice_;
  std::vector<double> home_;
};

struct SliceOnlyParams : SliceParams {
  void Describe(Fields& f) { DescribeSlice(f); }
};

/// A stretch of one of mjData's arrays.
template <mjtNum* mjData::*array, auto mjModel::*total>
class ArraySlice : public ObservationTerm {
 public:
  using Params = SliceOnlyParams;
  ArraySlice(const Params& params, const Model& model)
      : slice_(params.Resolve(array == &mjData::qvel ? "qvel" : "act",
                              static_cast<int>(model.get()->*total))) {}
  int size() const override { return slice_.count; }
  void Write(const TermContext& context, std::span<double> out) const override {
    std::copy_n(context.data->*array + slice_.first, slice_.count, out.begin());
  }

 private:
  Slice slice_;
};
using Qvel = ArraySlice<&mjData::qvel, &mjModel::nv>;
using Act = ArraySlice<&mjData::act, &mjModel::na>;

struct JointListParams {
  Names joints;
  void Describe(Fields& f) {
    f.Field("joints", joints,
            {.help = "names or wildcards of hinge or slide joints, in this order"});
  }
};

/// One number of mjData a joint: `array` at the joint's place `address` of mjModel.
template <int* mjModel::*address, mjtNum* mjData::*array>
class JointValues : public ObservationTerm {
 public:
  using Params = JointListParams;
  JointValues(const Params& params, const Model& model) {
    for (int id : FindScalarJoints(model, "joints", params.joints)) {
      address_.push_back((model.get()->*address)[id]);
    }
  }
  int size() const override { return static_cast<int>(address_.size()); }
  void Write(const TermContext& context, std::span<double> out) const override {
    for (size_t i = 0; i < address_.size(); ++i) out[i] = (context.data->*array)[address_[i]];
  }

 private:
  std::vector<int> address_;
};
using JointVelocities = JointValues<&mjModel::jnt_dofadr, &mjData::qvel>;
using JointTorques = JointValues<&mjModel::jnt_dofadr, &mjData::qfrc_actuator>;
using JointConstraintForces = JointValues<&mjModel::jnt_dofadr, &mjData::qfrc_constraint>;

class JointPositions : public ObservationTerm {
 public:
  struct Params : JointListParams {
    bool relative = false;
    void Describe(Fields& f) {
      JointListParams::Describe(f);
      f.Field("relative", relative, {.help = "less the home pose (the keyframe home, or qpos0)"});
    }
  };
  JointPositions(const Params& params, const Model& model) {
    for (int id : FindScalarJoints(model, "joints", params.joints)) {
      address_.push_back(model->jnt_qposadr[id]);
      home_.push_back(params.relative ? HomeQpos(model.get())[size_t(address_.back())] : 0);
    }
  }
  int size() const override { return static_cast<int>(address_.size()); }
  void Write(const TermContext& context, std::span<double> out) const override {
    for (size_t i = 0; i < address_.size(); ++i) {
      out[i] = context.data->qpos[address_[i]] - home_[i];
    }
  }

 private:
  std::vector<int> address_;
  std::vector<double> home_;
};

/// The distance between two parallel fingers: the sum of their slide joints.
class GripperOpening : public ObservationTerm {
 public:
  using Params = JointListParams;
  GripperOpening(const Params& params, const Model& model) {
    for (int id : FindScalarJoints(model, "joints", params.joints)) {
      address_.push_back(model->jnt_qposadr[id]);
    }
  }
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<double> out) const override {
    double sum = 0;
    for (int address : address_) sum += context.data->qpos[address];
    out[0] = sum;
  }

 private:
  std::vector<int> address_;
};

struct ActuatorListParams {
  Names actuators = {"*"};
  void Describe(Fields& f) {
    f.Field("actuators", actuators, {.help = "names or wildcards of actuators, in this order"});
  }
};

/// The numbers of mjData that belong to actuators; an actuator may have several.
template <int* mjModel::*address, int* mjModel::*number, mjtNum* mjData::*array>
class ActuatorValues : public ObservationTerm {
 public:
  using Params = ActuatorListParams;
  ActuatorValues(const Params& params, const Model& model) {
    for (int id : FindIds(model, mjOBJ_ACTUATOR, "actuators", params.actuators)) {
      for (int k = 0; k < (model.get()->*number)[id]; ++k) {
        address_.push_back((model.get()->*address)[id] + k);
      }
    }
  }
  int size() const override { return static_cast<int>(address_.size()); }
  void Write(const TermContext& context, std::span<double> out) const override {
    for (size_t i = 0; i < address_.size(); ++i) out[i] = (context.data->*array)[address_[i]];
  }

 private:
  std::vector<int> address_;
};
using Ctrl = ActuatorValues<&mjModel::actuator_ctrladr, &mjModel::actuator_ctrlnum, &mjData::ctrl>;
using ActuatorForce =
    ActuatorValues<&mjModel::actuator_outadr, &mjModel::actuator_outnum, &mjData::actuator_force>;

template <mjtNum* mjData::*array>
class TendonValues : public ObservationTerm {
 public:
  struct Params {
    Names tendons = {"*"};
    void Describe(Fields& f) {
      f.Field("tendons", tendons, {.help = "names or wildcards of tendons, in this order"});
    }
  };
  TendonValues(const Params& params, const Model& model)
      : ids_(FindIds(model, mjOBJ_TENDON, "tendons", params.tendons)) {}
  int size() const override { return static_cast<int>(ids_.size()); }
  void Write(const TermContext& context, std::span<double> out) const override {
    for (size_t i = 0; i < ids_.size(); ++i) out[i] = (context.data->*array)[ids_[i]];
  }

 private:
  std::vector<int> ids_;
};
using TendonLength = TendonValues<&mjData::ten_length>;
using TendonVelocity = TendonValues<&mjData::ten_velocity>;

}  // namespace

void AddStateObservations(TermLibrary& library) {
  auto& o = library.observations;
  AddTerm<Qpos>(o, "qpos", "generalized positions, m, rad and quaternions [count]");
  AddTerm<Qvel>(o, "qvel", "generalized velocities, m/s and rad/s [count]");
  AddTerm<JointPositions>(o, "joint_positions", "positions of joints, rad or m [joints]");
  AddTerm<JointVelocities>(o, "joint_velocities", "velocities of joints, rad/s or m/s [joints]");
  AddTerm<JointTorques>(o, "joint_torques", "what actuators do to joints, N m or N [joints]");
  AddTerm<JointConstraintForces>(o, "joint_constraint_forces",
                                 "what contacts and limits do to joints, N m or N [joints]");
  AddTerm<GripperOpening>(o, "gripper_opening", "sum of the finger joints: the opening, m [1]");
  AddTerm<Ctrl>(o, "ctrl", "controls of actuators, in their own unit [actuators]");
  AddTerm<Act>(o, "act", "activations of actuators with a state, such as muscles [count]");
  AddTerm<ActuatorForce>(o, "actuator_force", "forces of actuators, N or N m [actuators]");
  AddTerm<TendonLength>(o, "tendon_length", "lengths of tendons, m [tendons]");
  AddTerm<TendonVelocity>(o, "tendon_velocity", "velocities of tendons, m/s [tendons]");
}

}  // namespace simscale::env
