#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/cli/play.h"
#include "simscale/cli/torch_backend.h"
#include "simscale/common/error.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/eval/evaluator.h"
#include "simscale/eval/film.h"

namespace simscale::cli {
namespace {

struct EvalCommandConfig : PlayConfig {
  eval::EvalConfig run;
  eval::FilmConfig video;

  void Describe(config::Fields& f) {
    PlayConfig::Describe(f);
    run.Describe(f);
    f.Struct("video", video, "films of the first episodes");
  }
};

/// --policy or the argument, whichever is given.
void TakeArgument(const Command& command, PlayConfig& play) {
  const std::vector<std::string> arguments = command.Arguments();
  if (arguments.empty()) return;
  if (!play.policy.empty()) {
    ThrowUser("both a checkpoint (", arguments[0], ") and --policy ", play.policy,
              " are given. Keep one of them.");
  }
  play.policy = arguments[0];
}

int Run(const Command& command, const std::string& json) {
  auto config = command.ReadConfig(EvalCommandConfig{});
  TakeArgument(command, config);
  const Output output(json);
  const auto [task, chosen] = MakePlay(config, eval::NumRows(config.run), "evaluate");

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
  AddPlayFlags(command);
  command.FieldFlag("--n-episodes", "n_episodes", "N");
  command.FieldFlag("--seed", "seed", "N");
  command.FieldFlag("--num-envs", "num_envs", "N");
  command.FieldFlag("--threads", "threads", "N");
  command.FieldFlag("--video", "video.dir", "DIR");
  command.FieldFlag("--video-episodes", "video.episodes", "N");
  command.Lacks("--render", "there is no window yet. --video DIR writes MP4 files.");
  auto json = std::make_shared<std::string>();
  AddJsonFlag(command, *json);
  command.Run([&command, json] { return Run(command, *json); });
}

}  // namespace simscale::cli
