#include "simscale/rl/trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/progress.h"
#include "simscale/common/rng.h"
#include "simscale/common/text.h"
#include "simscale/config/node.h"
#include "simscale/policy/checkpoint.h"
#include "simscale/policy/registry.h"
#include "simscale/rl/adopt.h"
#include "simscale/rl/gae.h"
#include "simscale/rl/task_spec.h"
#include "simscale/rl/vectors.h"
#include "simscale/train/curves.h"
#include "simscale/train/learning.h"
#include "simscale/train/run_dir.h"

namespace simscale::rl {
namespace {

constexpr double kStdFloor = 1e-3;      // of observations
constexpr int64_t kValueChunk = 16384;  // rows a call of the critic: bounds the memory

policy::StateStatistics AsStatistics(const RunningStatistics& running) {
  policy::StateStatistics statistics;
  for (const double mean : running.mean()) statistics.mean.push_back(static_cast<float>(mean));
  for (const double variance : running.variance())
    statistics.std.push_back(static_cast<float>(std::sqrt(variance)));
  return statistics;
}

}  // namespace

Trainer::Trainer(const RlConfig& config, std::shared_ptr<const env::Task> task,
                 const RlOptions& options, const train::TrainHooks& hooks)
    : config_(config),
      task_(std::move(task)),
      has_success_(HasSuccess(*task_)),
      options_(options),
      hooks_(hooks),
      ranks_(options.ranks),
      device_(ranks_.Place(policy::PickDevice(config.device))),
      threads_(config.threads > 0
                   ? config.threads
                   : std::max(1, ThreadPool::HardwareThreads() / options.ranks_here)),
      observation_statistics_(0),
      privileged_statistics_(NumObservations(*task_, config.critic_observations)),
      reward_scaler_(config.num_envs, config.ppo.gamma, config.ppo.reward_clip),
      profiler_(options.profile, ranks_.rank(), ranks_.size(),
                {.skipped = 2, .recorded = 2, .name = "updates"}) {
  config_.env_name = config_.env_name.empty() ? task_->name() : config_.env_name;
  config_.Validate();
  config_.ppo.Validate();
  policy::SetTorchThreads(1);  // the learner has threads of its own
  if (!config_.from.empty()) AdoptPolicyConfig(&config_);
  BuildModel();
  // Not before the settings are known to work: with overwrite, this deletes the old run.
  const train::RunFolder folder{
      .dir = config_.save_path,
      .flag = "--save-path",
      .config = config::Write(config_),
      .may_differ = {"save_path", "device", "threads", "total_steps", "run.eval_every",
                     "run.eval_episodes", "run.save_every", "run.keep_last", "metrics", "from"}};
  std::string from;
  ranks_.OnMain([&] {
    from =
        PrepareRunDir(folder, {.resume = options_.resume, .overwrite = options_.overwrite}, &lock_)
            .value_or(fs::path())
            .string();
    return true;
  });
  ranks_.Share(&from);
  if (!from.empty()) {
    Restore(from);
  } else if (!config_.from.empty()) {
    AdoptWeights(config_.from, *policy_);
    fixed_normalizer_ = true;
  }
  ranks_.OnMain([&] {
    WriteFileAtomic(fs::path(config_.save_path) / "config.yaml",
                    config::ToYaml(config::Write(config_)));
    metrics_ = std::make_unique<train::Metrics>(
        config_.save_path,
        from.empty() ? train::Metrics::Resume{}
                     : train::Metrics::Resume{.step = state_.step, .redo = !state_.due_done},
        config_.metrics);
    LogInfo(from.empty() ? "rl" : "resume", ": ", task_->name(), ", ppo (",
            policy_->num_parameters(), " parameters) on ", device_.is_cuda() ? "cuda" : "cpu",
            ranks_.size() > 1 ? Cat(" in ", ranks_.size(), " processes of") : std::string(","), " ",
            config_.num_envs, " environments, ", threads_, " threads",
            from.empty() ? std::string() : Cat(", from step ", state_.step));
    return true;
  });
}

void Trainer::BuildModel() {
  const policy::PolicySpec spec = MakeSpec(*task_, &config_);
  train::SeedTorch(config_.seed, train::TorchStream::kRlWeights);
  policy_ = std::make_shared<policy::GaussianPolicy>(spec, config_.policy.ppo);
  policy_->InitializeOrthogonally();
  policy_->SetActionBounds(ActionBounds(*task_, false), ActionBounds(*task_, true));
  const uint64_t seed = DeriveSeed(config_.seed, SeedUse::kTraining);
  const env::BatchedEnvConfig env_config{
      .num_envs = config_.num_envs,
      .num_threads = threads_,
      .seed = ranks_.is_main()
                  ? seed
                  : DeriveSeed(seed + static_cast<uint64_t>(ranks_.rank()), SeedUse::kTraining),
      .autoreset = env::AutoresetMode::kSameStep,
      .dump_dir = (fs::path(config_.save_path) / "dumps").string(),
      .curriculum = true};
  collector_ = std::make_unique<Collector>(task_, env_config, spec, config_.critic_observations);
  critic_ =
      std::make_shared<Critic>(spec, config_.policy.ppo, config_.ppo, collector_->num_privileged());
  critic_->InitializeOrthogonally();
  policy_->to(device_);
  critic_->to(device_);
  PpoLearner::Average average;
  if (ranks_.size() > 1)
    average = [this](const torch::Tensor& tensor) {
      ranks_.Sum(tensor);
      tensor.div_(ranks_.size());
    };
  learner_ = std::make_unique<PpoLearner>(policy_, critic_, config_.ppo, threads_, device_,
                                          std::move(average));
  observation_statistics_ = RunningStatistics(spec.state_dim());
  state_.lr = config_.ppo.lr;
  train::SeedTorch(config_.seed, train::TorchStream::kRlActions, ranks_.rank());
}

double Trainer::Share() const {
  return std::min(1.0, static_cast<double>(state_.step) / static_cast<double>(config_.total_steps));
}

double Trainer::LearningRate() const {
  const PpoConfig& c = config_.ppo;
  if (c.lr_schedule == "adaptive") return state_.lr;
  if (c.lr_schedule == "fixed") return c.lr;
  return std::max(c.lr_min, c.lr * (1 - Share()));
}

void Trainer::UpdateNormalizers() {
  const int64_t rows = rollout_.state.size(0) * rollout_.state.size(1);
  const auto update = [&](RunningStatistics* statistics, std::span<const float> values,
                          int64_t stride) {
    if (ranks_.size() == 1) return statistics->Update(values, rows, stride);
    RunningStatistics fresh(static_cast<int>(statistics->mean().size()));
    fresh.Update(values, rows, stride);
    for (const RunningStatistics& of_rank : OfAllRanks(fresh)) statistics->Merge(of_rank);
  };
  if (config_.ppo.normalize_observations && !fixed_normalizer_) {
    const int64_t stride = rollout_.state.size(2) * rollout_.state.size(3);
    const int64_t present = stride - rollout_.state.size(3);
    const std::span all(rollout_.state.data_ptr<float>(),
                        static_cast<size_t>(rollout_.state.numel()));
    update(&observation_statistics_, all.subspan(static_cast<size_t>(present)), stride);
    policy_->SetStatistics(AsStatistics(observation_statistics_), kStdFloor);
  }
  if (const int64_t p = rollout_.privileged.size(2); p > 0) {
    const std::span all(rollout_.privileged.data_ptr<float>(),
                        static_cast<size_t>(rollout_.privileged.numel()));
    update(&privileged_statistics_, all, p);
    critic_->SetPrivilegedStatistics(AsStatistics(privileged_statistics_), kStdFloor);
  }
}

torch::Tensor Trainer::Values(const torch::Tensor& state, const std::vector<torch::Tensor>& images,
                              const torch::Tensor& privileged) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> values;
  for (int64_t at = 0; at < state.size(0); at += kValueChunk) {
    const int64_t count = std::min(kValueChunk, state.size(0) - at);
    const auto part = [&](const torch::Tensor& t) { return t.narrow(0, at, count).to(device_); };
    std::vector<torch::Tensor> pictures;
    for (const torch::Tensor& image : images) pictures.push_back(part(image));
    const torch::Tensor features = policy_->Features(part(state));
    const torch::Tensor hidden =
        critic_->shares_trunk() ? policy_->Hidden(features, pictures) : torch::Tensor();
    values.push_back(critic_->Value(features, hidden, pictures, part(privileged)));
  }
  return torch::cat(values);
}

