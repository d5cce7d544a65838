#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/policy/config.h"
#include "simscale/train/sink.h"

namespace simscale::rl {

/// The `ppo:` part. PPO: Schulman et al., "Proximal policy optimization algorithms", 2017.
struct PpoConfig {
  int n_steps = 128;
  int minibatch_size = 1024;
  int epochs = 5;
  int shards = 2;
  double gamma = 0.99;
  double gae_lambda = 0.95;
  double clip_range = 0.2;
  double value_clip = 0.0;
  double value_coef = 0.5;
  double entropy_coef = 0.0;
  double entropy_coef_end = 0.0;
  bool normalize_advantage = true;
  double lr = 3e-4;
  std::string lr_schedule = "linear";
  double lr_min = 1e-5;
  double lr_max = 1e-2;
  double desired_kl = 0.01;
  double target_kl = 0.0;
  double max_grad_norm = 0.5;
  double adam_eps = 1e-5;
  bool normalize_observations = true;
  bool normalize_rewards = true;
  double reward_clip = 10.0;
  std::vector<int> critic_hidden = {64, 64};
  bool critic_shares_trunk = false;
  int critic_warmup = 0;
  int max_bad_steps = 20;

  void Describe(config::Fields& f);
  void Validate() const;
};

/// The `run:` part: how often things happen, in environment steps (of all environments together).
struct RunConfig {
  int64_t eval_every = 100000;
  int eval_episodes = 100;
  int64_t save_every = 100000;
  int keep_last = 2;

  void Describe(config::Fields& f);
};

/// Everything that shapes a run of reinforcement learning; the resolved one is saved with it.
struct RlConfig {
  std::string env_name = "reach";
  std::vector<std::string> task;
  int64_t total_steps = 1000000;
  std::string save_path = "runs/rl";
  std::string from;
  std::string device = "auto";
  uint64_t seed = 0;
  int num_envs = 32;
  int threads = 0;
  std::vector<std::string> observations, images, critic_observations;
  PpoConfig ppo;
  RunConfig run;
  train::MetricsConfig metrics;
  policy::PolicyConfig policy = {.name = "ppo"};

  void Describe(config::Fields& f);
  void Validate() const;
};

/// The preset of a task (presets/rl/<task>.yaml of the share folder, else presets/rl/ppo.yaml), or
/// `config_file` where given, with the overrides ("ppo.lr=3e-4") applied. Where one of them names a
/// policy to start from, presets/rl/from.yaml is merged over the preset first.
RlConfig ComposeRlConfig(const std::string& env_name, const std::filesystem::path& config_file,
                         const std::vector<std::string>& overrides);

/// What a run folder was made with, overrides applied: what --resume goes on with.
RlConfig LoadRunConfig(const std::filesystem::path& run_dir,
                       const std::vector<std::string>& overrides = {});

}  // namespace simscale::rl
