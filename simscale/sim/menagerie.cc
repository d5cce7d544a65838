#include "simscale/sim/menagerie.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/sim/robot_files.h"

namespace simscale::sim {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

fs::path CacheDir() {
  if (std::string dir = Environment("MENAGERIE_CACHE_DIR"); !dir.empty()) return dir;
  if (std::string dir = Environment("XDG_CACHE_HOME"); !dir.empty())
    return fs::path(dir) / "mujoco_menagerie";
  return fs::path(Environment("HOME")) / ".cache" / "mujoco_menagerie";
}

/// The package's own table of robots; a null node if it is not installed. JSON is YAML.
config::Node Robots() {
  for (const fs::path& dir : SearchedSitePackages()) {
    fs::path file = dir / "mujoco_menagerie" / "registry.json";
    std::error_code error;
    if (!fs::is_regular_file(file, error)) continue;
    const config::Node registry = config::LoadYaml(file);
    if (const config::Node* robots = registry.Find("robots")) return *robots;
  }
  return {};
}

std::string TextOf(const config::Node* node, std::string_view key) {
  const config::Node* value = node != nullptr ? node->Find(key) : nullptr;
  return value != nullptr ? value->scalar : "";
}

/// The newest whole download of a robot; its registered version first.
fs::path InCache(const std::string& name, const std::string& version) {
  const fs::path models = CacheDir() / "models";
  std::error_code error;
  fs::path newest;
  fs::file_time_type newest_time;
  for (const auto& entry : fs::directory_iterator(models, error)) {
    const std::string folder = entry.path().filename().string();
    if (folder.substr(0, folder.rfind('-')) != name) continue;
    const fs::path sentinel = entry.path() / ".complete";
    if (!fs::is_regular_file(sentinel, error)) continue;
    if (!version.empty() && folder == Cat(name, "-", version)) return entry.path();
    const fs::file_time_type time = fs::last_write_time(sentinel, error);
    if (!newest.empty() && time <= newest_time) continue;
    newest = entry.path();
    newest_time = time;
  }
  return newest;
}

/// Files of the folder that may be meant, without ".xml".
std::vector<std::string> Entries(const fs::path& folder) {
  std::vector<std::string> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".xml") entries.push_back(entry.path().stem().string());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The robot among them: the longest that the folder's name ends with (agilex_piper: piper), else
/// the only one that is neither a scene nor a variant for MJX.
std::string GuessEntry(const std::string& name, const std::vector<std::string>& entries) {
  std::string best;
  std::vector<std::string> plain;
  for (const std::string& entry : entries) {
    if (name.ends_with(entry) && entry.size() > best.size()) best = entry;
    if (!entry.starts_with("scene") && entry.find("mjx") == std::string::npos)
      plain.push_back(entry);
  }
  if (!best.empty()) return best;
  return plain.size() == 1 ? plain[0] : "";
}

}  // namespace

fs::path FindInMenagerie(const std::string& path) {
  const size_t slash = path.find('/');
  const std::string name = path.substr(0, slash);
  std::string entry = slash == std::string::npos ? "" : path.substr(slash + 1);
  const std::string what = "robot menagerie:" + path;
  if (name.empty() || name.starts_with(".") || entry.find("..") != std::string::npos)
    ThrowUser(what, ": must be menagerie:NAME or menagerie:NAME/ENTRY, such as ",
              "menagerie:unitree_go1 or menagerie:unitree_go1/scene");

  const config::Node robots = Robots();
  const config::Node* robot = robots.Find(name);
  fs::path folder;
  if (std::string root = Environment("MENAGERIE_ROOT"); !root.empty()) {
    folder = fs::path(root) / name;
    if (!fs::is_directory(folder))
      ThrowUser(what, ": no folder ", folder.string(), " (MENAGERIE_ROOT is ", root, ")");
  } else {
    folder = InCache(name, TextOf(robot, "oid").substr(0, 16));
  }
  if (folder.empty()) {
    if (!robots.map.empty() && robot == nullptr) {
      std::vector<std::string> known;
      for (const auto& [other, node] : robots.map) known.push_back(other);
      ThrowUser(what, ": ", UnknownName("robot of mujoco-menagerie", name, known));
    }
    ThrowUser(what, ": is not in ", (CacheDir() / "models").string(), ". Fetch it: `",
              robots.map.empty() ? "pip install mujoco-menagerie && " : "",
              "mujoco-menagerie prefetch ", name, "`");
  }

  const std::vector<std::string> entries = Entries(folder);
  if (entry.empty()) entry = TextOf(robot, "default_model");
  if (entry.empty()) entry = GuessEntry(name, entries);
  if (entry.ends_with(".xml")) entry.resize(entry.size() - 4);
  const config::Node* points = robot != nullptr ? robot->Find("entry_points") : nullptr;
  std::string file = TextOf(points != nullptr ? points->Find(entry) : nullptr, "file");
  if (file.empty()) file = entry + ".xml";
  if (entry.empty() || !fs::is_regular_file(folder / file))
    ThrowUser(what, ": ", folder.string(), " has ", UnknownName("entry", entry, entries),
              " Say which: menagerie:", name, "/ENTRY");
  return folder / file;
}

}  // namespace simscale::sim
