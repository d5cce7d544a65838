#pragma once

#include <string>

#include "simscale/policy/bc/config.h"

namespace simscale::policy {

/// Which policy and how it is built: the `policy:` part of a training configuration. A policy's own
/// settings stand under its name.
struct PolicyConfig {
  std::string name = "bc";
  BcConfig bc;

  void Describe(config::Fields& f) {
    f.Field("name", name, {.help = "policy (see list-models)"});
    f.Struct("bc", bc, "behaviour cloning");
  }
};

}  // namespace simscale::policy