std::vector<float> Trainer::Rewards() {
  const Rollout& r = rollout_;
  const auto n = static_cast<size_t>(config_.num_envs);
  std::vector<float> reward(r.reward.size());
  for (size_t t = 0; t < r.reward.size() / n; ++t) {
    const auto raw = std::span(r.reward).subspan(t * n, n);
    const auto done = std::span(r.done).subspan(t * n, n);
    const auto scaled = std::span(reward).subspan(t * n, n);
    if (config_.ppo.normalize_rewards)
      reward_scaler_.Scale(raw, done, scaled);
    else
      std::copy(raw.begin(), raw.end(), scaled.begin());
  }
  if (const auto k = static_cast<int64_t>(r.truncated.size()); k > 0) {
    const auto view = [](const std::vector<float>& values_of, at::IntArrayRef shape) {
      return torch::from_blob(const_cast<float*>(values_of.data()), shape, torch::kFloat32);
    };
    std::vector<torch::Tensor> images;
    for (size_t i = 0; i < r.images.size(); ++i)
      images.push_back(torch::from_blob(const_cast<uint8_t*>(r.truncated_images[i].data()),
                                        {k, r.images[i].size(2), r.images[i].size(3), 3},
                                        torch::kUInt8));
    const torch::Tensor last =
        Values(view(r.truncated_state, {k, r.state.size(2), r.state.size(3)}), images,
               view(r.truncated_privileged, {k, r.privileged.size(2)}))
            .to(torch::kCPU);
    for (int64_t i = 0; i < k; ++i)
      reward[static_cast<size_t>(r.truncated[static_cast<size_t>(i)])] +=
          static_cast<float>(config_.ppo.gamma) * last[i].item<float>();
  }
  return reward;
}

