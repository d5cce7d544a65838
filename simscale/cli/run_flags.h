#pragma once

#include <string>

#include "simscale/cli/app.h"
#include "simscale/dist/launch.h"
#include "simscale/train/sink.h"

namespace simscale::cli {

/// The flags that `train` and `rl` have in common.
struct RunFlags {
  bool resume = false, overwrite = false, use_wandb = false;
  int nproc = 1;
  std::string profile;
};

/// share: what each process of --nproc does, for the help; folder: which holds the run; traced:
/// what --profile records.
void AddRunFlags(Command& command, RunFlags& flags, const std::string& share,
                 const std::string& folder, const std::string& traced);

/// Throws UserError for flags that exclude each other.
void CheckRunFlags(const RunFlags& flags);

/// Adds what the flags say. Throws UserError for sinks that can't work here.
void SetUpMetrics(const RunFlags& flags, train::MetricsConfig* metrics);

/// With --nproc becomes torchrun, whose processes are this command without --nproc; does not return
/// then. Else meets the other processes, if there are any. One that torchrun has started anew goes
/// on with what is there, whatever the flags said. Throws as dist::JoinTorchrun does.
dist::Launch StartProcesses(RunFlags* flags);

}  // namespace simscale::cli
