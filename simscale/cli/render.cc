#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/cli/play.h"
#include "simscale/common/interrupt.h"
#include "simscale/eval/evaluator.h"
#include "simscale/eval/show.h"

namespace simscale::cli {
namespace {

struct RenderCommandConfig : PlayConfig {
  eval::EvalConfig run;
  eval::ShowConfig show;
  std::string out;

  RenderCommandConfig() { run.n_episodes = 4; }
  void Describe(config::Fields& f) {
    PlayConfig::Describe(f);
    run.Describe(f);
    f.Field("out", out, {.help = "the file to write: .png, a contact sheet, or .mp4"});
    show.Describe(f);
  }
};

/// `simscale render TASK --policy scripted` and `simscale render CHECKPOINT` both read well: the
/// argument is a task if somebody else is to play.
void TakeArgument(const Command& command, PlayConfig& play) {
  const std::vector<std::string> arguments = command.Arguments();
  if (arguments.empty()) return;
  if (play.policy.empty()) {
    play.policy = arguments[0];
  } else if (play.env_name.empty()) {
    play.env_name = arguments[0];
  }
}

int Run(const Command& command) {
  auto config = command.ReadConfig(RenderCommandConfig{});
  TakeArgument(command, config);
  eval::CheckShowPath(config.out);
  const Output output("");
  const auto [task, chosen] = MakePlay(config, eval::NumRows(config.run), "draw");
  // What is wrong with the picture is told before anybody plays.
  render::Camera::Choose(task->model().get(), config.show.camera);
  render::MakeRenderer(task->model().get(), config.show.picture);
  const InterruptGuard guard;
  eval::Tape tape(config.run.n_episodes);
  const eval::EvalReport report = eval::Evaluate(task, *chosen.agent, config.run, &tape);
  if (report.interrupted) return kInterrupted;
  eval::WriteShow(task, tape, config.show, task->name() + "  " + chosen.agent->name(), config.out);
  if (InterruptRequested()) return kInterrupted;
  output.Text(config.out + ": " + std::to_string(report.episodes.size()) + " episodes, " +
              std::to_string(report.successes) + " successes\n");
  return kOk;
}

}  // namespace

void AddRender(Cli& cli) {
  Command& command =
      cli.Add(nullptr, "render", "play episodes and draw them into one picture or video");
  command.Configure(config::Docs<RenderCommandConfig>());
  command.TakesArgument("TASK|CHECKPOINT", "a task, with --policy; or a trained policy");
  AddPlayFlags(command);
  command.FieldFlag("--out", "out", "FILE");
  command.FieldFlag("--n-episodes", "n_episodes", "N");
  command.FieldFlag("--seed", "seed", "N");
  command.FieldFlag("--camera", "camera", "NAME");
  command.FieldFlag("--columns", "columns", "N");
  command.FieldFlag("--frames", "frames", "N");
  command.Run([&command] { return Run(command); });
}

}  // namespace simscale::cli
