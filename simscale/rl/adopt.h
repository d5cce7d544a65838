#pragma once

#include <string>

#include "simscale/policy/ppo/gaussian_policy.h"
#include "simscale/rl/config.h"

namespace simscale::rl {

/// Makes the policy's settings and observations those of the checkpoint config->from, a bc or ppo
/// policy. Throws UserError for another, or for settings that a bc policy can't have.
void AdoptPolicyConfig(RlConfig* config);

/// Copies weights and normaliser of the checkpoint; of a bc policy's chunk of actions, the first.
/// Throws UserError if observations or actions differ.
void AdoptWeights(const std::string& from, policy::GaussianPolicy& policy);

}  // namespace simscale::rl
