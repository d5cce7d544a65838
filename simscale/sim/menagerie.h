#pragma once

#include <filesystem>
#include <string>

namespace simscale::sim {

/// The MJCF of "NAME" or "NAME/ENTRY" among the models that the Python package mujoco-menagerie
/// keeps on this machine: below $MENAGERIE_ROOT (a checkout: ROOT/NAME), else in its cache
/// ($MENAGERIE_CACHE_DIR, else $XDG_CACHE_HOME/mujoco_menagerie, else ~/.cache/mujoco_menagerie:
/// models/NAME-<version>, whole once it has a file .complete). The robot without a scene unless
/// ENTRY says otherwise, by the package's registry where that is installed, else by the file names.
/// Throws UserError with the command that fetches a model that is not there.
std::filesystem::path FindInMenagerie(const std::string& name);

}  // namespace simscale::sim
