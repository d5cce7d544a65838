#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/sim/model.h"

namespace simscale::sim {

/// The frame of a scene: z up, the robot's base at the origin on the table top (z = 0), x forward.
/// Names in the compiled model: the robot's own ("joint1".."joint7", site "ee", ...), body "table",
/// a body and geom per object and marker and, for a free object, the joint "<name>_joint".

struct TableConfig {
  bool enabled = true;
  std::vector<double> size = {1.0, 1.4, 0.04};  ///< m, full lengths
  std::vector<double> pos = {0.35, 0.0, 0.0};   ///< m, centre of the table top
  std::vector<double> rgba = {0.78, 0.66, 0.52, 1.0};
  std::vector<double> friction = {1.0, 0.005, 0.0001};
  void Describe(config::Fields& f);
};

struct ObjectConfig {
  std::string name;
  std::string shape = "box";  ///< box, sphere or cylinder
  std::vector<double> size = {0.04, 0.04,
                              0.04};  ///< m, full lengths: x y z; diameter; diameter, height
  double mass = 0.05;                 ///< kg
  std::vector<double> pos = {0.5, 0.0, 0.02};  ///< m, of the centre
  std::vector<double> quat = {1, 0, 0, 0};
  std::vector<double> rgba = {0.85, 0.2, 0.15, 1.0};
  std::vector<double> friction = {1.0, 0.005, 0.0001};
  bool free = true;  ///< moves freely; else fixed to the world
  void Describe(config::Fields& f);
  void Validate() const;
};

/// Something to see but not to touch, such as a goal: a mocap body whose pose an environment sets
/// in mjData::mocap_pos (index: model->body_mocapid[body]).
struct MarkerConfig {
  std::string name;
  std::string shape = "sphere";       ///< box, sphere or cylinder
  std::vector<double> size = {0.04};  ///< m, as for objects
  std::vector<double> pos = {0.5, 0, 0};
  std::vector<double> rgba = {0.2, 0.75, 0.3, 0.5};
  void Describe(config::Fields& f);
  void Validate() const;
};

struct CameraConfig {
  std::string name;
  std::string body = "";                      ///< carried by this body; "": fixed in the world
  std::vector<double> pos = {1.3, 0.0, 0.6};  ///< m, in the body's frame
  std::vector<double> target = {};            ///< looks at this point of the same frame
  std::vector<double> quat = {};              ///< or this orientation (the camera looks along -z)
  std::vector<double> xyaxes = {};            ///< or these right and up directions
  double fovy = 45.0;                         ///< degrees
  void Describe(config::Fields& f);
  void Validate() const;
};

struct LightConfig {
  std::string name;
  std::vector<double> pos = {0.6, -0.8, 2.2};
  std::vector<double> target = {0.4, 0.0, 0.0};
  double brightness = 0.6;
  bool shadow = true;
  void Describe(config::Fields& f);
};

struct SceneConfig {
  std::string robot = "panda";      ///< a robot of ours, or a path to an MJCF file
  std::string meshes = "prepared";  ///< prepared (10 % of the triangles), full, or none
  /// Joint positions at reset: first the arm's joints, then the fingers'.
  std::vector<double> home_qpos = {0.0, -0.1876, 0.0, -2.4027, 0.0, 2.2151, 0.7854, 0.04, 0.04};
  double timestep = 0.005;  ///< s, of one mj_step
  std::string integrator = "implicitfast";
  std::string solver = "newton";
  std::string cone = "pyramidal";
  int iterations = 20;     ///< the solver's most iterations
  int ls_iterations = 20;  ///< the line search's most iterations
  TableConfig table;
  std::vector<ObjectConfig> objects;
  std::vector<MarkerConfig> markers;
  std::vector<CameraConfig> cameras = DefaultCameras();  ///< overhead, front, wrist
  std::vector<LightConfig> lights = DefaultLights();

  static std::vector<CameraConfig> DefaultCameras();
  static std::vector<LightConfig> DefaultLights();
  void Describe(config::Fields& f);
  void Validate() const;
};

/// The robots of ours, by the names that `robot:` takes.
std::vector<std::string> RobotNames();

/// Composes and compiles the scene. The home pose is its keyframe "home" (index 0).
/// Throws UserError in one line: an unknown robot, a missing file, MJCF that does not compile (with
/// the file and MuJoCo's message), a name used twice, a camera's body that does not exist.
Model BuildScene(const SceneConfig& config);

}  // namespace simscale::sim
