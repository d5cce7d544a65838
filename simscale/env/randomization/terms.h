#pragma once

// What the files *_terms.cc share; not for others.

#include <algorithm>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/randomization/randomization.h"
#include "simscale/env/randomization/select.h"

namespace simscale::env {

using RandomizationTypes = std::vector<TermType<RandomizationTerm>>;
void AddBodyRandomization(RandomizationTypes& types);
void AddJointRandomization(RandomizationTypes& types);
void AddStateRandomization(RandomizationTypes& types);
void AddLightRandomization(RandomizationTypes& types);
void AddVisualRandomization(RandomizationTypes& types);

/// Least value of what must stay above zero (masses, inertias, sizes, time steps).
inline constexpr double kAboveZero = 1e-12;

inline void DescribePatterns(config::Fields& f, std::string_view key, std::vector<std::string>& v) {
  f.Field(key, v, {.help = "names, or patterns with * and ?"});
}

/// Parameters that are one list of names.
struct BodyPatterns {
  std::vector<std::string> bodies;
  void Describe(config::Fields& f) { DescribePatterns(f, "bodies", bodies); }
};
struct JointPatterns {
  std::vector<std::string> joints;
  void Describe(config::Fields& f) { DescribePatterns(f, "joints", joints); }
};
struct ActuatorPatterns {
  std::vector<std::string> actuators;
  void Describe(config::Fields& f) { DescribePatterns(f, "actuators", actuators); }
};

/// A term whose elements are named things of the model.
class SelectedTerm : public RandomizationTerm {
 public:
  int elements() const override { return static_cast<int>(selection_.ids.size()); }
  std::string element_label(int element) const override {
    return selection_.labels[static_cast<size_t>(element)];
  }
  bool named() const override { return selection_.named; }

 protected:
  explicit SelectedTerm(Selection selection) : selection_(std::move(selection)) {}
  const std::vector<int>& ids() const { return selection_.ids; }

 private:
  Selection selection_;
};

/// With components that are some of the axes x, y and z, or of the channels r, g and b.
class AxesTerm : public SelectedTerm {
 public:
  int components() const override { return static_cast<int>(axes_.size()); }
  std::string component_label(int component) const override {
    return std::string(1, letters_[static_cast<size_t>(axes_[static_cast<size_t>(component)])]);
  }

 protected:
  AxesTerm(Selection selection, const std::string& key, const std::string& axes,
           std::string letters)
      : SelectedTerm(std::move(selection)),
        letters_(std::move(letters)),
        axes_(AxisIndices(key, axes, letters_)) {}
  const std::vector<int>& axes() const { return axes_; }
  /// use(value index, id, axis) for every value.
  template <class Use>
  void ForEach(const Use& use) const {
    size_t i = 0;
    for (const int id : ids()) {
      for (const int axis : axes_) use(i++, id, axis);
    }
  }

 private:
  std::string letters_;
  std::vector<int> axes_;
};

}  // namespace simscale::env
