#include "simscale/train/config.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/policy/load.h"

namespace simscale::train {

void LoopConfig::Describe(config::Fields& f) {
  f.Field("steps", steps, {.help = "optimiser steps in all", .min = 1, .max = 1e12});
  f.Field("batch_size", batch_size,
          {.help = "windows that one process computes at once", .min = 1, .max = 1 << 20});
  f.Field("accumulate", accumulate,
          {.help = "batches whose gradients add up to one step: it takes batch_size * accumulate * "
                   "processes windows",
           .min = 1,
           .max = 65536});
  f.Field("precision", precision,
          {.help = "of matrix products; weights and optimiser stay float32. fp16 scales the loss",
           .choices = {"fp32", "tf32", "bf16", "fp16"}});
  f.Field("strategy", strategy,
          {.help = "several processes: ddp has all on each; fsdp spreads weights, gradients and "
                   "optimiser state over them; zero2 gradients and optimiser state alone",
           .choices = {"ddp", "fsdp", "zero2"}});
  f.Field("activation_checkpointing", activation_checkpointing,
          {.help = "compute each block again in the backward pass: less memory, more time"});
  f.Field("lr", lr, {.help = "peak learning rate", .min = 0, .max = 10});
  f.Field("lr_min", lr_min,
          {.help = "learning rate at the end, and the lowest", .min = 0, .max = 10});
  f.Field("warmup_steps", warmup_steps,
          {.help = "steps over which the learning rate rises from zero; a tenth of the steps where "
                   "the run has no more than these",
           .min = 0,
           .max = 1e12});
  f.Field("schedule", schedule,
          {.help = "learning rate after the warm-up: half a cosine or a line down to lr_min, "
                   "constant, or times step_factor every step_every steps",
           .choices = {"cosine", "linear", "constant", "step"}});
  f.Field("step_every", step_every, {.help = "of the schedule 'step'", .min = 1, .max = 1e12});
  f.Field("step_factor", step_factor, {.help = "of the schedule 'step'", .min = 0, .max = 1});
  f.Field("optimizer", optimizer,
          {.help = "fused kernels all", .choices = {"adamw", "adam", "sgd"}});
  f.Field("betas", betas,
          {.help = "moment decays of adamw and adam", .min = 0, .max = 0.99999, .size = 2});
  f.Field("eps", eps, {.help = "epsilon of adamw and adam", .min = 1e-16, .max = 1});
  f.Field("momentum", momentum, {.help = "of sgd", .min = 0, .max = 0.9999});
  f.Field("nesterov", nesterov, {.help = "of sgd: Nesterov's momentum"});
  f.Field(
      "weight_decay", weight_decay,
      {.help = "of matrices, not of norms and biases; decoupled with adamw", .min = 0, .max = 10});
  f.Field("grad_clip", grad_clip,
          {.help = "largest global gradient norm; 0: no clipping", .min = 0});
  f.Field("ema_decay", ema_decay,
          {.help = "decay of the averaged weights, which are the ones evaluated; 0: no averaging",
           .min = 0,
           .max = 0.9999999});
  f.Field("validation_fraction", validation_fraction,
          {.help = "share of the episodes that is held out for the validation loss",
           .min = 0,
           .max = 0.9});
  f.Field("log_every", log_every, {.help = "steps between records of the metrics", .min = 1});
  f.Field(
      "histogram_every", histogram_every,
      {.help = "steps between histograms of weights and gradients, for sinks that show them; 0: "
               "none",
       .min = 0});
  f.Field(
      "picture_every", picture_every,
      {.help = "steps between samples of the pictures that the policy sees; 0: none", .min = 0});
  f.Field("validate_every", validate_every,
          {.help = "steps between validation losses; 0: only with evaluations and checkpoints",
           .min = 0});
  f.Field(
      "eval_every", eval_every,
      {.help = "steps between closed-loop evaluations; one more at the end; 0: none", .min = 0});
  f.Field("eval_episodes", eval_episodes, {.help = "episodes an evaluation", .min = 1, .max = 1e6});
  f.Field("save_every", save_every,
          {.help = "steps between checkpoints; 0: only at evaluations and at the end", .min = 0});
  f.Field("keep_last", keep_last,
          {.help = "checkpoints kept beside the best one", .min = 1, .max = 1e6});
  f.Field("max_bad_steps", max_bad_steps,
          {.help = "steps in a row without a finite loss before the run stops", .min = 1});
}

void LoopConfig::Validate() const {
  if (lr_min > lr) ThrowUser("train.lr_min must be at most lr (", lr, "), got ", lr_min);
  if (nesterov && momentum == 0)
    ThrowUser("train.nesterov needs train.momentum above 0; give one, or nesterov=false");
}

void LoaderConfig::Describe(config::Fields& f) {
  f.Field("threads", threads, {.help = "threads that read pictures", .min = 1, .max = 1024});
  f.Field("prefetch", prefetch, {.help = "batches that are read ahead", .min = 0, .max = 1024});
  f.Field("cache_mb", cache_mb,
          {.help = "memory for pictures: a set that fits is read once; of a larger one the last "
                   "episodes stay if there is a shuffle_buffer",
           .unit = "MB",
           .min = 0,
           .max = 1e9});
  f.Field("shuffle_buffer", shuffle_buffer,
          {.help = "episodes whose windows are mixed with each other, for sets larger than the "
                   "memory: each is then read once an epoch; 0: all",
           .min = 0,
           .max = 1e9});
  f.Field("map_files", map_files,
          {.help = "map files into memory in place of reading them; they must not be cut short "
                   "meanwhile"});
}

void TrainConfig::Describe(config::Fields& f) {
  f.Field("dataset", dataset, {.help = "dataset file (HDF5, schema 1)"});
  f.Field("mix", mix, {.help = "more datasets of the same task to learn from"});
  f.Field("mix_weights", mix_weights,
          {.help = "shares of dataset and of each of mix in the windows; empty: by their steps",
           .min = 0});
  f.Field("filter_key", filter_key,
          {.help = "only the episodes that /mask/<filter_key> names, such as train; empty: all"});
  f.Field("env_name", env_name, {.help = "task; empty: the dataset's"});
  f.Field("checkpoint_dir", checkpoint_dir, {.help = "run folder"});
  f.Field("device", device, {.help = "where the network runs", .choices = {"auto", "cpu", "cuda"}});
  f.Field("seed", seed, {.help = "seed of weights, order, split and evaluation"});
  f.Field("num_threads", num_threads,
          {.help = "threads inside one tensor operation; 1 is best for small networks",
           .min = 1,
           .max = 4096});
  f.Field(
      "observations", observations,
      {.help = "observations that the policy reads; empty: all state observations of the dataset"});
  f.Field("images", images,
          {.help = "cameras' pictures that the policy sees, such as front_rgb; empty: none"});
  f.Struct("loader", loader, "how pictures are read");
  f.Struct("metrics", metrics, "where metrics go");
  f.Struct("train", train, "optimiser and loop");
  f.Struct("policy", policy, "the policy");
}

void TrainConfig::Validate() const {
  metrics.Validate();
  std::vector<std::string> known;
  for (const auto& entry : policy::ListPolicies()) known.push_back(entry.name);
  if (std::find(known.begin(), known.end(), policy.name) == known.end())
    throw UserError("policy.name: " + UnknownName("policy", policy.name, known));
  std::vector<std::string> sorted = observations;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) ThrowUser("observations: '", *twice, "' is listed twice");
}

