#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace simscale::sim {

struct RobotFile {
  std::string file;         ///< the MJCF
  std::string full_meshes;  ///< folder of the set with all triangles; "": the file's own
};

/// The robots of ours, by the names that `robot:` takes.
std::vector<std::string> RobotNames();

/// The file that a `robot:` or `mjcf:` means:
///   panda                  a robot of ours
///   DIR/robot.xml          a path
///   wheel:PACKAGE/...xml   below a site-packages folder (SearchedSitePackages)
///   menagerie:NAME[/ENTRY] a model that the Python package mujoco-menagerie has downloaded;
///                          without ENTRY the robot alone, as a scene of ours brings its own floor
/// Throws UserError in one line that says where it looked and how to get the file; downloads
/// nothing.
RobotFile FindRobot(const std::string& name);

/// Folders that the program itself knows to hold installed Python packages. Call before threads
/// build scenes.
void SetWheelDirs(std::vector<std::filesystem::path> dirs);

/// Where wheel: looks, in this order: $SIMSCALE_SITE_PACKAGES (colon-separated), SetWheelDirs,
/// $VIRTUAL_ENV's, and what lies above the executable: a folder site-packages, or .venv beside it.
std::vector<std::filesystem::path> SearchedSitePackages();

}  // namespace simscale::sim
