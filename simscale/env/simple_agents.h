#pragma once

#include <memory>

#include "simscale/env/agent.h"
#include "simscale/sim/controller.h"

namespace simscale::env {

/// Uniform actions within the controller's bounds, a function of the episode key and the step
/// alone. The controller is not kept.
std::unique_ptr<Agent> MakeRandomAgent(int num_rows, const sim::Controller& controller);
/// Zeros.
std::unique_ptr<Agent> MakeZeroAgent(int action_dim);

}  // namespace simscale::env
