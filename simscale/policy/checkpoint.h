#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "simscale/policy/load.h"
#include "simscale/policy/safetensors.h"

/// Checkpoint folders, free of torch. A run folder holds `step_<n>/` and the links `latest`,
/// `best`:
///
///   step_2000/model.safetensors      weights under their names, EMA under "ema.<name>"; the
///                                    tensors may be in parts (tensor_files.h)
///             optimizer.safetensors  moments, step counts, generator states
///             state.json             step, sampler position, best so far, ...
///             config.yaml            the resolved configuration
///             manifest.json          schema, spec, versions; size and SHA-256 of each file
namespace simscale::policy {

constexpr int kCheckpointSchema = 1;

/// A file that lies in a checkpoint.
struct CheckpointFile {
  std::string name;
  uint64_t size = 0;
  std::string sha256;
};

struct CheckpointContent {
  CheckpointInfo info;  ///< dir, weights_hash and torch's and our version are filled in here
  std::vector<std::pair<std::string, std::vector<TensorBytes>>> tensors;  ///< file name, tensors
  std::vector<std::pair<std::string, std::string>> texts;                 ///< file name, text
  std::filesystem::path begun;        ///< BeginCheckpoint's folder, where one was begun
  std::vector<CheckpointFile> parts;  ///< what lies in it already
};

/// A folder for what several processes write of run_dir/step_<n>, out of sight until
/// WriteCheckpoint.
std::filesystem::path BeginCheckpoint(const std::filesystem::path& run_dir, int64_t step);

/// Writes tensors into it. Throws IoError.
CheckpointFile WriteCheckpointPart(const std::filesystem::path& begun, const std::string& name,
                                   const std::vector<TensorBytes>& tensors,
                                   const std::map<std::string, std::string>& metadata);

/// Writes run_dir/step_<n>: beside, fsynced, renamed. An equal name is replaced. Throws IoError (no
/// space, read-only) and leaves nothing behind. Sets nothing in run_dir's links.
std::filesystem::path WriteCheckpoint(const std::filesystem::path& run_dir,
                                      const CheckpointContent& content);

/// Checkpoints in a run folder by step, ascending.
std::vector<std::pair<int64_t, std::filesystem::path>> ListCheckpoints(
    const std::filesystem::path& run_dir);

/// Removes all but the newest `keep_last` and those that `latest` and `best` point to.
void PruneCheckpoints(const std::filesystem::path& run_dir, int keep_last);

}  // namespace simscale::policy
