#include "simscale/rl/config.h"

#include <algorithm>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/config/node.h"

namespace simscale::rl {

void PpoConfig::Describe(config::Fields& f) {
  f.Field("n_steps", n_steps,
          {.help = "control steps of each environment between two updates", .min = 1, .max = 1e6});
  f.Field("minibatch_size", minibatch_size,
          {.help = "steps in one gradient step", .min = 1, .max = 1 << 24});
  f.Field("epochs", epochs, {.help = "passes over the steps of an update", .min = 1, .max = 1000});
  f.Field("shards", shards,
          {.help = "parts of a minibatch that are computed side by side, on a CPU; the result "
                   "depends on this number and not on the threads",
           .min = 1,
           .max = 1024});
  f.Field("gamma", gamma, {.help = "discount", .min = 0, .max = 1});
  f.Field(
      "gae_lambda", gae_lambda,
      {.help = "of generalised advantage estimation (Schulman et al., 2016)", .min = 0, .max = 1});
  f.Field("clip_range", clip_range, {.help = "of the probabilities' ratio", .min = 1e-6, .max = 1});
  f.Field("value_clip", value_clip,
          {.help = "how far a value may move from the old one; 0: any", .min = 0});
  f.Field("value_coef", value_coef, {.help = "weight of the value loss", .min = 0, .max = 1e6});
  f.Field("entropy_coef", entropy_coef,
          {.help = "weight of the entropy bonus at the start", .min = 0, .max = 1e6});
  f.Field("entropy_coef_end", entropy_coef_end,
          {.help = "and at the end; linear in between", .min = 0, .max = 1e6});
  f.Field("normalize_advantage", normalize_advantage,
          {.help = "advantages of a minibatch are shifted and scaled to mean 0, deviation 1"});
  f.Field("lr", lr, {.help = "learning rate at the start", .min = 0, .max = 10});
  f.Field("lr_schedule", lr_schedule,
          {.help = "fixed; linear: down to lr_min at the end; adaptive: up and down so that an "
                   "update's KL divergence stays near desired_kl",
           .choices = {"fixed", "linear", "adaptive"}});
  f.Field("lr_min", lr_min, {.help = "never below", .min = 0, .max = 10});
  f.Field("lr_max", lr_max, {.help = "never above (adaptive)", .min = 0, .max = 10});
  f.Field("desired_kl", desired_kl, {.help = "of the adaptive learning rate", .min = 1e-9});
  f.Field("target_kl", target_kl,
          {.help = "an update ends early where the KL divergence passes 1.5 times this; 0: never",
           .min = 0});
  f.Field("max_grad_norm", max_grad_norm,
          {.help = "largest global gradient norm; 0: no clipping", .min = 0});
  f.Field("adam_eps", adam_eps, {.help = "Adam's epsilon", .min = 1e-16, .max = 1});
  f.Field("normalize_observations", normalize_observations,
          {.help = "running mean and deviation; they travel with the checkpoint"});
  f.Field("normalize_rewards", normalize_rewards,
          {.help = "rewards are divided by the running deviation of the discounted return"});
  f.Field("reward_clip", reward_clip, {.help = "of normalised rewards", .min = 1e-6});
  f.Field("critic_hidden", critic_hidden,
          {.help = "sizes of the critic's hidden layers", .min = 1, .max = 16384});
  f.Field("critic_shares_trunk", critic_shares_trunk,
          {.help = "the critic is one layer on top of the policy's last hidden one"});
  f.Field("critic_warmup", critic_warmup,
          {.help = "updates at the start in which the critic alone learns", .min = 0, .max = 1e6});
  f.Field("max_bad_steps", max_bad_steps,
          {.help = "gradient steps in a row without a finite loss before the run stops", .min = 1});
}

void PpoConfig::Validate() const {
  if (lr_min > lr) ThrowUser("ppo.lr_min must be at most lr (", lr, "), got ", lr_min);
  if (lr > lr_max && lr_schedule == "adaptive")
    ThrowUser("ppo.lr must be at most lr_max (", lr_max, "), got ", lr);
  if (critic_hidden.empty() || critic_hidden.size() > 64)
    ThrowUser("ppo.critic_hidden must have 1 to 64 layers, got ", critic_hidden.size());
}

void RunConfig::Describe(config::Fields& f) {
  f.Field("eval_every", eval_every,
          {.help = "environment steps between evaluations on held-out seeds; one more at the end; "
                   "0: none",
           .min = 0});
  f.Field("eval_episodes", eval_episodes, {.help = "episodes an evaluation", .min = 1, .max = 1e6});
  f.Field("save_every", save_every,
          {.help = "environment steps between checkpoints; 0: only at evaluations and at the end",
           .min = 0});
  f.Field("keep_last", keep_last,
          {.help = "checkpoints kept beside the best one", .min = 1, .max = 1e6});
}

void RlConfig::Describe(config::Fields& f) {
  f.Field("env_name", env_name, {.help = "task name or path to a task file"});
  f.Field("task", task, {.help = "overrides of the task file; task.rewards.x.weight=2 adds one"});
  f.Field("total_steps", total_steps,
          {.help = "control steps of all environments together", .min = 1, .max = 1e13});
  f.Field("save_path", save_path, {.help = "run folder"});
  f.Field("from", from, {.help = "checkpoint to start from: a bc or ppo policy; empty: fresh"});
  f.Field("device", device, {.help = "where the network runs", .choices = {"auto", "cpu", "cuda"}});
  f.Field("seed", seed, {.help = "seed of weights, episodes, actions and evaluation"});
  f.Field("num_envs", num_envs, {.help = "environments in lock-step", .min = 1, .max = 65536});
  f.Field("threads", threads,
          {.help = "threads that step them and learn; 0: all cores", .min = 0, .max = 1024});
  f.Field("observations", observations,
          {.help = "observations that the policy reads; empty: all of the task"});
  f.Field("images", images,
          {.help = "cameras' pictures that the policy sees, such as front_rgb; empty: none"});
  f.Field("critic_observations", critic_observations,
          {.help = "observations that the critic alone reads, beside the policy's"});
  f.Struct("ppo", ppo, "the learner");
  f.Struct("run", run, "evaluations and checkpoints");
  f.Struct("metrics", metrics, "where metrics go");
  f.Struct("policy", policy, "the policy");
}

void RlConfig::Validate() const {
  metrics.Validate();
  if (policy.name != "ppo")
    ThrowUser("policy.name must be ppo for reinforcement learning, got '", policy.name, "'");
  const int64_t batch = int64_t{ppo.n_steps} * num_envs;
  if (ppo.minibatch_size > batch)
    ThrowUser("ppo.minibatch_size must be at most n_steps * num_envs (", ppo.n_steps, " * ",
              num_envs, " = ", batch, "), got ", ppo.minibatch_size);
}

RlConfig ComposeRlConfig(const std::string& env_name, const std::filesystem::path& config_file,
                         const std::vector<std::string>& overrides) {
  const fs::path presets = ShareDir() / "presets" / "rl";
  fs::path file = config_file;
  if (file.empty()) {
    file = presets / (env_name + ".yaml");
    if (env_name.empty() || env_name.find('/') != std::string::npos || !fs::exists(file))
      file = presets / "ppo.yaml";
  }
  std::vector<fs::path> search;
  if (config_file.empty() || config::LoadYaml(file).Find("defaults")) search = {presets};
  config::Node node = config::Compose(file, search);
  const auto starts = [](const std::string& assignment) {
    return assignment.starts_with("from=") && assignment.size() > 5;
  };
  if (config_file.empty() && std::ranges::any_of(overrides, starts))
    config::Merge(node, config::Compose(presets / "from.yaml", {presets}));
  if (!env_name.empty()) node.Set("env_name", config::Node::Scalar(env_name, true));
  return config::ReadOverridden<RlConfig>(std::move(node), overrides);
}

RlConfig LoadRunConfig(const std::filesystem::path& run_dir,
                       const std::vector<std::string>& overrides) {
  return config::ReadOverridden<RlConfig>(config::LoadYaml(run_dir / "config.yaml"), overrides);
}

}  // namespace simscale::rl
