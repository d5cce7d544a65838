#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "simscale/env/agent.h"

namespace simscale::env {

/// What is needed to see again how a state went bad: the last good state and the action taken on
/// it.
struct StateDump {
  std::string task_config;  ///< resolved task, YAML
  std::string reason;       ///< e.g. "qvel[3] (joint4) is nan"
  EpisodeKey key;
  int step = 0;                ///< control steps of the episode before this one
  std::vector<double> state;   ///< BatchedEnv::GetState before the step
  std::vector<double> action;  ///< [A] as clipped, before the noise that the task adds
};

/// Writes JSON, atomically. Bits are kept: numbers are printed to round-trip, non-finite ones as
/// text.
void WriteStateDump(const std::filesystem::path& path, const StateDump& dump);
/// Throws UserError that names the file if it is no such dump.
StateDump LoadStateDump(const std::filesystem::path& path);

}  // namespace simscale::env
