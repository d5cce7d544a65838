#pragma once

#include <string>

#include "simscale/policy/bc/config.h"
#include "simscale/policy/ppo/config.h"

namespace simscale::policy {

/// Which policy and how it is built: the `policy:` part of a training configuration. A policy's own
/// settings stand under its name.
struct PolicyConfig {
  std::string name = "bc";
  BcConfig bc;
  GaussianConfig ppo;

  void Describe(config::Fields& f) {
    f.Field("name", name, {.help = "policy (see list-models)"});
    f.Struct("bc", bc, "behaviour cloning");
    f.Struct("ppo", ppo, "the Gaussian policy of reinforcement learning");
  }
};

}  // namespace simscale::policy
