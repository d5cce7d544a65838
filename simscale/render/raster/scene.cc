#include "simscale/render/raster/scene.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace simscale::render::raster {
namespace {

constexpr float kPi = 3.14159265358979F;
constexpr float kBehindAlpha = 0.3F;  // of a plane that is seen from below
constexpr float kOpaque = 0.995F;     // MuJoCo's limit
constexpr float kPlaneReach = 1.2F;   // of the far plane: where infinite planes are cut off
constexpr float kSkyReach = 0.7F;     // of the far plane: the radius of MuJoCo's sky

bool Same(Vec3 a, Vec3 b) { return a.x == b.x && a.y == b.y && a.z == b.z; }

/// What MuJoCo shows by itself, of kinds whose groups the config doesn't choose.
const std::vector<int> kFirstGroups = {0, 1, 2};

bool InGroups(const std::vector<int>& groups, int group) {
  return std::find(groups.begin(), groups.end(), std::clamp(group, 0, mjNGROUP - 1)) !=
         groups.end();
}

/// The radius of a sphere around a shape, by which MuJoCo sorts what is transparent.
float BoundOf(int type, Vec3 size) {
  switch (type) {
    case mjGEOM_SPHERE:
      return size.x;
    case mjGEOM_CAPSULE:
      return size.x + size.z;
    case mjGEOM_CYLINDER:
      return std::hypot(size.x, size.z);
    case mjGEOM_ELLIPSOID:
      return std::max({size.x, size.y, size.z});
    case mjGEOM_BOX:
      return Norm(size);
    default:
      return 0;
  }
}

/// What mjv_initGeom and setMaterial take in.
struct Geom {
  int type = mjGEOM_NONE, data_id = -1, object_id = -1, object_type = mjOBJ_UNKNOWN;
  const mjtNum* size = nullptr;  ///< [3]
  mjtNum bound = 0;              ///< radius of a sphere around it; 0: from its size
  Vec3 position;
  Mat3 rotation;
  int material = -1;
  const float* rgba = nullptr;  ///< [4]
  bool has_coordinates = false;
  bool fixed = false;
};

class Filler {
 public:
  Filler(const SceneRequest& request, Scene& scene)
      : m_(*request.model), d_(*request.data), r_(request), scene_(scene) {}

  void Fill();

 private:
  void AddGeoms();
  void AddSites();
  void AddTendons();
  void AddSkins();
  void AddFlexes();
  void AddLights();
  void AddHaze();

  void Add(const Geom& geom);
  void AddPlane(const Geom& geom, Instance& instance);
  void AddCapsule(Instance& instance, const Vec3& size, bool fixed);
  void AddConnector(int type, mjtNum width, const mjtNum* from, const mjtNum* to, Geom geom);
  void Push(const Instance& instance, bool fixed);
  Material MakeMaterial(const Geom& geom, const Vec3& size) const;

