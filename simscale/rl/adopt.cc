#include "simscale/rl/adopt.h"

#include "simscale/common/error.h"
#include "simscale/common/log.h"
#include "simscale/config/node.h"
#include "simscale/policy/policy_io.h"

namespace simscale::rl {

void AdoptPolicyConfig(RlConfig* config) {
  const policy::CheckpointInfo info = policy::ReadCheckpointInfo(config->from);
  const config::Node root = config::LoadYaml(info.dir / "config.yaml");
  policy::PolicyConfig theirs;
  if (const config::Node* node = root.Find("policy")) config::Read(*node, theirs);
  policy::GaussianConfig& ours = config->policy.ppo;
  if (theirs.name == "ppo") {
    ours = theirs.ppo;
  } else if (theirs.name == "bc") {
    ours.hidden = theirs.bc.hidden;
    ours.activation = theirs.bc.activation;
    ours.layer_norm = theirs.bc.layer_norm;
    ours.n_obs_steps = theirs.bc.n_obs_steps;
    ours.obs_clip = theirs.bc.obs_clip;
    ours.displacement_scale = theirs.bc.displacement_scale;
    ours.image = theirs.bc.image;
    if (ours.std != "parameter" || ours.squash)
      ThrowUser(
          "from: a bc policy has neither a deviation nor a squashing; leave "
          "policy.ppo.std=parameter and policy.ppo.squash=false");
  } else {
    ThrowUser(config->from, ": a '", theirs.name, "' policy can't be gone on with; bc and ppo can");
  }
  config->observations.clear();
  for (const auto& key : info.spec.observations) config->observations.push_back(key.name);
  config->images.clear();
  for (const auto& key : info.spec.images) config->images.push_back(key.name);
}

void AdoptWeights(const std::string& from, policy::GaussianPolicy& policy) {
  const policy::LoadedPolicy loaded = policy::LoadPolicy(from, torch::kCPU);
  const policy::PolicySpec &theirs = loaded.info.spec, &ours = policy.spec();
  if (theirs.observations != ours.observations || theirs.images != ours.images ||
      theirs.action_dim != ours.action_dim)
    ThrowUser(from, ": a policy for '", theirs.env_name,
              "' with other observations or "
              "actions than '",
              ours.env_name, "'");
  torch::NoGradGuard no_grad;
  const policy::NamedTensors source = policy::StateOf(*loaded.policy);
  const auto find = [&](const std::string& name) {
    for (const auto& [key, tensor] : source)
      if (key == name) return tensor;
    return torch::Tensor();
  };
  const std::string head = Cat("net.linear_", policy.config().hidden.size(), ".");
  for (const auto& [name, tensor] : policy::StateOf(policy)) {
    torch::Tensor source_of = find(name);
    if (!source_of.defined()) continue;  // a bc policy has no deviation and no bounds
    // Of a chunk of actions, the first.
    if (name.starts_with(head)) source_of = source_of.narrow(0, 0, tensor.size(0));
    torch::Tensor(tensor).copy_(source_of);
  }
  LogInfo("starts from ", from, " (", theirs.policy, ", step ", loaded.info.step, ")");
}

}  // namespace simscale::rl
