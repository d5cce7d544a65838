#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/policy/config.h"
#include "simscale/train/sink.h"

namespace simscale::train {

/// The `train:` part: optimiser, schedule and how often things happen. All counts are steps.
struct LoopConfig {
  int64_t steps = 20000;
  int batch_size = 256;
  int accumulate = 1;
  std::string precision = "fp32";
  std::string strategy = "ddp";
  bool activation_checkpointing = false;
  double lr = 1e-3;
  double lr_min = 1e-5;
  int64_t warmup_steps = 500;
  std::string schedule = "cosine";
  int64_t step_every = 10000;
  double step_factor = 0.1;
  std::string optimizer = "adamw";
  std::vector<double> betas = {0.9, 0.95};
  double eps = 1e-8;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 1e-4;
  double grad_clip = 1.0;
  double ema_decay = 0.999;
  double validation_fraction = 0.05;
  int64_t log_every = 100;
  int64_t histogram_every = 0;
  int64_t picture_every = 1000;
  int64_t validate_every = 1000;
  int64_t eval_every = 5000;
  int eval_episodes = 100;
  int64_t save_every = 2000;
  int keep_last = 2;
  int max_bad_steps = 50;

  void Describe(config::Fields& f);
  void Validate() const;
};

/// How pictures get from the files to the network. Changes nothing of what is learned but
/// shuffle_buffer.
struct LoaderConfig {
  int threads = 1;
  int prefetch = 2;
  int64_t cache_mb = 2048;
  int64_t shuffle_buffer = 0;
  bool map_files = false;

  void Describe(config::Fields& f);
};

/// Everything that shapes a training; the resolved one is saved in the run folder.
struct TrainConfig {
  std::string dataset;
  std::vector<std::string> mix;
  std::vector<double> mix_weights;
  std::string filter_key;
  std::string env_name;
  std::string checkpoint_dir = "runs/train";
  std::string device = "auto";
  uint64_t seed = 0;
  int num_threads = 1;
  std::vector<std::string> observations, images;
  LoaderConfig loader;
  MetricsConfig metrics;
  LoopConfig train;
  policy::PolicyConfig policy;

  void Describe(config::Fields& f);
  void Validate() const;
};

/// The preset file for a model and a task: presets/<model>_<env>.yaml of the share folder, else
/// presets/<model>.yaml. env_name may be "" or in Gymnasium's form. UserError for an unknown model.
std::filesystem::path PresetFor(const std::string& model, const std::string& env_name);

/// The preset (or `config_file` where given, which may have `defaults:` that name presets) with
/// the overrides ("train.lr=3e-4") applied. Strict as config::Read is.
TrainConfig ComposeTrainConfig(const std::string& model, const std::string& env_name,
                               const std::filesystem::path& config_file,
                               const std::vector<std::string>& overrides);

/// The configuration that a run folder was made with, overrides applied: what `--resume` goes on
/// with.
TrainConfig LoadRunConfig(const std::filesystem::path& run_dir,
                          const std::vector<std::string>& overrides = {});

}  // namespace simscale::train
