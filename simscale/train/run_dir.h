#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/policy/checkpoint.h"
#include "simscale/train/config.h"
#include "simscale/train/run.h"

namespace simscale::train {

/// Where a training loop stands, beside what tensors hold: state.json of a checkpoint.
struct LoopState : BestSoFar {
  int64_t step = 0;               ///< steps done
  int64_t epoch = 0, offset = 0;  ///< the sampler's position
  int64_t skipped = 0;            ///< steps whose loss was not finite
  int64_t logged = 0;             ///< steps since the last record of metrics
  bool due_done = true;           ///< false: this step's evaluation is still to be done
  double best_validation = -1;
  double validation = -1;  ///< the latest validation loss; -1: none
};
std::string LoopStateToJson(const LoopState& state);
/// Throws UserError that begins with `where` for bad text.
LoopState LoopStateFromJson(const std::string& json, const std::string& where);

/// The best checkpoint's keys of state.json, appended and read; ReadBest throws nlohmann's errors.
void AppendBest(const BestSoFar& best, nlohmann::ordered_json* json);
void ReadBest(const nlohmann::json& json, BestSoFar* best);

/// A run folder as the command that works in it knows it.
struct RunFolder {
  std::filesystem::path dir;
  std::string flag;     ///< what names it on the command line: "--checkpoint-dir"
  config::Node config;  ///< resolved
  /// Settings that a resumed run may change: they do not touch what is learned.
  std::vector<std::string> may_differ;
};
RunFolder RunFolderOf(const TrainConfig& config);

/// Throws UserError that names the first setting in which the folder's config differs from what the
/// checkpoint was made with, of those that a resumed run may not change. An empty env_name means
/// the checkpoint's.
void RequireSameSettings(const RunFolder& run, const std::filesystem::path& checkpoint);

/// Settles what happens with the run folder, makes and locks it; its config.yaml is the caller's.
/// Returns the checkpoint to go on from, or nothing for a fresh start. Throws UserError:
///   a run lies there and neither resume nor overwrite was said (names both);
///   the folder holds something that is no run;
///   the run was made with other settings (names the first that differs);
///   another process trains in it.
std::optional<std::filesystem::path> PrepareRunDir(const RunFolder& run,
                                                   const TrainOptions& options,
                                                   std::unique_ptr<FolderLock>* lock);

/// Where the films of the evaluation at `step` go.
std::filesystem::path VideoDir(const std::filesystem::path& run_dir, int64_t step);

/// Writes a checkpoint, lets `latest` (and `best`) lead to it and removes old ones. Returns its
/// folder.
std::filesystem::path PublishCheckpoint(const std::filesystem::path& run_dir,
                                        const policy::CheckpointContent& content, bool best,
                                        int keep_last);

/// The resolved configuration as YAML: what config.yaml holds.
std::string ConfigToYaml(const TrainConfig& config);

}  // namespace simscale::train
