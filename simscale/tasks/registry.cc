#include "simscale/tasks/registry.h"

#include <algorithm>
#include <cctype>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"
#include "simscale/env/randomization/randomization.h"
#include "simscale/env/terms/expression.h"
#include "simscale/tasks/gymnasium_terms.h"
#include "simscale/tasks/manipulation_terms.h"
#include "simscale/tasks/plugins.h"
#include "simscale/tasks/presets.h"

namespace simscale::tasks {
namespace {

bool IsFile(const std::string& name) { return name.ends_with(".yaml") || name.ends_with(".yml"); }

fs::path TaskFile(const std::string& name) {
  return IsFile(name) ? fs::path(name) : ShareDir() / "tasks" / (name + ".yaml");
}

env::TaskConfig Resolve(config::Node node, const std::vector<std::string>& overrides) {
  ApplyPreset(node, overrides);
  return config::ReadOverridden<env::TaskConfig>(std::move(node), overrides);
}

}  // namespace

std::vector<std::string> TaskNames() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(ShareDir() / "tasks")) {
    const std::string stem = entry.path().stem().string();
    // Files that start with "_" are parts that tasks share through `defaults:`.
    if (entry.path().extension() == ".yaml" && !stem.starts_with("_")) names.push_back(stem);
  }
  std::ranges::sort(names);
  return names;
}

std::string GymnasiumId(const std::string& name) {
  // A version of its own ("ant_v5") stays; ours begin at 0.
  size_t stem = name.find_last_not_of("0123456789");
  std::string version = "-v0";
  if (stem != std::string::npos && stem > 1 && stem + 1 < name.size() && name[stem] == 'v' &&
      name[stem - 1] == '_') {
    version = "-" + name.substr(stem);
    stem -= 2;
  } else {
    stem = name.size() - 1;
  }
  std::string id = "SimScale/";
  bool upper = true;
  for (char c : name.substr(0, stem + 1)) {
    if (c == '_') {
      upper = true;
    } else {
      id += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      upper = false;
    }
  }
  return id + version;
}

std::string CanonicalTaskName(const std::string& name) {
  if (IsFile(name)) return name;
  const std::vector<std::string> names = TaskNames();
  for (const std::string& known : names) {
    if (name == known || name == GymnasiumId(known)) return known;
  }
  throw UserError(Cat(UnknownName("task", name, names),
                      " A task of your own is given as a path to its .yaml file."));
}

env::TermLibrary AllTerms(const std::vector<std::string>& plugins,
                          std::vector<std::string>* plugin_sha256) {
  env::TermLibrary library = env::CoreTerms();
  library.randomization = env::RandomizationTerms();
  AddManipulationTerms(library);
  AddGymnasiumTerms(library);
  std::vector<std::string> hashes = AddPlugins(plugins, library);
  if (plugin_sha256 != nullptr) *plugin_sha256 = std::move(hashes);
  env::AddExpressionTerms(library);  // last: an expression may name any of the observation terms
  return library;
}

env::TaskConfig LoadTaskConfig(const std::string& name_or_file,
                               const std::vector<std::string>& overrides) {
  const fs::path file = TaskFile(CanonicalTaskName(name_or_file));
  config::Node node = config::Compose(file, {ShareDir() / "tasks"});
  env::TaskConfig task = Resolve(std::move(node), overrides);
  // What lies beside the task file is found from anywhere, now and by whoever reads the stored
  // task.
  sim::ResolveFiles(task.scene, file.parent_path());
  ResolvePlugins(task.plugins, file.parent_path().string());
  return task;
}

env::TaskConfig ParseTaskConfig(const std::string& yaml, const std::string& source,
                                const std::vector<std::string>& overrides) {
  env::TaskConfig task = Resolve(config::ParseYaml(yaml, source), overrides);
  const bool trusted = std::ranges::any_of(
      overrides, [](const std::string& text) { return text.starts_with("plugins="); });
  if (!task.plugins.empty() && !trusted) {
    ThrowUser(source, ": plugins: the task takes terms out of ", Join(task.plugins, ", "),
              ", which would run that code. If you trust it, say --plugin ",
              Join(task.plugins, " --plugin "));
  }
  ResolvePlugins(task.plugins, "");
  return task;
}

std::shared_ptr<const env::Task> MakeTask(const env::TaskConfig& config) {
  if (config.plugins.empty()) return std::make_shared<const env::Task>(config, AllTerms());
  env::TaskConfig task = config;
  env::TermLibrary library;
  try {
    library = AllTerms(task.plugins, &task.plugin_sha256);
  } catch (const UserError& error) {
    ThrowUser("task ", config.name, ": ", error.what());
  }
  if (!config.plugin_sha256.empty() && config.plugin_sha256 != task.plugin_sha256) {
    LogWarning("task ", config.name, ": ", Join(config.plugins, ", "),
               " differs from what the task was stored with: its terms may do something else");
  }
  return std::make_shared<const env::Task>(std::move(task), library);
}

}  // namespace simscale::tasks
