#include "simscale/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <sstream>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/progress.h"
#include "simscale/common/rng.h"
#include "simscale/data/writer.h"
#include "simscale/dist/peer_error.h"
#include "simscale/policy/registry.h"
#include "simscale/policy/tensor_files.h"
#include "simscale/train/learning.h"
#include "simscale/train/schedule.h"

namespace simscale::train {
namespace {

constexpr int64_t kValidationChunk = 2048;  // windows a call: bounds the memory
constexpr const char* kSums = "metrics.sums";
constexpr int64_t kValidationWindows = 16384;  // an even sample of more: enough for three digits
constexpr int kBuckets = 64;                   // of a histogram

/// picture: [H, W, 3] uint8.
Picture PictureOf(const torch::Tensor& picture) {
  const torch::Tensor bytes = picture.to(torch::kCPU).contiguous();
  const auto* data = bytes.const_data_ptr<uint8_t>();
  return {.width = static_cast<int>(bytes.size(1)),
          .height = static_cast<int>(bytes.size(0)),
          .rgb = {data, data + bytes.numel()}};
}

/// Of the finite ones among the numbers.
Histogram HistogramOf(const torch::Tensor& tensor) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor all = tensor.detach().to(torch::kCPU, torch::kFloat64).flatten();
  const torch::Tensor values = all.masked_select(torch::isfinite(all));
  Histogram histogram;
  histogram.counts.resize(kBuckets);
  if (values.numel() == 0) return histogram;
  histogram.min = values.min().item<double>();
  histogram.max = values.max().item<double>();
  histogram.sum = values.sum().item<double>();
  histogram.sum_of_squares = values.square().sum().item<double>();
  if (histogram.min == histogram.max) histogram.max = histogram.min + 1e-12;
  const torch::Tensor counts = torch::histc(values, kBuckets, histogram.min, histogram.max);
  std::copy_n(counts.const_data_ptr<double>(), kBuckets, histogram.counts.begin());
  return histogram;
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, const TrainOptions& options, const TrainHooks& hooks)
    : config_(config),
      options_(options),
      hooks_(hooks),
      ranks_(options.ranks),
      device_(ranks_.Place(policy::PickDevice(config.device))),
      profiler_(options.profile, ranks_.rank(), ranks_.size()) {
  config_.Validate();
  config_.train.Validate();
  if (ranks_.size() > 1 && device_.is_cuda() && config_.train.strategy != "ddp")
    ThrowUser("train.strategy: ", config_.train.strategy,
              " spreads models over CPUs so far; give ddp on cuda, or --device cpu");
  policy::SetTorchThreads(config_.num_threads);
  LoadDataset();
  BuildModel();
  std::string generators, from;
  ranks_.OnMain([&] {
    // Not before the settings are known to work: with overwrite, this deletes the old run.
    const std::optional<fs::path> last = PrepareRunDir(RunFolderOf(config_), options_, &lock_);
    if (last) ReadState(*last, &generators);
    from = last.value_or(fs::path()).string();
    return true;
  });
  ranks_.Share(&from);
  if (!from.empty()) Restore(from, std::move(generators));
  ranks_.OnMain([&] {
    WriteFileAtomic(fs::path(config_.checkpoint_dir) / "config.yaml", ConfigToYaml(config_));
    metrics_ = std::make_unique<Metrics>(
        config_.checkpoint_dir,
        from.empty() ? Metrics::Resume{}
                     : Metrics::Resume{.step = state_.step, .redo = !state_.due_done},
        config_.metrics);
    LogInfo(from.empty() ? "train" : "resume", ": ", config_.policy.name, " (",
            policy().num_parameters(), " parameters) on ", device_.is_cuda() ? "cuda" : "cpu",
            ranks_.size() > 1
                ? Cat(" in ", ranks_.size(), " processes (", config_.train.strategy, ")")
                : std::string(),
            ", ", train_steps_.size(), " windows of ", dataset_.num_episodes(), " episodes, ",
            validation_steps_.size(), " held out",
            from.empty() ? std::string() : Cat(", from step ", state_.step));
    return true;
  });
}

void Trainer::LoadDataset() {
  const Sources sources = OpenSources(config_);
  const data::DatasetMeta& meta = sources.main().meta();
  env_name_ = meta.env_name;
  if (!config_.env_name.empty() && config_.env_name != env_name_)
    ThrowUser(config_.dataset, ": was made in '", env_name_, "', but the training is for '",
              config_.env_name, "'. Give a dataset of that task, or --env-name ", env_name_);
  config_.env_name = env_name_;
  dataset_ = train::LoadDataset(sources, config_.observations, config_.images);
  if (!dataset_.image_keys.empty())
    pictures_ = std::make_unique<PictureFeed>(sources.episodes, dataset_.image_keys,
                                              dataset_.episode_begin, config_.loader, device_);
  dataset_hash_ = HashOf(config_, sources, /*noted=*/false);
  std::string hash = dataset_hash_;
  ranks_.Share(&hash);
  if (hash != dataset_hash_)
    ThrowUser(config_.dataset, ": rank ", ranks_.rank(),
              " sees another content than rank 0; give all of them the same dataset");
  model_hash_ = meta.model_hash;
  task_config_ = meta.task_config;
  mujoco_version_ = meta.mujoco_version;
  const std::vector<int64_t> held_out =
      ValidationEpisodes(dataset_.num_episodes(), config_.train.validation_fraction,
                         DeriveSeed(config_.seed, SeedUse::kTraining));
  train_steps_ = dataset_.StepsOf(held_out, true);
  validation_steps_ = dataset_.StepsOf(held_out, false);
  const auto stride = static_cast<size_t>(validation_steps_.size() / kValidationWindows + 1);
  for (size_t i = 0; i * stride < validation_steps_.size(); ++i)
    validation_steps_[i] = validation_steps_[i * stride];
  validation_steps_.resize((validation_steps_.size() + stride - 1) / stride);
  sampler_ = std::make_unique<ShuffledSampler>(
      TrainingGroups(sources, held_out),
      SamplerOptions{.seed = DeriveSeed(config_.seed, SeedUse::kTraining),
                     .shuffle_buffer = config_.loader.shuffle_buffer});
}

/// The steps of the episodes that are not held out: a group a file, a list an episode.
std::vector<SampleGroup> Trainer::TrainingGroups(const Sources& sources,
                                                 const std::vector<int64_t>& held_out) const {
  std::vector<SampleGroup> groups;
  for (size_t f = 0; f < sources.files.size(); ++f) {
    SampleGroup group{.lists = {}, .weight = sources.weights[f]};
    for (int64_t e = sources.first_episode[f]; e < sources.first_episode[f + 1]; ++e) {
      if (std::ranges::binary_search(held_out, e)) continue;
      const int64_t begin = dataset_.episode_begin[static_cast<size_t>(e)],
                    end = dataset_.episode_begin[static_cast<size_t>(e) + 1];
      auto& steps = group.lists.emplace_back(static_cast<size_t>(end - begin));
      std::iota(steps.begin(), steps.end(), begin);
    }
    if (group.lists.empty())
      ThrowUser(sources.files[f]->path().string(),
                ": all of its episodes are held out for validation; give more of them, or "
                "train.validation_fraction=0");
    groups.push_back(std::move(group));
  }
  return groups;
}

void Trainer::BuildModel() {
  policy::PolicySpec spec{.env_name = env_name_,
                          .observations = dataset_.observations,
                          .images = dataset_.image_keys,
                          .action_dim = dataset_.action_dim};
  policy::FillSpec(config_.policy, &spec);
  const auto make_policy = [&] {
    SeedTorch(config_.seed, TorchStream::kWeights);
    auto policy = policy::MakePolicy(config_.policy, spec);
    policy->SetStatistics(dataset_.Statistics(train_steps_), policy::StdFloor(config_.policy));
    return policy;
  };
  model_ = MakeModel(config_, make_policy, &ranks_, device_);
  dataset_.To(device_);
  sums_ = torch::zeros({4}, torch::dtype(torch::kFloat32).device(device_));
  SeedTorch(config_.seed, TorchStream::kDropout, ranks_.rank());
}

void Trainer::ReadState(const fs::path& checkpoint, std::string* generators) {
  const policy::CheckpointInfo info = policy::ReadCheckpointInfo(checkpoint);
  if (!(info.spec == policy().spec()) || info.dataset_hash != dataset_hash_)
    ThrowUser(config_.dataset, ": its content differs from what the run in ",
              config_.checkpoint_dir, " was trained on; --resume needs the same dataset");
  // Rank 0 wrote the first file.
  const auto optimizer =
      policy::SafetensorsFile::Read(policy::TensorFiles(checkpoint, "optimizer").at(0));
  policy::CopyInto(optimizer, "", {{kSums, sums_}});
  RestoreGenerators(optimizer, device_);
  if (const policy::TensorInfo* all = optimizer.Find("rng.ranks")) {
    const std::span<const std::byte> bytes = optimizer.Bytes(*all);
    generators->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  const fs::path path = checkpoint / "state.json";
  state_ = LoopStateFromJson(ReadFile(path), path.string());
  sampler_->Seek(state_.epoch, state_.offset);
}

void Trainer::Restore(const fs::path& checkpoint, std::string generators) {
  model_->Load(checkpoint);
  if (ranks_.size() == 1) return;
  std::string state = LoopStateToJson(state_);
  ranks_.Share(&state);
  ranks_.Share(&generators);
  ranks_.Share(sums_);
  if (ranks_.is_main()) return;
  state_ = LoopStateFromJson(state, "rank 0's state");
  sampler_->Seek(state_.epoch, state_.offset);
  sums_.narrow(0, 0, 3).zero_();  // rank 0 holds what all of them had
  RestoreOwnGenerator(generators, ranks_.rank());
}

Trainer::Planned Trainer::NextWindows() {
  const size_t ahead = pictures_ ? static_cast<size_t>(config_.loader.prefetch) : 0;
  while (planned_.size() < 1 + ahead) {
    const int64_t batch = config_.train.batch_size;
    const int parts = config_.train.accumulate * ranks_.size();
    Planned next{.windows = std::vector<int64_t>(static_cast<size_t>(batch * parts))};
    sampler_->Next(next.windows);
    next.epoch = sampler_->epoch();
    next.offset = sampler_->offset();
    if (pictures_)
      for (int micro = 0; micro < config_.train.accumulate; ++micro)
        pictures_->Ask(next.windows.data() + FirstOfPart(micro), batch);
    planned_.push_back(std::move(next));
  }
  Planned now = std::move(planned_.front());
  planned_.pop_front();
  return now;
}

int64_t Trainer::FirstOfPart(int micro) const {
  return (int64_t{micro} * ranks_.size() + ranks_.rank()) * config_.train.batch_size;
}

torch::Tensor Trainer::PartOf(const torch::Tensor& windows, int micro,
                              torch::Tensor* weight) const {
  const int64_t batch = config_.train.batch_size;
  if (windows.size(0) == batch) return windows;
  // The loss is the mean over all labels of all windows of the step, and the parts differ in how
  // many of theirs lie before their episode's end. Each rank knows them all.
  const torch::Tensor part = windows.narrow(0, FirstOfPart(micro), batch);
  const int horizon = policy().spec().horizon;
  *weight =
      dataset_.NumLabels(part, horizon) * ranks_.size() / dataset_.NumLabels(windows, horizon);
  return part;
}

void Trainer::Step() {
  profiler_.BeginStep();
  Planned planned = NextWindows();
  const torch::Tensor windows =
      torch::from_blob(planned.windows.data(), {std::ssize(planned.windows)}, torch::kInt64)
          .to(device_);
  const policy::PolicySpec& spec = policy().spec();
  torch::Tensor loss;
  for (int micro = 0; micro < config_.train.accumulate; ++micro) {
    policy::Batch batch;
    torch::Tensor weight, total;
    {
      StepPart part(&times_, "data");
      batch = dataset_.Gather(PartOf(windows, micro, &weight), spec.n_obs_steps, spec.horizon);
      if (pictures_) batch.observation.images = pictures_->Take();
    }
    {
      StepPart part(&times_, "forward");
      const AutocastGuard autocast = model_->Autocast();
      model_->BeginForward();
      total = model_->policy().Loss(batch).total;
      if (weight.defined()) total = total * weight;
    }
    {
      StepPart part(&times_, "backward");
      model_->Backward(total, micro + 1 == config_.train.accumulate);
    }
    loss = loss.defined() ? loss + total.detach() : total.detach();
    if (micro + 1 == config_.train.accumulate) Show(batch);
  }
  StepPart part(&times_, "optimise");
  const auto result = model_->Step(LearningRate(config_.train, state_.step), loss,
                                   EmaDecay(config_.train.ema_decay, state_.step));
  // Sums stay on the device, so that a step never waits for it.
  const torch::Tensor good =
      torch::stack({loss, result.grad_norm}).nan_to_num(0, 0, 0) * (1 - result.bad);
  sums_.narrow(0, 0, 2).add_(good);
  sums_.select(0, 2).add_(result.bad);
  sums_.select(0, 3).add_(1).mul_(result.bad);
  ++state_.step;
  ++state_.logged;
  state_.epoch = planned.epoch;
  state_.offset = planned.offset;
}

void Trainer::Show(const policy::Batch& batch) {
  const int64_t step = state_.step + 1;
  const auto due = [&](int64_t every) { return metrics_ && every > 0 && step % every == 0; };
  if (pictures_ && due(config_.train.picture_every)) {
    const StepPart part(&times_, "show");
    for (size_t i = 0; i < batch.observation.images.size(); ++i)
      metrics_->Add(step, "pictures/" + dataset_.image_keys[i].name,
                    PictureOf(batch.observation.images[i][0]));
  }
  // A sharded model has none of its own weights here, and is not gathered for the looks of it.
  if (model_->in_parts() || !due(config_.train.histogram_every)) return;
  const StepPart part(&times_, "show");
  const torch::Tensor scale = model_->LossScale();
  for (const auto& item : policy().named_parameters()) {
    metrics_->Add(step, "weights/" + item.key(), HistogramOf(item.value()));
    const torch::Tensor& gradient = item.value().grad();
    if (gradient.defined())
      metrics_->Add(step, "gradients/" + item.key(),
                    HistogramOf(scale.defined() ? gradient / scale : gradient));
  }
}

void Trainer::Log() {
  const torch::Tensor sums = sums_.to(torch::kCPU).to(torch::kFloat64).contiguous();
  ranks_.Sum(sums);
  sums.div_(ranks_.size());
  const double* sum = sums.data_ptr<double>();
  const double good = static_cast<double>(state_.logged) - sum[2];  // none: no number
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
    const double rate = static_cast<double>(state_.logged) / (seconds - logged_seconds_);
    metrics_->RecordTiming(state_.step, split_.Next(rate, times_, state_.logged));
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
  const torch::NoGradGuard no_grad;
  const auto total = static_cast<int64_t>(validation_steps_.size());
  torch::Tensor sum = torch::zeros({1}, torch::kFloat64);
  model_->WithAveraged([&](policy::Policy& averaged) {
    const AutocastGuard autocast = model_->Autocast();
    const policy::PolicySpec& spec = averaged.spec();
    for (int64_t at = 0; at < total; at += kValidationChunk) {
      const int64_t count = std::min(kValidationChunk, total - at);
      const int64_t begin = count * ranks_.rank() / ranks_.size(),
                    end = count * (ranks_.rank() + 1) / ranks_.size();
      // A rank without a part of the last chunk computes all the same: the others gather from it.
      int64_t* windows = validation_steps_.data() + at + begin;
      const int64_t mine = std::max<int64_t>(end - begin, 1);
      policy::Batch batch =
          dataset_.Gather(torch::from_blob(windows, {mine}, torch::kInt64).to(device_),
                          spec.n_obs_steps, spec.horizon);
      if (pictures_) batch.observation.images = pictures_->Load(windows, mine);
      sum += averaged.Loss(batch).total.item<double>() * static_cast<double>(end - begin);
    }
  });
  ranks_.Sum(sum);
  return sum.item<double>() / static_cast<double>(total);
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
  const policy::NamedTensors generators = GeneratorStatesOfAll(device_, &ranks_);
  if (stops || due.save) FoldSums();
  EvalResult evaluation;
  bool go_on = !stops;
  if (go_on) {
    state_.validation = ValidationLoss();
    std::shared_ptr<policy::Policy> averaged;
    if (due.evaluate) averaged = model_->AveragedOnMain();
    go_on = ranks_.OnMain([&] { return Judge(averaged, &evaluation); });
  }
  state_.due_done = go_on || !(due.validate || due.evaluate);
  if (!go_on) {
    Save(-1, false, generators);
    return false;
  }
  if (!due.save) return true;
  const EvalResult* result = due.evaluate ? &evaluation : nullptr;
  // Where evaluations are run, only an evaluated checkpoint may be called the best one.
  const bool evaluates = hooks_.evaluate && config_.train.eval_every > 0;
  const bool best = (result || !evaluates) && IsBest(result);
  if (best) {
    state_.Take(state_.step, result);
    state_.best_validation = state_.validation;
  }
  Save(result ? result->success_rate : -1, best, generators);
  return true;
}

bool Trainer::Judge(const std::shared_ptr<policy::Policy>& averaged, EvalResult* evaluation) {
  if (state_.validation >= 0)
    metrics_->Record(state_.step, "validation", {{"loss", state_.validation}});
  if (!averaged) return true;
  Timed timed(&times_, "evaluate");
  *evaluation = EvaluateHeldOut(hooks_, averaged, device_,
                                {.env_name = env_name_,
                                 .n_episodes = config_.train.eval_episodes,
                                 .seed = config_.seed,
                                 .step = state_.step,
                                 .videos = config_.metrics.videos,
                                 .video_dir = VideoDir(config_.checkpoint_dir, state_.step)});
  if (InterruptRequested()) return false;
  last_success_ = evaluation->success_rate;
  RecordEvaluation(state_.step, *evaluation, metrics_.get());
  LogInfo("step ", state_.step, ": success ", evaluation->successes, "/", evaluation->n_episodes,
          " = ", Fixed(100 * evaluation->success_rate, 1), " % [",
          Fixed(100 * evaluation->ci_low, 1), ", ", Fixed(100 * evaluation->ci_high, 1), "]");
  return true;
}

policy::CheckpointInfo Trainer::Info(double success_rate) const {
  policy::CheckpointInfo info;
  info.spec = policy().spec();
  info.step = state_.step;
  info.seed = config_.seed;
  info.success_rate = success_rate;
  info.num_parameters = policy().num_parameters();
  info.dataset_hash = dataset_hash_;
  info.model_hash = model_hash_;
  info.task_config = task_config_;
  info.mujoco_version = mujoco_version_;
  info.torch_version = TORCH_VERSION;
  return info;
}

void Trainer::WriteParts(const ModelTensors& tensors, policy::CheckpointContent* content) {
  std::string begun;
  ranks_.OnMain([&] {
    begun = policy::BeginCheckpoint(config_.checkpoint_dir, state_.step).string();
    return true;
  });
  ranks_.Share(&begun);
  content->begun = begun;
  std::string outcome;
  std::exception_ptr failure;
  try {
    const auto write = [&](const std::string& stem, const policy::NamedTensors& part,
                           const policy::Shapes& shapes) {
      const policy::CheckpointFile file =
          policy::WriteCheckpointPart(begun, policy::PartName(stem, ranks_.rank(), ranks_.size()),
                                      policy::AsBytes(part), policy::ShapesAsMetadata(shapes));
      outcome += Cat(file.name, " ", file.size, " ", file.sha256, "\n");
    };
    write("model", tensors.model, tensors.model_shapes);
    write("optimizer", tensors.optimizer, tensors.optimizer_shapes);
  } catch (const std::exception& error) {
    failure = std::current_exception();
    outcome = Cat("!rank ", ranks_.rank(), " stopped: ", error.what());
  }
  for (const std::string& text : ranks_.Gather(outcome)) {
    if (text.starts_with('!')) {
      std::error_code ignored;
      if (ranks_.is_main()) fs::remove_all(begun, ignored);
      if (failure) std::rethrow_exception(failure);
      throw dist::PeerError(Cat("rank ", ranks_.rank(), ": ", text.substr(1)));
    }
    std::istringstream lines(text);
    policy::CheckpointFile file;
    while (lines >> file.name >> file.size >> file.sha256) content->parts.push_back(file);
  }
}

void Trainer::Save(double success_rate, bool best, const policy::NamedTensors& generators) {
  Timed timed(&times_, "save");
  ModelTensors tensors = model_->Tensors();
  if (ranks_.is_main()) {
    metrics_->Sync();
    tensors.optimizer.emplace_back(kSums, sums_);
    tensors.optimizer.insert(tensors.optimizer.end(), generators.begin(), generators.end());
  }
  tensors.model = policy::ToCpu(tensors.model);
  tensors.optimizer = policy::ToCpu(tensors.optimizer);
  policy::CheckpointContent content;
  if (model_->in_parts())
    WriteParts(tensors, &content);
  else
    content.tensors = {{"model.safetensors", policy::AsBytes(tensors.model)},
                       {"optimizer.safetensors", policy::AsBytes(tensors.optimizer)}};
  ranks_.OnMain([&] {
    content.info = Info(success_rate);
    content.texts = {{"state.json", LoopStateToJson(state_)},
                     {"config.yaml", ConfigToYaml(config_)}};
    const fs::path dir =
        PublishCheckpoint(config_.checkpoint_dir, content, best, config_.train.keep_last);
    metrics_->AddCheckpoint(state_.step, {.dir = dir, .best = best, .success_rate = success_rate});
    return true;
  });
}

TrainResult Trainer::Run() {
  model_->policy().train();
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
      if (!split_.summary().empty()) extra += "  step " + split_.summary();
      if (progress) progress->Update(state_.step, extra);
    }
  }
  if (metrics_) metrics_->Finish(go_on);
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
