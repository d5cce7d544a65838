#pragma once

#include "simscale/env/term.h"

namespace simscale::tasks {

/// Terms of tasks in which a gripper handles an object: grasped, lifted, placed.
void AddManipulationTerms(env::TermLibrary& library);

}  // namespace simscale::tasks