  const mjModel& m_;
  const mjData& d_;
  const SceneRequest& r_;
  Scene& scene_;
  int32_t num_objects_ = 0;
};

void Filler::Fill() {
  scene_.fixed.clear();
  scene_.moving.clear();
  scene_.lights.clear();
  const float zfar = static_cast<float>(m_.vis.map.zfar) * static_cast<float>(m_.stat.extent);
  scene_.sky = r_.config->skybox ? r_.assets->skybox() : nullptr;
  scene_.sky_distance = kSkyReach * zfar;
  scene_.haze = {};
  scene_.fog = {};
  scene_.fog.visible = r_.config->fog;
  if (r_.config->fog) {
    scene_.fog.start = static_cast<float>(m_.stat.extent) * m_.vis.map.fogstart;
    scene_.fog.end = static_cast<float>(m_.stat.extent) * m_.vis.map.fogend;
    scene_.fog.colour = ToVec3(m_.vis.rgba.fog);
  }
  AddFlexes();
  AddSkins();
  AddGeoms();
  AddSites();
  if (r_.config->tendons) AddTendons();
  AddLights();
  if (scene_.sky != nullptr) AddHaze();
}

Material Filler::MakeMaterial(const Geom& geom, const Vec3& size) const {
  Material result;
  const int id = geom.material;
  const float* rgba = geom.rgba;
  const bool is_default = rgba[0] == 0.5F && rgba[1] == 0.5F && rgba[2] == 0.5F && rgba[3] == 1.0F;
  std::copy_n(is_default && id >= 0 ? m_.mat_rgba + 4 * static_cast<ptrdiff_t>(id) : rgba, 4,
              result.rgba);
  if (id < 0) return result;
  result.emission = m_.mat_emission[id];
  result.specular = m_.mat_specular[id];
  result.shininess = m_.mat_shininess[id];
  result.texture = r_.assets->texture(m_.mat_texid[id * mjNTEXROLE + mjTEXROLE_RGB]);
  if (result.texture == nullptr) return result;
  const bool uniform = m_.mat_texuniform[id];
  const float lengths[3] = {size.x, size.y, size.z};
  if (result.texture->is_cube()) {
    result.mapping = Mapping::kCube;
    for (int k = 0; k < 3; ++k) result.scale[k] = uniform ? lengths[k] : 1;
    return result;
  }
  const bool primitive = geom.data_id < 0 || geom.has_coordinates;
  const bool plane = geom.type == mjGEOM_PLANE;
  result.mapping = primitive && !plane ? Mapping::kCoordinates : Mapping::kPlanar;
  for (int k = 0; k < 2; ++k) {
    float scale = m_.mat_texrepeat[2 * id + k];
    if (!primitive && lengths[k] > 0) scale /= std::max(1e-15F, lengths[k]);
    if (uniform && lengths[k] > 0) scale *= lengths[k];
    result.scale[k] = scale;
    if (result.mapping == Mapping::kCoordinates) continue;
    result.scale[k] = (k == 0 ? 0.5F : -0.5F) * scale;
    // A finite plane's texture begins at its corner, all others' in the middle.
    result.offset[k] = plane && lengths[k] > 0 ? 0.5F * scale : -0.5F;
  }
  return result;
}

void Filler::Push(const Instance& instance, bool fixed) {
  Instance added = instance;
  added.object = num_objects_;
  added.transparent = added.transparent || added.material.rgba[3] < kOpaque;
  (fixed ? scene_.fixed : scene_.moving).push_back(added);
}

void Filler::AddCapsule(Instance& instance, const Vec3& size, bool fixed) {
  const Vec3 centre = instance.position;
  const Vec3 axis = instance.rotation * Vec3{0, 0, size.z};
  instance.mesh = &r_.assets->shape(kTube);
  Push(instance, fixed);
  const float round = 0.5F * (size.x + size.y);
  instance.scale = {size.x, size.y, round};
  for (const int sign : {1, -1}) {
    instance.mesh = &r_.assets->shape(sign > 0 ? kUpperHalf : kLowerHalf);
    instance.position = sign > 0 ? centre + axis : centre - axis;
    // MuJoCo's caps lie a unit off their middle, which shows in cube textures.
    if (instance.material.mapping == Mapping::kCube)
      instance.material.offset[2] = instance.material.scale[2] * static_cast<float>(sign);
    Push(instance, fixed);
  }
}

void Filler::AddPlane(const Geom& geom, Instance& instance) {
  const View& view = scene_.view;
  const Vec3 to_head = view.position - geom.position;
  const Vec3 normal = geom.rotation * Vec3{0, 0, 1};
  const bool behind = Dot(to_head, normal) < 0;
  instance.mesh = &r_.assets->shape(behind ? kPlaneFromBelow : kPlane);
  if (behind) {
    instance.material.rgba[3] *= kBehindAlpha;
    instance.transparent = true;
  }
  instance.camera_distance = 1e10F;
  instance.flat = true;
  instance.infinite = geom.size[0] <= 0 || geom.size[1] <= 0;
  const Vec3 local = geom.rotation.TransposeTimes(to_head);
  const float head[2] = {local.x, local.y};
  float half[2] = {static_cast<float>(geom.size[0]), static_cast<float>(geom.size[1])};
  float shift[2] = {0, 0};
  for (int k = 0; k < 2; ++k) {
    if (half[k] > 0) continue;
    half[k] = kPlaneReach * view.far;
    shift[k] = head[k];
  }
  instance.position = geom.position + geom.rotation * Vec3{shift[0], shift[1], 0};
  instance.scale = {half[0], half[1], 1};
  Material& material = instance.material;
  if (material.mapping == Mapping::kPlanar) {
    for (int k = 0; k < 2; ++k) {
      const double offset = static_cast<double>(material.scale[k]) * shift[k] + material.offset[k];
      material.offset[k] = static_cast<float>(offset - std::floor(offset));
      if (geom.size[k] <= 0) material.scale[k] *= half[k];
    }
  } else if (material.mapping == Mapping::kCube) {
    for (int k = 0; k < 2; ++k) material.scale[k] *= half[k];
  }
}

void Filler::Add(const Geom& geom) {
  Vec3 size = ToVec3(geom.size);
  if (geom.type == mjGEOM_SPHERE) size = {size.x, size.x, size.x};
  if (geom.type == mjGEOM_CAPSULE || geom.type == mjGEOM_CYLINDER) size = {size.x, size.x, size.y};
  Instance instance;
  instance.material = MakeMaterial(geom, size);
  if (instance.material.rgba[3] == 0) return;
  instance.object_id = geom.object_id;
  instance.object_type = geom.object_type;
  instance.rotation = geom.rotation;
  instance.position = geom.position;
  instance.scale = size;
  const Assets& assets = *r_.assets;
  switch (geom.type) {
    case mjGEOM_PLANE:
      AddPlane(geom, instance);
      break;
    case mjGEOM_SPHERE:
    case mjGEOM_ELLIPSOID:
      instance.mesh = &assets.shape(kSphere);
      break;
    case mjGEOM_BOX:
      instance.mesh = &assets.shape(kBox);
      break;
    case mjGEOM_CYLINDER:
      instance.mesh = &assets.shape(kCylinder);
      break;
    case mjGEOM_CAPSULE:
      break;
    case mjGEOM_HFIELD:
      instance.mesh = assets.height_field(geom.data_id);
      instance.scale = {1, 1, 1};
      break;
    case mjGEOM_MESH:
    case mjGEOM_SDF:
      instance.mesh = assets.mesh(geom.data_id);
      instance.scale = {1, 1, 1};
      break;
    default:
      return;
  }
  if (geom.type != mjGEOM_PLANE) {
    const float bound = geom.bound > 0 ? static_cast<float>(geom.bound) : BoundOf(geom.type, size);
    instance.camera_distance = Norm(geom.position - scene_.view.position) - bound;
  }
  ++num_objects_;
  if (geom.type == mjGEOM_CAPSULE) {
    AddCapsule(instance, size, geom.fixed);
    return;
  }
  if (instance.mesh != nullptr) Push(instance, geom.fixed);
}

void Filler::AddGeoms() {
  for (int i = 0; i < static_cast<int>(m_.ngeom); ++i) {
    if (!InGroups(r_.config->geom_groups, m_.geom_group[i])) continue;
    Geom geom;
    geom.type = m_.geom_type[i];
    geom.data_id = m_.geom_dataid[i];
    geom.object_id = i;
    geom.object_type = mjOBJ_GEOM;
    geom.size = m_.geom_size + 3 * static_cast<ptrdiff_t>(i);
    geom.bound = m_.geom_rbound[i];
    geom.position = ToVec3(d_.geom_xpos + 3 * static_cast<ptrdiff_t>(i));
    geom.rotation = ToMat3(d_.geom_xmat + 9 * static_cast<ptrdiff_t>(i));
    geom.material = m_.geom_matid[i];
    geom.rgba = m_.geom_rgba + 4 * static_cast<ptrdiff_t>(i);
    geom.has_coordinates = (geom.type == mjGEOM_MESH || geom.type == mjGEOM_SDF) &&
                           geom.data_id >= 0 && m_.mesh_texcoordadr[geom.data_id] >= 0;
    geom.fixed = m_.body_weldid[m_.geom_bodyid[i]] == 0;
    Add(geom);
  }
}

void Filler::AddSites() {
  for (int i = 0; i < static_cast<int>(m_.nsite); ++i) {
    if (!InGroups(r_.config->site_groups, m_.site_group[i])) continue;
    Geom geom;
    geom.type = m_.site_type[i];
    geom.data_id = m_.site_dataid[i];
    geom.object_id = i;
    geom.object_type = mjOBJ_SITE;
    geom.size = m_.site_size + 3 * static_cast<ptrdiff_t>(i);
    geom.position = ToVec3(d_.site_xpos + 3 * static_cast<ptrdiff_t>(i));
    geom.rotation = ToMat3(d_.site_xmat + 9 * static_cast<ptrdiff_t>(i));
    geom.material = m_.site_matid[i];
    geom.rgba = m_.site_rgba + 4 * static_cast<ptrdiff_t>(i);
    geom.has_coordinates =
        geom.type == mjGEOM_MESH && geom.data_id >= 0 && m_.mesh_texcoordadr[geom.data_id] >= 0;
    geom.fixed = m_.body_weldid[m_.site_bodyid[i]] == 0;
    Add(geom);
  }
}

void Filler::AddConnector(int type, mjtNum width, const mjtNum* from, const mjtNum* to, Geom geom) {
  mjvGeom connector;
  mjv_initGeom(&connector, mjGEOM_NONE, nullptr, nullptr, nullptr, nullptr);
  mjv_connector(&connector, type, width, from, to);
  const mjtNum size[3] = {connector.size[0], connector.size[2], 0};
  geom.type = type;
  geom.size = size;
  geom.position = ToVec3(connector.pos);
  geom.rotation = ToMat3(connector.mat);
  Add(geom);
}

void Filler::AddTendons() {
  for (int i = 0; i < static_cast<int>(m_.ntendon); ++i) {
    Geom geom;
    geom.object_id = i;
    geom.object_type = mjOBJ_TENDON;
    geom.material = m_.tendon_matid[i];
    geom.rgba = m_.tendon_rgba + 4 * static_cast<ptrdiff_t>(i);
    for (int j = d_.ten_wrapadr[i]; j < d_.ten_wrapadr[i] + d_.ten_wrapnum[i] - 1; ++j) {
      if (d_.wrap_obj[j] == -2 || d_.wrap_obj[j + 1] == -2) continue;  // a pulley
      const bool inside = d_.wrap_obj[j] >= 0 && d_.wrap_obj[j + 1] >= 0;
      AddConnector(mjGEOM_CAPSULE, (inside ? 0.5 : 1.0) * m_.tendon_width[i],
                   d_.wrap_xpos + 3 * static_cast<ptrdiff_t>(j),
                   d_.wrap_xpos + 3 * static_cast<ptrdiff_t>(j) + 3, geom);
    }
  }
}

void Filler::AddSkins() {
  for (int i = 0; i < static_cast<int>(m_.nskin); ++i) {
    if (!InGroups(kFirstGroups, m_.skin_group[i])) continue;
    Geom geom;
    geom.material = m_.skin_matid[i];
    geom.rgba = m_.skin_rgba + 4 * static_cast<ptrdiff_t>(i);
    geom.has_coordinates = m_.skin_texcoordadr[i] >= 0;
    Instance instance;
    instance.material = MakeMaterial(geom, {0.1F, 0.1F, 0.1F});
    instance.object_id = i;
    instance.object_type = mjOBJ_SKIN;
    instance.mesh = r_.deformables->Skin(&m_, &d_, i);
    if (instance.mesh == nullptr || instance.material.rgba[3] == 0) continue;
    instance.camera_distance =
        Norm(instance.mesh->center - scene_.view.position) - instance.mesh->radius;
    ++num_objects_;
    Push(instance, false);
  }
}

void Filler::AddFlexes() {
  for (int i = 0; i < static_cast<int>(m_.nflex); ++i) {
    if (!InGroups(kFirstGroups, m_.flex_group[i])) continue;
    Geom geom;
    geom.object_id = i;
    geom.object_type = mjOBJ_FLEX;
    geom.rgba = m_.flex_rgba + 4 * static_cast<ptrdiff_t>(i);
    geom.material = m_.flex_matid[i];
    geom.has_coordinates = m_.flex_texcoordadr[i] >= 0;
    if (m_.flex_dim[i] == 1) {
      const mjtNum* vertices = d_.flexvert_xpos + 3 * static_cast<ptrdiff_t>(m_.flex_vertadr[i]);
      ++num_objects_;
      for (int e = m_.flex_edgeadr[i]; e < m_.flex_edgeadr[i] + m_.flex_edgenum[i]; ++e) {
        const auto end = [&](int k) {
          return vertices + 3 * static_cast<ptrdiff_t>(m_.flex_edge[2 * e + k]);
        };
        if (m_.flex_radius[i] > 0)
          AddConnector(mjGEOM_CYLINDER, m_.flex_radius[i], end(0), end(1), geom);
      }
      continue;
    }
    Instance instance;
    instance.material = MakeMaterial(geom, {static_cast<float>(m_.flex_radius[i]), 0.1F, 0.1F});
    if (!geom.has_coordinates) instance.material.mapping = Mapping::kNone;
    instance.object_id = i;
    instance.object_type = mjOBJ_FLEX;
    instance.mesh = r_.deformables->Flex(&m_, &d_, i);
    if (instance.mesh == nullptr || instance.material.rgba[3] == 0) continue;
    instance.camera_distance =
        Norm(instance.mesh->center - scene_.view.position) - instance.mesh->radius;
    ++num_objects_;
    Push(instance, false);
  }
}

void Filler::AddLights() {
  const View& view = scene_.view;
  const auto colours = [](Light& light, const float* ambient, const float* diffuse,
                          const float* specular) {
    light.ambient = ToVec3(ambient);
    light.diffuse = ToVec3(diffuse);
    light.specular = ToVec3(specular);
  };
  if (m_.vis.headlight.active) {
    Light light;
    light.position = view.position;
    light.direction = view.forward;
    colours(light, m_.vis.headlight.ambient, m_.vis.headlight.diffuse, m_.vis.headlight.specular);
    scene_.lights.push_back(light);
  }
  for (int i = 0; i < static_cast<int>(m_.nlight) && scene_.lights.size() < mjMAXLIGHT; ++i) {
    if (!m_.light_active[i] || m_.light_type[i] == mjLIGHT_IMAGE) continue;
    const auto at = [&](auto* list) { return list + 3 * static_cast<ptrdiff_t>(i); };
    Light light;
    light.type = m_.light_type[i];
    light.position = ToVec3(at(d_.light_xpos));
    light.direction = Normalized(ToVec3(at(d_.light_xdir)));
    colours(light, at(m_.light_ambient), at(m_.light_diffuse), at(m_.light_specular));
    light.casts_shadow = m_.light_castshadow[i];
    if (light.type != mjLIGHT_DIRECTIONAL)
      std::copy_n(at(m_.light_attenuation), 3, light.attenuation);
    if (light.type == mjLIGHT_SPOT) {
      const float cutoff = m_.light_cutoff[i];
      light.cos_cutoff = cutoff >= 180 ? -2 : std::cos(cutoff * kPi / 180);
      light.exponent = m_.light_exponent[i];
    }
    scene_.lights.push_back(light);
  }
}

void Filler::AddHaze() {
  for (int i = 0; i < static_cast<int>(m_.ngeom); ++i) {
    const mjtNum* size = m_.geom_size + 3 * static_cast<ptrdiff_t>(i);
    if (m_.geom_type[i] != mjGEOM_PLANE || size[0] > 0 || size[1] > 0 ||
        !InGroups(r_.config->geom_groups, m_.geom_group[i]))
      continue;
    const Mat3 rotation = ToMat3(d_.geom_xmat + 9 * static_cast<ptrdiff_t>(i));
    const Vec3 up = rotation * Vec3{0, 0, 1};
    const float height =
        Dot(scene_.view.position - ToVec3(d_.geom_xpos + 3 * static_cast<ptrdiff_t>(i)), up);
    if (height > 0) scene_.haze = {true, up, height, m_.vis.map.haze, ToVec3(m_.vis.rgba.haze)};
    return;  // the first one alone
  }
}

}  // namespace

