#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/evaluate_hook.h"
#include "simscale/cli/output.h"
#include "simscale/cli/run_flags.h"
#include "simscale/cli/run_report.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/stopwatch.h"
#include "simscale/data/reader.h"
#include "simscale/tasks/registry.h"
#include "simscale/train/run.h"

namespace simscale::cli {
namespace {

struct Flags {
  std::string model, json;
  RunFlags run;
};

/// What is to be trained, and what its dataset says of itself: opening one checks all of it, which
/// is done once here.
struct Request {
  train::TrainConfig config;
  data::DatasetMeta meta;
};

/// What a training calls a task: names and Gymnasium ids of packaged tasks by their name, a task
/// file by the name in it. A task of the user's own may also be named as the dataset calls it.
std::string TaskName(const std::string& text, const data::DatasetMeta& meta) {
  if (text.ends_with(".yaml") || text.ends_with(".yml")) return tasks::LoadTaskConfig(text).name;
  if (text == meta.env_name) return text;
  return tasks::CanonicalTaskName(text);
}

/// The settings, with the dataset's own task where none is named: it picks the preset. A run that
/// is resumed knows its own: `train --resume --checkpoint-dir DIR` is enough.
Request Compose(const Command& command, const Flags& flags) {
  command.Arguments();
  const std::vector<std::string> overrides = command.Overrides();
  const auto compose = [&](const std::string& env_name) {
    return train::ComposeTrainConfig(flags.model.empty() ? "bc" : flags.model, env_name,
                                     command.config_file(), overrides);
  };
  train::TrainConfig config = compose("");
  const fs::path run = config.checkpoint_dir;
  if (flags.run.resume && flags.model.empty() && command.config_file().empty() &&
      fs::exists(run / "config.yaml")) {
    config = train::LoadRunConfig(run, overrides);
    config.checkpoint_dir = run.string();
    data::DatasetMeta meta = data::DatasetReader(config.dataset).meta();
    if (!config.env_name.empty()) config.env_name = TaskName(config.env_name, meta);
    return {std::move(config), std::move(meta)};
  }
  if (config.dataset.empty()) {
    ThrowUser("train needs a dataset: --dataset FILE. simscale datagen makes one.");
  }
  data::DatasetMeta meta = data::DatasetReader(config.dataset).meta();
  if (config.env_name.empty()) {
    config = compose(meta.env_name);
  } else {
    const std::string name = TaskName(config.env_name, meta);
    config = compose(name);
    config.env_name = name;
  }
  return {std::move(config), std::move(meta)};
}

/// Plays episodes of the dataset's own task, which may be a variant of a packaged one.
train::TrainHooks MakeHooks(const Request& request, const std::vector<std::string>& overrides) {
  const auto& [config, meta] = request;
  const auto task = tasks::MakeTask(
      tasks::ParseTaskConfig(meta.task_config, config.dataset + ": task_config", overrides));
  if (!meta.model_hash.empty() && meta.model_hash != task->model().hash()) {
    LogWarning(config.dataset,
               ": made with another version of the task's model (meshes or MuJoCo differ); the "
               "evaluations use the present one");
  }
  return EvaluateOn(task);
}

std::string ResultAsJson(const train::TrainResult& result) {
  nlohmann::ordered_json json = RunAsJson(result);
  json["validation_loss"] = result.validation_loss;
  json["seconds"] = result.seconds;
  return json.dump(1) + "\n";
}

int Run(const Command& command, Flags flags) {
  CheckRunFlags(flags.run);
  Request request = Compose(command, flags);
  SetUpMetrics(flags.run, &request.config.metrics);
  request.config.Validate();  // before --nproc starts processes that would each say it
  const dist::Launch launch = StartProcesses(&flags.run);
  const train::TrainOptions options{.resume = flags.run.resume,
                                    .overwrite = flags.run.overwrite,
                                    .ranks = launch.ranks,
                                    .profile = flags.run.profile};
  const Output output(flags.json);
  const InterruptGuard guard;
  const train::TrainResult result =
      train::RunTraining(request.config, options, MakeHooks(request, command.TaskOverrides()));
  if (!launch.is_main) return result.finished ? kOk : kInterrupted;
  output.Json(ResultAsJson(result));
  if (!result.finished && !result.already_done) return kInterrupted;
  output.Text(RunAsText(result));
  return kOk;
}

}  // namespace

void AddTrain(Cli& cli) {
  Command& command = cli.Add(nullptr, "train", kTrainHelp);
  auto flags = std::make_shared<Flags>();
  command.Configure(config::Docs<train::TrainConfig>());
  command.Flag("--model", flags->model, "NAME",
               "policy, and the preset of settings to start from (default bc; see list-models)");
  command.FieldFlag("--dataset", "dataset", "FILE");
  command.FieldFlag("--env-name", "env_name", "NAME");
  command.FieldFlag("--max-steps", "train.steps", "N");
  command.FieldFlag("--batch-size", "train.batch_size", "N");
  command.FieldFlag("--lr", "train.lr", "X");
  command.FieldFlag("--checkpoint-dir", "checkpoint_dir", "DIR");
  command.FieldFlag("--device", "device", "DEVICE");
  command.FieldFlag("--seed", "seed", "N");
  AddPluginFlag(command);
  AddRunFlags(command, flags->run, "train together, each with --batch-size windows a step",
              "checkpoint folder", "ten steps");
  AddJsonFlag(command, flags->json);
  command.Run([&command, flags] { return Run(command, *flags); });
}

}  // namespace simscale::cli
