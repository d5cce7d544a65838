#pragma once

// Internal to render/raster: what a picture shows, taken out of mjModel and mjData by the rules of
// MuJoCo's own renderer (mjv_updateScene, mjr_render).

#include <mujoco/mujoco.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "simscale/render/raster/assets.h"
#include "simscale/render/renderer.h"

namespace simscale::render::raster {

/// A camera: where it is, and how its frame (x right, y up, z backwards) maps to pixels.
struct View {
  Vec3 position;
  Vec3 right, up, forward;  ///< world
  /// px = fx * x / depth + cx, py = cy - fy * y / depth; without "/ depth" if orthographic.
  float fx = 1, fy = 1, cx = 0, cy = 0;
  float near = 0.01F, far = 100;  ///< m along the optical axis
  bool orthographic = false;

  bool operator==(const View&) const;
};
View MakeView(const mjModel* model, const mjData* data, const Camera& camera, int width,
              int height);

enum class Mapping : uint8_t { kNone, kCoordinates, kPlanar, kCube };

struct Material {
  float rgba[4] = {0.5F, 0.5F, 0.5F, 1};
  float emission = 0, specular = 0.5F, shininess = 0.5F;
  const Texture* texture = nullptr;
  Mapping mapping = Mapping::kNone;
  /// Coordinates: (u, v) times scale. Planar: u = scale[0] x + offset[0], v = scale[1] y +
  /// offset[1]; cube: the direction is (scale[k] x_k + offset[k]); with x, y, z in the mesh's own
  /// frame.
  float scale[3] = {1, 1, 1}, offset[3] = {0, 0, 0};

  bool operator==(const Material&) const = default;
};

/// A mesh in the world: p = position + rotation * (scale .* v).
struct Instance {
  const Mesh* mesh = nullptr;
  Mat3 rotation;
  Vec3 position, scale = {1, 1, 1};
  Material material;
  int32_t object_id = -1, object_type = -1;  ///< mjtObj
  int32_t object = 0;                        ///< counts objects: the parts of a capsule are one
  bool transparent = false;
  bool flat = false;          ///< one plane
  bool infinite = false;      ///< an infinite plane: ends where the sky begins
  float camera_distance = 0;  ///< m; transparent ones are blended in its order

  bool operator==(const Instance&) const;
};

struct Light {
  int type = mjLIGHT_DIRECTIONAL;
  Vec3 position, direction;  ///< world; the direction that light goes
  Vec3 ambient, diffuse, specular;
  float attenuation[3] = {1, 0, 0};
  float cos_cutoff = -1, exponent = 0;  ///< of spots
  bool casts_shadow = false;

  bool operator==(const Light&) const;
};

/// The haze over an infinite plane's horizon, seen from `height` above it.
struct Haze {
  bool visible = false;
  Vec3 up;           ///< the plane's normal
  float height = 0;  ///< m
  float slope = 0.3F;
  Vec3 colour;

  bool operator==(const Haze&) const;
};

struct Fog {
  bool visible = false;
  float start = 0, end = 1;  ///< m
  Vec3 colour;

  bool operator==(const Fog&) const;
};

struct Scene {
  View view;
  std::vector<Instance> fixed, moving;  ///< opaque and transparent ones
  std::vector<Light> lights;
  Haze haze;
  Fog fog;
  const Texture* sky = nullptr;
  float sky_distance = 0;  ///< m: what of infinite planes lies beyond is sky
};

/// Skins and flexes: meshes whose vertices follow bodies. One a renderer.
class Deformables {
 public:
  explicit Deformables(const mjModel* model);
  /// The mesh as the state has it; null if there is nothing of it to draw.
  const Mesh* Skin(const mjModel* model, const mjData* data, int id);
  const Mesh* Flex(const mjModel* model, const mjData* data, int id);

 private:
  std::vector<Mesh> skins_, flexes_;
  std::vector<Triangle> triangles_;
  std::vector<Vec3> vertices_, normals_;
};

/// Fills `scene` in; its vectors keep their memory.
struct SceneRequest {
  const mjModel* model;
  const mjData* data;
  const Assets* assets;
  Deformables* deformables;
  const RenderConfig* config;
};
void FillScene(const SceneRequest& request, const View& view, Scene& scene);

}  // namespace simscale::render::raster
