#include "simscale/sim/scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <set>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::sim {
namespace {

using SpecPtr = std::unique_ptr<mjSpec, void (*)(mjSpec*)>;

constexpr double kFloorHeight = -0.76;  // m: a table of ordinary height under a robot at z = 0

/// Robot geoms have contype 0, conaffinity 1 and fixtures contype 1, conaffinity 0: each of them
/// meets the objects (1, 1) and the other, but no two of the same kind are ever tested.
void Touchable(mjsGeom* geom, const std::vector<double>& friction, bool fixture) {
  geom->contype = 1;
  geom->conaffinity = fixture ? 0 : 1;
  geom->condim = 4;
  std::copy(friction.begin(), friction.end(), geom->friction);
}

void Untouchable(mjsGeom* geom) {
  geom->contype = 0;
  geom->conaffinity = 0;
  geom->mass = 0;
}

void SetName(mjsElement* element, const std::string& name) {
  if (mjs_setName(element, name.c_str()) != 0)
    ThrowUser("scene: the name '", name, "' is taken: the robot's MJCF has a ",
              mju_type2Str(element->elemtype), " of that name, too. Choose another.");
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return Trim(text);
}

void SetColour(float rgba[4], const std::vector<double>& colour) {
  for (size_t i = 0; i < 4; ++i) rgba[i] = static_cast<float>(colour[i]);
}

void SetShape(mjsGeom* geom, const std::string& shape, const std::vector<double>& size) {
  if (shape == "box") {
    geom->type = mjGEOM_BOX;
    for (size_t i = 0; i < 3; ++i) geom->size[i] = size[i] / 2;
  } else if (shape == "sphere") {
    geom->type = mjGEOM_SPHERE;
    geom->size[0] = size[0] / 2;
  } else {
    geom->type = mjGEOM_CYLINDER;
    geom->size[0] = size[0] / 2;
    geom->size[1] = size[1] / 2;
  }
}

// --- the robot -----------------------------------------------------------------------------------

struct Robot {
  std::string file;
  std::string full_meshes;  ///< folder of the set with all triangles; "": the file's own
};

Robot FindRobot(const std::string& name) {
  std::vector<std::string> known = RobotNames();
  if (std::find(known.begin(), known.end(), name) != known.end())
    return {(ShareDir() / "mjcf" / (name + ".xml")).string(),
            (ShareDir() / "meshes" / (name + "_full")).string()};
  bool is_path =
      name.find('/') != std::string::npos || name.ends_with(".xml") || name.ends_with(".mjcf");
  if (!is_path)
    ThrowUser(UnknownName("robot", name, known), " Or give the path of an MJCF file (.xml).");
  if (!fs::is_regular_file(name)) ThrowUser("robot ", name, ": no such file");
  return {name, ""};
}

SpecPtr ParseRobot(const Robot& robot) {
  std::array<char, 2000> error{};
  SpecPtr spec(
      mj_parseXML(robot.file.c_str(), nullptr, error.data(), static_cast<int>(error.size())),
      mj_deleteSpec);
  if (!spec) ThrowUser(robot.file, ": not valid MJCF: ", OneLine(error.data()));
  return spec;
}

template <class T>
std::vector<mjsElement*> Elements(const mjSpec* spec, T type) {
  std::vector<mjsElement*> all;
  for (mjsElement* e = mjs_firstElement(spec, type); e != nullptr; e = mjs_nextElement(spec, e))
    all.push_back(e);
  return all;
}

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

/// Takes the robot's own keyframes out (they don't fit a scene with objects) and returns the joint
/// positions of the one named home, if there is one.
std::vector<double> TakeKeyframes(mjSpec* spec) {
  std::vector<double> home;
  for (mjsElement* element : Elements(spec, mjOBJ_KEY)) {
    if (std::string(mjs_getString(mjs_getName(element))) == "home") {
      int n = 0;
      const double* qpos = mjs_getDouble(mjs_asKey(element)->qpos, &n);
      home.assign(qpos, qpos + n);
    }
    mjs_delete(spec, element);
  }
  return home;
}

// --- what stands around it -----------------------------------------------------------------------

void AddBackdrop(mjSpec* spec) {
  mjsTexture* sky = mjs_addTexture(spec);
  SetName(sky->element, "sky");
  sky->type = mjTEXTURE_SKYBOX;
  sky->builtin = mjBUILTIN_GRADIENT;
  sky->width = 64;
  sky->height = 384;
  std::copy_n(std::array{0.62, 0.72, 0.83}.data(), 3, sky->rgb1);
  std::copy_n(std::array{0.93, 0.95, 0.97}.data(), 3, sky->rgb2);

  mjsTexture* checker = mjs_addTexture(spec);
  SetName(checker->element, "floor");
  checker->type = mjTEXTURE_2D;
  checker->builtin = mjBUILTIN_CHECKER;
  checker->width = 128;
  checker->height = 128;
  std::copy_n(std::array{0.55, 0.58, 0.62}.data(), 3, checker->rgb1);
  std::copy_n(std::array{0.48, 0.51, 0.55}.data(), 3, checker->rgb2);
  mjsMaterial* material = mjs_addMaterial(spec, nullptr);
  SetName(material->element, "floor");
  mjs_setInStringVec(material->textures, mjTEXROLE_RGB, "floor");
  material->texuniform = 1;
  material->texrepeat[0] = material->texrepeat[1] = 1;
  material->specular = 0.1F;

  mjsMaterial* matte = mjs_addMaterial(spec, nullptr);
  SetName(matte->element, "matte");
  matte->specular = 0.1F;
  matte->shininess = 0.2F;

  mjsGeom* floor = mjs_addGeom(mjs_findBody(spec, "world"), nullptr);
  SetName(floor->element, "floor");
  floor->type = mjGEOM_PLANE;
  floor->pos[2] = kFloorHeight;
  floor->size[0] = floor->size[1] = 0;  // endless
  floor->size[2] = 0.05;
  mjs_setString(floor->material, "floor");
  Touchable(floor, {1, 0.005, 0.0001}, true);
}

void AddTable(mjSpec* spec, const TableConfig& table) {
  mjsBody* body = mjs_addBody(mjs_findBody(spec, "world"), nullptr);
  SetName(body->element, "table");
  std::copy(table.pos.begin(), table.pos.end(), body->pos);
  mjsGeom* top = mjs_addGeom(body, nullptr);
  SetName(top->element, "table");
  SetShape(top, "box", table.size);
  top->pos[2] = -table.size[2] / 2;
  SetColour(top->rgba, table.rgba);
  mjs_setString(top->material, "matte");
  Touchable(top, table.friction, true);
  double leg = table.pos[2] - table.size[2] - kFloorHeight;
  if (leg <= 0.05) return;
  for (int k = 0; k < 4; ++k) {
    constexpr double kWidth = 0.06;
    mjsGeom* geom = mjs_addGeom(body, nullptr);
    SetShape(geom, "box", {kWidth, kWidth, leg});
    geom->pos[0] = (k % 2 == 0 ? 1 : -1) * (table.size[0] / 2 - kWidth);
    geom->pos[1] = (k / 2 == 0 ? 1 : -1) * (table.size[1] / 2 - kWidth);
    geom->pos[2] = -table.size[2] - leg / 2;
    SetColour(geom->rgba, {0.35, 0.36, 0.38, 1});
    mjs_setString(geom->material, "matte");
    Untouchable(geom);
  }
}

void AddObject(mjSpec* spec, const ObjectConfig& object) {
  mjsBody* body = mjs_addBody(mjs_findBody(spec, "world"), nullptr);
  SetName(body->element, object.name);
  std::copy(object.pos.begin(), object.pos.end(), body->pos);
  std::copy(object.quat.begin(), object.quat.end(), body->quat);
  mjsGeom* geom = mjs_addGeom(body, nullptr);
  SetName(geom->element, object.name);
  SetShape(geom, object.shape, object.size);
  SetColour(geom->rgba, object.rgba);
  Touchable(geom, object.friction, !object.free);
  geom->mass = object.mass;
  if (object.free) SetName(mjs_addFreeJoint(body)->element, object.name + "_joint");
}

void AddMarker(mjSpec* spec, const MarkerConfig& marker) {
  mjsBody* body = mjs_addBody(mjs_findBody(spec, "world"), nullptr);
  SetName(body->element, marker.name);
  body->mocap = 1;
  std::copy(marker.pos.begin(), marker.pos.end(), body->pos);
  mjsGeom* geom = mjs_addGeom(body, nullptr);
  SetName(geom->element, marker.name);
  SetShape(geom, marker.shape, marker.size);
  SetColour(geom->rgba, marker.rgba);
  Untouchable(geom);
  geom->group = 1;
}

/// The picture's right and up directions of a camera at `pos` that looks at `target`, upright along
/// z.
void LookAt(const std::vector<double>& pos, const std::vector<double>& target, double xyaxes[6]) {
  double forward[3], up[3] = {0, 0, 1};
  for (size_t i = 0; i < 3; ++i) forward[i] = target[i] - pos[i];
  mju_normalize3(forward);
  if (std::abs(forward[2]) > 0.999) up[0] = 1, up[2] = 0;
  mju_cross(xyaxes, forward, up);
  mju_normalize3(xyaxes);
  mju_cross(xyaxes + 3, xyaxes, forward);
}

void AddCamera(mjSpec* spec, const CameraConfig& camera) {
  mjsBody* body = mjs_findBody(spec, camera.body.empty() ? "world" : camera.body.c_str());
  if (body == nullptr) {
    std::vector<std::string> known;
    for (mjsElement* element : Elements(spec, mjOBJ_BODY))
      known.emplace_back(mjs_getString(mjs_getName(element)));
    ThrowUser("camera '", camera.name, "': ", UnknownName("body", camera.body, known));
  }
  mjsCamera* c = mjs_addCamera(body, nullptr);
  SetName(c->element, camera.name);
  std::copy(camera.pos.begin(), camera.pos.end(), c->pos);
  c->fovy = camera.fovy;
  if (!camera.quat.empty()) {
    std::copy(camera.quat.begin(), camera.quat.end(), c->quat);
  } else {
    c->alt.type = mjORIENTATION_XYAXES;
    if (camera.target.empty())
      std::copy(camera.xyaxes.begin(), camera.xyaxes.end(), c->alt.xyaxes);
    else
      LookAt(camera.pos, camera.target, c->alt.xyaxes);
  }
}

void AddLight(mjSpec* spec, const LightConfig& light) {
  mjsLight* l = mjs_addLight(mjs_findBody(spec, "world"), nullptr);
  if (!light.name.empty()) SetName(l->element, light.name);
  for (size_t i = 0; i < 3; ++i) {
    l->pos[i] = light.pos[i];
    l->dir[i] = light.target[i] - light.pos[i];
    l->diffuse[i] = static_cast<float>(light.brightness);
    l->specular[i] = static_cast<float>(0.4 * light.brightness);
    l->ambient[i] = 0;
  }
  mju_normalize3(l->dir);
  l->type = mjLIGHT_DIRECTIONAL;
  l->castshadow = light.shadow;
}

int IndexOf(const std::string& name, std::initializer_list<const char*> names) {
  int i = 0;
  for (const char* other : names) {
    if (name == other) return i;
    ++i;
  }
  SIMSCALE_CHECK(false);  // Describe's choices
}

void SetOptions(mjSpec* spec, const SceneConfig& config) {
  mjOption& option = spec->option;
  option.timestep = config.timestep;
  option.integrator = IndexOf(config.integrator, {"euler", "rk4", "implicit", "implicitfast"});
  option.solver = IndexOf(config.solver, {"pgs", "cg", "newton"});
  option.cone = IndexOf(config.cone, {"pyramidal", "elliptic"});
  option.iterations = config.iterations;
  option.ls_iterations = config.ls_iterations;
  // The compiler's worker threads would end the process if MuJoCo's error handler throws in them.
  spec->compiler.usethread = 0;
  // Fixed, so that free cameras, clipping planes and lights don't move with the objects' places.
  spec->stat.center[0] = 0.35;
  spec->stat.center[1] = 0;
  spec->stat.center[2] = 0.2;
  spec->stat.extent = 1.2;
  for (int i = 0; i < 3; ++i) {
    spec->visual.headlight.ambient[i] = 0.32F;
    spec->visual.headlight.diffuse[i] = 0.32F;
    spec->visual.headlight.specular[i] = 0.1F;
  }
}

/// Keyframe 0: the robot's joints at `home`, and the control that holds them there.
void SetHome(mjModel* model, const std::vector<double>& home) {
  std::copy(home.begin(), home.end(), model->key_qpos);
  for (int j = 0; j < model->njnt; ++j) {
    int adr = model->jnt_qposadr[j];
    if (adr >= static_cast<int>(home.size()) || !model->jnt_limited[j]) continue;
    constexpr double kSlack = 1e-9;  // a joint may rest on its limit
    double q = home[static_cast<size_t>(adr)];
    if (q < model->jnt_range[2 * j] - kSlack || q > model->jnt_range[2 * j + 1] + kSlack)
      ThrowUser("scene.home_qpos[", adr, "] must be in the range of ",
                mj_id2name(model, mjOBJ_JOINT, j), ", ", model->jnt_range[2 * j], " .. ",
                model->jnt_range[2 * j + 1], ", got ", q);
  }
  std::unique_ptr<mjData, void (*)(mjData*)> data(mj_makeData(model), mj_deleteData);
  mj_resetDataKeyframe(model, data.get(), 0);
  mj_fwdPosition(model, data.get());
  for (int i = 0; i < model->nu; ++i) {
    double kp = model->actuator_gainprm[static_cast<ptrdiff_t>(i) * mjNGAIN];
    double bias = model->actuator_biasprm[static_cast<ptrdiff_t>(i) * mjNBIAS + 1];
    double ctrl = kp > 0 && bias < 0 ? -bias / kp * data->actuator_length[i] : 0;
    if (model->actuator_ctrllimited[i])
      ctrl =
          std::clamp(ctrl, model->actuator_ctrlrange[2 * i], model->actuator_ctrlrange[2 * i + 1]);
    model->key_ctrl[i] = ctrl;
  }
}

}  // namespace

