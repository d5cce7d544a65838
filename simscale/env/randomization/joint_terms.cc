// Randomisation of joints and actuators.

#include <cmath>

#include "simscale/env/randomization/terms.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;
using Operation = Distribution::Operation;

/// One of mjModel's arrays with a number for each degree of freedom; those of a joint are equal.
template <mjtNum* mjModel::*array, bool derives>
class JointDofs : public SelectedTerm {
 public:
  using Params = JointPatterns;
  JointDofs(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_JOINT, "joints", params.joints)) {
    for (const int id : ids()) {
      const int type = model->jnt_type[id];
      dofs_.push_back({model->jnt_dofadr[id], type == mjJNT_FREE ? 6 : type == mjJNT_BALL ? 3 : 1});
    }
  }
  double lower_bound() const override { return 0; }
  bool needs_set_const() const override { return derives; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const Dofs& dofs : dofs_)
      pieces.Add(m->*array + dofs.first, static_cast<size_t>(dofs.count));
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < dofs_.size(); ++i) values[i] = (m->*array)[dofs_[i].first];
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < dofs_.size(); ++i) {
      std::fill_n(m->*array + dofs_[i].first, dofs_[i].count, values[i]);
    }
  }

 private:
  struct Dofs {
    int first, count;
  };
  std::vector<Dofs> dofs_;
};
using JointDamping = JointDofs<&mjModel::dof_damping, false>;
using JointFrictionloss = JointDofs<&mjModel::dof_frictionloss, false>;
using JointArmature = JointDofs<&mjModel::dof_armature, true>;

class JointStiffness : public SelectedTerm {
 public:
  using Params = JointPatterns;
  JointStiffness(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_JOINT, "joints", params.joints)) {}
  double lower_bound() const override { return 0; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->jnt_stiffness + id, 1);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) values[i] = m->jnt_stiffness[ids()[i]];
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) m->jnt_stiffness[ids()[i]] = values[i];
  }
};

/// gainprm[0]: a position servo's kp, a velocity servo's kv, a motor's gain. The bias that belongs
/// to it (-kp times the length, -kv times the velocity) goes along, so that a servo still rests at
/// its target.
class ActuatorGain : public SelectedTerm {
 public:
  using Params = ActuatorPatterns;
  ActuatorGain(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_ACTUATOR, "actuators", params.actuators, [&](int id) {
          const int type = model->actuator_gaintype[id];
          return type == mjGAIN_FIXED || type == mjGAIN_AFFINE
                     ? ""
                     : "has no gain of its own: it is a muscle or a user's";
        })) {}
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) {
      pieces.Add(Gain(m, id), 1);
      pieces.Add(Bias(m, id), 3);
    }
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) values[i] = *Gain(m, ids()[i]);
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      const int id = ids()[i];
      mjtNum *gain = Gain(m, id), *bias = Bias(m, id);
      if (m->actuator_biastype[id] == mjBIAS_AFFINE && *gain != 0) {
        if (bias[1] == -*gain) {
          bias[1] = -values[i];
        } else if (bias[2] == -*gain) {
          bias[2] = -values[i];
        }
      }
      *gain = values[i];
    }
  }

 private:
  static mjtNum* Gain(const mjModel* m, int id) {
    return m->actuator_gainprm + static_cast<ptrdiff_t>(id) * mjNGAIN;
  }
  static mjtNum* Bias(const mjModel* m, int id) {
    return m->actuator_biasprm + static_cast<ptrdiff_t>(id) * mjNBIAS;
  }
};

struct ActuatorBiasParams {
  std::vector<std::string> actuators;
  std::string component = "kv";
  void Describe(Fields& f) {
    DescribePatterns(f, "actuators", actuators);
    f.Field("component", component,
            {.help = "kv: a servo's damping, -biasprm[2]; offset: a constant force, biasprm[0]",
             .choices = {"kv", "offset"}});
  }
};

class ActuatorBias : public SelectedTerm {
 public:
  using Params = ActuatorBiasParams;
  ActuatorBias(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_ACTUATOR, "actuators", params.actuators,
                            [&](int id) {
                              return model->actuator_biastype[id] == mjBIAS_AFFINE
                                         ? ""
                                         : "has no bias: it is no servo";
                            })),
        kv_(params.component == "kv") {}
  std::vector<Operation> operations() const override {
    if (kv_) return {Operation::kScale, Operation::kAdd, Operation::kSet};
    return {Operation::kAdd, Operation::kSet, Operation::kScale};
  }
  // mj_setConst takes a positive biasprm[2] for a damping ratio.
  double lower_bound() const override { return kv_ ? 0 : RandomizationTerm::lower_bound(); }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->actuator_biasprm + Place(id), 1);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      const double bias = m->actuator_biasprm[Place(ids()[i])];
      values[i] = kv_ ? -bias : bias;
    }
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      m->actuator_biasprm[Place(ids()[i])] = kv_ ? -values[i] : values[i];
    }
  }

 private:
  ptrdiff_t Place(int id) const { return static_cast<ptrdiff_t>(id) * mjNBIAS + (kv_ ? 2 : 0); }
  bool kv_;
};

/// The upper limit of the force; the lower one changes in proportion.
class ActuatorForceLimit : public SelectedTerm {
 public:
  using Params = ActuatorPatterns;
  ActuatorForceLimit(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_ACTUATOR, "actuators", params.actuators, [&](int id) {
          if (!model->actuator_forcelimited[id]) return "has no force limit";
          return model->actuator_forcerange[2 * id + 1] > 0 ? ""
                                                            : "has no upper force limit above 0";
        })) {}
  double lower_bound() const override { return kAboveZero; }
  void Touch(const mjModel* m, ModelPieces& pieces) const override {
    for (const int id : ids()) pieces.Add(m->actuator_forcerange + 2 * id, 2);
  }
  void Read(const mjModel* m, const mjData*, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) values[i] = m->actuator_forcerange[2 * ids()[i] + 1];
  }
  void WriteModel(std::span<const double> values, mjModel* m) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      mjtNum* range = m->actuator_forcerange + 2 * ids()[i];
      range[0] *= values[i] / range[1];
      range[1] = values[i];
    }
  }
};

}  // namespace

void AddJointRandomization(RandomizationTypes& types) {
  AddTerm<JointDamping>(types, "joint_damping", "damping of joints, Nm s/rad or N s/m");
  AddTerm<JointArmature>(types, "joint_armature", "rotor inertia of joints, kg m2 or kg");
  AddTerm<JointFrictionloss>(types, "joint_frictionloss", "dry friction of joints, Nm or N");
  AddTerm<JointStiffness>(types, "joint_stiffness", "spring stiffness of joints, Nm/rad or N/m");
  AddTerm<ActuatorGain>(types, "actuator_gain",
                        "gain: a servo's kp (its bias goes along), a motor's gain");
  AddTerm<ActuatorBias>(types, "actuator_bias", "a servo's damping kv, or a constant force");
  AddTerm<ActuatorForceLimit>(types, "actuator_force_limit", "force limits of actuators, N or Nm");
}

}  // namespace simscale::env
