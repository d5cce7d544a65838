#include "simscale/tasks/plugins.h"

#include <dlfcn.h>

#include <algorithm>
#include <iterator>

#include "simscale/common/file.h"
#include "simscale/env/terms/expression.h"
#include "simscale/plugin/plugin.h"

namespace simscale::tasks {
namespace {

constexpr char kEntry[] = "simscale_plugin";

template <class... Args>
[[noreturn]] void Fail(const std::string& path, const Args&... what) {
  ThrowUser("plugins: ", path, ": ", what...);
}

std::string LastError(const std::string& path) {
  const char* said = dlerror();
  const std::string text = said != nullptr ? said : "no reason given";
  return text.starts_with(path + ": ") ? text.substr(path.size() + 2) : text;
}

const PluginEntry& Open(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    Fail(path, fs::exists(path, error) ? "is no file" : "no such file",
         ". Give the shared library that the plugin's build made: --plugin build/libmy_terms.so");
  }
  // RTLD_LOCAL: a plugin's symbols are its own. An absolute path, so that no search path has a say.
  void* library = dlopen(fs::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const std::string why = LastError(fs::absolute(path).string());
    Fail(path, "can't be loaded as a shared library (", why, ").",
         why.find("libmujoco") != std::string::npos
             ? Cat(" Build it with this program's MuJoCo, ", mj_versionString(), ".")
             : "");
  }
  const void* entry = dlsym(library, kEntry);
  if (entry == nullptr) {
    Fail(path, "is a shared library but no plugin: it has no symbol ", kEntry,
         ". One of its sources must have SIMSCALE_PLUGIN(library) {...}; see docs/plugins.md.");
  }
  const auto& plugin = *static_cast<const PluginEntry*>(entry);
  const std::string abi = plugin.abi != nullptr ? plugin.abi : "";
  if (abi != SIMSCALE_PLUGIN_ABI) {
    Fail(path, "was built for another version: it must be for '", SIMSCALE_PLUGIN_ABI,
         "', got one for '", Shortened(abi, 200), "'. Build it again with this simscale.");
  }
  return plugin;
}

env::TermLibrary TermsOf(const std::string& path) {
  const PluginEntry& plugin = Open(path);
  env::TermLibrary terms;
  try {
    plugin.add_terms(terms);
  } catch (const std::exception& error) {
    Fail(path, "adding its terms failed: ", error.what());
  } catch (...) {
    Fail(path, "adding its terms failed: it threw something that is no std::exception");
  }
  return terms;
}

/// taken: types that follow the plugins' ones.
template <class Type>
void Move(const std::string& path, const std::string& kind, std::vector<Type>& terms,
          const std::vector<Type>& taken, std::vector<Type>& library) {
  for (Type& type : terms) {
    const auto same = [&](const Type& other) { return other.name == type.name; };
    if (type.name.empty()) Fail(path, "adds a ", kind, " term without a name");
    if (!type.make) Fail(path, "the ", kind, " term '", type.name, "' has no function `make`");
    if (std::ranges::any_of(library, same) || std::ranges::any_of(taken, same)) {
      Fail(path, "adds the ", kind, " term '", type.name,
           "', but there is one of that name already. Give it another name.");
    }
    library.push_back(std::move(type));
  }
}

}  // namespace

std::vector<std::string> AddPlugins(const std::vector<std::string>& paths,
                                    env::TermLibrary& library) {
  std::vector<std::string> hashes;
  if (paths.empty()) return hashes;
  env::TermLibrary later;
  env::AddExpressionTerms(later);
  for (const std::string& path : paths) {
    env::TermLibrary terms = TermsOf(path);
    Move(path, "observation", terms.observations, later.observations, library.observations);
    Move(path, "reward", terms.rewards, later.rewards, library.rewards);
    Move(path, "termination", terms.terminations, later.terminations, library.terminations);
    Move(path, "reset", terms.resets, later.resets, library.resets);
    Move(path, "randomization", terms.randomization, later.randomization, library.randomization);
    hashes.push_back(Sha256Hex(ReadFile(path)));
  }
  return hashes;
}

void ResolvePlugins(std::vector<std::string>& paths, const std::string& dir) {
  for (std::string& path : paths) {
    std::error_code error;
    if (path.empty() || fs::path(path).is_absolute()) continue;
    const bool here = fs::exists(path, error) || !fs::exists(fs::path(dir) / path, error);
    path = fs::absolute(here ? fs::path(path) : fs::path(dir) / path).lexically_normal().string();
  }
}

}  // namespace simscale::tasks
