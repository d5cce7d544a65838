#pragma once

#include <string>

#include "simscale/cli/output.h"

namespace simscale::cli {

struct TaskCheckFlags {
  std::string task, randomize = "none", dump, save;
  int episodes = 20;
};

/// `doctor --task FILE`: plays a new task with the zero and the random agent.
int CheckTaskFile(const TaskCheckFlags& flags, const Output& output);

/// `doctor --dump FILE`: opens the dump of a state that went bad, takes the fatal step again, and
/// draws the last good state to --save.
int OpenDump(const TaskCheckFlags& flags, const Output& output);

}  // namespace simscale::cli
