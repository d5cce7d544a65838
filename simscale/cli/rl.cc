#include <algorithm>
#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/evaluate_hook.h"
#include "simscale/cli/output.h"
#include "simscale/cli/run_flags.h"
#include "simscale/cli/run_report.h"
#include "simscale/common/console.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/text.h"
#include "simscale/config/node.h"
#include "simscale/rl/run.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

struct Flags {
  std::string env_name, sweep, json;
  bool watch = false;
  RunFlags run;
};

/// The task's preset with flags and KEY=VALUE applied. A run that is resumed knows its own.
rl::RlConfig Compose(const Command& command, const Flags& flags,
                     const std::vector<std::string>& more) {
  command.Arguments();
  std::vector<std::string> overrides = command.Overrides();
  overrides.insert(overrides.end(), more.begin(), more.end());
  const std::vector<std::string> task = TakeTaskOverrides(&overrides);
  const std::string name = flags.env_name.empty() ? "" : tasks::CanonicalTaskName(flags.env_name);
  rl::RlConfig config = rl::ComposeRlConfig(name, command.config_file(), overrides);
  const fs::path run = config.save_path;
  if (flags.run.resume && name.empty() && command.config_file().empty() &&
      fs::exists(run / "config.yaml")) {
    config = rl::LoadRunConfig(run, overrides);
    config.save_path = run.string();
  } else if (name.empty() && command.config_file().empty()) {
    ThrowUser("rl needs a task: --env-name NAME. simscale list-envs lists them.");
  }
  for (const auto& changes : {command.TaskOverrides(), task})
    config.task.insert(config.task.end(), changes.begin(), changes.end());
  SetUpMetrics(flags.run, &config.metrics);
  return config;
}

/// What --watch shows: drawn in place on a terminal, else a block every ten seconds.
class Watch {
 public:
  void operator()(const rl::Status& s) {
    const double interval = ConsoleIsTerminal() ? 0.2 : 10;
    const bool last = s.step >= s.total_steps;
    if (!last && since_.seconds() < interval) return;
    since_.Restart();
    if (ConsoleIsTerminal() && !last)
      ConsoleRedraw(Block(s));
    else
      ConsoleWrite(Block(s) + "\n");
  }

 private:
  static std::string Percent(double share) {
    return share < 0 ? "-" : Cat(Fixed(100 * share, 1), " %");
  }
  static std::string Block(const rl::Status& s) {
    const auto done = static_cast<double>(s.step), total = static_cast<double>(s.total_steps);
    std::string text =
        Cat("steps     ", s.step, " of ", s.total_steps, " (", Percent(std::min(1.0, done / total)),
            ")  update ", s.update, "  ", Fixed(s.steps_per_second, 0), " steps/s  ETA ",
            HumanSeconds(std::max(0.0, total - done) / std::max(1.0, s.steps_per_second)));
    text += Cat("\ntraining  success ", Percent(s.success), "  return ", Fixed(s.mean_return, 2),
                "  length ", Fixed(s.mean_length, 1));
    if (s.evaluated)
      text += Cat("\nheld out  success ", Percent(s.eval_success), "  return ",
                  Fixed(s.eval_return, 2), "  best success ", Percent(s.best_success));
    text += "\nrewards ";
    for (const auto& [name, value] : s.reward_terms) text += Cat("  ", name, " ", Fixed(value, 2));
    text +=
        Cat("\nlearner   kl ", Fixed(s.kl, 4), "  std ", Fixed(s.std, 3), "  explained variance ",
            Fixed(s.explained_variance, 2), "  lr ", Fixed(s.lr * 1e3, 3), "e-3\ntime    ");
    for (const auto& [name, share] : s.time_split)
      if (share >= 0.005) text += Cat("  ", name, " ", Fixed(100 * share, 0), " %");
    return text;
  }
  Stopwatch since_;
};

nlohmann::ordered_json ResultAsJson(const rl::RlResult& result) {
  nlohmann::ordered_json evaluations = nlohmann::ordered_json::array();
  for (const rl::EvalPoint& e : result.evaluations)
    evaluations.push_back({{"step", e.step},
                           {"seconds", e.seconds},
                           {"success_rate", e.result.success_rate},
                           {"mean_return", e.result.mean_return},
                           {"mean_length", e.result.mean_length}});
  nlohmann::ordered_json times;
  for (const auto& [part, seconds] : result.time_seconds) times[part] = seconds;
  nlohmann::ordered_json json = RunAsJson(result);
  json["best_mean_return"] = result.best_return;
  json["seconds"] = result.seconds;
  json["env_steps_per_second"] = result.steps_per_second;
  json["time_seconds"] = times;
  json["evaluations"] = evaluations;
  return json;
}

