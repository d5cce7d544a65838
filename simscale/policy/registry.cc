#include "simscale/policy/registry.h"

#include "simscale/common/error.h"
#include "simscale/policy/bc/bc.h"
#include "simscale/policy/load.h"
#include "simscale/policy/ppo/gaussian_policy.h"

namespace simscale::policy {
namespace {

/// All that differs from policy to policy, one row each.
struct Entry {
  std::string name, help;
  void (*fill)(const PolicyConfig&, PolicySpec*);
  std::shared_ptr<Policy> (*make)(const PolicyConfig&, const PolicySpec&);
  double (*std_floor)(const PolicyConfig&);
};

const std::vector<Entry>& Entries() {
  static const std::vector<Entry> kEntries = {
      {.name = "bc",
       .help = "behaviour cloning: MLP over the state history, action chunks",
       .fill =
           [](const PolicyConfig& config, PolicySpec* spec) {
             spec->n_obs_steps = config.bc.n_obs_steps;
             spec->horizon = config.bc.horizon;
             spec->n_action_steps = config.bc.n_action_steps;
           },
       .make = [](const PolicyConfig& config, const PolicySpec& spec) -> std::shared_ptr<Policy> {
         return std::make_shared<BcPolicy>(spec, config.bc);
       },
       .std_floor = [](const PolicyConfig& config) { return config.bc.std_floor; }},
      {.name = "ppo",
       .help = "Gaussian policy of reinforcement learning: `simscale rl` trains it",
       .fill =
           [](const PolicyConfig& config, PolicySpec* spec) {
             spec->n_obs_steps = config.ppo.n_obs_steps;
             spec->horizon = 1;
             spec->n_action_steps = 1;
           },
       .make = [](const PolicyConfig& config, const PolicySpec& spec) -> std::shared_ptr<Policy> {
         return std::make_shared<GaussianPolicy>(spec, config.ppo);
       },
       .std_floor = [](const PolicyConfig&) { return 1e-2; }},
  };
  return kEntries;
}

const Entry& Find(const std::string& name) {
  std::vector<std::string> known;
  for (const Entry& entry : Entries()) {
    if (entry.name == name) return entry;
    known.push_back(entry.name);
  }
  throw UserError(UnknownName("policy", name, known));
}

}  // namespace

void CheckPolicyName(const std::string& name) { Find(name); }

void FillSpec(const PolicyConfig& config, PolicySpec* spec) {
  spec->policy = config.name;
  Find(config.name).fill(config, spec);
}

std::shared_ptr<Policy> MakePolicy(const PolicyConfig& config, const PolicySpec& spec) {
  return Find(config.name).make(config, spec);
}

double StdFloor(const PolicyConfig& config) { return Find(config.name).std_floor(config); }

std::vector<PolicyDescription> ListPolicies() {
  std::vector<PolicyDescription> list;
  for (const Entry& entry : Entries()) list.push_back({entry.name, entry.help});
  return list;
}

}  // namespace simscale::policy
