#pragma once

#include <string>
#include <vector>

#include "simscale/config/node.h"

namespace simscale::tasks {

/// Names of the packaged presets: the YAML files in the share folder's randomize/.
std::vector<std::string> PackagedPresets();

/// Merges the preset that "randomize=NAME" among the overrides (else the task's own `randomize:`)
/// names into a task. A task that has one merged already (a stored one) is first brought back:
/// `presets.none` keeps what the merged preset has replaced.
/// Throws UserError for an unknown preset, with the nearest name.
void ApplyPreset(config::Node& task, const std::vector<std::string>& overrides);

}  // namespace simscale::tasks
