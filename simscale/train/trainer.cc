#include "simscale/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/progress.h"
#include "simscale/common/rng.h"
#include "simscale/data/writer.h"
#include "simscale/policy/registry.h"
#include "simscale/train/learning.h"
#include "simscale/train/schedule.h"

namespace simscale::train {
namespace {

constexpr int64_t kValidationChunk = 2048;     // windows a call: bounds the memory
constexpr int64_t kValidationWindows = 16384;  // an even sample of more: enough for three digits

}  // namespace

Trainer::Trainer(const TrainConfig& config, const TrainOptions& options, const TrainHooks& hooks)
    : config_(config),
      options_(options),
      hooks_(hooks),
      ranks_(options.ranks),
      device_(policy::PickDevice(config.device)) {
  config_.Validate();
  config_.train.Validate();
  if (ranks_.size() > 1 && device_.is_cuda())
    ThrowUser("device: several processes train on CPUs so far, not on cuda; give --device cpu");
  policy::SetTorchThreads(config_.num_threads);
  LoadDataset();
  BuildModel();
  ranks_.Wrap(*policy_);
  std::string generators;
  const bool resumed = ranks_.OnMain([&] {
    // Not before the settings are known to work: with overwrite, this deletes the old run.
    const std::optional<fs::path> from = PrepareRunDir(RunFolderOf(config_), options_, &lock_);
    if (from) ReadCheckpoint(*from, &generators);
    WriteFileAtomic(fs::path(config_.checkpoint_dir) / "config.yaml", ConfigToYaml(config_));
    metrics_ = std::make_unique<Metrics>(
        config_.checkpoint_dir,
        from ? Metrics::Resume{.step = state_.step, .redo = !state_.due_done} : Metrics::Resume{});
    LogInfo(from ? "resume" : "train", ": ", config_.policy.name, " (", policy_->num_parameters(),
            " parameters) on ", device_.is_cuda() ? "cuda" : "cpu",
            ranks_.size() > 1 ? Cat(" in ", ranks_.size(), " processes") : std::string(), ", ",
            train_steps_.size(), " windows of ", dataset_.num_episodes(), " episodes, ",
            validation_steps_.size(), " held out",
            from ? Cat(", from step ", state_.step) : std::string());
    return from.has_value();
  });
  if (resumed) ShareRestored(std::move(generators));
}

void Trainer::LoadDataset() {
  if (config_.dataset.empty())
    ThrowUser(
        "dataset: no dataset given; make one with `simscale datagen`, name it with --dataset");
  const data::DatasetReader reader(config_.dataset);
  env_name_ = reader.meta().env_name;
  if (!config_.env_name.empty() && config_.env_name != env_name_)
    ThrowUser(config_.dataset, ": was made in '", env_name_, "', but the training is for '",
              config_.env_name, "'. Give a dataset of that task, or --env-name ", env_name_);
  config_.env_name = env_name_;
  dataset_ = train::LoadDataset(reader, config_.observations, config_.images);
  dataset_hash_ = data::ContentHash(config_.dataset);
  std::string hash = dataset_hash_;
  ranks_.Share(&hash);
  if (hash != dataset_hash_)
    ThrowUser(config_.dataset, ": rank ", ranks_.rank(),
              " sees another content than rank 0; give all of them the same dataset");
  model_hash_ = reader.meta().model_hash;
  task_config_ = reader.meta().task_config;
  mujoco_version_ = reader.meta().mujoco_version;
  const std::vector<int64_t> held_out =
      ValidationEpisodes(dataset_.num_episodes(), config_.train.validation_fraction,
                         DeriveSeed(config_.seed, SeedUse::kTraining));
  train_steps_ = dataset_.StepsOf(held_out, true);
  validation_steps_ = dataset_.StepsOf(held_out, false);
  const auto stride = static_cast<size_t>(validation_steps_.size() / kValidationWindows + 1);
  for (size_t i = 0; i * stride < validation_steps_.size(); ++i)
    validation_steps_[i] = validation_steps_[i * stride];
  validation_steps_.resize((validation_steps_.size() + stride - 1) / stride);
  sampler_ =
      std::make_unique<ShuffledSampler>(train_steps_, DeriveSeed(config_.seed, SeedUse::kTraining));
  index_.resize(static_cast<size_t>(config_.train.batch_size) * static_cast<size_t>(ranks_.size()));
}

void Trainer::BuildModel() {
  policy::PolicySpec spec{.env_name = env_name_,
                          .observations = dataset_.observations,
                          .images = dataset_.image_keys,
                          .action_dim = dataset_.action_dim};
  policy::FillSpec(config_.policy, &spec);
  SeedTorch(config_.seed, TorchStream::kWeights);
  policy_ = policy::MakePolicy(config_.policy, spec);
  policy_->SetStatistics(dataset_.Statistics(train_steps_), policy::StdFloor(config_.policy));
  averaged_ = policy::MakePolicy(config_.policy, spec);
  {
    torch::NoGradGuard no_grad;
    const policy::NamedTensors from = policy::StateOf(*policy_), to = policy::StateOf(*averaged_);
    for (size_t i = 0; i < from.size(); ++i) torch::Tensor(to[i].second).copy_(from[i].second);
  }
  policy_->to(device_);
  averaged_->to(device_);
  averaged_->eval();
  dataset_.To(device_);
  optimizer_ = std::make_unique<FusedAdamW>(
      NamedParameters(*policy_),
      AdamWConfig{.betas = {config_.train.betas[0], config_.train.betas[1]},
                  .eps = config_.train.eps,
                  .weight_decay = config_.train.weight_decay,
                  .grad_clip = config_.train.grad_clip});
  ema_ = std::make_unique<Ema>(*policy_, *averaged_);
  sums_ = torch::zeros({4}, torch::dtype(torch::kFloat32).device(device_));
  SeedTorch(config_.seed, TorchStream::kDropout, ranks_.rank());
}

policy::NamedTensors Trainer::OptimizerState() {
  policy::NamedTensors state = optimizer_->State();
  state.emplace_back("metrics.sums", sums_);
  return state;
}

void Trainer::ReadCheckpoint(const fs::path& checkpoint, std::string* generators) {
  const policy::CheckpointInfo info = policy::ReadCheckpointInfo(checkpoint);
  if (!(info.spec == policy_->spec()) || info.dataset_hash != dataset_hash_)
    ThrowUser(config_.dataset, ": its content differs from what the run in ",
              config_.checkpoint_dir, " was trained on; --resume needs the same dataset");
  const auto model = policy::SafetensorsFile::Read(checkpoint / "model.safetensors");
  policy::CopyInto(model, "", policy::StateOf(*policy_));
  policy::CopyInto(model, "ema.", policy::StateOf(*averaged_));
  const auto optimizer = policy::SafetensorsFile::Read(checkpoint / "optimizer.safetensors");
  policy::CopyInto(optimizer, "", OptimizerState());
  RestoreGenerators(optimizer, device_);
  if (const policy::TensorInfo* all = optimizer.Find("rng.ranks")) {
    const std::span<const std::byte> bytes = optimizer.Bytes(*all);
    generators->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  const fs::path path = checkpoint / "state.json";
  state_ = LoopStateFromJson(ReadFile(path), path.string());
  sampler_->Seek(state_.epoch, state_.offset);
}

void Trainer::ShareRestored(std::string generators) {
  if (ranks_.size() == 1) return;
  std::string state = LoopStateToJson(state_);
  ranks_.Share(&state);
  ranks_.Share(&generators);
  ranks_.Share(policy::StateOf(*policy_));
  ranks_.Share(policy::StateOf(*averaged_));
  ranks_.Share(OptimizerState());
  if (ranks_.is_main()) return;
  state_ = LoopStateFromJson(state, "rank 0's state");
  sampler_->Seek(state_.epoch, state_.offset);
  sums_.narrow(0, 0, 3).zero_();  // rank 0 holds what all of them had
  // A rank that the run did not have before goes on with numbers of its own.
  const int64_t size = GeneratorStates(device_)[0].second.numel(), at = ranks_.rank() * size;
  if (std::ssize(generators) >= at + size)
    RestoreGenerator(torch::from_blob(generators.data() + at, {size}, torch::kUInt8));
}

policy::NamedTensors Trainer::Generators() {
  policy::NamedTensors states = GeneratorStates(device_);
  if (ranks_.size() > 1) states.emplace_back("rng.ranks", ranks_.Gather(states[0].second));
  return states;
}

torch::Tensor Trainer::NextPart(torch::Tensor* weight) {
  sampler_->Next(index_);
  const torch::Tensor index =
      torch::from_blob(index_.data(), {std::ssize(index_)}, torch::kInt64).to(device_);
  if (ranks_.size() == 1) return index;
  // The loss is the mean over all labels of the whole batch, and the ranks' windows differ in how
  // many lie before their episode's end. Each rank knows them all.
  const torch::Tensor part =
      index.narrow(0, int64_t{ranks_.rank()} * config_.train.batch_size, config_.train.batch_size);
  const int horizon = policy_->spec().horizon;
  *weight = dataset_.NumLabels(part, horizon) * ranks_.size() / dataset_.NumLabels(index, horizon);
  return part;
}

void Trainer::Step() {
  policy::Batch batch;
  torch::Tensor weight;
  {
    Timed timed(&times_, "data");
    const policy::PolicySpec& spec = policy_->spec();
    batch = dataset_.Gather(NextPart(&weight), spec.n_obs_steps, spec.horizon);
  }
  policy::Losses losses;
  {
    Timed timed(&times_, "forward");
    ranks_.BeginForward();
    losses = policy_->Loss(batch);
    if (weight.defined()) losses.total = losses.total * weight;
  }
  {
    Timed timed(&times_, "backward");
    ranks_.Backward(losses.total);
  }
  Timed timed(&times_, "optimise");
  const auto result = optimizer_->Step(LearningRate(config_.train, state_.step), losses.total);
  ema_->Update(EmaDecay(config_.train.ema_decay, state_.step));
  // Sums stay on the device, so that a step never waits for it.
  const torch::Tensor good =
      torch::stack({losses.total.detach(), result.grad_norm}).nan_to_num(0, 0, 0) *
      (1 - result.bad);
  sums_.narrow(0, 0, 2).add_(good);
  sums_.select(0, 2).add_(result.bad);
  sums_.select(0, 3).add_(1).mul_(result.bad);
  ++state_.step;
  ++state_.logged;
  state_.epoch = sampler_->epoch();
  state_.offset = sampler_->offset();
}

void Trainer::Log() {
  const torch::Tensor sums = sums_.to(torch::kCPU).to(torch::kFloat64).contiguous();
  ranks_.Sum(sums);
  sums.div_(ranks_.size());
  const double* sum = sums.data_ptr<double>();
  const double good = std::max(static_cast<double>(state_.logged) - sum[2], 1.0);
  state_.skipped += std::llround(sum[2]);
  last_loss_ = sum[0] / good;
  const double seconds = clock_.seconds();
  if (metrics_) {
    metrics_->Record(state_.step, "train",
                     {{"loss", last_loss_},
                      {"grad_norm", sum[1] / good},
                      {"lr", LearningRate(config_.train, state_.step - 1)},
                      {"epoch", static_cast<double>(state_.epoch)},
                      {"skipped", static_cast<double>(state_.skipped)}});
    metrics_->RecordTiming(state_.step, {{"steps_per_second", static_cast<double>(state_.logged) /
                                                                  (seconds - logged_seconds_)}});
  }
  logged_seconds_ = seconds;
  if (sum[3] >= config_.train.max_bad_steps)
    throw Error(Cat("train: loss or gradient was not finite for ", sum[3],
                    " steps in a row (up to step ", state_.step,
                    "); the weights were left alone. Lower train.lr (", config_.train.lr,
                    "), or look at the data with `simscale data stats`. The last checkpoint is ",
                    (fs::path(config_.checkpoint_dir) / "latest").string()));
  if (sum[2] > 0)
    LogWarning("train: ", sum[2], " of the last ", state_.logged,
               " steps were skipped: loss or gradient not finite");
  state_.logged = 0;
  sums_.narrow(0, 0, 3).zero_();
}

double Trainer::ValidationLoss() {
  if (validation_steps_.empty()) return -1;
  Timed timed(&times_, "validate");
  c10::InferenceMode inference;
  const policy::PolicySpec& spec = averaged_->spec();
  double sum = 0;
  const auto total = static_cast<int64_t>(validation_steps_.size());
  for (int64_t at = 0; at < total; at += kValidationChunk) {
    const int64_t count = std::min(kValidationChunk, total - at);
    const torch::Tensor index =
        torch::from_blob(validation_steps_.data() + at, {count}, torch::kInt64).to(device_);
    sum += averaged_->Loss(dataset_.Gather(index, spec.n_obs_steps, spec.horizon))
               .total.item<double>() *
           static_cast<double>(count);
  }
  return sum / static_cast<double>(total);
}

Trainer::Due Trainer::DueNow() const {
  const LoopConfig& c = config_.train;
  const bool last = state_.step >= c.steps;
  auto every = [&](int64_t n) { return n > 0 && state_.step % n == 0; };
  Due due;
  due.evaluate = hooks_.evaluate && c.eval_every > 0 && (every(c.eval_every) || last);
  due.save = due.evaluate || last || every(c.save_every);
  due.validate = due.save || every(c.validate_every);
  return due;
}

void Trainer::FoldSums() {
  if (ranks_.size() == 1) return;
  torch::Tensor sums = sums_.narrow(0, 0, 3).to(torch::kCPU).clone();
  ranks_.Sum(sums);
  if (!ranks_.is_main()) sums.zero_();
  sums_.narrow(0, 0, 3).copy_(sums);
}

bool Trainer::Interrupted() {
  return ranks_.AnyStops(InterruptRequested()) ||
         (options_.stop_after > 0 && state_.step >= options_.stop_after);
}

bool Trainer::Evaluate(EvalResult* result) {
  Timed timed(&times_, "evaluate");
  *result = EvaluateHeldOut(hooks_, averaged_, device_, env_name_, config_.train.eval_episodes,
                            config_.seed, state_.step);
  return !InterruptRequested();
}

bool Trainer::IsBest(const EvalResult* evaluation) const {
  if (state_.best_step < 0) return true;
  const bool lower = state_.validation < 0 || state_.validation <= state_.best_validation;
  if (!evaluation) return state_.best_success < 0 && lower;
  if (evaluation->success_rate != state_.best_success)
    return evaluation->success_rate > state_.best_success;
  return lower;
}

bool Trainer::RunDue() {
  const Due due = DueNow();
  const bool stops = Interrupted();
  if (!stops && !due.validate) return true;
  const policy::NamedTensors generators = Generators();
  if (stops) {
    state_.due_done = !(due.validate || due.evaluate);
    FoldSums();
    ranks_.OnMain([&] {
      Save(-1, false, generators);
      return true;
    });
    return false;
  }
  if (due.save) FoldSums();
  const bool go_on = ranks_.OnMain([&] { return RunDueOnMain(due, generators); });
  state_.due_done = go_on;
  return go_on;
}

bool Trainer::RunDueOnMain(const Due& due, const policy::NamedTensors& generators) {
  if (due.validate) {
    state_.validation = ValidationLoss();
    if (state_.validation >= 0)
      metrics_->Record(state_.step, "validation", {{"loss", state_.validation}});
  }
  EvalResult evaluation;
  if (due.evaluate) {
    if (!Evaluate(&evaluation)) {
      state_.due_done = false;
      Save(-1, false, generators);
      return false;
    }
    last_success_ = evaluation.success_rate;
    RecordEvaluation(state_.step, evaluation, metrics_.get());
    LogInfo("step ", state_.step, ": success ", evaluation.successes, "/", evaluation.n_episodes,
            " = ", Fixed(100 * evaluation.success_rate, 1), " % [",
            Fixed(100 * evaluation.ci_low, 1), ", ", Fixed(100 * evaluation.ci_high, 1), "]");
  }
  state_.due_done = true;
  if (due.save) {
    const EvalResult* result = due.evaluate ? &evaluation : nullptr;
    // Where evaluations are run, only an evaluated checkpoint may be called the best one.
    const bool evaluates = hooks_.evaluate && config_.train.eval_every > 0;
    const bool best = (result || !evaluates) && IsBest(result);
    if (best) {
      state_.Take(state_.step, result);
      state_.best_validation = state_.validation;
    }
    Save(result ? result->success_rate : -1, best, generators);
  }
  return true;
}

void Trainer::Save(double success_rate, bool best, const policy::NamedTensors& generators) {
  Timed timed(&times_, "save");
  metrics_->Sync();
  policy::NamedTensors model = policy::StateOf(*policy_);
  for (const auto& [name, tensor] : policy::StateOf(*averaged_))
    model.emplace_back("ema." + name, tensor);
  policy::NamedTensors optimizer = OptimizerState();
  optimizer.insert(optimizer.end(), generators.begin(), generators.end());
  model = policy::ToCpu(model);
  optimizer = policy::ToCpu(optimizer);

  policy::CheckpointContent content;
  content.info.spec = policy_->spec();
  content.info.step = state_.step;
  content.info.seed = config_.seed;
  content.info.success_rate = success_rate;
  content.info.num_parameters = policy_->num_parameters();
  content.info.dataset_hash = dataset_hash_;
  content.info.model_hash = model_hash_;
  content.info.task_config = task_config_;
  content.info.mujoco_version = mujoco_version_;
  content.info.torch_version = TORCH_VERSION;
  content.tensors = {{"model.safetensors", policy::AsBytes(model)},
                     {"optimizer.safetensors", policy::AsBytes(optimizer)}};
  content.texts = {{"state.json", LoopStateToJson(state_)}, {"config.yaml", ConfigToYaml(config_)}};
  PublishCheckpoint(config_.checkpoint_dir, content, best, config_.train.keep_last);
}

TrainResult Trainer::Run() {
  policy_->train();
  clock_.Restart();
  const int64_t begin = state_.step;
  bool go_on = state_.due_done || RunDue();
  {
    std::optional<Progress> progress;
    if (ranks_.is_main()) progress.emplace("train", config_.train.steps, "steps", begin);
    while (go_on && state_.step < config_.train.steps) {
      Step();
      if (state_.step % config_.train.log_every == 0 || state_.step == config_.train.steps) Log();
      go_on = RunDue();
      std::string extra = Cat("loss ", Fixed(last_loss_, 4));
      if (last_success_ >= 0) extra += Cat("  success ", Fixed(100 * last_success_, 1), " %");
      if (progress) progress->Update(state_.step, extra);
    }
  }
  TrainResult result;
  static_cast<BestSoFar&>(result) = state_;
  result.run_dir = config_.checkpoint_dir;
  result.step = state_.step;
  result.finished = go_on;
  result.validation_loss = state_.validation;
  result.seconds = clock_.seconds();
  if (ranks_.is_main())
    LogInfo(state_.step - begin, " steps in ", HumanSeconds(result.seconds), ": ",
            times_.Summary(result.seconds));
  return result;
}

}  // namespace simscale::train
