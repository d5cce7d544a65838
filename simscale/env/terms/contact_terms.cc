// Terms of what touches what, and how hard.

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

/// [ngeom]: whether a geom is meant by one of `names`, of bodies (all of their geoms) or geoms.
std::vector<char> GeomSet(const Model& model, std::string_view key, const Names& names) {
  const Names bodies = AllNames(model.get(), mjOBJ_BODY);
  const Names geoms = AllNames(model.get(), mjOBJ_GEOM);
  std::vector<char> set(geoms.size(), 0);
  for (const std::string& name : names) {
    bool found = false;
    const bool exact = std::ranges::find(bodies, name) != bodies.end() ||
                       std::ranges::find(geoms, name) != geoms.end();
    auto is_meant = [&](const std::string& other) {
      return exact ? other == name : IsWildcard(name) && Matches(name, other);
    };
    for (size_t g = 0; g < geoms.size(); ++g) {
      const size_t body = static_cast<size_t>(model->geom_bodyid[g]);
      if (!is_meant(geoms[g]) && !is_meant(bodies[body])) continue;
      set[g] = 1;
      found = true;
    }
    if (found) continue;
    if (exact) ThrowUser(key, ": body '", name, "' has no geoms that could touch anything");
    Names known;
    for (const Names* all : {&bodies, &geoms}) {
      std::ranges::copy_if(*all, std::back_inserter(known),
                           [](const std::string& other) { return !other.empty(); });
    }
    if (IsWildcard(name)) {
      ThrowUser(key, ": the wildcard '", name,
                "' matches no body with geoms and no geom. Known: ", Join(known, ", "), ".");
    }
    ThrowUser(key, ": ", UnknownName("body or geom", name, known));
  }
  return set;
}

struct TouchParams {
  Names a, b;
  void Describe(Fields& f) {
    f.Field("a", a, {.help = "names or wildcards of bodies (all of their geoms) or geoms"});
    f.Field("b", b, {.help = "likewise; []: anything"});
  }
};

class Touch {
 public:
  Touch(const TouchParams& params, const Model& model) {
    if (params.a.empty()) ThrowUser("a: at least one name is needed, got none");
    a_ = GeomSet(model, "a", params.a);
    b_ = params.b.empty() ? std::vector<char>(a_.size(), 1) : GeomSet(model, "b", params.b);
  }
  bool Holds(const mjData* data) const {
    for (int i = 0; i < data->ncon; ++i) {
      const mjContact& contact = data->contact[i];
      if (contact.exclude != 0 || contact.geom[0] < 0 || contact.geom[1] < 0) continue;
      const size_t g = static_cast<size_t>(contact.geom[0]);
      const size_t h = static_cast<size_t>(contact.geom[1]);
      if ((a_[g] != 0 && b_[h] != 0) || (a_[h] != 0 && b_[g] != 0)) return true;
    }
    return false;
  }

 private:
  std::vector<char> a_, b_;
};

class ContactObservation : public ObservationTerm {
 public:
  using Params = TouchParams;
  ContactObservation(const Params& params, const Model& model) : touch_(params, model) {}
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = touch_.Holds(context.data) ? 1 : 0;
  }

 private:
  Touch touch_;
};

class ContactReward : public RewardTerm {
 public:
  using Params = TouchParams;
  ContactReward(const Params& params, const Model& model) : touch_(params, model) {}
  double Value(const TermContext& context) const override {
    return touch_.Holds(context.data) ? 1 : 0;
  }

 private:
  Touch touch_;
};

class ContactTermination : public TerminationTerm {
 public:
  struct Params : TouchParams {
    int steps = 1;
    void Describe(Fields& f) {
      TouchParams::Describe(f);
      f.Field("steps", steps,
              {.help = "control steps in a row it must hold", .min = 1, .max = 1e6});
    }
  };
  ContactTermination(const Params& params, const Model& model)
      : touch_(params, model), steps_(params.steps) {}
  int memory_size() const override { return 1; }
  bool Holds(const TermContext& context) const override {
    double& streak = context.memory[0];
    streak = touch_.Holds(context.data) ? streak + 1 : 0;
    return streak >= steps_;
  }

 private:
  Touch touch_;
  int steps_;
};

struct BodyListParams {
  Names bodies;
  void Describe(Fields& f) {
    f.Field("bodies", bodies, {.help = "names or wildcards of bodies, in this order"});
  }
};

/// The force part of a body's cfrc_ext: contacts and equality constraints, without what
/// xfrc_applied (a push of the randomization's) adds.
void ContactForce(const mjData* data, int body, double force[3]) {
  mju_sub3(force, data->cfrc_ext + 6 * body + 3, data->xfrc_applied + 6 * body);
}

class ContactForceObservation : public ObservationTerm {
 public:
  using Params = BodyListParams;
  ContactForceObservation(const Params& params, const Model& model)
      : bodies_(FindIds(model, mjOBJ_BODY, "bodies", params.bodies)) {}
  bool needs_contact_forces() const override { return true; }
  int size() const override { return 3 * static_cast<int>(bodies_.size()); }
  void Write(const TermContext& context, std::span<double> out) const override {
    for (size_t i = 0; i < bodies_.size(); ++i) {
      ContactForce(context.data, bodies_[i], out.data() + 3 * i);
    }
  }

 private:
  std::vector<int> bodies_;
};

class ContactForceReward : public RewardTerm {
 public:
  struct Params : BodyListParams {
    double threshold = 0, most = 1000;
    void Describe(Fields& f) {
      BodyListParams::Describe(f);
      f.Field("threshold", threshold, {.help = "force that is free", .unit = "N", .min = 0});
      f.Field("most", most, {.help = "the value's upper end", .unit = "N", .min = 0});
    }
  };
  ContactForceReward(const Params& params, const Model& model)
      : bodies_(FindIds(model, mjOBJ_BODY, "bodies", params.bodies)), params_(params) {}
  bool needs_contact_forces() const override { return true; }
  double Value(const TermContext& context) const override {
    double sum = 0;
    for (int body : bodies_) {
      double force[3];
      ContactForce(context.data, body, force);
      sum += std::max(0.0, mju_norm3(force) - params_.threshold);
    }
    return std::min(sum, params_.most);
  }

 private:
  std::vector<int> bodies_;
  Params params_;
};

}  // namespace

void AddContactTerms(TermLibrary& library) {
  AddTerm<ContactObservation>(
      library.observations, "contact",
      "1 if one of a touches one of b, else 0; contacts within MuJoCo's margin count [1]");
  AddTerm<ContactForceObservation>(
      library.observations, "contact_force",
      "net force of contacts on each body in the last physics step, N in the world [3 a body]");
  AddTerm<ContactReward>(library.rewards, "contact", "1 while one of a touches one of b");
  AddTerm<ContactForceReward>(
      library.rewards, "contact_force_norm",
      "sum over bodies of the net contact force above a threshold, N in [0, most]");
  AddTerm<ContactTermination>(library.terminations, "contact",
                              "one of a touches one of b for some control steps in a row");
}

}  // namespace simscale::env
