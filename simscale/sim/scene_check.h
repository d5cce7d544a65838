#pragma once

// What MuJoCo lets pass, or falls over, in an MJCF file; private to sim.

#include <mujoco/mujoco.h>

#include <filesystem>
#include <string>

namespace simscale::sim {

/// Before parsing, in the file and what it includes: files too large to be MJCF or that name each
/// other in a circle, counts that no machine could hold. Throws UserError.
void CheckFile(const std::filesystem::path& file);

/// After parsing: sizes that no machine could hold. Throws UserError that begins with `file`.
void CheckSizes(const mjSpec* spec, const std::string& file);

/// After compiling: numbers that are not finite, a physics step of no length. Throws UserError that
/// begins with `file` and names the model's array, and the element if that has a name.
void CheckNumbers(const mjModel* model, const std::string& file);

}  // namespace simscale::sim