namespace {

/// "SimScale/PickPlace-v0" -> "pick_place"; plain names stay.
std::string PlainEnvName(const std::string& name) {
  const std::string prefix = "SimScale/";
  if (!name.starts_with(prefix)) return name;
  std::string camel = name.substr(prefix.size());
  camel = camel.substr(0, camel.rfind("-v"));
  std::string plain;
  for (char c : camel) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isupper(letter) && !plain.empty()) plain += '_';
    plain += static_cast<char>(std::tolower(letter));
  }
  return plain;
}

}  // namespace

std::filesystem::path PresetFor(const std::string& model, const std::string& env_name) {
  std::vector<std::string> known;
  for (const auto& entry : policy::ListPolicies()) known.push_back(entry.name);
  const fs::path presets = ShareDir() / "presets";
  // A policy, or a variant that has a preset of its own: bc_debug, bc_pixels.
  const bool is_known = std::any_of(known.begin(), known.end(), [&](const std::string& name) {
    return model == name ||
           (model.starts_with(name + "_") && fs::exists(presets / (model + ".yaml")));
  });
  if (!is_known) throw UserError(UnknownName("model", model, known));
  if (!env_name.empty()) {
    const fs::path own = presets / Cat(model, "_", PlainEnvName(env_name), ".yaml");
    if (fs::exists(own)) return own;
  }
  const fs::path general = presets / (model + ".yaml");
  if (!fs::exists(general) && fs::exists(presets / "rl" / general.filename()))
    ThrowUser("model '", model, "' learns from rewards, not from a dataset: simscale rl trains it");
  if (!fs::exists(general)) ThrowUser(general.string(), ": no such preset");
  return general;
}

TrainConfig ComposeTrainConfig(const std::string& model, const std::string& env_name,
                               const std::filesystem::path& config_file,
                               const std::vector<std::string>& overrides) {
  const std::string env = PlainEnvName(env_name);
  const fs::path file = config_file.empty() ? PresetFor(model, env) : config_file;
  std::vector<fs::path> search;
  if (config_file.empty() || config::LoadYaml(file).Find("defaults"))
    search = {ShareDir() / "presets"};
  config::Node node = config::Compose(file, search);
  if (!env.empty()) node.Set("env_name", config::Node::Scalar(env, true));
  return config::ReadOverridden<TrainConfig>(std::move(node), overrides);
}

TrainConfig LoadRunConfig(const std::filesystem::path& run_dir,
                          const std::vector<std::string>& overrides) {
  return config::ReadOverridden<TrainConfig>(config::LoadYaml(run_dir / "config.yaml"), overrides);
}

}  // namespace simscale::train
