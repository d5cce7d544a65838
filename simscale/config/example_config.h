#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/config/fields.h"

/// A configuration with every kind of field, for the tests.
namespace simscale::config {

struct ExampleCamera {
  std::string name = "camera";
  double fovy = 45;
  std::vector<double> pos = {0, 0, 1};
  void Describe(Fields& f) {
    f.Field("name", name, {.help = "its name"});
    f.Field("fovy", fovy, {.help = "vertical field of view", .unit = "deg", .min = 1, .max = 179});
    f.Field("pos", pos, {.help = "place", .unit = "m", .min = -10, .size = 3});
  }
};

struct ExampleTerm {
  double weight = 1;
  Node params;
  void Describe(Fields& f) {
    f.Field("weight", weight, {.help = "factor"});
    f.Field("params", params, {.help = "the term's own parameters"});
  }
  void Validate() const {
    if (weight == 13) ThrowUser("weight must not be 13");
  }
};

struct ExampleControl {
  int rate_hz = 20;
  bool interpolate = true;
  void Describe(Fields& f) {
    f.Field("rate_hz", rate_hz, {.help = "control rate", .unit = "Hz", .min = 1, .max = 1000});
    f.Field("interpolate", interpolate, {.help = "ramp targets between control steps"});
  }
};

struct ExampleConfig {
  std::string name = "reach";
  std::string loss = "l1";
  uint64_t seed = 1;
  int64_t steps = 1000;
  double lr = 3e-4;
  std::vector<int> hidden = {256, 256};
  std::vector<std::string> cameras_used = {"front"};
  ExampleControl control;
  std::vector<ExampleCamera> cameras;
  std::vector<std::pair<std::string, ExampleTerm>> rewards = {{"success", {}}};

  void Describe(Fields& f) {
    f.Field("name", name, {.help = "what it is called"});
    f.Field("loss", loss, {.help = "loss | measure", .choices = {"l1", "mse"}});
    f.Field("seed", seed, {.help = "seed"});
    f.Field("steps", steps, {.help = "updates", .min = 1});
    f.Field("lr", lr, {.help = "learning rate", .min = 0, .max = 1});
    f.Field("hidden", hidden, {.help = "layer widths", .min = 1});
    f.Field("cameras_used", cameras_used, {.help = "cameras", .choices = {"front", "wrist"}});
    f.Struct("control", control, "controller");
    f.StructList("cameras", cameras, "named cameras");
    f.StructMap("rewards", rewards, "reward terms");
  }
  void Validate() const {
    if (steps % 2 != 0) ThrowUser("steps must be even, got ", steps);
    if (seed == 666) ThrowUser("this seed is cursed");
  }
};

}  // namespace simscale::config
