#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/env/term.h"

/// A small world whose numbers can be worked out by hand, and terms built from YAML on it.
namespace simscale::env {

/// A free box, an arm with a hinge and a slide joint, a tendon, two motors and an integrator, two
/// sensors, a marker. nq = 9, nv = 8: 0..6 (0..5) the box, 7 (6) the shoulder, 8 (7) the slide.
inline constexpr const char* kTermTestMjcf = R"(
<mujoco>
  <compiler angle="radian"/>
  <option timestep="0.01" gravity="0 0 -10"/>
  <size nuserdata="3"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1"/>
    <body name="box" pos="0 0 1">
      <freejoint name="root"/>
      <geom name="box_geom" type="box" size=".1 .1 .1" mass="2"/>
      <site name="top" pos="0 0 .1"/>
    </body>
    <body name="arm" pos="1 0 1">
      <joint name="shoulder" type="hinge" axis="0 1 0" limited="true" range="-1 1"/>
      <geom name="arm_geom" type="sphere" size=".05" mass="1"/>
      <body name="hand" pos=".5 0 0">
        <joint name="slide" type="slide" axis="1 0 0" limited="true" range="0 .2"/>
        <geom name="hand_geom" type="sphere" size=".05" mass="1"/>
        <site name="tip" pos=".1 0 0"/>
      </body>
    </body>
    <body name="goal" mocap="true" pos="0 0 .5"/>
  </worldbody>
  <tendon><fixed name="cord"><joint joint="shoulder" coef="2"/></fixed></tendon>
  <actuator>
    <motor name="shoulder_motor" joint="shoulder" gear="3"/>
    <motor name="slide_motor" joint="slide"/>
    <general name="valve" joint="slide" dyntype="integrator" gainprm="0"/>
  </actuator>
  <sensor>
    <jointpos name="shoulder_pos" joint="shoulder"/>
    <framepos name="tip_pos" objtype="site" objname="tip"/>
  </sensor>
  <keyframe>
    <key name="home" qpos="0 0 1 1 0 0 0 .25 .1" qvel="0 0 0 0 0 0 0 0"/>
    <key name="bent" qpos="0 0 2 1 0 0 0 -.5 .05" qvel="0 0 0 0 0 0 1 2" act="3" ctrl="4 5 6"/>
  </keyframe>
</mujoco>)";

/// Its state, and the context that terms get.
struct TermTestWorld {
  explicit TermTestWorld(const char* mjcf = kTermTestMjcf) : model(Load(mjcf)), data(model) {
    context.model = model.get();
    context.data = data.get();
    context.control_dt = 0.05;
    action = {0.5, -1, 0};
    previous = {0.25, -1, 1};
    context.action = action;
    context.previous_action = previous;
    mj_forward(model.get(), data.get());
  }
  static sim::Model Load(const char* mjcf) {
    char error[500] = "";
    mjSpec* spec = mj_parseXMLString(mjcf, nullptr, error, sizeof(error));
    EXPECT_NE(spec, nullptr) << error;
    mjModel* compiled = mj_compile(spec, nullptr);
    EXPECT_NE(compiled, nullptr) << mjs_getError(spec);
    mj_deleteSpec(spec);
    return sim::Model(compiled);
  }
  void Forward() { mj_forward(model.get(), data.get()); }

  /// Built from a library's type by name and YAML parameters, with memory of its own, started.
  template <class T>
  std::unique_ptr<T> Make(const std::vector<TermType<T>>& types, const std::string& name,
                          const std::string& params) {
    for (const auto& type : types) {
      if (type.name != name) continue;
      const config::Node node =
          params.empty() ? config::Node::Map() : config::ParseYaml(params, "params");
      auto term = type.make(node, {model, static_cast<int>(action.size())});
      memory.assign(static_cast<size_t>(term->memory_size()), 0.0);
      context.memory = memory;
      context.step = 0;
      term->Start(context);
      context.step = 1;
      return term;
    }
    ADD_FAILURE() << "no term " << name;
    return nullptr;
  }
  template <class T>
  std::string MakeError(const std::vector<TermType<T>>& types, const std::string& name,
                        const std::string& params) {
    try {
      Make(types, name, params);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  sim::Model model;
  sim::Data data;
  std::vector<double> action, previous, memory;
  TermContext context;
};

template <class T>
std::set<std::string> TypeNames(const std::vector<TermType<T>>& types) {
  std::set<std::string> names;
  for (const auto& type : types) names.insert(type.name);
  return names;
}

inline auto Near(const std::vector<double>& expected, double tolerance = 1e-9) {
  return testing::Pointwise(testing::DoubleNear(tolerance), expected);
}

}  // namespace simscale::env
