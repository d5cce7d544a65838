#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/env/task.h"

namespace simscale::eval {

struct TaskCheckConfig {
  int episodes = 20;  ///< of each agent
  uint64_t seed = 0;
};

/// What one simple agent met in a task.
struct AgentCheck {
  std::string agent;
  int episodes = 0, successes = 0, failures = 0, time_limits = 0, non_finite = 0;
  double mean_length = 0, mean_return = 0;
  std::vector<std::pair<std::string, double>> reward_sums;  ///< mean a episode, weighted
  struct Range {
    std::string name;  ///< "ee_pos[2]"
    double low = 0, high = 0;
  };
  std::vector<Range> observations;
  double env_steps_per_second = 0;
};

/// What a check of a new task found. Findings are one line each, with what to do.
struct TaskCheck {
  std::string table;  ///< Task::TermTable
  std::vector<AgentCheck> agents;
  std::vector<std::string> problems;  ///< the task is broken: not repeatable, not finite
  std::vector<std::string> remarks;   ///< looks wrong, may be meant: constant observations, ...
};

/// Plays the zero and the random agent: are states, observations and rewards finite, are episodes
/// the same for one and several environments and threads, does a restored state go on alike, which
/// observations never change, which rewards are never paid, does an agent succeed by doing nothing.
TaskCheck CheckTask(std::shared_ptr<const env::Task> task, const TaskCheckConfig& config);

std::string TaskCheckAsText(const TaskCheck& check);
std::string TaskCheckAsJson(const TaskCheck& check);

}  // namespace simscale::eval
