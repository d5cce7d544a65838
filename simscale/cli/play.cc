#include "simscale/cli/play.h"

#include "simscale/cli/torch_backend.h"
#include "simscale/common/error.h"
#include "simscale/common/log.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

/// The task that is named, else the very one that the checkpoint was trained on, as it stood then.
std::shared_ptr<const env::Task> ChooseTask(const PlayConfig& config, const PolicyChoice& choice) {
  if (!choice.is_checkpoint()) {
    if (config.env_name.empty()) {
      ThrowUser("--policy ", choice.name, " needs a task: --env-name ",
                Join(tasks::TaskNames(), " or --env-name "));
    }
    return tasks::MakeTask(tasks::LoadTaskConfig(config.env_name, config.task));
  }
  const policy::CheckpointInfo info = ReadCheckpoint(choice.checkpoint);
  if (config.env_name.empty() && !info.task_config.empty()) {
    return tasks::MakeTask(tasks::ParseTaskConfig(
        info.task_config, Cat(info.dir.string(), ": task_config"), config.task));
  }
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig(
      config.env_name.empty() ? info.spec.env_name : config.env_name, config.task));
  if (config.task.empty() && task->name() == info.spec.env_name && !info.task_config.empty() &&
      task->ResolvedYaml() != info.task_config) {
    LogWarning("the policy was trained on another version of the task '", task->name(),
               "' than --env-name ", config.env_name, "; leave that out to play the one it knows");
  }
  return task;
}

}  // namespace

void PlayConfig::Describe(config::Fields& f) {
  f.Field("env_name", env_name,
          {.help = "task name or path to a task file; empty: the checkpoint's"});
  f.Field("task", task, {.help = "overrides of the task file; task.scene.timestep=0.002 adds one"});
  f.Field("policy", policy, {.help = "scripted (or expert), random, zero or a checkpoint"});
  f.Field("device", device,
          {.help = "where a network runs; auto: cuda if there is one",
           .choices = {"auto", "cpu", "cuda"}});
  f.Struct("expert", expert, "how the scripted expert departs from its plan");
}

void AddPlayFlags(Command& command) {
  command.FieldFlag("--policy", "policy", "POLICY");
  command.Values("--policy", {"scripted", "expert", "random", "zero"});
  command.FieldFlag("--env-name", "env_name", "NAME");
  command.FieldFlag("--device", "device", "DEVICE");
  AddTaskFlags(command);
}

Play MakePlay(const PlayConfig& config, int num_rows, const char* what) {
  if (config.policy.empty())
    ThrowUser("nothing to ", what, ": give a checkpoint, or --policy scripted, random or zero");
  const PolicyChoice choice = ParsePolicy(config.policy);
  if (choice.is_checkpoint()) NeedTorch();
  const auto task = ChooseTask(config, choice);
  return {task, MakeAgent(choice, *task, num_rows, config.expert, config.device)};
}

}  // namespace simscale::cli
