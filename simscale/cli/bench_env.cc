#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/common/error.h"
#include "simscale/eval/step_bench.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

struct BenchEnvConfig {
  std::string env_name = "pick_place";
  std::vector<std::string> task;
  eval::StepBenchConfig bench;

  void Describe(config::Fields& f) {
    f.Field("env_name", env_name, {.help = "task name or path to a task file"});
    f.Field("task", task,
            {.help = "overrides of the task file; task.scene.timestep=0.002 adds one"});
    bench.Describe(f);
  }
};

int Run(const Command& command, const std::string& json) {
  const auto config = command.ReadConfig(BenchEnvConfig{});
  const Output output(json);
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig(config.env_name, config.task));
  const eval::StepBenchReport report = eval::BenchSteps(task, config.bench);
  output.Text(eval::StepBenchAsText(report, task->name()));
  output.Json(eval::StepBenchAsJson(report, task->name()));
  if (!report.same_states) {
    throw Error("the two sides did not simulate the same: the ratio means nothing");
  }
  return kOk;
}

}  // namespace

void AddBenchEnv(Cli& cli, Command& bench) {
  Command& command =
      cli.Add(&bench, "env", "measure environment steps against a bare mj_step loop");
  command.Configure(config::Docs<BenchEnvConfig>());
  command.FieldFlag("--env-name", "env_name", "NAME");
  command.FieldFlag("--num-envs", "num_envs", "N");
  command.FieldFlag("--threads", "threads", "N");
  command.FieldFlag("--steps", "steps", "N");
  command.FieldFlag("--repeats", "repeats", "N");
  command.FieldFlag("--seed", "seed", "N");
  command.FieldFlag("--save-trajectories", "save_trajectories", "DIR");
  AddPluginFlag(command);
  auto json = std::make_shared<std::string>();
  AddJsonFlag(command, *json);
  command.Run([&command, json] { return Run(command, *json); });
}

}  // namespace simscale::cli