Experience Trainer::Prepare() {
  torch::NoGradGuard no_grad;
  const Rollout& r = rollout_;
  const int64_t steps = r.u.size(0), rows = r.u.size(1), size = steps * rows;
  const auto flat = [](const torch::Tensor& t) { return t.flatten(0, 1); };
  Experience e;
  const torch::Tensor state = flat(r.state);
  for (const torch::Tensor& image : r.images) e.images.push_back(flat(image).to(device_));
  e.privileged = flat(r.privileged).to(device_);
  e.features = policy_->Features(state.to(device_));
  e.u = flat(r.u).to(device_);
  e.log_prob = policy_->LogProb(
      {.mean = flat(r.mean).to(device_),
       .log_std = (r.log_std.dim() == 3 ? flat(r.log_std) : r.log_std).to(device_)},
      e.u);

  const torch::Tensor values =
      torch::cat({Values(state, r.images.empty() ? r.images : e.images, flat(r.privileged)),
                  Values(collector_->state(), collector_->images(), collector_->privileged())})
          .to(torch::kCPU)
          .contiguous();
  e.value = values.narrow(0, 0, size).to(device_);
  const std::vector<float> reward = Rewards();
  torch::Tensor advantage = torch::empty({size}), returns = torch::empty({size});
  const auto span = [](const torch::Tensor& t) {
    return std::span<float>(t.data_ptr<float>(), static_cast<size_t>(t.numel()));
  };
  ComputeGae({.num_steps = static_cast<int>(steps),
              .num_rows = static_cast<int>(rows),
              .reward = reward,
              .value = span(values),
              .done = r.done,
              .gamma = config_.ppo.gamma,
              .lambda = config_.ppo.gae_lambda},
             span(advantage), span(returns));
  e.advantage = advantage.to(device_);
  e.returns = returns.to(device_);
  return e;
}

