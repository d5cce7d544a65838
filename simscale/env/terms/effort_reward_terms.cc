// Rewards (mostly costs, weighted below zero) of what the motion takes.

#include <algorithm>
#include <cmath>

#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

struct NoParams {
  void Describe(Fields&) {}
};

class ActionNorm : public RewardTerm {
 public:
  using Params = NoParams;
  ActionNorm(const Params&, const Model&) {}
  double Value(const TermContext& context) const override {
    double sum = 0;
    for (double a : context.action) sum += a * a;
    return context.action.empty() ? 0.0 : sum / static_cast<double>(context.action.size());
  }
};

class ActionRate : public RewardTerm {
 public:
  using Params = NoParams;
  ActionRate(const Params&, const Model&) {}
  double Value(const TermContext& context) const override {
    if (context.action.empty()) return 0.0;
    double sum = 0;
    for (size_t i = 0; i < context.action.size(); ++i) {
      const double change = context.action[i] - context.previous_action[i];
      sum += change * change;
    }
    return sum / static_cast<double>(context.action.size());
  }
};

struct JointListParams {
  Names joints = {"*"};
  void Describe(Fields& f) {
    f.Field("joints", joints, {.help = "names or wildcards of hinge or slide joints"});
  }
};

/// A cost of joints' velocities and torques.
class DofCost : public RewardTerm {
 public:
  using Params = JointListParams;
  DofCost(const Params& params, const Model& model) {
    for (int id : FindScalarJoints(model, "joints", params.joints)) {
      dofs_.push_back(model->jnt_dofadr[id]);
    }
  }
  double Value(const TermContext& context) const override {
    double sum = 0;
    for (int dof : dofs_) sum += Cost(context.data->qvel[dof], context.data->qfrc_actuator[dof]);
    return sum;
  }

 private:
  virtual double Cost(double velocity, double torque) const = 0;
  std::vector<int> dofs_;
};

class JointVelocityNorm : public DofCost {
  using DofCost::DofCost;
  double Cost(double velocity, double /*torque*/) const override { return velocity * velocity; }
};

class TorqueNorm : public DofCost {
  using DofCost::DofCost;
  double Cost(double /*velocity*/, double torque) const override { return torque * torque; }
};

class Power : public DofCost {
  using DofCost::DofCost;
  double Cost(double velocity, double torque) const override { return std::abs(velocity * torque); }
};

class JointLimitCost : public RewardTerm {
 public:
  struct Params : JointListParams {
    double margin = 0.05;
    void Describe(Fields& f) {
      JointListParams::Describe(f);
      f.Field("margin", margin,
              {.help = "the cost begins this part of a joint's range before its limit",
               .min = 0,
               .max = 0.5});
    }
  };
  JointLimitCost(const Params& params, const Model& model) : margin_(params.margin) {
    // Joints without limits cost nothing.
    for (int id : FindScalarJoints(model, "joints", params.joints)) {
      if (model->jnt_limited[id]) joints_.push_back(id);
    }
  }
  double Value(const TermContext& context) const override {
    const mjModel* m = context.model;
    double sum = 0;
    for (int id : joints_) {
      const double low = m->jnt_range[2 * id], high = m->jnt_range[2 * id + 1];
      const double soft = margin_ * (high - low);
      const double q = context.data->qpos[m->jnt_qposadr[id]];
      sum += std::max({0.0, low + soft - q, q - (high - soft)});
    }
    return sum;
  }

 private:
  std::vector<int> joints_;
  double margin_;
};

}  // namespace

void AddEffortRewards(TermLibrary& library) {
  auto& r = library.rewards;
  AddTerm<ActionNorm>(r, "action_norm", "mean square of the action, in [0, 1]");
  AddTerm<ActionRate>(r, "action_rate",
                      "mean square of the action's change since the last step, in [0, 4]");
  AddTerm<JointVelocityNorm>(r, "joint_velocity_norm",
                             "sum of squared joint velocities, (rad/s)^2, >= 0");
  AddTerm<TorqueNorm>(r, "torque_norm", "sum of squared actuator torques, (N m)^2, >= 0");
  AddTerm<Power>(r, "power", "sum of |torque * velocity| over joints, W, >= 0");
  AddTerm<JointLimitCost>(r, "joint_limit",
                          "how far joints are into the margin of limits, rad, >= 0");
}

}  // namespace simscale::env
