#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/eval/render_bench.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

struct BenchRenderConfig {
  std::string env_name = "pick_place";
  std::vector<std::string> task;
  eval::RenderBenchConfig bench;

  void Describe(config::Fields& f) {
    f.Field("env_name", env_name, {.help = "task name or path to a task file"});
    f.Field("task", task, {.help = "overrides of the task file; task.scene.meshes=full adds one"});
    bench.Describe(f);
  }
};

int Run(const Command& command, const std::string& json) {
  const auto config = command.ReadConfig(BenchRenderConfig{});
  const Output output(json);
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig(config.env_name, config.task));
  const eval::RenderBenchReport report = eval::BenchRendering(task, config.bench);
  output.Text(eval::RenderBenchAsText(report, config.bench, task->name()));
  output.Json(eval::RenderBenchAsJson(report, config.bench, task->name()));
  return kOk;
}

}  // namespace

void AddBenchRender(Cli& cli, Command& bench) {
  Command& command =
      cli.Add(&bench, "render", "measure the rasteriser against MuJoCo's OpenGL renderer");
  command.Configure(config::Docs<BenchRenderConfig>());
  command.FieldFlag("--env-name", "env_name", "NAME");
  command.FieldFlag("--camera", "camera", "NAME");
  command.FieldFlag("--width", "width", "N");
  command.FieldFlag("--height", "height", "N");
  command.FieldFlag("--repeats", "repeats", "N");
  command.FieldFlag("--seed", "seed", "N");
  AddPluginFlag(command);
  auto json = std::make_shared<std::string>();
  AddJsonFlag(command, *json);
  command.Run([&command, json] { return Run(command, *json); });
}

}  // namespace simscale::cli
