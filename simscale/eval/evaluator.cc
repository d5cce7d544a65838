#include "simscale/eval/evaluator.h"

#include <mujoco/mujoco.h>

#include <algorithm>

#include "simscale/common/error.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/progress.h"
#include "simscale/common/rng.h"
#include "simscale/common/thread_pool.h"
#include "simscale/common/version.h"

namespace simscale::eval {
namespace {

/// Collects results, keeps the progress line, and passes everything on to the watcher.
class Collector : public env::EpisodeObserver {
 public:
  Collector(const EvalConfig& config, env::EpisodeObserver* watcher, const std::string& label)
      : watcher_(watcher), finished_(static_cast<size_t>(config.n_episodes)) {
    results_.resize(finished_.size());
    if (!label.empty()) progress_.emplace(label, config.n_episodes, "episodes");
  }

  void OnReset(const env::BatchedEnv& env, int row, const env::EpisodeKey& key) override {
    if (watcher_) watcher_->OnReset(env, row, key);
  }
  void BeforeStep(const env::BatchedEnv& env, const env::Agent& agent,
                  std::span<const float> action_NA) override {
    if (watcher_) watcher_->BeforeStep(env, agent, action_NA);
  }
  void AfterStep(const env::BatchedEnv& env) override {
    if (watcher_) watcher_->AfterStep(env);
  }
  void OnEpisodeEnd(const env::BatchedEnv& env, const env::EpisodeOutcome& outcome) override {
    const size_t i = outcome.key.index;
    results_[i] = {outcome.key,        outcome.success,
                   outcome.non_finite, outcome.episode_return,
                   outcome.length,     {outcome.reward_terms.begin(), outcome.reward_terms.end()}};
    finished_[i] = true;
    ++done_;
    successes_ += outcome.success;
    if (progress_) {
      const double percent = 100.0 * static_cast<double>(successes_) / static_cast<double>(done_);
      progress_->Update(done_, Cat("success ", Fixed(percent, 1), " %"));
    }
    if (watcher_) watcher_->OnEpisodeEnd(env, outcome);
  }
  bool ShouldStop() override { return watcher_ && watcher_->ShouldStop(); }

  /// The results before the first episode that did not end.
  std::vector<EpisodeResult> Take() {
    if (progress_) progress_->Finish();
    const auto end = std::ranges::find(finished_, false) - finished_.begin();
    results_.resize(static_cast<size_t>(end));
    return std::move(results_);
  }

 private:
  env::EpisodeObserver* watcher_;
  std::optional<Progress> progress_;
  std::vector<EpisodeResult> results_;
  std::vector<bool> finished_;
  int64_t done_ = 0, successes_ = 0;
};

void Summarise(EvalReport& report, const env::Task& task) {
  std::vector<double> returns, lengths;
  for (const EpisodeResult& episode : report.episodes) {
    report.successes += episode.success;
    returns.push_back(episode.episode_return);
    lengths.push_back(episode.length);
  }
  const int64_t n = static_cast<int64_t>(report.episodes.size());
  if (n > 0) report.success_rate = static_cast<double>(report.successes) / static_cast<double>(n);
  report.success_ci95 = WilsonInterval(report.successes, n);
  report.mean_return = Mean(returns);
  report.std_return = StdDev(returns);
  report.mean_length = Mean(lengths);
  for (size_t k = 0; k < task.rewards().size(); ++k) {
    std::vector<double> sums;
    for (const EpisodeResult& episode : report.episodes) sums.push_back(episode.reward_terms[k]);
    report.mean_reward_terms.emplace_back(task.rewards()[k].name, Mean(sums));
  }
}

}  // namespace

void EvalConfig::Describe(config::Fields& f) {
  f.Field("n_episodes", n_episodes, {.help = "episodes to play", .min = 1, .max = 1e7});
  f.Field("seed", seed, {.help = "the run's seed; evaluation derives its own from it"});
  f.Field("num_envs", num_envs, {.help = "environments in lock-step", .min = 1, .max = 65536});
  f.Field("threads", threads,
          {.help = "threads that step them; 0: all cores", .min = 0, .max = 1024});
}

double EvalReport::env_steps_per_second() const {
  return times.seconds > 0 ? static_cast<double>(times.env_steps) / times.seconds : 0;
}

int ResolveThreads(int threads, int num_envs) {
  return std::min(threads > 0 ? threads : ThreadPool::HardwareThreads(), num_envs);
}

int NumRows(const EvalConfig& config) { return std::min(config.num_envs, config.n_episodes); }

EvalReport Evaluate(std::shared_ptr<const env::Task> task, env::Agent& agent,
                    const EvalConfig& config, env::EpisodeObserver* watcher,
                    const std::string& label) {
  return EvaluateWithSeed(std::move(task), agent, DeriveSeed(config.seed, SeedUse::kEvaluation),
                          config, watcher, label);
}

EvalReport EvaluateWithSeed(std::shared_ptr<const env::Task> task, env::Agent& agent,
                            uint64_t episode_seed, const EvalConfig& config,
                            env::EpisodeObserver* watcher, const std::string& label) {
  if (config.n_episodes < 1) ThrowUser("n_episodes must be at least 1, got ", config.n_episodes);
  EvalReport report;
  report.env = task->name();
  report.policy = agent.name();
  report.seed = config.seed;
  report.task_config = task->ResolvedYaml();
  report.model_hash = task->model().hash();
  report.versions = {{"simscale", kVersion}, {"mujoco", mj_versionString()}};

  const int rows = NumRows(config);
  env::BatchedEnv env(task,
                      {.num_envs = rows, .num_threads = ResolveThreads(config.threads, rows)});
  Collector collector(config, watcher, label);
  uint64_t next = 0;
  report.times = env::RunEpisodes(env, agent, collector, [&](env::EpisodeKey* key) {
    if (next >= static_cast<uint64_t>(config.n_episodes)) return false;
    *key = {episode_seed, next++};
    return true;
  });
  report.episodes = collector.Take();
  report.interrupted = report.episodes.size() < static_cast<size_t>(config.n_episodes);
  Summarise(report, *task);
  return report;
}

}  // namespace simscale::eval