bool View::operator==(const View& o) const {
  return Same(position, o.position) && Same(right, o.right) && Same(up, o.up) &&
         Same(forward, o.forward) && fx == o.fx && fy == o.fy && cx == o.cx && cy == o.cy &&
         near == o.near && far == o.far && orthographic == o.orthographic;
}
bool Instance::operator==(const Instance& o) const {
  return mesh == o.mesh && std::equal(rotation.m, rotation.m + 9, o.rotation.m) &&
         Same(position, o.position) && Same(scale, o.scale) && material == o.material &&
         object_id == o.object_id && object_type == o.object_type && object == o.object &&
         transparent == o.transparent;
}
bool Light::operator==(const Light& o) const {
  return type == o.type && Same(position, o.position) && Same(direction, o.direction) &&
         Same(ambient, o.ambient) && Same(diffuse, o.diffuse) && Same(specular, o.specular) &&
         std::equal(attenuation, attenuation + 3, o.attenuation) && cos_cutoff == o.cos_cutoff &&
         exponent == o.exponent && casts_shadow == o.casts_shadow;
}
bool Haze::operator==(const Haze& o) const {
  return visible == o.visible && Same(up, o.up) && height == o.height && slope == o.slope &&
         Same(colour, o.colour);
}
bool Fog::operator==(const Fog& o) const {
  return visible == o.visible && start == o.start && end == o.end && Same(colour, o.colour);
}

