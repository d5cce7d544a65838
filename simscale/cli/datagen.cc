#include <algorithm>
#include <nlohmann/json.hpp>

#include "simscale/cli/agents.h"
#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/cli/torch_backend.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/text.h"
#include "simscale/datagen/generate.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

std::string ResultAsJson(const datagen::GenerateResult& result) {
  const nlohmann::ordered_json json = {{"schema", 1},
                                       {"episodes_kept", result.episodes_kept},
                                       {"episodes_tried", result.episodes_tried},
                                       {"yield", result.yield},
                                       {"episodes_played", result.episodes_played},
                                       {"seconds", result.seconds},
                                       {"episodes_per_second", result.episodes_per_second},
                                       {"env_steps_per_second", result.env_steps_per_second},
                                       {"output", result.output},
                                       {"content_hash", result.content_hash},
                                       {"interrupted", result.interrupted},
                                       {"already_complete", result.already_complete}};
  return json.dump(1) + "\n";
}

std::string ResultAsText(const datagen::GenerateResult& result) {
  if (result.already_complete) {
    return Cat(result.output, ": complete already, ", result.episodes_kept, " episodes\n");
  }
  TimeSplit split;
  split.Add("simulate", result.times.simulate);
  split.Add("policy", result.times.policy);
  split.Add("record", result.times.observe);
  split.Add("write", result.seconds - result.times.seconds);
  return Cat(result.output, ": ", result.episodes_kept, " episodes of ", result.episodes_tried,
             " tried (yield ", Fixed(100 * result.yield, 1), " %)\n", HumanSeconds(result.seconds),
             ", ", Fixed(result.episodes_per_second, 1), " episodes/s, ",
             Fixed(result.env_steps_per_second, 0), " env steps/s: ", split.Summary(result.seconds),
             "\ncontent ", result.content_hash, "\n");
}

/// The task with the cameras that were asked for, as its file or the overrides describe them.
env::TaskConfig LoadWithCameras(const datagen::DatagenConfig& config) {
  env::TaskConfig task = tasks::LoadTaskConfig(config.env_name, config.task);
  for (const std::string& name : config.cameras) {
    const auto same = [&](const auto& entry) { return entry.first == name; };
    if (std::ranges::none_of(task.cameras, same)) task.cameras.push_back({name, {}});
  }
  return task;
}

int Run(const Command& command, const std::string& json) {
  auto config = command.ReadConfig(datagen::DatagenConfig{});
  const PolicyChoice choice = ParsePolicy(config.policy);
  if (choice.is_checkpoint()) NeedTorch();
  const Output output(json);
  const auto task = tasks::MakeTask(LoadWithCameras(config));
  // Demonstrations are noisy by default, as suits the task; what was asked for goes above that.
  datagen::DatagenConfig defaults;
  defaults.expert = tasks::DefaultDatagenNoise(task->config().expert);
  config = command.ReadConfig(defaults);
  if (!choice.is_checkpoint()) config.policy = choice.name;
  const ChosenAgent chosen = MakeAgent(choice, *task, config.num_envs, config.expert, "auto");

  const InterruptGuard guard;
  const datagen::GenerateResult result = datagen::Generate(config, task, *chosen.agent, chosen.id);
  output.Json(ResultAsJson(result));
  if (result.interrupted) {
    LogWarning("interrupted: what has finished is kept. The same command with --resume",
               config.overwrite ? " instead of --overwrite" : "", " goes on.");
    return kInterrupted;
  }
  output.Text(ResultAsText(result));
  return kOk;
}

}  // namespace

void AddDatagen(Cli& cli) {
  Command& command =
      cli.Add(nullptr, "datagen", "generate demonstrations and write them to a dataset");
  command.Configure(config::Docs<datagen::DatagenConfig>());
  command.FieldFlag("--env-name", "env_name", "NAME");
  command.FieldFlag("--n-episodes", "n_episodes", "N");
  command.FieldFlag("--output", "output", "FILE");
  command.FieldFlag("--policy", "policy", "POLICY");
  command.Values("--policy", {"scripted", "expert", "random", "zero"});
  command.FieldFlag("--seed", "seed", "N");
  command.FieldFlag("--num-envs", "num_envs", "N");
  command.FieldFlag("--threads", "threads", "N");
  command.FieldSwitch("--keep-failures", "keep_failures");
  command.FieldSwitch("--resume", "resume");
  command.FieldSwitch("--overwrite", "overwrite");
  AddTaskFlags(command);
  command.FieldListFlag("--cameras", "cameras", "A,B");
  auto json = std::make_shared<std::string>();
  AddJsonFlag(command, *json);
  command.Run([&command, json] { return Run(command, *json); });
}

}  // namespace simscale::cli
