#include "simscale/train/run_dir.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/policy/checkpoint.h"

namespace simscale::train {
namespace {

bool IsRun(const fs::path& dir) {
  return fs::exists(dir / "config.yaml") || fs::is_symlink(dir / "latest") ||
         !policy::ListCheckpoints(dir).empty();
}

/// The first setting that differs: "train.lr was 0.001, now 0.0003"; "" if none.
std::string FirstDifference(const config::Node& old, const config::Node& now,
                            const std::string& path, const std::vector<std::string>& may_differ) {
  if (std::find(may_differ.begin(), may_differ.end(), path) != may_differ.end()) return "";
  if (old.kind == config::Node::Kind::kMap && now.kind == config::Node::Kind::kMap) {
    for (const auto& [key, value] : now.map) {
      const std::string below = path.empty() ? key : Cat(path, ".", key);
      const config::Node* before = old.Find(key);
      if (!before) continue;  // a setting that the older version lacked has its default
      std::string difference = FirstDifference(*before, value, below, may_differ);
      if (!difference.empty()) return difference;
    }
    return "";
  }
  const std::string before = Trim(config::ToYaml(old)), after = Trim(config::ToYaml(now));
  return before == after ? "" : Cat(path, " was ", before, ", now ", after);
}

void RemoveRun(const fs::path& dir) {
  std::vector<fs::path> paths;
  for (const char* name : {"latest", "best", "tensorboard", "videos", "wandb", "metrics.jsonl",
                           "metrics.csv", "config.yaml", "curves.svg", "curves.png"})
    paths.push_back(dir / name);
  for (const auto& [step, path] : policy::ListCheckpoints(dir)) paths.push_back(path);
  for (const fs::path& path : paths) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) ThrowIo(path.string(), ": can't delete the old run: ", error.message());
  }
}

}  // namespace

void AppendBest(const BestSoFar& best, nlohmann::ordered_json* json) {
  (*json)["best_step"] = best.best_step;
  (*json)["best_success"] = best.best_success;
  (*json)["best_ci95"] = {best.best_ci_low, best.best_ci_high};
}

void ReadBest(const nlohmann::json& json, BestSoFar* best) {
  json.at("best_step").get_to(best->best_step);
  json.at("best_success").get_to(best->best_success);
  json.at("best_ci95").at(0).get_to(best->best_ci_low);
  json.at("best_ci95").at(1).get_to(best->best_ci_high);
}

std::string LoopStateToJson(const LoopState& s) {
  nlohmann::ordered_json json = {{"step", s.step},     {"epoch", s.epoch},
                                 {"offset", s.offset}, {"skipped", s.skipped},
                                 {"logged", s.logged}, {"due_done", s.due_done}};
  AppendBest(s, &json);
  json["best_validation"] = s.best_validation;
  json["validation"] = s.validation;
  return json.dump(2) + "\n";
}

LoopState LoopStateFromJson(const std::string& text, const std::string& where) {
  LoopState s;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    json.at("step").get_to(s.step);
    json.at("epoch").get_to(s.epoch);
    json.at("offset").get_to(s.offset);
    json.at("skipped").get_to(s.skipped);
    json.at("logged").get_to(s.logged);
    json.at("due_done").get_to(s.due_done);
    ReadBest(json, &s);
    json.at("best_validation").get_to(s.best_validation);
    json.at("validation").get_to(s.validation);
  } catch (const nlohmann::json::exception& error) {
    ThrowUser(where, ": the training state is damaged: ", error.what());
  }
  return s;
}

std::string ConfigToYaml(const TrainConfig& config) {
  return config::ToYaml(config::Write(config));
}

RunFolder RunFolderOf(const TrainConfig& config) {
  return {.dir = config.checkpoint_dir,
          .flag = "--checkpoint-dir",
          .config = config::Write(config),
          // The dataset is compared by its content, not by its path. `steps` bends the schedule,
          // but going on for longer is what people resume for.
          .may_differ = {"checkpoint_dir",
                         "dataset",
                         "mix",
                         "device",
                         "num_threads",
                         "train.steps",
                         "loader.threads",
                         "loader.prefetch",
                         "loader.cache_mb",
                         "loader.map_files",
                         "metrics",
                         "train.histogram_every",
                         "train.picture_every",
                         "train.strategy",
                         "train.activation_checkpointing",
                         "train.log_every",
                         "train.eval_every",
                         "train.eval_episodes",
                         "train.save_every",
                         "train.keep_last"}};
}

void RequireSameSettings(const RunFolder& run, const fs::path& checkpoint) {
  const config::Node old = config::LoadYaml(checkpoint / "config.yaml");
  config::Node now = run.config;
  const config::Node *before = old.Find("env_name"), *name = now.Find("env_name");
  if (before && name && name->scalar.empty()) now.Set("env_name", *before);
  const std::string difference = FirstDifference(old, now, "", run.may_differ);
  if (!difference.empty())
    ThrowUser(run.dir.string(), ": can't resume with other settings: ", difference,
              ". Give the same, or another ", run.flag);
}

std::optional<fs::path> PrepareRunDir(const RunFolder& folder, const TrainOptions& options,
                                      std::unique_ptr<FolderLock>* lock) {
  const fs::path& dir = folder.dir;
  if (dir.empty()) ThrowUser("the run folder (", folder.flag, ") must have a name");
  if (fs::exists(dir) && !fs::is_directory(dir))
    ThrowUser(dir.string(), ": is a file, ", folder.flag, " must be a folder");
  const auto take = [&] {
    *lock = std::make_unique<FolderLock>(
        dir,
        Cat("another process trains in this folder. Wait for it, or choose another ", folder.flag));
  };
  if (fs::exists(dir)) {
    take();
    RemoveStaleTempsIn(dir);
    const bool run = IsRun(dir);
    if (!run && !fs::is_empty(dir))
      ThrowUser(dir.string(), ": holds files that are no training run; choose another ",
                folder.flag);
    if (run && !options.resume && !options.overwrite)
      ThrowUser(dir.string(),
                ": a run is already there. --resume goes on with it, --overwrite deletes it and "
                "starts anew");
    if (run && options.overwrite) RemoveRun(dir);
  }
  MakeDirs(dir);
  if (*lock == nullptr) take();
  std::optional<fs::path> from;
  if (options.resume && fs::is_symlink(dir / "latest"))
    from = policy::ResolveCheckpoint(dir / "latest");
  if (from) RequireSameSettings(folder, *from);
  return from;
}

fs::path VideoDir(const fs::path& run_dir, int64_t step) {
  return run_dir / "videos" / Cat("step_", step);
}

fs::path PublishCheckpoint(const fs::path& run_dir, const policy::CheckpointContent& content,
                           bool best, int keep_last) {
  const fs::path written = policy::WriteCheckpoint(run_dir, content);
  const std::string name = written.filename().string();
  // `latest` last: it is what a resumed run believes, so a kill between the two makes that run come
  // here again. The other way round it would believe in a best checkpoint that `best` never named.
  if (best) SwapLink(run_dir / "best", name);
  SwapLink(run_dir / "latest", name);
  policy::PruneCheckpoints(run_dir, keep_last);
  return written;
}

}  // namespace simscale::train