std::vector<std::string> RobotNames() { return {"panda"}; }

Model BuildScene(const SceneConfig& config) {
  InstallMujocoHandlers();
  config.Validate();
  Robot robot = FindRobot(config.robot);
  SpecPtr spec = ParseRobot(robot);
  if (config.meshes == "none") RemoveVisualMeshes(spec.get());
  if (config.meshes == "full" && !robot.full_meshes.empty())
    mjs_setString(spec->compiler.meshdir, robot.full_meshes.c_str());
  std::vector<double> home = TakeKeyframes(spec.get());
  if (!config.home_qpos.empty()) home = config.home_qpos;

  // The robot's own spec is the scene's: its joints come first in qpos, and its names stay.
  int robot_nq = 0;
  for (mjsElement* element : Elements(spec.get(), mjOBJ_JOINT)) {
    mjtJoint type = mjs_asJoint(element)->type;
    robot_nq += type == mjJNT_FREE ? 7 : type == mjJNT_BALL ? 4 : 1;
  }
  if (!home.empty() && static_cast<int>(home.size()) != robot_nq)
    ThrowUser("scene.home_qpos must have ", robot_nq, " numbers for ", robot.file, ", got ",
              home.size(), ". Give one a joint, or [] for the robot's own.");
  SetOptions(spec.get(), config);
  AddBackdrop(spec.get());
  if (config.table.enabled) AddTable(spec.get(), config.table);
  for (const ObjectConfig& object : config.objects) AddObject(spec.get(), object);
  for (const MarkerConfig& marker : config.markers) AddMarker(spec.get(), marker);
  for (const CameraConfig& camera : config.cameras) AddCamera(spec.get(), camera);
  for (const LightConfig& light : config.lights) AddLight(spec.get(), light);
  SetName(mjs_addKey(spec.get())->element, "home");

  mjModel* compiled = mj_compile(spec.get(), nullptr);
  if (compiled == nullptr)
    ThrowUser(robot.file, ": does not compile: ", OneLine(mjs_getError(spec.get())));
  std::unique_ptr<mjModel, void (*)(mjModel*)> owner(compiled, mj_deleteModel);
  SetHome(compiled, home);
  return Model(owner.release());
}

}  // namespace simscale::sim