View MakeView(const mjModel* model, const mjData* data, const Camera& camera, int width,
              int height) {
  mjvCamera source = ToMujoco(model, camera);
  float vertical[2], horizontal[2], clip[2];
  mjv_cameraFrustum(vertical, horizontal, clip, model, &source);
  mjtNum position[3], forward[3], up[3], right[3];
  mjv_cameraFrame(position, forward, up, right, data, &source);
  View view;
  view.position = ToVec3(position);
  view.forward = ToVec3(forward);
  view.up = ToVec3(up);
  view.right = ToVec3(right);
  view.near = clip[0], view.far = clip[1];
  view.orthographic = source.type == mjCAMERA_FIXED
                          ? model->cam_projection[source.fixedcamid] == mjPROJ_ORTHOGRAPHIC
                          : model->vis.global.orthographic != 0;
  const float w = static_cast<float>(width), h = static_cast<float>(height);
  const float span = vertical[0] + vertical[1];
  const float centre = 0.5F * (horizontal[1] - horizontal[0]);
  const float half = horizontal[0] + horizontal[1] != 0 ? 0.5F * (horizontal[0] + horizontal[1])
                                                        : 0.5F * w / h * span;
  const float unit = view.orthographic ? 1 : view.near;
  view.fx = unit * w / (2 * half);
  view.cx = (half - centre) * w / (2 * half);
  view.fy = unit * h / span;
  view.cy = vertical[0] * h / span;
  return view;
}

void FillScene(const SceneRequest& request, const View& view, Scene& scene) {
  scene.view = view;
  Filler(request, scene).Fill();
}

}  // namespace simscale::render::raster
