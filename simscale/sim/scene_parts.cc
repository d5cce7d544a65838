#include "simscale/sim/scene_parts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/sim/robot_files.h"

namespace simscale::sim {
namespace {

constexpr double kBelowTable = -0.76;  // m: a table of ordinary height under a robot at z = 0

double FloorHeight(const TableConfig& table) { return table.enabled ? kBelowTable : 0; }

/// The Panda's geoms have contype 0, conaffinity 1 and fixtures contype 1, conaffinity 0: each of
/// them meets the objects (1, 1) and the other, but no two of the same kind are ever tested.
void Touchable(mjsGeom* geom, const std::vector<double>& friction, int conaffinity) {
  geom->contype = 1;
  geom->conaffinity = conaffinity;
  geom->condim = 4;
  std::copy(friction.begin(), friction.end(), geom->friction);
}

void Untouchable(mjsGeom* geom) {
  geom->contype = 0;
  geom->conaffinity = 0;
  geom->mass = 0;
}

void SetColour(float rgba[4], const std::vector<double>& colour) {
  for (size_t i = 0; i < 4; ++i) rgba[i] = static_cast<float>(colour[i]);
}

void SetShape(mjsGeom* geom, const std::string& shape, const std::vector<double>& size) {
  if (shape == "box" || shape == "ellipsoid") {
    geom->type = shape == "box" ? mjGEOM_BOX : mjGEOM_ELLIPSOID;
    for (size_t i = 0; i < 3; ++i) geom->size[i] = size[i] / 2;
    return;
  }
  geom->type = shape == "sphere"    ? mjGEOM_SPHERE
               : shape == "capsule" ? mjGEOM_CAPSULE
                                    : mjGEOM_CYLINDER;
  geom->size[0] = size[0] / 2;
  if (shape == "cylinder") geom->size[1] = size[1] / 2;
  if (shape == "capsule") geom->size[1] = size[1] / 2 - size[0] / 2;  // MuJoCo's is without caps
}

void SetMesh(mjSpec* spec, mjsGeom* geom, const ObjectConfig& object) {
  const std::filesystem::path file = object.mesh;
  if (!std::filesystem::is_regular_file(file))
    ThrowUser("object '", object.name, "': mesh ", object.mesh, ": no such file");
  mjsMesh* mesh = mjs_addMesh(spec, nullptr);
  SetName(mesh->element, object.name);
  mjs_setString(mesh->file, std::filesystem::absolute(file).c_str());
  std::copy(object.size.begin(), object.size.end(), mesh->scale);
  geom->type = mjGEOM_MESH;
  mjs_setString(geom->meshname, object.name.c_str());
}

void AddSky(mjSpec* spec) {
  mjsTexture* sky = mjs_addTexture(spec);
  SetName(sky->element, "sky");
  sky->type = mjTEXTURE_SKYBOX;
  sky->builtin = mjBUILTIN_GRADIENT;
  sky->width = 64;
  sky->height = 384;
  std::copy_n(std::array{0.62, 0.72, 0.83}.data(), 3, sky->rgb1);
  std::copy_n(std::array{0.93, 0.95, 0.97}.data(), 3, sky->rgb2);
}

void AddFloor(mjSpec* spec, double height, const Fixtures& fixtures) {
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

  mjsGeom* floor = mjs_addGeom(mjs_findBody(spec, "world"), nullptr);
  SetName(floor->element, "floor");
  floor->type = mjGEOM_PLANE;
  floor->pos[2] = height;
  floor->size[0] = floor->size[1] = 0;  // endless
  floor->size[2] = 0.05;
  mjs_setString(floor->material, "floor");
  Touchable(floor, {1, 0.005, 0.0001}, fixtures.conaffinity);
}

}  // namespace

void SetName(mjsElement* element, const std::string& name) {
  if (mjs_setName(element, name.c_str()) != 0)
    ThrowUser("scene: the name '", name, "' is taken: the robot's MJCF has a ",
              mju_type2Str(element->elemtype), " of that name, too. Choose another.");
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return Trim(text);
}

mjsBody* FindBody(mjSpec* spec, const std::string& name, const std::string& what) {
  mjsBody* body = mjs_findBody(spec, name.empty() ? "world" : name.c_str());
  if (body != nullptr) return body;
  std::vector<std::string> known;
  for (mjsElement* element : Elements(spec, mjOBJ_BODY))
    if (std::string other = mjs_getString(mjs_getName(element)); !other.empty())
      known.push_back(other);
  ThrowUser(what, ": ", UnknownName("body", name, known));
}

void AddBackdrop(mjSpec* spec, const SceneConfig& config, const Fixtures& fixtures) {
  bool has_sky = false, has_ground = false;
  for (mjsElement* element : Elements(spec, mjOBJ_TEXTURE))
    has_sky |= mjs_asTexture(element)->type == mjTEXTURE_SKYBOX;
  for (mjsElement* element : Elements(spec, mjOBJ_GEOM)) {
    mjtGeom type = mjs_asGeom(element)->type;
    has_ground |= type == mjGEOM_PLANE || type == mjGEOM_HFIELD;
  }
  if (!has_sky) AddSky(spec);
  if (!has_ground) AddFloor(spec, FloorHeight(config.table), fixtures);
}

void AddTable(mjSpec* spec, const TableConfig& table, const Fixtures& fixtures) {
  mjsMaterial* matte = mjs_addMaterial(spec, nullptr);
  SetName(matte->element, "matte");
  matte->specular = 0.1F;
  matte->shininess = 0.2F;

  mjsBody* body = mjs_addBody(mjs_findBody(spec, "world"), nullptr);
  SetName(body->element, "table");
  std::copy(table.pos.begin(), table.pos.end(), body->pos);
  mjsGeom* top = mjs_addGeom(body, nullptr);
  SetName(top->element, "table");
  SetShape(top, "box", table.size);
  top->pos[2] = -table.size[2] / 2;
  SetColour(top->rgba, table.rgba);
  mjs_setString(top->material, "matte");
  Touchable(top, table.friction, fixtures.conaffinity);
  double leg = table.pos[2] - table.size[2] - FloorHeight(table);
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

void AddObject(mjSpec* spec, const ObjectConfig& object, const Fixtures& fixtures) {
  mjsBody* world = mjs_findBody(spec, "world");
  mjsBody* body = nullptr;
  if (!object.mjcf.empty()) {
    body = AttachObject(spec, object);
  } else {
    body = mjs_addBody(world, nullptr);
    SetName(body->element, object.name);
    mjsGeom* geom = mjs_addGeom(body, nullptr);
    SetName(geom->element, object.name);
    if (object.shape == "mesh")
      SetMesh(spec, geom, object);
    else
      SetShape(geom, object.shape, object.size);
    SetColour(geom->rgba, object.rgba);
    Touchable(geom, object.friction, object.free ? 1 : fixtures.conaffinity);
    geom->mass = object.mass;
  }
  std::copy(object.pos.begin(), object.pos.end(), body->pos);
  std::copy(object.quat.begin(), object.quat.end(), body->quat);
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
  mjsBody* body = FindBody(spec, camera.body, "camera '" + camera.name + "'");
  mjsCamera* c = mjs_addCamera(body, nullptr);
  SetName(c->element, camera.name);
  std::copy(camera.pos.begin(), camera.pos.end(), c->pos);
  c->fovy = camera.fovy;
  if (!camera.sensor_size.empty()) {
    for (size_t k = 0; k < 2; ++k) {
      c->sensor_size[k] = static_cast<float>(camera.sensor_size[k]);
      c->focal_length[k] = static_cast<float>(camera.focal_length[k]);
      if (!camera.principal_point.empty())
        c->principal_length[k] = static_cast<float>(camera.principal_point[k]);
      c->resolution[k] = std::max(c->resolution[k], 1);
    }
  }
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

}  // namespace simscale::sim
