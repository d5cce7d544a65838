#pragma once

#include <memory>

#include "simscale/policy/config.h"
#include "simscale/policy/policy.h"

namespace simscale::policy {

/// Throws UserError that lists the known names, and the nearest, unless `name` is one.
void CheckPolicyName(const std::string& name);

/// Sets what the policy's own settings say: n_obs_steps, horizon, n_action_steps, policy.
void FillSpec(const PolicyConfig& config, PolicySpec* spec);

/// Builds the policy with fresh weights from torch's generator, on the CPU, in training mode.
std::shared_ptr<Policy> MakePolicy(const PolicyConfig& config, const PolicySpec& spec);

/// The floor for standard deviations that the policy's settings name.
double StdFloor(const PolicyConfig& config);

}  // namespace simscale::policy
