// What of a run is in its checkpoints, and how it comes back.

#include <mujoco/mujoco.h>

#include <span>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/config/node.h"
#include "simscale/policy/checkpoint.h"
#include "simscale/rl/trainer.h"
#include "simscale/rl/vectors.h"
#include "simscale/train/learning.h"
#include "simscale/train/run_dir.h"

namespace simscale::rl {

policy::NamedTensors Trainer::OptimizerState() {
  policy::NamedTensors state = learner_->optimizer().State();
  for (const auto& [name, tensor] : policy::StateOf(*critic_))
    state.emplace_back("critic." + name, tensor);
  return state;
}

void Trainer::Restore(const fs::path& checkpoint) {
  std::string model, optimizer, state;
  const fs::path state_path = checkpoint / "state.json";
  ranks_.OnMain([&] {
    const policy::CheckpointInfo info = policy::ReadCheckpointInfo(checkpoint);
    if (info.spec != policy_->spec() || info.model_hash != task_->model().hash())
      ThrowUser(config_.save_path, ": the run was made with another version of the task '",
                task_->name(), "'; start a new one");
    model = ReadFile(checkpoint / "model.safetensors");
    optimizer = ReadFile(checkpoint / "optimizer.safetensors");
    state = ReadFile(state_path);
    return true;
  });
  for (std::string* text : {&model, &optimizer, &state}) ranks_.Share(text);
  policy::CopyInto(
      policy::SafetensorsFile::Parse(std::move(model), (checkpoint / "model.safetensors").string()),
      "", policy::StateOf(*policy_));
  const auto file = policy::SafetensorsFile::Parse(std::move(optimizer),
                                                   (checkpoint / "optimizer.safetensors").string());
  policy::CopyInto(file, "", OptimizerState());
  RestoreEnvironments(file);
  if (ranks_.is_main()) {
    train::RestoreGenerators(file, device_);
  } else if (const policy::TensorInfo* all = file.Find("rng.ranks")) {
    const std::span<const std::byte> bytes = file.Bytes(*all);
    train::RestoreOwnGenerator({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                               ranks_.rank());
  }
  state_ = LoopStateFromJson(state, state_path.string());
}

void Trainer::RestoreEnvironments(const policy::SafetensorsFile& file) {
  const auto read = [&](const char* name) {
    const policy::TensorInfo* tensor = file.Find(name);
    if (!tensor) ThrowUser(file.where(), ": lacks the tensor '", name, "'");
    return policy::ReadTensor(file, *tensor);
  };
  observation_statistics_.SetState(AsVector(read("statistics.observation")));
  privileged_statistics_.SetState(AsVector(read("statistics.privileged")));
  fixed_normalizer_ = read("statistics.fixed").item<double>() > 0;
  // Of a rank that the run did not have before the environments begin anew.
  const int64_t rows = config_.num_envs, first = ranks_.rank() * rows;
  const torch::Tensor all = read("env.rows"), reward = read("statistics.reward");
  const bool is_there = first + rows <= all.size(0);
  const auto mine = [&](const torch::Tensor& of_all) {
    return of_all.narrow(0, first, rows).contiguous();
  };
  const int64_t own = RunningStatistics(1).State().size();
  reward_scaler_.SetState(AsVector(
      torch::cat({reward.narrow(0, 0, own), is_there ? mine(reward.narrow(0, own, all.size(0)))
                                                     : torch::zeros({rows}, torch::kFloat64)})));
  if (is_there)
    collector_->SetState({.rows = mine(all),
                          .keys = mine(read("env.keys")),
                          .stack = mine(read("env.stack")),
                          .episodes = mine(read("env.episodes"))});
}

torch::Tensor Trainer::OfAllRanks(const torch::Tensor& rows) {
  if (ranks_.size() == 1) return rows;
  std::vector<int64_t> shape = rows.sizes().vec();
  shape[0] *= ranks_.size();
  return ranks_.Gather(rows.contiguous().flatten()).reshape(shape);
}

std::vector<RunningStatistics> Trainer::OfAllRanks(const RunningStatistics& statistics) {
  const torch::Tensor states = ranks_.Gather(AsTensor(statistics.State()));
  std::vector<RunningStatistics> all;
  for (int r = 0; r < ranks_.size(); ++r) {
    all.push_back(statistics);
    all.back().SetState(AsVector(states[r]));
  }
  return all;
}

void Trainer::Save(double success_rate, bool best) {
  const Timed timed(&times_, "save");
  policy::NamedTensors model = policy::StateOf(*policy_);
  policy::NamedTensors optimizer = OptimizerState();
  optimizer.emplace_back("statistics.observation", AsTensor(observation_statistics_.State()));
  optimizer.emplace_back("statistics.privileged", AsTensor(privileged_statistics_.State()));
  optimizer.emplace_back("statistics.fixed", AsTensor({fixed_normalizer_ ? 1.0 : 0.0}));
  const torch::Tensor reward = AsTensor(reward_scaler_.State());
  const int64_t own = reward.numel() - config_.num_envs;
  optimizer.emplace_back(
      "statistics.reward",
      torch::cat({reward.narrow(0, 0, own), OfAllRanks(reward.narrow(0, own, config_.num_envs))}));
  const Collector::State envs = collector_->GetState();
  optimizer.emplace_back("env.rows", OfAllRanks(envs.rows));
  optimizer.emplace_back("env.keys", OfAllRanks(envs.keys));
  optimizer.emplace_back("env.stack", OfAllRanks(envs.stack));
  optimizer.emplace_back("env.episodes", OfAllRanks(envs.episodes));
  for (const auto& state : train::GeneratorStatesOfAll(device_, &ranks_))
    optimizer.push_back(state);
  model = policy::ToCpu(model);
  optimizer = policy::ToCpu(optimizer);

  policy::CheckpointContent content;
  content.info.spec = policy_->spec();
  content.info.step = state_.step;
  content.info.seed = config_.seed;
  content.info.success_rate = success_rate;
  content.info.num_parameters = policy_->num_parameters();
  content.info.model_hash = task_->model().hash();
  content.info.task_config = task_->ResolvedYaml();
  content.info.mujoco_version = mj_versionString();
  content.info.torch_version = TORCH_VERSION;
  content.tensors = {{"model.safetensors", policy::AsBytes(model)},
                     {"optimizer.safetensors", policy::AsBytes(optimizer)}};
  content.texts = {{"state.json", LoopStateToJson(state_)},
                   {"config.yaml", config::ToYaml(config::Write(config_))}};
  ranks_.OnMain([&] {
    metrics_->Sync();
    const fs::path dir =
        train::PublishCheckpoint(config_.save_path, content, best, config_.run.keep_last);
    metrics_->AddCheckpoint(state_.step, {.dir = dir, .best = best, .success_rate = success_rate});
    return true;
  });
}

}  // namespace simscale::rl
