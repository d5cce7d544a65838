#include <algorithm>
#include <cmath>
#include <set>

#include "simscale/common/error.h"
#include "simscale/sim/scene.h"

namespace simscale::sim {
namespace {

constexpr double kMaxLength = 100.0;  // m; past it a typing slip is likelier than a wish

config::FieldInfo Rgba(std::string_view help) {
  return {.help = help, .min = 0, .max = 1, .size = 4};
}
config::FieldInfo Position(std::string_view help) {
  return {.help = help, .unit = "m", .min = -kMaxLength, .max = kMaxLength, .size = 3};
}
config::FieldInfo Friction() {
  return {.help = "sliding, torsional and rolling friction (MuJoCo's geom friction)",
          .min = 0,
          .size = 3};
}
config::FieldInfo Size() {
  return {.help =
              "full lengths: box, ellipsoid x, y, z; sphere diameter; cylinder, capsule "
              "diameter, height; mesh: factors of the file's",
          .unit = "m",
          .min = 1e-4,
          .max = kMaxLength};
}

void CheckName(std::string_view what, const std::string& name) {
  if (name.empty()) ThrowUser(what, " needs a name: set name:");
  if (name.find('/') != std::string::npos)
    ThrowUser(what, " name '", name, "' must not contain '/'");
}

void CheckSize(std::string_view what, const std::string& name, const std::string& shape,
               const std::vector<double>& size) {
  size_t want = shape == "sphere" ? 1 : shape == "cylinder" || shape == "capsule" ? 2 : 3;
  if (size.size() != want)
    ThrowUser(what, " '", name, "': size of a ", shape, " has ", want,
              want == 1 ? " number" : " numbers", ", got ", size.size());
  if (shape == "capsule" && !(size[1] > size[0]))
    ThrowUser(what, " '", name, "': a capsule's height, caps and all, must exceed its diameter ",
              size[0], ", got ", size[1]);
}

void CheckChoice(std::string_view key, const std::string& value,
                 const std::vector<std::string>& choices) {
  if (value.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  const std::string nearest = NearestName(value, choices);
  ThrowUser(key, " must be one of ", Join(choices, ", "), ", or empty for the MJCF's, got '", value,
            "'", nearest.empty() ? "" : ". Did you mean '" + nearest + "'?");
}

void CheckDirection(std::string_view what, const std::string& name, const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  if (!(sum > 1e-12)) ThrowUser(what, " '", name, "': a quaternion or direction must not be zero");
}

}  // namespace

void TableConfig::Describe(config::Fields& f) {
  f.Field("enabled", enabled, {.help = "whether there is a table"});
  f.Field("size", size,
          {.help = "full lengths x, y and thickness",
           .unit = "m",
           .min = 1e-3,
           .max = kMaxLength,
           .size = 3});
  f.Field("pos", pos, Position("centre of the table top"));
  f.Field("rgba", rgba, Rgba("colour"));
  f.Field("friction", friction, Friction());
}

void ObjectConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "name of the body and its geom; its joint is <name>_joint"});
  f.Field("mjcf", mjcf,
          {.help = "an MJCF file whose one top body the object is (as `robot`), in place of shape, "
                   "mesh, size, mass, rgba and friction; other names get <name>/ before them"});
  f.Field("shape", shape,
          {.help = "geometric shape",
           .choices = {"box", "sphere", "cylinder", "capsule", "ellipsoid", "mesh"}});
  f.Field("mesh", mesh, {.help = "file of shape mesh: .obj, .stl or .msh"});
  f.Field("size", size, Size());
  f.Field("mass", mass, {.help = "mass", .unit = "kg", .min = 1e-6, .max = 1e4});
  f.Field("pos", pos, Position("centre before any reset"));
  f.Field("quat", quat, {.help = "orientation w, x, y, z before any reset", .size = 4});
  f.Field("rgba", rgba, Rgba("colour"));
  f.Field("friction", friction, Friction());
  f.Field("free", free, {.help = "moves freely; else fixed to the world"});
}

