#include "simscale/datagen/config.h"

#include "simscale/common/error.h"

namespace simscale::datagen {

void DatagenConfig::Describe(config::Fields& f) {
  f.Field("env_name", env_name, {.help = "task name or path to a task file"});
  f.Field("task", task, {.help = "overrides of the task file, such as scene.timestep=0.002"});
  f.Field("cameras", cameras,
          {.help = "cameras of the scene whose pictures are observed and recorded, beside those of "
                   "the task; task.cameras.NAME.width=128 and so on say how"});
  f.Field("n_episodes", n_episodes, {.help = "successful episodes to keep", .min = 1, .max = 1e7});
  f.Field("output", output, {.help = "the HDF5 file to write"});
  f.Field("policy", policy, {.help = "scripted, random, zero or a checkpoint"});
  f.Field("seed", seed, {.help = "the run's seed; episodes derive theirs from it"});
  f.Field("num_envs", num_envs, {.help = "environments in lock-step", .min = 1, .max = 65536});
  f.Field("threads", threads,
          {.help = "threads that step them; 0: all cores", .min = 0, .max = 1024});
  f.Field("keep_failures", keep_failures, {.help = "keep the failed episodes as well"});
  f.Field("max_tries", max_tries,
          {.help = "most episodes to play; 0: 20 * n_episodes + 1000", .min = 0, .max = 1e9});
  f.Field("resume", resume, {.help = "go on with what lies in the output"});
  f.Field("overwrite", overwrite, {.help = "replace an output that exists"});
  f.Field("compression", compression,
          {.help = "gzip level of images; 0: none", .min = 0, .max = 9});
  f.Struct("expert", expert, "how the scripted expert departs from its plan");
}

void DatagenConfig::Validate() const {
  if (resume && overwrite) {
    ThrowUser("resume and overwrite exclude each other: choose one");
  }
}

}  // namespace simscale::datagen
