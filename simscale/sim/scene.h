#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/sim/model.h"

namespace simscale::sim {

/// The frame of a scene: z up, the robot's base at the origin, x forward; a table's top, or else
/// the floor, at z = 0. Names in the compiled model: the robot's own ("joint1".."joint7", site
/// "ee",
/// ...), body "table", a body per object and marker, a geom of the same name if it is one shape
/// and, for a free object, the joint "<name>_joint".

struct TableConfig {
  bool enabled = false;
  std::vector<double> size = {1.0, 1.4, 0.04};  ///< m, full lengths
  std::vector<double> pos = {0.35, 0.0, 0.0};   ///< m, centre of the table top
  std::vector<double> rgba = {0.78, 0.66, 0.52, 1.0};
  std::vector<double> friction = {1.0, 0.005, 0.0001};
  void Describe(config::Fields& f);
};

struct ObjectConfig {
  std::string name;
  std::string mjcf = "";      ///< or what stands in this file, in place of the seven fields below
  std::string shape = "box";  ///< box, sphere, cylinder, capsule, ellipsoid or mesh
  std::string mesh = "";      ///< the file of shape mesh
  /// m, full lengths: box and ellipsoid x y z; sphere diameter; cylinder and capsule diameter,
  /// height over all; mesh: factors of the file's lengths x y z.
  std::vector<double> size = {0.04, 0.04, 0.04};
  double mass = 0.05;                          ///< kg
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
  std::string shape = "sphere";       ///< box, sphere, cylinder, capsule or ellipsoid
  std::vector<double> size = {0.04};  ///< m, as for objects
  std::vector<double> pos = {0.5, 0, 0};
  std::vector<double> rgba = {0.2, 0.75, 0.3, 0.5};
  void Describe(config::Fields& f);
  void Validate() const;
};

/// A second MJCF that the robot carries, such as a gripper: the one body at the top of its file.
struct AttachmentConfig {
  std::string name;
  std::string mjcf;       ///< as `robot`
  std::string site = "";  ///< of the robot or of an earlier attachment: where its origin goes
  std::string body = "";  ///< or this body, at pos and quat
  std::vector<double> pos = {0, 0, 0};
  std::vector<double> quat = {1, 0, 0, 0};
  bool prefix = true;  ///< "<name>/" before all its names; else they stay and must not clash
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
  // Or intrinsics, x and y, in m: as calibrated cameras have them.
  std::vector<double> sensor_size = {};  ///< of the sensor; []: fovy holds
  std::vector<double> focal_length = {};
  std::vector<double> principal_point = {};  ///< off the sensor's middle; []: none
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
  void Validate() const;
};

struct SceneConfig {
  std::string robot = "panda";      ///< as FindRobot takes it
  std::string meshes = "prepared";  ///< prepared (10 % of the triangles), full, or none
  /// Joint positions at reset, of the robot and its attachments in the model's order. Empty: those
  /// of `keyframe`, else of the file's keyframe "home", else qpos0.
  std::vector<double> home_qpos;
  std::string keyframe = "";  ///< a keyframe of the robot's file to start from
  // Zero and empty: as the MJCF has it.
  double timestep = 0;          ///< s, of one mj_step
  std::string integrator = "";  ///< euler, rk4, implicit or implicitfast
  std::string solver = "";      ///< pgs, cg or newton
  std::string cone = "";        ///< pyramidal or elliptic
  int iterations = 0;           ///< the solver's most iterations
  int ls_iterations = 0;        ///< the line search's most iterations
  int userdata = 0;      ///< numbers of mjData.userdata at least, for the reset term `command`
  bool backdrop = true;  ///< floor and sky, where the MJCF has none of its own
  TableConfig table;
  std::vector<AttachmentConfig> attachments;
  std::vector<ObjectConfig> objects;
  std::vector<MarkerConfig> markers;
  std::vector<CameraConfig> cameras;
  std::vector<LightConfig> lights;

  void Describe(config::Fields& f);
  void Validate() const;
};

/// Makes the files that lie below `dir` (the task file's folder) and not in the working folder
/// absolute paths: robot, mjcf and mesh.
void ResolveFiles(SceneConfig& scene, const std::filesystem::path& dir);

/// Composes and compiles the scene. What it starts from is its keyframe "home" (StartKeyframe), if
/// home_qpos, `keyframe` or the robot's file gives one. With nothing added and no option set, the
/// model is bit for bit what mj_loadXML makes of the file (but for autoreset, which Model turns
/// off).
/// Throws UserError in one line: an unknown robot, a missing file, MJCF that does not compile (with
/// the file and MuJoCo's message) or has numbers that are not finite, a name used twice, a camera's
/// body that does not exist.
Model BuildScene(const SceneConfig& config);

}  // namespace simscale::sim
