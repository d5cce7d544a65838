#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/stopwatch.h"
#include "simscale/data/check.h"
#include "simscale/data/reader.h"
#include "simscale/data/shards.h"
#include "simscale/data/stats.h"
#include "simscale/data/writer.h"
#include "simscale/datagen/replay.h"

namespace simscale::cli {
namespace {

using nlohmann::ordered_json;

/// What the data commands share: files, and where results go.
struct DataArguments {
  std::vector<std::string> files;
  std::string json;
  bool verify = false, overwrite = false;
  datagen::ReplayOptions replay;
};

const std::vector<std::string>& Files(const std::string& command, const DataArguments& arguments,
                                      size_t least = 1) {
  if (arguments.files.size() < least) {
    ThrowUser(command,
              least == 1 ? " needs a dataset" : " needs an output file and the files to merge",
              ". See simscale ", command, " --help.");
  }
  return arguments.files;
}

std::string ShapeText(const data::ArrayInfo& array) {
  std::string text = "[T";
  for (int64_t size : array.shape) text += Cat(", ", size);
  return text + "]";
}

ordered_json InfoAsJson(const data::DatasetReader& reader) {
  const data::DatasetMeta& meta = reader.meta();
  int64_t successes = 0;
  for (int64_t i = 0; i < reader.num_episodes(); ++i) successes += reader.info(i).success;
  ordered_json json = {
      {"path", reader.path().string()},
      {"schema", meta.schema},
      {"env", meta.env_name},
      {"policy", meta.policy},
      {"seed", meta.seed},
      {"episodes", reader.num_episodes()},
      {"successes", successes},
      {"steps", reader.num_steps()},
      {"content_hash", data::ContentHash(reader.path())},
      {"model_hash", meta.model_hash},
      {"versions", {{"simscale", meta.simscale_version}, {"mujoco", meta.mujoco_version}}},
      {"arrays", ordered_json::array()},
      {"generator", meta.generator},
      {"task_config", meta.task_config}};
  for (const data::ArrayInfo& array : reader.arrays()) {
    json["arrays"].push_back(
        {{"name", array.name}, {"dtype", data::NameOf(array.dtype)}, {"shape", array.shape}});
  }
  return json;
}

int Info(const DataArguments& arguments) {
  const Output output(arguments.json);
  ordered_json all = ordered_json::array();
  for (const std::string& file : Files("data info", arguments)) {
    const data::DatasetReader reader(file);
    const ordered_json json = InfoAsJson(reader);
    std::string text =
        Cat(file, ": ", reader.meta().env_name, " by ", reader.meta().policy, ", seed ",
            reader.meta().seed, "\n", reader.num_episodes(), " episodes (",
            json["successes"].get<int64_t>(), " successful), ", reader.num_steps(), " steps\n");
    for (const data::ArrayInfo& array : reader.arrays()) {
      text += Cat("  ", array.name,
                  std::string(array.name.size() < 30 ? 30 - array.name.size() : 1, ' '),
                  data::NameOf(array.dtype), " ", ShapeText(array), "\n");
    }
    output.Text(Cat(text, "content ", json["content_hash"].get<std::string>(),
                    "\nmade with simscale ", reader.meta().simscale_version, ", MuJoCo ",
                    reader.meta().mujoco_version, "\n"));
    all.push_back(json);
  }
  output.Json((all.size() == 1 ? all[0] : all).dump(1) + "\n");
  return kOk;
}

int Stats(const DataArguments& arguments) {
  const Output output(arguments.json);
  const std::vector<std::string>& files = Files("data stats", arguments);
  if (files.size() > 1) ThrowUser("data stats takes one dataset, got ", files.size());
  const data::DatasetStats stats = data::ComputeStats(data::DatasetReader(files[0]));
  output.Text(data::StatsAsTable(stats));
  output.Json(data::StatsAsJson(stats));
  return kOk;
}

ordered_json ReplayAsJson(const std::string& file, const datagen::ReplayReport& report) {
  return {{"path", file},
          {"verified", report.verified()},
          {"episodes", report.episodes},
          {"exact_episodes", report.exact_episodes},
          {"same_outcomes", report.same_outcomes},
          {"steps", report.steps},
          {"exact_steps", report.exact_steps},
          {"largest_difference", report.largest_difference},
          {"first_difference", report.first_difference},
          {"seconds", report.seconds}};
}

int Replay(const DataArguments& arguments) {
  const Output output(arguments.json);
  bool verified = true;
  ordered_json all = ordered_json::array();
  for (const std::string& file : Files("data replay", arguments)) {
    const datagen::ReplayReport report = datagen::Replay(file, arguments.replay);
    verified &= report.verified();
    output.Text(Cat(file, ": ", report.exact_episodes, " of ", report.episodes,
                    " episodes replay bit for bit (", report.exact_steps, " of ", report.steps,
                    " states), ", report.same_outcomes, " end as they did; ",
                    HumanSeconds(report.seconds), "\n"));
    if (!report.first_difference.empty()) {
      output.Text(Cat("first difference: ", report.first_difference, "; largest ",
                      report.largest_difference, "\n"));
    }
    all.push_back(ReplayAsJson(file, report));
  }
  output.Json((all.size() == 1 ? all[0] : all).dump(1) + "\n");
  return arguments.verify && !verified ? kFailed : kOk;
}

int Check(const DataArguments& arguments) {
  const Output output(arguments.json);
  ordered_json all = ordered_json::array();
  bool ok = true;
  for (const std::string& file : Files("data check", arguments)) {
    const data::CheckReport report = data::CheckDataset(file);
    ok &= report.ok();
    output.Text(Cat(file, ": ", Trim(data::CheckAsText(report)), "\n"));
    all.push_back({{"path", file},
                   {"ok", report.ok()},
                   {"episodes", report.episodes},
                   {"steps", report.steps},
                   {"content_hash", report.content_hash},
                   {"problems", report.problems}});
  }
  output.Json((all.size() == 1 ? all[0] : all).dump(1) + "\n");
  return ok ? kOk : kFailed;
}

int Merge(const DataArguments& arguments) {
  const std::vector<std::string>& files = Files("data merge", arguments, 2);
  if (fs::exists(files[0]) && !arguments.overwrite) {
    ThrowUser(files[0], ": exists. Replace it by --overwrite, or name another output first.");
  }
  const Output output(arguments.json);
  const std::string hash = data::MergeFiles({files.begin() + 1, files.end()}, files[0]);
  const data::DatasetReader reader(files[0]);
  output.Text(Cat(files[0], ": ", reader.num_episodes(), " episodes, ", reader.num_steps(),
                  " steps from ", files.size() - 1, " files\ncontent ", hash, "\n"));
  const ordered_json json = {{"output", files[0]},
                             {"episodes", reader.num_episodes()},
                             {"steps", reader.num_steps()},
                             {"content_hash", hash}};
  output.Json(json.dump(1) + "\n");
  return kOk;
}

Command& AddDataCommand(Cli& cli, Command& data, const std::string& name, const std::string& help,
                        const std::string& files_help,
                        const std::shared_ptr<DataArguments>& arguments,
                        int (*run)(const DataArguments&)) {
  Command& command = cli.Add(&data, name, help);
  command.Argument("FILE", arguments->files, files_help);
  AddJsonFlag(command, arguments->json);
  command.Run([&command, arguments, run] {
    arguments->replay.task = command.TaskOverrides();
    return run(*arguments);
  });
  return command;
}

}  // namespace

void AddData(Cli& cli) {
  Command& data = cli.Add(nullptr, "data", "look into datasets, check, replay and merge them");
  const auto fresh = [] { return std::make_shared<DataArguments>(); };
  AddDataCommand(cli, data, "info", "tell what datasets hold", "datasets", fresh(), Info);
  AddDataCommand(cli, data, "stats", "statistics of a dataset's arrays, lengths and returns",
                 "a dataset", fresh(), Stats);

  AddDataCommand(cli, data, "check", "tell whether datasets keep the format's contract", "datasets",
                 fresh(), Check);

  auto merge_arguments = fresh();
  AddDataCommand(cli, data, "merge", "join datasets of one task into one file",
                 "the output, then the datasets", merge_arguments, Merge)
      .Switch("--overwrite", merge_arguments->overwrite, "replace an output that exists");

  auto arguments = fresh();
  Command& replay =
      AddDataCommand(cli, data, "replay", "play a dataset's actions again and compare every state",
                     "datasets", arguments, Replay);
  replay.Switch("--verify", arguments->verify,
                "exit with 1 unless every state is equal bit for bit");
  replay.Flag("--num-envs", arguments->replay.num_envs, "N",
              "environments in lock-step (default 16)");
  replay.Flag("--threads", arguments->replay.threads, "N",
              "threads that step them (default 0: all cores)");
  AddPluginFlag(replay);
}

}  // namespace simscale::cli