void Trainer::Update() {
  profiler_.BeginStep();
  policy_->eval();
  collector_->Collect(*policy_, device_, config_.ppo.n_steps, &rollout_, &times_);
  // The first statistics come before the first update: a network should not begin on raw numbers.
  const bool first = state_.update == 0;
  Experience experience;
  {
    const train::StepPart part(&times_, "prepare");
    if (first) UpdateNormalizers();
    experience = Prepare();
    if (ranks_.size() > 1) reward_scaler_.Settle(OfAllRanks(reward_scaler_.fresh()));
  }
  const double lr = LearningRate();
  const bool critic_only = state_.update < config_.ppo.critic_warmup;
  UpdateStatistics statistics;
  {
    const train::StepPart part(&times_, "learn");
    policy_->train();
    critic_->train();
    const double from = config_.ppo.entropy_coef, to = config_.ppo.entropy_coef_end;
    statistics = learner_->Update(experience, lr, from + (to - from) * Share(), critic_only);
  }
  if (!first) UpdateNormalizers();
  if (config_.ppo.lr_schedule == "adaptive" && !critic_only && statistics.num_steps > 0) {
    if (statistics.kl > 2 * config_.ppo.desired_kl)
      state_.lr = std::max(config_.ppo.lr_min, state_.lr / 1.5);
    else if (statistics.kl < 0.5 * config_.ppo.desired_kl)
      state_.lr = std::min(config_.ppo.lr_max, state_.lr * 1.5);
  }
  state_.step += int64_t{config_.num_envs} * config_.ppo.n_steps * ranks_.size();
  ++state_.update;
  state_.bad_steps += statistics.num_bad;
  Record(statistics, lr);
  CheckHealth(statistics);
}

EpisodeSums Trainer::TakeEpisodes() {
  EpisodeSums sums = collector_->TakeEpisodes();
  if (ranks_.size() == 1) return sums;
  std::vector<double> numbers = {static_cast<double>(sums.episodes),
                                 static_cast<double>(sums.successes),
                                 static_cast<double>(sums.non_finite),
                                 static_cast<double>(sums.total_length), sums.total_return};
  numbers.insert(numbers.end(), sums.reward_terms.begin(), sums.reward_terms.end());
  const torch::Tensor all = AsTensor(numbers);
  ranks_.Sum(all);
  const std::vector<double> sum = AsVector(all);
  return {.episodes = std::llround(sum[0]),
          .successes = std::llround(sum[1]),
          .non_finite = std::llround(sum[2]),
          .total_length = std::llround(sum[3]),
          .total_return = sum[4],
          .reward_terms = {sum.begin() + 5, sum.end()}};
}

