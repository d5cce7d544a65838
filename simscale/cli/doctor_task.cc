#include "simscale/cli/doctor_task.h"

#include <nlohmann/json.hpp>

#include "simscale/cli/app.h"
#include "simscale/common/error.h"
#include "simscale/env/batched_env.h"
#include "simscale/env/state_dump.h"
#include "simscale/eval/task_check.h"
#include "simscale/render/gl_renderer.h"
#include "simscale/render/png.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {

int CheckTaskFile(const TaskCheckFlags& flags, const Output& output) {
  if (flags.episodes < 1 || flags.episodes > 100000) {
    ThrowUser("--episodes must be in 1 .. 100000, got ", flags.episodes);
  }
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig(flags.task, flags.overrides));
  const eval::TaskCheck check = eval::CheckTask(task, {.episodes = flags.episodes, .seed = 0});
  output.Text(eval::TaskCheckAsText(check));
  output.Json(eval::TaskCheckAsJson(check));
  return check.problems.empty() ? kOk : kFailed;
}

int OpenDump(const TaskCheckFlags& flags, const Output& output) {
  const env::StateDump dump = env::LoadStateDump(flags.dump);
  const auto task = tasks::MakeTask(
      tasks::ParseTaskConfig(dump.task_config, flags.dump + ": task_config", flags.overrides));
  env::BatchedEnv env(task, {});
  if (dump.action.size() != static_cast<size_t>(env.action_dim())) {
    ThrowUser(flags.dump, ": the action must have ", env.action_dim(), " numbers, got ",
              dump.action.size());
  }
  env.SetState(0, dump.state, dump.key);
  output.Text(Cat("task ", task->name(), ", episode ", dump.key.index, " of seed ", dump.key.seed,
                  ", before step ", dump.step + 1, "\nthen: ", dump.reason, "\n"));
  if (!flags.save.empty()) {
    render::RenderConfig config;
    render::GlRenderer renderer(env.model(0), config);
    const render::Camera camera = render::Camera::Choose(env.model(0), "");
    render::WritePng(flags.save, renderer.Picture(env.model(0), env.data(0), camera));
    output.Text(Cat("picture of the last good state: ", flags.save, "\n"));
  }
  const env::StepResult& result = env.Step(dump.action);
  const bool again = result.non_finite[0] != 0;
  output.Text(again ? "taking the step again gives the same: the episode is ended\n"
                    : "taking the step again goes well: this build or machine differs from the "
                      "one that wrote the dump\n");
  const nlohmann::ordered_json json = {{"schema", 1},           {"task", task->name()},
                                       {"seed", dump.key.seed}, {"index", dump.key.index},
                                       {"step", dump.step},     {"reason", dump.reason},
                                       {"again", again}};
  output.Json(json.dump(1) + "\n");
  return kOk;
}

}  // namespace simscale::cli
