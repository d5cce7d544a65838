#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simscale/cli/app.h"
#include "simscale/env/agent.h"
#include "simscale/policy/load.h"

/// Loading LibTorch costs a quarter of a second and 100 MB, and half of the commands don't need it.
/// So there are two executables of the same sources: `simscale` without it, and
/// `libexec/simscale-torch` with it, by which the first replaces itself (exec) as soon as a command
/// turns out to need a network. These functions are what differs between the two.
namespace simscale::cli {

/// Called first in main. In the executable without LibTorch, hands over at once if the command is
/// one that always needs it.
void StartBackend(int argc, char** argv);

/// Returns in the executable with LibTorch only; the other one becomes it and starts anew. To be
/// called before a command has changed anything. Throws IoError if that executable is missing.
void NeedTorch();

/// policy::MakePolicyAgent and ReadCheckpointInfo, after NeedTorch. Only LoadPolicy compares the
/// files' hashes, so that they are read once.
std::unique_ptr<env::Agent> LoadPolicy(const std::string& checkpoint, const std::string& device,
                                       policy::CheckpointInfo* info);
policy::CheckpointInfo ReadCheckpoint(const std::string& checkpoint);

/// LibTorch's version, after NeedTorch.
std::string TorchVersion();

/// For doctor: the executable with LibTorch, and what it says of LibTorch and CUDA.
std::string TorchExecutable();
std::string TorchProbe();

}  // namespace simscale::cli