void Trainer::Record(const UpdateStatistics& s, double lr) {
  const EpisodeSums sums = TakeEpisodes();
  state_.quarantined += sums.non_finite;
  double std = 0;
  {
    torch::NoGradGuard no_grad;
    std = rollout_.log_std.exp().mean().item<double>();
  }
  train::MetricList values = {{"policy_loss", s.policy_loss},
                              {"value_loss", s.value_loss},
                              {"entropy", s.entropy},
                              {"kl", s.kl},
                              {"clip_fraction", s.clip_fraction},
                              {"explained_variance", s.explained_variance},
                              {"grad_norm", s.grad_norm},
                              {"std", std},
                              {"lr", lr},
                              {"skipped", static_cast<double>(state_.bad_steps)},
                              {"quarantined", static_cast<double>(state_.quarantined)}};
  if (!metrics_) return;
  metrics_->Record(state_.step, "train", values);
  if (sums.episodes > 0) {
    const auto count = static_cast<double>(sums.episodes);
    train::MetricList episodes = {{"episodes", count},
                                  {"success_rate", static_cast<double>(sums.successes) / count},
                                  {"mean_return", sums.total_return / count},
                                  {"mean_length", static_cast<double>(sums.total_length) / count}};
    status_.success = has_success_ ? episodes[1].second : -1;
    status_.mean_return = episodes[2].second;
    status_.mean_length = episodes[3].second;
    metrics_->Record(state_.step, "train_episodes", episodes);
    status_.reward_terms.clear();
    for (size_t k = 0; k < sums.reward_terms.size(); ++k)
      status_.reward_terms.emplace_back(task_->rewards()[k].name, sums.reward_terms[k] / count);
    metrics_->Record(state_.step, "train_reward", status_.reward_terms);
  }
  const double seconds = clock_.seconds();
  const double rate =
      config_.num_envs * config_.ppo.n_steps * ranks_.size() / (seconds - logged_seconds_);
  metrics_->RecordTiming(state_.step, split_.Next(rate, times_, 1));
  logged_seconds_ = seconds;
  status_.kl = s.kl;
  status_.lr = lr;
  status_.std = std;
  status_.explained_variance = s.explained_variance;
}

void Trainer::CheckHealth(const UpdateStatistics& s) const {
  if (s.num_bad > 0)
    LogWarning("rl: ", s.num_bad, " gradient steps of update ", state_.update,
               " were skipped: loss or gradient not finite");
  if (learner_->bad_in_a_row() < config_.ppo.max_bad_steps) return;
  throw Error(Cat("rl: loss or gradient was not finite for ", learner_->bad_in_a_row(),
                  " gradient steps in a row (up to step ", state_.step,
                  "); the weights were left alone. Lower ppo.lr (", config_.ppo.lr,
                  "), look at the rewards in metrics.jsonl or set ppo.normalize_rewards=true. The "
                  "last checkpoint is ",
                  (fs::path(config_.save_path) / "latest").string()));
}

bool Trainer::Interrupted() {
  return ranks_.AnyStops(InterruptRequested()) ||
         (options_.stop_after > 0 && state_.step >= options_.stop_after);
}

bool Trainer::Evaluate(train::EvalResult* result) {
  const Timed timed(&times_, "evaluate");
  *result = train::EvaluateHeldOut(hooks_, policy_, device_,
                                   {.env_name = task_->name(),
                                    .n_episodes = config_.run.eval_episodes,
                                    .seed = config_.seed,
                                    .step = state_.step,
                                    .videos = config_.metrics.videos,
                                    .video_dir = train::VideoDir(config_.save_path, state_.step)});
  return !InterruptRequested();
}

bool Trainer::IsBest(const train::EvalResult* evaluation) const {
  if (state_.best_step < 0 || !evaluation) return true;
  if (evaluation->success_rate != state_.best_success)
    return evaluation->success_rate > state_.best_success;
  return evaluation->mean_return > state_.best_return;
}