void ObjectConfig::Validate() const {
  CheckName("an object", name);
  if (mjcf.empty()) CheckSize("object", name, shape, size);
  if (mjcf.empty() && (shape == "mesh") != !mesh.empty())
    ThrowUser("object '", name, "': shape mesh and mesh: FILE go together, got shape ", shape,
              mesh.empty() ? " without a file" : " with a file");
  if (!mjcf.empty() && !mesh.empty())
    ThrowUser("object '", name, "' has both mjcf and mesh: leave one out");
  CheckDirection("object", name, quat);
}

void MarkerConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "name of the mocap body and its geom"});
  f.Field("shape", shape,
          {.help = "geometric shape",
           .choices = {"box", "sphere", "cylinder", "capsule", "ellipsoid"}});
  f.Field("size", size, Size());
  f.Field("pos", pos, Position("centre before any reset"));
  f.Field("rgba", rgba, Rgba("colour"));
}

void MarkerConfig::Validate() const {
  CheckName("a marker", name);
  CheckSize("marker", name, shape, size);
}

void AttachmentConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "what messages call it, and the prefix of its names"});
  f.Field("mjcf", mjcf, {.help = "its MJCF file (as `robot`), with one body at the top"});
  f.Field("site", site, {.help = "site of the robot that its origin goes to"});
  f.Field("body", body, {.help = "or the body that carries it, at pos and quat"});
  f.Field("pos", pos, Position("place in the body's frame"));
  f.Field("quat", quat, {.help = "orientation w, x, y, z in the body's frame", .size = 4});
  f.Field("prefix", prefix, {.help = "puts <name>/ before all its names"});
}

void AttachmentConfig::Validate() const {
  CheckName("an attachment", name);
  if (mjcf.empty()) ThrowUser("attachment '", name, "' needs a file: set mjcf:");
  if (site.empty() == body.empty())
    ThrowUser("attachment '", name, "' needs either a site or a body to go to, got ",
              site.empty() ? "neither" : "both");
  CheckDirection("attachment", name, quat);
}

void CameraConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "camera name"});
  f.Field("body", body, {.help = "body that carries the camera; empty: fixed in the world"});
  f.Field("pos", pos, Position("place in the body's frame"));
  f.Field("target", target, {.help = "point to look at in the same frame: x, y, z", .unit = "m"});
  f.Field("quat", quat, {.help = "or the orientation w, x, y, z; it looks along -z"});
  f.Field("xyaxes", xyaxes, {.help = "or the picture's right and up directions: 6 numbers"});
  f.Field("fovy", fovy,
          {.help = "vertical field of view", .unit = "degrees", .min = 1, .max = 170});
  f.Field("sensor_size", sensor_size,
          {.help = "or intrinsics: width and height of the sensor", .unit = "m", .min = 1e-6});
  f.Field("focal_length", focal_length,
          {.help = "focal length along x and y, with sensor_size", .unit = "m", .min = 1e-6});
  f.Field("principal_point", principal_point,
          {.help = "how far the optical axis is off the sensor's middle, with sensor_size",
           .unit = "m"});
}

void CameraConfig::Validate() const {
  CheckName("a camera", name);
  auto check = [&](const char* key, const std::vector<double>& value, size_t want) {
    if (!value.empty() && value.size() != want)
      ThrowUser("camera '", name, "': ", key, " has ", want, " numbers, got ", value.size());
  };
  check("target", target, 3);
  check("quat", quat, 4);
  check("xyaxes", xyaxes, 6);
  check("sensor_size", sensor_size, 2);
  check("focal_length", focal_length, 2);
  check("principal_point", principal_point, 2);
  if (sensor_size.empty() != focal_length.empty() ||
      (sensor_size.empty() && !principal_point.empty()))
    ThrowUser("camera '", name, "': sensor_size and focal_length (and, if wanted, ",
              "principal_point) belong together");
  int given = static_cast<int>(!target.empty()) + static_cast<int>(!quat.empty()) +
              static_cast<int>(!xyaxes.empty());
  if (given != 1)
    ThrowUser("camera '", name, "' needs exactly one of target, quat and xyaxes, got ", given);
  if (!quat.empty()) CheckDirection("camera", name, quat);
  if (!xyaxes.empty()) CheckDirection("camera", name, xyaxes);
  if (target == pos) ThrowUser("camera '", name, "': target must differ from pos");
}

void LightConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "light name"});
  f.Field("pos", pos, Position("place"));
  f.Field("target", target, Position("point that it shines at"));
  f.Field("brightness", brightness, {.help = "diffuse grey level", .min = 0, .max = 10});
  f.Field("shadow", shadow, {.help = "casts shadows"});
}

void LightConfig::Validate() const {
  if (target == pos) ThrowUser("light '", name, "': target must differ from pos");
}

void SceneConfig::Describe(config::Fields& f) {
  f.Field(
      "robot", robot,
      {.help = "a robot of ours (panda), the path of an MJCF file, wheel:<path in site-packages> "
               "or menagerie:<name>"});
  f.Field("meshes", meshes,
          {.help = "the robot's visual meshes: decimated, all triangles, or none",
           .choices = {"prepared", "full", "none"}});
  f.Field("home_qpos", home_qpos,
          {.help = "joint positions at reset of the robot and its attachments; empty: those of "
                   "keyframe, else of the MJCF's keyframe home, else its qpos0",
           .unit = "rad or m"});
  f.Field("keyframe", keyframe, {.help = "a keyframe of the MJCF to start from"});
  f.Field("timestep", timestep,
          {.help = "of one physics step; 0: the MJCF's", .unit = "s", .min = 0, .max = 0.1});
  f.Field("integrator", integrator,
          {.help = "euler, rk4, implicit or implicitfast; empty: the MJCF's"});
  f.Field("solver", solver, {.help = "pgs, cg or newton; empty: the MJCF's"});
  f.Field("cone", cone, {.help = "friction cone: pyramidal or elliptic; empty: the MJCF's"});
  f.Field("iterations", iterations,
          {.help = "most solver iterations a step; 0: the MJCF's", .min = 0, .max = 10000});
  f.Field("ls_iterations", ls_iterations,
          {.help = "most line search iterations; 0: the MJCF's", .min = 0, .max = 10000});
  f.Field(
      "userdata", userdata,
      {.help = "how many commands (mjData.userdata) the state holds, for the reset term command",
       .min = 0,
       .max = 1000});
  f.Field("backdrop", backdrop, {.help = "floor and sky, where the MJCF has none"});
  f.Struct("table", table, "the table");
  f.StructList("attachments", attachments, "what the robot carries, such as a gripper");
  f.StructList("objects", objects, "things to touch");
  f.StructList("markers", markers, "things to see only, such as goals");
  f.StructList("cameras", cameras, "named cameras");
  f.StructList("lights", lights, "lights beside the headlight");
}

void SceneConfig::Validate() const {
  if (timestep > 0 && timestep < 1e-5)
    ThrowUser("timestep must be at least 1e-05 s, or 0 for the MJCF's, got ", timestep);
  CheckChoice("integrator", integrator, {"euler", "rk4", "implicit", "implicitfast"});
  CheckChoice("solver", solver, {"pgs", "cg", "newton"});
  CheckChoice("cone", cone, {"pyramidal", "elliptic"});
  if (!home_qpos.empty() && !keyframe.empty())
    ThrowUser("keyframe and home_qpos both say where to start, got ", keyframe, " and ",
              home_qpos.size(), " numbers: leave one out");
  std::set<std::string> names = {"world", "floor"};
  if (table.enabled) names.insert("table");
  auto unique = [&](const char* key, const std::string& name) {
    if (!names.insert(name).second)
      ThrowUser(key, ": the name '", name,
                "' is used twice among floor, table, objects and markers");
  };
  for (const ObjectConfig& object : objects) unique("objects", object.name);
  for (const MarkerConfig& marker : markers) unique("markers", marker.name);
  std::set<std::string> attached;
  for (const AttachmentConfig& attachment : attachments)
    if (!attached.insert(attachment.name).second)
      ThrowUser("attachments: two attachments are named '", attachment.name, "'");
  std::set<std::string> camera_names;
  for (const CameraConfig& camera : cameras)
    if (!camera_names.insert(camera.name).second)
      ThrowUser("cameras: two cameras are named '", camera.name, "'");
}

}  // namespace simscale::sim
