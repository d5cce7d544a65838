#pragma once

#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/env/randomization/model_overlay.h"
#include "simscale/env/randomization/randomization.h"

/// A scene with one of everything that can be randomised, for the tests.
namespace simscale::env {

inline constexpr const char* kTestScene = R"(
<mujoco>
  <compiler angle="radian"/>
  <option timestep="0.002"/>
  <visual><headlight diffuse="0.4 0.4 0.4"/></visual>
  <asset>
    <mesh name="tetra" vertex="0 0 0  0.1 0 0  0 0.1 0  0 0 0.1"/>
    <texture name="checker" type="2d" builtin="checker" width="8" height="8"/>
    <material name="wood" texture="checker" rgba="0.6 0.4 0.2 1"/>
    <material name="steel" rgba="0.7 0.7 0.8 1"/>
  </asset>
  <worldbody>
    <light name="left" pos="1 0 2" dir="-0.4 0 -0.9" diffuse="0.5 0.5 0.5"/>
    <light name="right" pos="-1 0 2" dir="0 0 -1" diffuse="0.5 0.4 0.3"/>
    <camera name="front" pos="1 0 1" xyaxes="0 1 0 -1 0 1"/>
    <camera name="follow" mode="trackcom" pos="0 -1 1"/>
    <geom name="floor" type="plane" size="2 2 0.1"/>
    <body name="arm" pos="0 0 0.5">
      <joint name="shoulder" axis="0 1 0" damping="0.5" armature="0.01" stiffness="2" range="-1 1"/>
      <geom name="upper" type="capsule" fromto="0 0 0 0.3 0 0" size="0.03" mass="1" material="steel"/>
      <geom name="knob" type="box" pos="0.1 0.05 0" euler="0.2 0.3 0.5" size="0.02 0.03 0.01" mass="0.2"/>
      <body name="forearm" pos="0.3 0 0">
        <joint name="elbow" axis="0 1 0" damping="0.3" armature="0.02" frictionloss="0.1"/>
        <geom name="lower" type="capsule" fromto="0 0 0 0.2 0 0" size="0.02" mass="0.5"/>
        <light name="torch" mode="track" pos="0 0 0.1" dir="1 0 0"/>
        <site name="tip" pos="0.2 0 0"/>
      </body>
    </body>
    <body name="cube" pos="0.5 0.5 0.05" simple="false">
      <freejoint name="cube_joint"/>
      <geom name="cube" type="box" size="0.05 0.05 0.05" mass="0.3" friction="0.8 0.01 0.001"/>
    </body>
    <body name="ball" pos="0.7 0.5 0.05">
      <freejoint name="ball_joint"/>
      <geom name="ball" type="sphere" size="0.04" mass="0.2"/>
    </body>
    <body name="rock" pos="1 1 0.2">
      <freejoint/>
      <geom name="rock" type="mesh" mesh="tetra" mass="0.1"/>
    </body>
    <body name="distractor0" mocap="true"><geom type="sphere" size="0.02" contype="0" conaffinity="0"/></body>
    <body name="distractor1" mocap="true"><geom type="sphere" size="0.02" contype="0" conaffinity="0"/></body>
    <body name="distractor2" mocap="true"><geom type="sphere" size="0.02" contype="0" conaffinity="0"/></body>
  </worldbody>
  <tendon><fixed name="pull"><joint joint="shoulder" coef="1"/><joint joint="elbow" coef="-0.5"/></fixed></tendon>
  <actuator>
    <position name="servo" joint="shoulder" kp="50" kv="3" forcerange="-20 30"/>
    <velocity name="wheel" joint="elbow" kv="4"/>
    <motor name="motor" tendon="pull" gear="2"/>
  </actuator>
  <equality><connect body1="rock" body2="ball" anchor="0.1 0 0"/></equality>
</mujoco>)";

inline sim::Model ModelOf(const std::string& xml) {
  sim::InstallMujocoHandlers();
  std::array<char, 1000> error{};
  mjSpec* spec = mj_parseXMLString(xml.c_str(), nullptr, error.data(), error.size());
  if (spec == nullptr) throw Error(error.data());
  mjModel* model = mj_compile(spec, nullptr);
  const std::string message = model == nullptr ? mjs_getError(spec) : "";
  mj_deleteSpec(spec);
  if (model == nullptr) throw Error(message);
  return sim::Model(model);
}

inline const sim::Model& TestModel() {
  static const sim::Model model = ModelOf(kTestScene);
  return model;
}

struct SectionConfig {
  std::vector<std::pair<std::string, RandomizationTermConfig>> randomization;
  void Describe(config::Fields& f) { f.StructMap("randomization", randomization, "terms"); }
};

/// The `randomization:` section whose entries are the given lines of YAML.
inline Randomization Randomize(const std::string& entries, const sim::Model& model = TestModel()) {
  SectionConfig section;
  config::Read(config::ParseYaml("randomization:\n" + entries, "task.yaml"), section);
  return Randomization(section.randomization, RandomizationTerms(), model);
}

/// "  NAME: {...}" of one entry called x.
inline Randomization RandomizeOne(const std::string& entry, const sim::Model& model = TestModel()) {
  return Randomize("  x: " + entry + "\n", model);
}

template <class F>
std::string MessageOf(F&& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

/// All of a model's bytes that matter: its buffer, and opt, vis and stat.
inline std::string BytesOf(const mjModel* m) {
  std::string bytes(static_cast<const char*>(m->buffer), static_cast<size_t>(m->nbuffer));
  const char* from = reinterpret_cast<const char*>(&m->opt);
  return bytes.append(from, reinterpret_cast<const char*>(&m->stat) + sizeof(m->stat) - from);
}

struct Sampled {
  std::vector<double> values, memory;
};
inline Sampled SampleOf(const Randomization& r, EpisodeKey key, double level = 1) {
  Sampled s;
  s.values.resize(static_cast<size_t>(r.num_values()));
  s.memory.resize(static_cast<size_t>(r.memory_size()));
  r.SampleReset(key, level, 0.05, s.values, s.memory);
  return s;
}

}  // namespace simscale::env
