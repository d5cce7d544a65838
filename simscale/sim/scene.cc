#include "simscale/sim/scene.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <set>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"
#include "simscale/sim/robot_files.h"
#include "simscale/sim/scene_check.h"
#include "simscale/sim/scene_parts.h"
#include "simscale/sim/scene_start.h"

namespace simscale::sim {
namespace {

/// Drops the meshes that are only seen. The collision meshes of a foreign robot stay.
void RemoveVisualMeshes(mjSpec* spec) {
  std::set<std::string> used;
  for (mjsElement* element : Elements(spec, mjOBJ_GEOM)) {
    mjsGeom* geom = mjs_asGeom(element);
    if (geom->type != mjGEOM_MESH) continue;
    if (geom->contype == 0 && geom->conaffinity == 0)
      mjs_delete(spec, element);
    else
      used.insert(mjs_getString(geom->meshname));
  }
  for (mjsElement* element : Elements(spec, mjOBJ_MESH))
    if (!used.contains(mjs_getString(mjs_getName(element)))) mjs_delete(spec, element);
}

/// Geoms that only look for others' contype would fall through fixtures that do the same.
Fixtures FixturesFor(const mjSpec* robot) {
  for (mjsElement* element : Elements(robot, mjOBJ_GEOM)) {
    const mjsGeom* geom = mjs_asGeom(element);
    if (geom->contype != 0 && geom->conaffinity == 0) return {.conaffinity = 1};
  }
  return {};
}

int IndexOf(const std::string& name, std::initializer_list<const char*> names) {
  int i = 0;
  for (const char* other : names) {
    if (name == other) return i;
    ++i;
  }
  SIMSCALE_CHECK(false);  // Validate has looked
}

void SetOptions(mjSpec* spec, const SceneConfig& config) {
  mjOption& option = spec->option;
  if (config.timestep > 0) option.timestep = config.timestep;
  if (!config.integrator.empty())
    option.integrator = IndexOf(config.integrator, {"euler", "rk4", "implicit", "implicitfast"});
  if (!config.solver.empty()) option.solver = IndexOf(config.solver, {"pgs", "cg", "newton"});
  if (!config.cone.empty()) option.cone = IndexOf(config.cone, {"pyramidal", "elliptic"});
  if (config.iterations > 0) option.iterations = config.iterations;
  if (config.ls_iterations > 0) option.ls_iterations = config.ls_iterations;
  spec->nuserdata = std::max(spec->nuserdata, config.userdata);
  // The compiler's worker threads would end the process if MuJoCo's error handler throws in them.
  spec->compiler.usethread = 0;
}

void SetLooks(mjSpec* spec, const SceneConfig& config) {
  if (config.table.enabled) {
    // Fixed, so that free cameras, clipping planes and lights don't move with the objects' places.
    spec->stat.center[0] = 0.35;
    spec->stat.center[1] = 0;
    spec->stat.center[2] = 0.2;
    spec->stat.extent = 1.2;
  }
  if (!config.lights.empty()) {  // the headlight only fills in
    for (int i = 0; i < 3; ++i) {
      spec->visual.headlight.ambient[i] = 0.32F;
      spec->visual.headlight.diffuse[i] = 0.32F;
      spec->visual.headlight.specular[i] = 0.1F;
    }
  }
}

/// Calls MuJoCo's parser or compiler: what it throws becomes a message about the file.
template <class F>
auto Guarded(const std::string& file, F&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    ThrowUser(file, ": the model needs more memory than there is");
  } catch (const std::exception& error) {
    ThrowUser(file, ": MuJoCo can't make a model of it: ", OneLine(error.what()));
  }
}

/// "arm.xml", or "arm.xml with hand.xml" where MuJoCo's message may be about either.
std::string FilesOf(const std::string& robot, const SceneConfig& config) {
  std::vector<std::string> others;
  for (const AttachmentConfig& attachment : config.attachments) others.push_back(attachment.mjcf);
  for (const ObjectConfig& object : config.objects) {
    if (!object.mjcf.empty()) others.push_back(object.mjcf);
    if (!object.mesh.empty()) others.push_back(object.mesh);
  }
  return others.empty() ? robot : robot + " with " + Join(others, ", ");
}

}  // namespace

SpecPtr ParseMjcf(const std::string& file) {
  CheckFile(file);
  std::array<char, 2000> error{};
  const CapturedWarnings warnings;
  SpecPtr spec(Guarded(file,
                       [&] {
                         return mj_parseXML(file.c_str(), nullptr, error.data(),
                                            static_cast<int>(error.size()));
                       }),
               mj_deleteSpec);
  if (!spec) ThrowUser(file, ": not valid MJCF: ", OneLine(error.data()));
  CheckSizes(spec.get(), file);
  for (const std::string& warning : warnings.messages()) {
    // Where a field is optional MuJoCo would take NaN for "not given".
    if (warning.find("NaN") != std::string::npos)
      ThrowUser(file, ": every number must be finite, but one in the file is NaN");
    LogWarning(file, ": MuJoCo: ", warning);
  }
  return spec;
}

Model BuildScene(const SceneConfig& config) {
  InstallMujocoHandlers();
  config.Validate();
  RobotFile robot = FindRobot(config.robot);
  SpecPtr spec = ParseMjcf(robot.file);
  if (config.meshes == "none") RemoveVisualMeshes(spec.get());
  if (config.meshes == "full" && !robot.full_meshes.empty())
    mjs_setString(spec->compiler.meshdir, robot.full_meshes.c_str());
  SetOptions(spec.get(), config);
  SetLooks(spec.get(), config);
  const Fixtures fixtures = FixturesFor(spec.get());

  // The robot's own spec is the scene's: its joints come first in qpos, and its names stay.
  SceneStart start(spec.get(), config, robot.file);
  for (const AttachmentConfig& attachment : config.attachments)
    AddAttachment(spec.get(), attachment);
  start.AddKeyframe(spec.get(), config);
  if (config.backdrop) AddBackdrop(spec.get(), config, fixtures);
  if (config.table.enabled) AddTable(spec.get(), config.table, fixtures);
  for (const ObjectConfig& object : config.objects) AddObject(spec.get(), object, fixtures);
  for (const MarkerConfig& marker : config.markers) AddMarker(spec.get(), marker);
  for (const CameraConfig& camera : config.cameras) AddCamera(spec.get(), camera);
  for (const LightConfig& light : config.lights) AddLight(spec.get(), light);

  const std::string files = FilesOf(robot.file, config);
  std::unique_ptr<mjModel, void (*)(mjModel*)> compiled(
      Guarded(files, [&] { return mj_compile(spec.get(), nullptr); }), mj_deleteModel);
  if (!compiled) ThrowUser(files, ": does not compile: ", OneLine(mjs_getError(spec.get())));
  CheckNumbers(compiled.get(), files);
  start.Fill(compiled.get());
  return Model(compiled.release());
}

}  // namespace simscale::sim
