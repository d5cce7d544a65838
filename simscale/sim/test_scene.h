#pragma once

#include "simscale/sim/scene.h"

namespace simscale::sim {

/// The Panda at its table, as the packaged tasks have it, without its visual meshes.
inline SceneConfig PandaScene() {
  SceneConfig config;
  config.meshes = "none";
  config.table.enabled = true;
  config.cameras = {
      {.name = "overhead", .pos = {0.45, 0, 1.25}, .xyaxes = {0, -1, 0, 1, 0, 0}, .fovy = 42},
      {.name = "front", .pos = {1.55, 0, 0.78}, .target = {0.36, 0, 0.26}, .fovy = 42},
      {.name = "wrist",
       .body = "hand",
       .pos = {0.1, 0, 0.0},
       .target = {0.03, 0, 0.14},
       .fovy = 70}};
  return config;
}

}  // namespace simscale::sim
