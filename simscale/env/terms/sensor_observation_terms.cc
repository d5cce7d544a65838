// Observations besides the joints: sensors, commands, the last action, time, energy.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

class Sensor : public ObservationTerm {
 public:
  struct Params {
    Names sensors;
    void Describe(Fields& f) {
      f.Field("sensors", sensors,
              {.help = "names or wildcards of the model's sensors, in this order"});
    }
  };
  Sensor(const Params& params, const Model& model) {
    for (int id : FindIds(model, mjOBJ_SENSOR, "sensors", params.sensors)) {
      parts_.push_back({model->sensor_adr[id], model->sensor_dim[id]});
      size_ += parts_.back().count;
    }
  }
  int size() const override { return size_; }
  void Write(const TermContext& context, std::span<double> out) const override {
    auto place = out.begin();
    for (const Slice& part : parts_) {
      place = std::copy_n(context.data->sensordata + part.first, part.count, place);
    }
  }

 private:
  std::vector<Slice> parts_;
  int size_ = 0;
};

class Userdata : public ObservationTerm {
 public:
  struct Params : SliceParams {
    void Describe(Fields& f) { DescribeSlice(f); }
  };
  Userdata(const Params& params, const Model& model) {
    if (model->nuserdata == 0) {
      ThrowUser("first: this model holds no commands; say how many in scene.userdata");
    }
    slice_ = params.Resolve("the commands (scene.userdata)", static_cast<int>(model->nuserdata));
  }
  int size() const override { return slice_.count; }
  void Write(const TermContext& context, std::span<double> out) const override {
    std::copy_n(context.data->userdata + slice_.first, slice_.count, out.begin());
  }

 private:
  Slice slice_;
};

class ConstantValues : public ObservationTerm {
 public:
  struct Params {
    std::vector<double> values;
    void Describe(Fields& f) { f.Field("values", values, {.help = "the numbers"}); }
  };
  ConstantValues(const Params& params, const Model&) : values_(params.values) {
    if (values_.empty()) ThrowUser("values: at least one number is needed, got none");
  }
  int size() const override { return static_cast<int>(values_.size()); }
  void Write(const TermContext&, std::span<double> out) const override {
    std::ranges::copy(values_, out.begin());
  }

 private:
  std::vector<double> values_;
};

struct NoParams {
  void Describe(Fields&) {}
};

class LastAction : public ObservationTerm {
 public:
  using Params = NoParams;
  LastAction(const Params&, const TermScope& scope) : size_(scope.action_dim) {}
  int size() const override { return size_; }
  void Write(const TermContext& context, std::span<double> out) const override {
    // To an agent that is about to choose, the action of the step just made is the previous one.
    std::ranges::copy(context.action, out.begin());
  }

 private:
  int size_;
};

class Time : public ObservationTerm {
 public:
  using Params = NoParams;
  Time(const Params&, const Model&) {}
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = context.step * context.control_dt;
  }
};

class Phase : public ObservationTerm {
 public:
  struct Params {
    double period = 1;
    void Describe(Fields& f) {
      f.Field("period", period, {.help = "of one turn", .unit = "s", .min = 1e-3});
    }
  };
  Phase(const Params& params, const Model&) : period_(params.period) {}
  int size() const override { return 2; }
  void Write(const TermContext& context, std::span<double> out) const override {
    const double phase = 2 * std::numbers::pi * context.step * context.control_dt / period_;
    out[0] = std::sin(phase);
    out[1] = std::cos(phase);
  }

 private:
  double period_;
};

class Energy : public ObservationTerm {
 public:
  struct Params {
    std::string kind = "total";
    void Describe(Fields& f) {
      f.Field("kind", kind,
              {.help = "kinetic; potential (of gravity, none at z = 0); or their sum",
               .choices = {"kinetic", "potential", "total"}});
    }
  };
  Energy(const Params& params, const Model&)
      : kinetic_(params.kind != "potential"), potential_(params.kind != "kinetic") {}
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = (kinetic_ ? Kinetic(context.model, context.data) : 0) +
             (potential_ ? Potential(context.model, context.data) : 0);
  }

 private:
  // v'Mv / 2; rows of M hold its lower triangle. (mj_energyVel would write to mjData.)
  static double Kinetic(const mjModel* m, const mjData* d) {
    double sum = 0;
    for (int i = 0; i < m->nv; ++i) {
      const int* column = m->M_colind + m->M_rowadr[i];
      const double* row = d->M + m->M_rowadr[i];
      for (int k = 0; k < m->M_rownnz[i]; ++k) {
        sum += (column[k] == i ? 0.5 : 1.0) * row[k] * d->qvel[i] * d->qvel[column[k]];
      }
    }
    return sum;
  }
  static double Potential(const mjModel* m, const mjData* d) {
    double sum = 0;
    for (int b = 1; b < m->nbody; ++b) {
      sum -= m->body_mass[b] * mju_dot3(m->opt.gravity, d->xipos + 3 * b);
    }
    return sum;
  }
  bool kinetic_, potential_;
};

}  // namespace

void AddSensorObservations(TermLibrary& library) {
  auto& o = library.observations;
  AddTerm<Sensor>(o, "sensor", "readings of the model's sensors, each in its own unit");
  AddTerm<LastAction>(o, "last_action",
                      "the action of the step just made; zeros at reset [actions]");
  AddTerm<Userdata>(o, "command", "numbers that the reset term `command` drew [count]");
  AddTerm<ConstantValues>(o, "constant", "fixed numbers [values]");
  AddTerm<Time>(o, "time", "since the episode's start, s [1]");
  AddTerm<Phase>(o, "phase", "sine and cosine of a clock, in [-1, 1] [2]");
  AddTerm<Energy>(o, "energy", "kinetic and potential energy of everything, J [1]");
}

}  // namespace simscale::env
