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
config::FieldInfo Shape() {
  return {.help = "geometric shape", .choices = {"box", "sphere", "cylinder"}};
}
config::FieldInfo Size() {
  return {.help = "full lengths: box x, y, z; sphere diameter; cylinder diameter, height",
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
  size_t want = shape == "box" ? 3 : shape == "sphere" ? 1 : 2;
  if (size.size() != want)
    ThrowUser(what, " '", name, "': size of a ", shape, " has ", want,
              want == 1 ? " number" : " numbers", ", got ", size.size());
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
  f.Field("shape", shape, Shape());
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
  CheckSize("object", name, shape, size);
  CheckDirection("object", name, quat);
}

void MarkerConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "name of the mocap body and its geom"});
  f.Field("shape", shape, Shape());
  f.Field("size", size, Size());
  f.Field("pos", pos, Position("centre before any reset"));
  f.Field("rgba", rgba, Rgba("colour"));
}

void MarkerConfig::Validate() const {
  CheckName("a marker", name);
  CheckSize("marker", name, shape, size);
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

void SceneConfig::Describe(config::Fields& f) {
  f.Field("robot", robot, {.help = "a robot of ours (panda) or the path of an MJCF file"});
  f.Field("meshes", meshes,
          {.help = "the robot's visual meshes: decimated, all triangles, or none",
           .choices = {"prepared", "full", "none"}});
  f.Field(
      "home_qpos", home_qpos,
      {.help = "the robot's joint positions at reset; empty: the MJCF's own", .unit = "rad or m"});
  f.Field("timestep", timestep,
          {.help = "of one physics step", .unit = "s", .min = 1e-5, .max = 0.1});
  f.Field("integrator", integrator,
          {.help = "MuJoCo's integrator", .choices = {"euler", "rk4", "implicit", "implicitfast"}});
  f.Field("solver", solver,
          {.help = "MuJoCo's constraint solver", .choices = {"pgs", "cg", "newton"}});
  f.Field("cone", cone, {.help = "friction cone", .choices = {"pyramidal", "elliptic"}});
  f.Field("iterations", iterations,
          {.help = "most solver iterations a step", .min = 1, .max = 10000});
  f.Field("ls_iterations", ls_iterations,
          {.help = "most line search iterations", .min = 1, .max = 10000});
  f.Struct("table", table, "the table");
  f.StructList("objects", objects, "things to touch");
  f.StructList("markers", markers, "things to see only, such as goals");
  f.StructList("cameras", cameras, "named cameras");
  f.StructList("lights", lights, "lights beside the headlight");
}

void SceneConfig::Validate() const {
  std::set<std::string> names = {"world", "floor"};
  if (table.enabled) names.insert("table");
  auto unique = [&](const std::string& name) {
    if (!names.insert(name).second)
      ThrowUser("scene: the name '", name,
                "' is used twice among floor, table, objects and markers");
  };
  for (const ObjectConfig& object : objects) unique(object.name);
  for (const MarkerConfig& marker : markers) unique(marker.name);
  std::set<std::string> camera_names;
  for (const CameraConfig& camera : cameras)
    if (!camera_names.insert(camera.name).second)
      ThrowUser("scene: two cameras are named '", camera.name, "'");
}

std::vector<CameraConfig> SceneConfig::DefaultCameras() {
  CameraConfig overhead{
      .name = "overhead", .pos = {0.45, 0, 1.25}, .xyaxes = {0, -1, 0, 1, 0, 0}, .fovy = 42};
  CameraConfig front{
      .name = "front", .pos = {1.55, 0, 0.78}, .target = {0.36, 0, 0.26}, .fovy = 42};
  // Before the hand, looking down past the pads to the place that they are about to touch.
  CameraConfig wrist{
      .name = "wrist", .body = "hand", .pos = {0.1, 0, 0.0}, .target = {0.03, 0, 0.14}, .fovy = 70};
  return {overhead, front, wrist};
}

std::vector<LightConfig> SceneConfig::DefaultLights() {
  return {{.name = "key",
           .pos = {1.0, -0.9, 2.2},
           .target = {0.35, 0, 0.1},
           .brightness = 0.45,
           .shadow = true},
          {.name = "fill",
           .pos = {0.2, 1.4, 1.8},
           .target = {0.35, 0, 0.2},
           .brightness = 0.25,
           .shadow = false}};
}

}  // namespace simscale::sim
