#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simscale/env/task.h"

namespace simscale::tasks {

/// Names of the packaged tasks, sorted: the YAML files in the share folder's tasks/.
std::vector<std::string> TaskNames();

/// "pick_place" and "SimScale/PickPlace-v0" mean the same task; a path to a .yaml file stays as it
/// is. Throws UserError with the nearest name if there is no such task.
std::string CanonicalTaskName(const std::string& name);

/// "pick_place" -> "SimScale/PickPlace-v0", "ant_v5" -> "SimScale/Ant-v5".
std::string GymnasiumId(const std::string& name);

/// Every term type a task may use: the core ones, those of the packaged tasks, and those of plugins
/// (tasks/plugins.h). plugin_sha256: if not null, gets the hashes of the plugins' files.
env::TermLibrary AllTerms(const std::vector<std::string>& plugins = {},
                          std::vector<std::string>* plugin_sha256 = nullptr);

/// Reads a packaged task or a task file, with its `defaults:` composed and `overrides`
/// ("scene.timestep=0.002") applied. "randomize=full" among them, or in the file, merges the preset
/// of that name below the others: the task's own (`presets:`), else the packaged one. "none" takes
/// out what a preset has put in. Throws UserError with file:line:column.
env::TaskConfig LoadTaskConfig(const std::string& name_or_file,
                               const std::vector<std::string>& overrides = {});

/// The names that randomize= takes for a task: none, its own presets, and the packaged ones.
std::vector<std::string> PresetNames(const env::TaskConfig& config);

/// From a resolved task as datasets and checkpoints carry it; `source` names it in errors. A file
/// that was handed on must not choose what code runs here: UserError if the task has plugins and
/// `overrides` don't name them.
env::TaskConfig ParseTaskConfig(const std::string& yaml, const std::string& source,
                                const std::vector<std::string>& overrides = {});

/// Loads the task's plugins and compiles its model and terms. Notes the plugins' hashes in the
/// task's plugin_sha256, and warns if a stored task had others.
std::shared_ptr<const env::Task> MakeTask(const env::TaskConfig& config);

}  // namespace simscale::tasks
