#include <filesystem>

#include "simscale/cli/torch_backend.h"
#include "simscale/common/text.h"

namespace simscale::cli {

void StartBackend(int, char**) {
  // One thread: the networks are small, and the environments want the cores.
  policy::SetTorchThreads(1);
}

void NeedTorch() {}

std::unique_ptr<env::Agent> LoadPolicy(const std::string& checkpoint, const std::string& device,
                                       policy::CheckpointInfo* info) {
  return policy::MakePolicyAgent(checkpoint, {.device = device}, info);
}

policy::CheckpointInfo ReadCheckpoint(const std::string& checkpoint) {
  return policy::ReadCheckpointInfo(checkpoint, /*verify=*/false);
}

std::string TorchExecutable() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::string TorchVersion() { return policy::TorchVersion(); }

std::string TorchProbe() {
  std::string device;
  const bool cuda = policy::CudaAvailable(&device);
  return Cat("LibTorch ", policy::TorchVersion(), ", ",
             cuda ? "CUDA: " + device : "no CUDA device");
}

}  // namespace simscale::cli
