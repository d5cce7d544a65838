#pragma once

#include <memory>

#include "simscale/env/agent.h"

namespace simscale::env {

/// Uniform actions in [-1, 1], a function of the episode key and the step alone.
std::unique_ptr<Agent> MakeRandomAgent(int num_rows, int action_dim);
/// Zeros.
std::unique_ptr<Agent> MakeZeroAgent(int action_dim);

}  // namespace simscale::env