std::string ResultAsText(const rl::RlResult& result) {
  return RunAsText(
      result, Cat(", ", Fixed(result.steps_per_second, 0), " steps/s"),
      result.best_success >= 0 ? Cat(", return ", Fixed(result.best_return, 2)) : std::string(),
      result.has_success);
}

rl::RlResult RunOne(const rl::RlConfig& config, const Flags& flags,
                    const dist::Launch& launch = {}) {
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig(config.env_name, config.task));
  rl::RlOptions options{.resume = flags.run.resume, .overwrite = flags.run.overwrite};
  options.ranks = launch.ranks;
  options.ranks_here = launch.local_size;
  options.profile = flags.run.profile;
  if (flags.watch) options.watch = Watch();
  return rl::RunRl(config, task, options, EvaluateOn(task));
}

bool Interrupted(const rl::RlResult& result) { return !result.finished && !result.already_done; }

/// One run for each combination of values, in folders below the save path.
int RunSweep(const Command& command, const Flags& flags) {
  const auto combinations = config::ExpandSweep(Split(flags.sweep, ' '));
  std::vector<rl::RlConfig> configs;
  for (const auto& values : combinations) {
    configs.push_back(Compose(command, flags, values));
    configs.back().save_path = (fs::path(configs.back().save_path) / Join(values, ",")).string();
  }
  const Output output(flags.json);
  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  std::string table;
  for (size_t i = 0; i < configs.size(); ++i) {
    LogInfo("sweep ", i + 1, " of ", configs.size(), ": ", Join(combinations[i], " "));
    const rl::RlResult result = RunOne(configs[i], flags);
    if (Interrupted(result)) return kInterrupted;
    nlohmann::ordered_json json = ResultAsJson(result);
    json["settings"] = combinations[i];
    runs.push_back(json);
    table += Cat(Join(combinations[i], " "), ": ",
                 result.has_success ? Cat("success ", Fixed(100 * result.best_success, 1), " %, ")
                                    : std::string(),
                 "return ", Fixed(result.best_return, 2), ", step ", result.best_step, "\n");
  }
  output.Json(nlohmann::ordered_json({{"schema", 1}, {"runs", runs}}).dump(1) + "\n");
  output.Text(table);
  return kOk;
}

int Run(const Command& command, Flags flags) {
  CheckRunFlags(flags.run);
  const InterruptGuard guard;
  if (!flags.sweep.empty()) {
    if (flags.run.nproc != 1) ThrowUser("--sweep and --nproc exclude each other: sweep one by one");
    return RunSweep(command, flags);
  }
  const rl::RlConfig config = Compose(command, flags, {});
  config.Validate();  // before --nproc starts processes that would each say it
  const dist::Launch launch = StartProcesses(&flags.run);
  const Output output(flags.json);
  const rl::RlResult result = RunOne(config, flags, launch);
  if (!launch.is_main) return result.finished ? kOk : kInterrupted;
  output.Json(ResultAsJson(result).dump(1) + "\n");
  if (Interrupted(result)) return kInterrupted;
  output.Text(ResultAsText(result));
  return kOk;
}

}  // namespace

void AddRl(Cli& cli) {
  Command& command = cli.Add(nullptr, "rl", kRlHelp);
  auto flags = std::make_shared<Flags>();
  command.Configure(config::Docs<rl::RlConfig>());
  command.Flag("--env-name", flags->env_name, "NAME", "task name or path to a task file");
  command.FieldFlag("--total-steps", "total_steps", "N");
  command.FieldFlag("--lr", "ppo.lr", "X");
  command.FieldFlag("--save-path", "save_path", "DIR");
  command.FieldFlag("--seed", "seed", "N");
  command.FieldFlag("--num-envs", "num_envs", "N");
  command.FieldFlag("--threads", "threads", "N");
  command.FieldFlag("--from", "from", "CHECKPOINT");
  command.FieldFlag("--device", "device", "DEVICE");
  AddTaskFlags(command);
  AddRunFlags(command, flags->run, "learn together, each with --num-envs environments",
              "run folder", "two updates");
  command.Flag("--sweep", flags->sweep, "\"KEY=A,B KEY=C,D\"",
               "a run for each combination, in folders of their own");
  command.Switch("--watch", flags->watch,
                 "show success, return, speed and where the time goes, live");
  AddJsonFlag(command, flags->json);
  command.Run([&command, flags] { return Run(command, *flags); });
}

}  // namespace simscale::cli
