#pragma once

#include <string>
#include <vector>

#include "simscale/env/task.h"
#include "simscale/policy/spec.h"
#include "simscale/rl/config.h"

namespace simscale::rl {

/// What the policy reads and gives. Fills in config->observations where it is empty: all numbers
/// that the task shows, but those of the critic. Throws UserError for keys that it lacks.
policy::PolicySpec MakeSpec(const env::Task& task, RlConfig* config);

/// How many numbers these keys have; unknown keys have none.
int NumObservations(const env::Task& task, const std::vector<std::string>& names);

/// Whether the task has a termination that means success.
bool HasSuccess(const env::Task& task);

/// The lower or upper bound of each component of an action. Throws UserError where there is none.
std::vector<double> ActionBounds(const env::Task& task, bool high);

}  // namespace simscale::rl