bool Trainer::RunDue(int64_t before) {
  const bool last = state_.step >= config_.total_steps;
  const auto due = [&](int64_t every) {
    return every > 0 && (last || state_.step / every != before / every);
  };
  const bool evaluates = hooks_.evaluate && config_.run.eval_every > 0;
  const bool evaluate = evaluates && due(config_.run.eval_every);
  const bool save = evaluate || last || due(config_.run.save_every);
  if (Interrupted()) {
    state_.due_done = !save;
    Save(-1, false);
    return false;
  }
  train::EvalResult evaluation;
  if (evaluate && !ranks_.OnMain([&] { return Evaluate(&evaluation); })) {
    state_.due_done = false;
    Save(-1, false);
    return false;
  }
  if (evaluate && ranks_.is_main()) {
    status_.evaluated = true;
    status_.eval_success = has_success_ ? evaluation.success_rate : -1;
    status_.eval_return = evaluation.mean_return;
    train::RecordEvaluation(state_.step, evaluation, metrics_.get());
    evaluations_.push_back({.step = state_.step, .seconds = SecondsOfWork(), .result = evaluation});
    LogInfo("step ", state_.step, ": ",
            has_success_ ? Cat("success ", evaluation.successes, "/", evaluation.n_episodes, " = ",
                               Fixed(100 * evaluation.success_rate, 1), " %, ")
                         : std::string(),
            "return ", Fixed(evaluation.mean_return, 2), ", length ",
            Fixed(evaluation.mean_length, 1));
  }
  state_.due_done = true;
  if (save) {
    const train::EvalResult* result = evaluate ? &evaluation : nullptr;
    const bool best = (result || !evaluates) && IsBest(result);
    if (best) {
      state_.Take(state_.step, result);
      if (result) {
        state_.best_return = result->mean_return;
        status_.best_success = has_success_ ? result->success_rate : -1;
      }
    }
    Save(result ? result->success_rate : -1, best);
    if ((evaluate || last) && ranks_.is_main()) DrawRun();
  }
  return true;
}

double Trainer::SecondsOfWork() const {
  double seconds = 0;
  for (const auto& [part, spent] : times_.parts())
    if (part != "evaluate" && part != "save") seconds += spent;
  return seconds;
}

void Trainer::DrawRun() {
  const Timed timed(&times_, "save");
  const fs::path run = config_.save_path;
  const std::vector<train::Panel> panels = train::ReadCurves(run / "metrics.jsonl");
  for (const char* name : {"curves.svg", "curves.png"})
    train::DrawCurves(panels, Cat(task_->name(), ", PPO, seed ", config_.seed), run / name);
}

RlResult Trainer::Run() {
  clock_.Restart();
  const int64_t begin = state_.step;
  const bool already_done = state_.due_done && begin >= config_.total_steps;
  bool go_on = state_.due_done || RunDue(begin - 1);
  {
    std::optional<simscale::Progress> line;
    if (ranks_.is_main()) line.emplace("rl", config_.total_steps, "steps", begin);
    while (go_on && state_.step < config_.total_steps) {
      const int64_t before = state_.step;
      Update();
      go_on = RunDue(before);
      status_.step = state_.step;
      status_.total_steps = config_.total_steps;
      status_.update = state_.update;
      status_.steps_per_second = static_cast<double>(state_.step - begin) / clock_.seconds();
      if (!line) continue;
      if (options_.watch) {
        status_.time_split.clear();
        for (const auto& [part, seconds] : times_.parts())
          status_.time_split.emplace_back(part, seconds / clock_.seconds());
        options_.watch(status_);
      } else {
        std::string extra = Cat("return ", Fixed(status_.mean_return, 2));
        if (status_.success >= 0) extra += Cat("  success ", Fixed(100 * status_.success, 1), " %");
        extra += "  update " + split_.summary();
        line->Update(std::min(state_.step, config_.total_steps), extra);
      }
    }
  }
  if (metrics_) metrics_->Finish(go_on);
  RlResult result;
  static_cast<train::BestSoFar&>(result) = state_;
  result.run_dir = config_.save_path;
  result.step = state_.step;
  result.finished = go_on;
  result.already_done = already_done;
  result.has_success = has_success_;
  result.best_return = state_.best_return;
  result.seconds = clock_.seconds();
  result.steps_per_second =
      static_cast<double>(state_.step - begin) / std::max(1e-9, SecondsOfWork());
  result.evaluations = evaluations_;
  result.time_seconds = times_.parts();
  if (already_done || !ranks_.is_main()) return result;
  LogInfo(state_.step - begin, " steps in ", HumanSeconds(result.seconds), ": ",
          times_.Summary(result.seconds));
  return result;
}

}  // namespace simscale::rl
