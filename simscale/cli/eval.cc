#include "simscale/cli/agents.h"
#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/cli/torch_backend.h"
#include "simscale/common/error.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/eval/evaluator.h"
#include "simscale/eval/film.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

struct EvalCommandConfig {
  std::string env_name;
  std::vector<std::string> task;
  std::string policy;
  std::string device = "auto";
  eval::EvalConfig run;
  eval::FilmConfig video;
  tasks::ExpertConfig expert;

  void Describe(config::Fields& f) {
    f.Field("env_name", env_name,
            {.help = "task name or path to a task file; empty: the checkpoint's"});
    f.Field("task", task,
            {.help = "overrides of the task file; task.scene.timestep=0.002 adds one"});
    f.Field("policy", policy, {.help = "scripted (or expert), random, zero or a checkpoint"});
    f.Field("device", device,
            {.help = "where a network runs; auto: cuda if there is one",
             .choices = {"auto", "cpu", "cuda"}});
    run.Describe(f);
    f.Struct("video", video, "films of the first episodes");
    f.Struct("expert", expert, "how the scripted expert departs from its plan");
  }
};

/// --policy or the argument, whichever is given.
std::string PolicyText(const Command& command, const EvalCommandConfig& config) {
  const std::vector<std::string> arguments = command.Arguments();
  if (!arguments.empty() && !config.policy.empty()) {
    ThrowUser("both a checkpoint (", arguments[0], ") and --policy ", config.policy,
              " are given. Keep one of them.");
  }
  if (!arguments.empty()) return arguments[0];
  if (config.policy.empty()) {
    ThrowUser("nothing to evaluate: give a checkpoint, or --policy scripted, random or zero");
  }
  return config.policy;
}

/// The task that is named, else the very one that the checkpoint was trained on, as it stood then.
std::shared_ptr<const env::Task> ChooseTask(const EvalCommandConfig& config,
                                            const PolicyChoice& choice) {
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

int Run(const Command& command, const std::string& json) {
  const auto config = command.ReadConfig(EvalCommandConfig{});
  const PolicyChoice choice = ParsePolicy(PolicyText(command, config));
  if (choice.is_checkpoint()) NeedTorch();
  const Output output(json);
  const auto task = ChooseTask(config, choice);
  const ChosenAgent chosen =
      MakeAgent(choice, *task, eval::NumRows(config.run), config.expert, config.device);

  const InterruptGuard guard;
  std::optional<eval::Film> film;
  if (!config.video.dir.empty() && config.video.episodes > 0) {
    film.emplace(task, config.video, Cat(task->name(), "  ", chosen.agent->name()));
  }
  eval::EvalReport report =
      eval::Evaluate(task, *chosen.agent, config.run, film ? &*film : nullptr);
  if (chosen.checkpoint) {
    report.checkpoint = chosen.checkpoint->dir.string();
    report.checkpoint_step = chosen.checkpoint->step;
    report.weights_hash = chosen.checkpoint->weights_hash;
    report.versions.emplace_back("torch", TorchVersion());
  }
  output.Json(eval::ReportAsJson(report));
  output.Text(eval::ReportAsText(report));
  if (film) {
    for (const auto& path : film->WriteVideos()) output.Text(Cat("video ", path.string(), "\n"));
  }
  if (!report.interrupted) return kOk;
  LogWarning("interrupted: the figures are of the first ", report.episodes.size(), " of ",
             config.run.n_episodes, " episodes. The same command plays all of them.");
  return kInterrupted;
}

}  // namespace

void AddEval(Cli& cli) {
  Command& command =
      cli.Add(nullptr, "eval", "play a policy in its task and tell how often it succeeds");
  command.Configure(config::Docs<EvalCommandConfig>());
  command.TakesArgument("CHECKPOINT", "a run folder of train, or a checkpoint in it");
  command.FieldFlag("--policy", "policy", "POLICY");
  command.Values("--policy", {"scripted", "expert", "random", "zero"});
  command.FieldFlag("--env-name", "env_name", "NAME");
  command.FieldFlag("--n-episodes", "n_episodes", "N");
  command.FieldFlag("--seed", "seed", "N");
  command.FieldFlag("--num-envs", "num_envs", "N");
  command.FieldFlag("--threads", "threads", "N");
  command.FieldFlag("--device", "device", "DEVICE");
  command.FieldFlag("--video", "video.dir", "DIR");
  command.FieldFlag("--video-episodes", "video.episodes", "N");
  AddTaskFlags(command);
  command.Lacks("--render", "there is no window yet. --video DIR writes MP4 files.");
  auto json = std::make_shared<std::string>();
  AddJsonFlag(command, *json);
  command.Run([&command, json] { return Run(command, *json); });
}

}  // namespace simscale::cli
