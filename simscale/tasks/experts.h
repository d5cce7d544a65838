#pragma once

#include <memory>
#include <string>

#include "simscale/config/fields.h"
#include "simscale/env/agent.h"
#include "simscale/env/task.h"

namespace simscale::tasks {

/// How a scripted expert departs from its plan, so that demonstrations show how to recover.
struct ExpertConfig {
  double action_noise = 0.0;     ///< standard deviation added to each motion component
  double burst_probability = 0;  ///< a step that starts a burst of one random direction
  int burst_steps = 6;           ///< length of a burst
  double burst_scale = 0.8;      ///< size of a burst's action
  double min_speed = 1.0;        ///< speed of an episode, drawn from [min_speed, max_speed]
  double max_speed = 1.0;
  void Describe(config::Fields& f);
  void Validate() const;
};

/// The scripted expert that the task names (TaskConfig::expert). It sees what policies see (the
/// observations) and acts through the same actions. Its plan has no memory: it is a function of the
/// observation. Throws UserError for a task that has none, or whose observations or actions differ
/// from the packaged task's.
std::unique_ptr<env::Agent> MakeExpert(const env::Task& task, int num_rows,
                                       const ExpertConfig& config = {});

/// The noise that datagen adds by default to this expert; the project's figures were made with it.
ExpertConfig DefaultDatagenNoise(const std::string& expert);

}  // namespace simscale::tasks
