#include "simscale/env/task_config.h"

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"

namespace simscale::env {

void TermConfig::Describe(config::Fields& f) {
  f.Field("term", term, {.help = "term type; `simscale list-envs --terms` lists them"});
  f.Field("params", params, {.help = "the term's own parameters"});
}

void ObservationTermConfig::Validate() const {
  if (!key.empty() && !config::IsKey(key)) {
    ThrowUser("key must have neither '/' nor control characters, got '", Shortened(key), "'");
  }
  signal.Validate();
}

void ObservationTermConfig::Describe(config::Fields& f) {
  TermConfig::Describe(f);
  f.Field("key", key,
          {.help = "observation that it is part of, in the file's order; empty: one of its own"});
  signal.Describe(f);
}

void RewardTermConfig::Describe(config::Fields& f) {
  TermConfig::Describe(f);
  f.Field("weight", weight, {.help = "factor of the term's value in the reward of a step"});
  signal.Describe(f);
}

void TerminationTermConfig::Describe(config::Fields& f) {
  TermConfig::Describe(f);
  f.Field(
      "outcome", outcome,
      {.help = "what it means when the term ends the episode", .choices = {"success", "failure"}});
}

void TaskConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "the task's name"});
  f.Field("language", language, {.help = "instruction in words, stored with each episode"});
  f.Field("description", description, {.help = "one line for `simscale list-envs`"});
  f.Field("expert", expert,
          {.help = "the scripted expert that can do it, such as pick_place; empty: none"});
  f.Field("control_rate", control_rate,
          {.help = "actions a second", .unit = "Hz", .min = 0.1, .max = 10000});
  f.Field("frame_skip", frame_skip,
          {.help = "physics steps a control step; 0: as many as control_rate says",
           .min = 0,
           .max = 10000});
  f.Field("max_episode_steps", max_episode_steps,
          {.help = "control steps after which an episode is truncated", .min = 1, .max = 1e7});
  f.Field("stepping", stepping,
          {.help = "current: terms see what belongs to the present state; mj_step: MuJoCo's own "
                   "step, after which body poses and contacts are one physics step old",
           .choices = {"current", "mj_step"}});
  f.Field("observation_dtype", observation_dtype,
          {.help = "of what Python gets; policies and datasets take float32",
           .choices = {"float32", "float64"}});
  f.Field("observation_space", observation_space,
          {.help = "what Python gets: a dict of keys, or the only key as one array",
           .choices = {"dict", "box"}});
  f.Field("plugins", plugins,
          {.help = "shared libraries with terms of your own, paths relative to this file"});
  f.Field("plugin_sha256", plugin_sha256,
          {.help = "of the plugins when the task was stored; filled in, not to be written"});
  f.Struct("scene", scene, "robot, table, objects, cameras and physics");
  f.Struct("controller", controller, "how actions move the robot");
  f.Struct("action", action, "noise and delay of actions");
  f.StructMap("observations", observations, "observation keys");
  f.StructMap("cameras", cameras, "cameras whose pictures are observations");
  f.Struct("rendering", rendering, "how the cameras' pictures are drawn");
  f.StructMap("rewards", rewards, "reward terms, summed with their weights");
  f.StructMap("terminations", terminations, "what ends an episode before its time");
  f.StructMap("resets", resets, "how an episode starts, in this order");
  f.StructMap("info", info, "observation terms that only `info` shows");
  f.Field("randomize", randomize, {.help = "the preset that is merged into the task"});
  f.StructMap("randomization", randomization, "what differs from episode to episode");
  f.Field("presets", presets, {.help = "name: partial task file, merged over it by randomize"});
  f.Struct("curriculum", curriculum, "how success changes the difficulty");
}

void TaskConfig::Validate() const {
  if (name.empty()) ThrowUser("name: a task needs a name, got none");
  if (observations.empty() && cameras.empty())
    ThrowUser("observations must have at least one key, got none");
  for (const auto& entry : info) {
    if (std::ranges::find(kInfoKeys, entry.first) != kInfoKeys.end()) {
      ThrowUser("info: the name '", entry.first, "' is taken: it tells something else of every ",
                "task. Choose another.");
    }
  }
  const double steps = 1.0 / (control_rate * scene.timestep);
  if (frame_skip == 0 && scene.timestep > 0 &&
      (std::abs(steps - std::round(steps)) > 1e-6 || steps < 0.5)) {
    ThrowUser("control_rate: a control step must be a whole number of physics steps, got 1 / (",
              control_rate, " Hz * ", scene.timestep, " s) = ", steps,
              ". Change control_rate or scene.timestep.");
  }
}

}  // namespace simscale::env
