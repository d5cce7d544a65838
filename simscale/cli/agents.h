#pragma once

#include <memory>
#include <optional>
#include <string>

#include "simscale/env/agent.h"
#include "simscale/env/task.h"
#include "simscale/policy/load.h"
#include "simscale/tasks/experts.h"

namespace simscale::cli {

/// What --policy may be: "scripted" (or "expert"), "random", "zero", or a checkpoint.
struct PolicyChoice {
  std::string name;        ///< "" for a checkpoint
  std::string checkpoint;  ///< as given
  bool is_checkpoint() const { return name.empty(); }
};

/// Throws UserError with the nearest name if it is neither a name nor something that exists.
PolicyChoice ParsePolicy(const std::string& text);

struct ChosenAgent {
  std::unique_ptr<env::Agent> agent;
  std::string id;  ///< the name, or the hash of the checkpoint's weights
  std::optional<policy::CheckpointInfo> checkpoint;
};

/// num_rows: environments that it acts for. expert: of the scripted one. device: of a checkpoint.
/// Throws UserError if a checkpoint was trained on another task.
ChosenAgent MakeAgent(const PolicyChoice& choice, const env::Task& task, int num_rows,
                      const tasks::ExpertConfig& expert, const std::string& device);

}  // namespace simscale::cli
