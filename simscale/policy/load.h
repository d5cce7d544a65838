#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "simscale/env/agent.h"
#include "simscale/policy/spec.h"

/// Checkpoints for those who only want to act with them; free of torch headers.
namespace simscale::policy {

/// What a checkpoint's manifest says.
struct CheckpointInfo {
  std::filesystem::path dir;  ///< the checkpoint folder itself, links resolved
  PolicySpec spec;
  int64_t step = 0;          ///< training steps done
  uint64_t seed = 0;         ///< the run's --seed
  double success_rate = -1;  ///< of the evaluation at this step; -1: none was run
  int64_t num_parameters = 0;
  std::string dataset_hash;  ///< content hash of the training data
  std::string model_hash;    ///< SHA-256 of the MuJoCo model that the data came from
  std::string task_config;   ///< the resolved task that the data came from, YAML; "" if unknown
  std::string weights_hash;  ///< SHA-256 of the weights' file (or parts): names this very policy
  std::string simscale_version, mujoco_version, torch_version;
};

/// The checkpoint folder that `path` means: a checkpoint (or a link to one), or a run folder: then
/// its `best`, else its `latest`. Throws UserError that says what lies there instead.
std::filesystem::path ResolveCheckpoint(const std::filesystem::path& path);

/// Reads the manifest after ResolveCheckpoint. With verify, size and SHA-256 of every file are
/// compared, so that a half-written or damaged checkpoint is one clear UserError.
CheckpointInfo ReadCheckpointInfo(const std::filesystem::path& path, bool verify = true);

struct PolicyAgentOptions {
  std::string device = "auto";  ///< auto | cpu | cuda; UserError if cuda is named and missing
  int n_action_steps = 0;       ///< 0: the checkpoint's own
};

/// A trained policy as an agent for any number of rows. The first Act checks that the observations
/// have the spec's keys and sizes and throws UserError ("checkpoint of another task") if not.
/// A row's actions are the same bits whatever the number of rows and the row's place.
std::unique_ptr<env::Agent> MakePolicyAgent(const std::filesystem::path& checkpoint,
                                            const PolicyAgentOptions& options = {},
                                            CheckpointInfo* info = nullptr);

/// Known policies, for list-models: name and one line.
struct PolicyDescription {
  std::string name, help;
};
std::vector<PolicyDescription> ListPolicies();

/// Threads that torch may use inside one operation. Call once, at the start. 1 is best for small
/// nets.
void SetTorchThreads(int num_threads);
std::string TorchVersion();
/// Whether this build and this machine have a CUDA device, and its name ("" if none).
bool CudaAvailable(std::string* device_name = nullptr);

}  // namespace simscale::policy
