#pragma once

#include <string>
#include <vector>

#include "simscale/cli/output.h"

namespace simscale::cli {

struct TaskCheckFlags {
  std::string task, dump, save;
  std::vector<std::string> overrides;  ///< of the task file
  int episodes = 20;
};

/// `doctor --task FILE`: plays a new task with the zero and the random agent.
int CheckTaskFile(const TaskCheckFlags& flags, const Output& output);

/// `doctor --dump FILE`: opens the dump of a state that went bad, takes the fatal step again, and
/// draws the last good state to --save.
int OpenDump(const TaskCheckFlags& flags, const Output& output);

}  // namespace simscale::cli
