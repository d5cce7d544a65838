#pragma once

#include <memory>
#include <string>

#include "simscale/policy/load.h"
#include "simscale/policy/policy.h"
#include "simscale/policy/tensor_io.h"

namespace simscale::policy {

struct LoadedPolicy {
  std::shared_ptr<Policy> policy;  ///< on the device, in eval mode, without gradients
  CheckpointInfo info;
};

/// The policy of a checkpoint or run folder (see ResolveCheckpoint): its EMA weights if there are
/// any. All files are verified first. Throws UserError for whatever does not fit.
LoadedPolicy LoadPolicy(const std::filesystem::path& path, torch::Device device);

}  // namespace simscale::policy
