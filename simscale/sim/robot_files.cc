#include "simscale/sim/robot_files.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/sim/menagerie.h"
#include "simscale/sim/scene.h"

namespace simscale::sim {
namespace {

std::vector<fs::path>& WheelDirs() {
  static std::vector<fs::path> dirs;
  return dirs;
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The site-packages folders of a virtual environment, whatever its Python 3 is.
void AppendOfEnvironment(const fs::path& prefix, std::vector<fs::path>& dirs) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(prefix / "lib", error))
    if (entry.path().filename().string().starts_with("python3"))
      found.push_back(entry.path() / "site-packages");
  std::sort(found.begin(), found.end());
  dirs.insert(dirs.end(), found.begin(), found.end());
}

/// "a/b/c.xml", relative and below its folder.
void CheckBelow(const std::string& name, const std::string& path) {
  bool leaves = path.empty() || fs::path(path).is_absolute();
  for (const fs::path& part : fs::path(path)) leaves |= part == "..";
  if (leaves)
    ThrowUser("robot ", name, ": must be wheel:PACKAGE/.../FILE.xml, a path below site-packages, ",
              "such as wheel:gymnasium/envs/mujoco/assets/ant.xml");
}

std::string InWheel(const std::string& name, const std::string& path) {
  CheckBelow(name, path);
  const std::string package = fs::path(path).begin()->string();
  std::string searched, present;
  for (const fs::path& dir : SearchedSitePackages()) {
    std::error_code error;
    if (fs::is_regular_file(dir / path, error)) return (dir / path).string();
    if (present.empty() && fs::exists(dir / package, error)) present = (dir / package).string();
    searched += (searched.empty() ? "" : ", ") + dir.string();
  }
  if (!present.empty())
    ThrowUser("robot ", name, ": ", present, " is there, but not this file in it. Is another ",
              "version of the package meant?");
  ThrowUser("robot ", name, ": no package ", package, " in ",
            searched.empty() ? "any site-packages folder (none was found)" : searched,
            ". Run `pip install ", package, "` in the environment, or set SIMSCALE_SITE_PACKAGES ",
            "to the site-packages folder that has it.");
}

}  // namespace

void SetWheelDirs(std::vector<fs::path> dirs) { WheelDirs() = std::move(dirs); }

std::vector<fs::path> SearchedSitePackages() {
  std::vector<fs::path> dirs;
  for (const std::string& dir : Split(Environment("SIMSCALE_SITE_PACKAGES"), ':'))
    if (!dir.empty()) dirs.emplace_back(dir);
  dirs.insert(dirs.end(), WheelDirs().begin(), WheelDirs().end());
  if (std::string venv = Environment("VIRTUAL_ENV"); !venv.empty()) AppendOfEnvironment(venv, dirs);
  std::error_code error;
  fs::path above = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (; !above.empty(); above = above.parent_path()) {
    if (above.filename() == "site-packages") dirs.push_back(above);
    AppendOfEnvironment(above / ".venv", dirs);
    if (above == above.root_path()) break;
  }
  std::vector<fs::path> unique;
  for (const fs::path& dir : dirs)
    if (std::find(unique.begin(), unique.end(), dir) == unique.end()) unique.push_back(dir);
  return unique;
}

void ResolveFiles(SceneConfig& scene, const fs::path& dir) {
  const auto resolve = [&](std::string& path) {
    std::error_code error;
    if (path.empty() || fs::path(path).is_absolute() || fs::exists(path, error)) return;
    if (fs::exists(dir / path, error)) path = fs::absolute(dir / path).lexically_normal().string();
  };
  resolve(scene.robot);
  for (AttachmentConfig& attachment : scene.attachments) resolve(attachment.mjcf);
  for (ObjectConfig& object : scene.objects) {
    resolve(object.mjcf);
    resolve(object.mesh);
  }
}

std::vector<std::string> RobotNames() { return {"panda"}; }

RobotFile FindRobot(const std::string& name) {
  constexpr std::string_view kWheel = "wheel:", kMenagerie = "menagerie:";
  if (name.starts_with(kWheel)) return {InWheel(name, name.substr(kWheel.size())), ""};
  if (name.starts_with(kMenagerie))
    return {FindInMenagerie(name.substr(kMenagerie.size())).string(), ""};
  std::vector<std::string> known = RobotNames();
  if (std::find(known.begin(), known.end(), name) != known.end())
    return {(ShareDir() / "mjcf" / (name + ".xml")).string(),
            (ShareDir() / "meshes" / (name + "_full")).string()};
  bool is_path =
      name.find('/') != std::string::npos || name.ends_with(".xml") || name.ends_with(".mjcf");
  if (!is_path)
    ThrowUser(UnknownName("robot", name, known),
              " Or give the path of an MJCF file (.xml), wheel:PACKAGE/... or menagerie:NAME.");
  const fs::path file = name;
  std::error_code error;
  if (fs::is_directory(file, error))
    ThrowUser("robot ", name, ": is a folder. Give the MJCF file in it.");
  if (!fs::exists(file, error)) ThrowUser("robot ", name, ": no such file");
  if (!fs::is_regular_file(file, error))
    ThrowUser("robot ", name, ": is a device or a pipe. Give an MJCF file.");
  return {file.string(), ""};
}

}  // namespace simscale::sim
