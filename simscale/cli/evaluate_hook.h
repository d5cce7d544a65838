#pragma once

#include <memory>

#include "simscale/env/task.h"
#include "simscale/train/run.h"

namespace simscale::cli {

/// The closed-loop evaluations of a training: episodes of the task, on all cores.
train::TrainHooks EvaluateOn(std::shared_ptr<const env::Task> task);

}  // namespace simscale::cli
