#pragma once

#include <filesystem>
#include <string>

#include "simscale/common/text.h"

namespace simscale::tasks {

/// The `scene:` line of a task that is an MJCF file and nothing else.
inline std::string BareScene(const std::filesystem::path& mjcf) {
  return Cat("scene: {robot: ", mjcf.string(),
             ", backdrop: false, table: {enabled: false}, cameras: [], lights: [], home_qpos: [],\n"
             "        timestep: 0, integrator: \"\", solver: \"\", cone: \"\", iterations: 0, "
             "ls_iterations: 0}\n");
}

}  // namespace simscale::tasks
