#include "simscale/policy/policy_io.h"

#include "simscale/common/error.h"
#include "simscale/policy/checkpoint.h"
#include "simscale/policy/registry.h"
#include "simscale/policy/runner.h"
#include "simscale/policy/tensor_files.h"

namespace simscale::policy {

LoadedPolicy LoadPolicy(const std::filesystem::path& path, torch::Device device) {
  LoadedPolicy loaded;
  loaded.info = ReadCheckpointInfo(path);
  const std::filesystem::path config_path = loaded.info.dir / "config.yaml";
  const config::Node root = config::LoadYaml(config_path);
  const config::Node* node = root.Find("policy");
  if (!node) ThrowUser(config_path.string(), ": lacks the part 'policy'");
  PolicyConfig config;
  config::Read(*node, config);

  const SafetensorsFile file = ReadTensors(loaded.info.dir, "model");
  loaded.policy = MakePolicy(config, loaded.info.spec);
  const NamedTensors state = StateOf(*loaded.policy);
  const bool ema = !state.empty() && file.Find("ema." + state.front().first) != nullptr;
  CopyInto(file, ema ? "ema." : "", state);
  for (torch::Tensor& parameter : loaded.policy->parameters()) parameter.set_requires_grad(false);
  loaded.policy->to(device);
  loaded.policy->eval();
  return loaded;
}

std::unique_ptr<env::Agent> MakePolicyAgent(const std::filesystem::path& checkpoint,
                                            const PolicyAgentOptions& options,
                                            CheckpointInfo* info) {
  const torch::Device device = PickDevice(options.device);
  LoadedPolicy loaded = LoadPolicy(checkpoint, device);
  if (info) *info = loaded.info;
  return std::make_unique<PolicyRunner>(
      loaded.policy, device, PolicyRunner::Options{.n_action_steps = options.n_action_steps});
}

void SetTorchThreads(int num_threads) {
  if (num_threads < 1) ThrowUser("num_threads must be at least 1, got ", num_threads);
  at::set_num_threads(num_threads);
}

std::string TorchVersion() { return TORCH_VERSION; }

bool CudaAvailable(std::string* device_name) {
  const bool available = torch::cuda::is_available();
  if (device_name)
    *device_name = available ? Cat(torch::cuda::device_count(), " CUDA device(s)") : "";
  return available;
}

}  // namespace simscale::policy
