#include "simscale/rl/task_spec.h"

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/common/text.h"
#include "simscale/policy/registry.h"

namespace simscale::rl {

int NumObservations(const env::Task& task, const std::vector<std::string>& names) {
  int total = 0;
  for (const auto& spec : task.observation_specs())
    for (const std::string& name : names)
      if (spec.name == name) total += spec.size();
  return total;
}

bool HasSuccess(const env::Task& task) {
  return std::ranges::any_of(task.config().terminations, [](const auto& termination) {
    return termination.second.outcome == "success";
  });
}

std::vector<double> ActionBounds(const env::Task& task, bool high) {
  std::vector<double> bounds;
  for (int a = 0; a < task.action_dim(); ++a) {
    const double bound = high ? task.controller().action_high(a) : task.controller().action_low(a);
    if (!std::isfinite(bound))
      ThrowUser(task.name(), ": action ", a,
                " has no bounds; reinforcement learning needs some (ctrlrange in the model, or "
                "controller.action_range: normalized)");
    bounds.push_back(bound);
  }
  return bounds;
}

policy::PolicySpec MakeSpec(const env::Task& task, RlConfig* config) {
  policy::PolicySpec spec{.env_name = task.name(), .action_dim = task.action_dim()};
  const auto& specs = task.observation_specs();
  const auto find = [&](const std::string& name) -> const env::ObservationSpec& {
    std::vector<std::string> known;
    for (const auto& s : specs) {
      if (s.name == name) return s;
      known.push_back(s.name);
    }
    throw UserError(UnknownName("observation", name, known));
  };
  for (const std::string& name : config->critic_observations) find(name);
  if (config->observations.empty()) {
    const auto& hidden = config->critic_observations;
    for (const auto& s : specs)
      if (s.shape.size() == 1 && std::find(hidden.begin(), hidden.end(), s.name) == hidden.end())
        config->observations.push_back(s.name);
  }
  for (const std::string& name : config->observations) {
    const auto& s = find(name);
    if (s.shape.size() != 1)
      ThrowUser("observations: '", name, "' is a picture; name it in images");
    spec.observations.push_back({.name = name, .size = s.size()});
  }
  for (const std::string& name : config->images) {
    const auto& s = find(name);
    if (s.element != env::Element::kUint8 || s.shape.size() != 3)
      ThrowUser("images: '", name, "' is no rgb picture");
    spec.images.push_back({.name = name, .height = s.shape[0], .width = s.shape[1]});
  }
  policy::FillSpec(config->policy, &spec);
  return spec;
}

}  // namespace simscale::rl
