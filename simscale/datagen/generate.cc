#include "simscale/datagen/generate.h"

#include <mujoco/mujoco.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/progress.h"
#include "simscale/common/rng.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/thread_pool.h"
#include "simscale/common/version.h"
#include "simscale/data/reader.h"
#include "simscale/data/shards.h"
#include "simscale/data/writer.h"
#include "simscale/datagen/recorder.h"
#include "simscale/datagen/shard_writer.h"
#include "simscale/tasks/registry.h"

namespace simscale::datagen {
namespace {

/// What shapes the content of an episode, as YAML: a resumed run must have the same.
std::string GeneratorYaml(const DatagenConfig& config, const std::string& policy_id) {
  const config::Node all = config::Write(config);
  config::Node node = config::Node::Map();
  for (const char* key : {"seed", "keep_failures", "expert"}) node.Set(key, *all.Find(key));
  node.Set("policy", config::Node::Scalar(policy_id, true));
  if (policy_id != "scripted") node.Erase("expert");
  return config::ToYaml(node);
}

data::DatasetMeta MakeMeta(const DatagenConfig& config, const env::Task& task,
                           const std::string& policy_id) {
  data::DatasetMeta meta;
  meta.env_name = task.name();
  meta.task_config = task.ResolvedYaml();
  meta.generator = GeneratorYaml(config, policy_id);
  meta.model_hash = task.model().hash();
  meta.mujoco_version = mj_versionString();
  meta.simscale_version = kVersion;
  meta.policy = policy_id;
  meta.seed = config.seed;
  const nlohmann::json env_args = {{"env_name", tasks::GymnasiumId(task.name())},
                                   {"type", 2},  // robomimic's EnvType.GYM_TYPE
                                   {"env_version", kVersion},
                                   {"env_kwargs",
                                    {{"max_episode_steps", task.config().max_episode_steps},
                                     {"randomize", task.config().randomize}}}};
  meta.env_args = env_args.dump();
  meta.randomization = task.randomization().value_names();
  return meta;
}

uint64_t MaxTries(const DatagenConfig& config) {
  const int64_t tries =
      config.max_tries > 0 ? config.max_tries : 20 * int64_t{config.n_episodes} + 1000;
  return static_cast<uint64_t>(tries);
}

/// Which episodes are done, and which comes next. A new one starts only while those below it that
/// succeeded and those in flight are fewer than asked for: so the successes of lowest index are
/// found without playing one more than needed, whatever the order in which they end, and whatever
/// an earlier run has done.
class Ledger {
 public:
  Ledger(const DatagenConfig& config, std::map<uint64_t, bool> finished)
      : wanted_(config.n_episodes), max_tries_(MaxTries(config)), finished_(std::move(finished)) {
    PassFinished();
  }
  bool Next(uint64_t* index) {
    if (successes_ + in_flight_ >= wanted_ || next_ >= max_tries_) return false;
    *index = next_++;
    ++in_flight_;
    PassFinished();
    return true;
  }
  void Finish(uint64_t index, bool success) {
    --in_flight_;
    finished_[index] = success;
    successes_ += success;
  }
  /// The indices in order, up to the last success that is wanted.
  std::vector<std::pair<uint64_t, bool>> Tried() const {
    std::vector<std::pair<uint64_t, bool>> tried;
    int64_t successes = 0;
    for (const auto& entry : finished_) {
      if (successes == wanted_ || entry.first >= next_) break;
      tried.push_back(entry);
      successes += entry.second;
    }
    return tried;
  }
  int64_t successes() const { return successes_; }
  int64_t played() const { return static_cast<int64_t>(next_) - in_flight_; }
  bool complete() const { return successes_ >= wanted_ && in_flight_ == 0; }
  int64_t max_tries() const { return static_cast<int64_t>(max_tries_); }

 private:
  /// Counts what an earlier run has done already.
  void PassFinished() {
    for (; next_ < max_tries_; ++next_) {
      const auto found = finished_.find(next_);
      if (found == finished_.end()) break;
      successes_ += found->second;
    }
  }

  int64_t wanted_;
  uint64_t max_tries_, next_ = 0;
  int64_t successes_ = 0, in_flight_ = 0;  ///< of the indices below next_
  std::map<uint64_t, bool> finished_;
};

class Watcher : public env::EpisodeObserver {
 public:
  Watcher(Recorder& recorder, ShardWriter& writer, Ledger& ledger, Progress& progress)
      : recorder_(recorder), writer_(writer), ledger_(ledger), progress_(progress) {}
  void OnReset(const env::BatchedEnv& env, int row, const env::EpisodeKey&) override {
    recorder_.OnReset(env, row);
  }
  void BeforeStep(const env::BatchedEnv& env, const env::Agent& agent,
                  std::span<const float> action_NA) override {
    recorder_.BeforeStep(env, agent, action_NA);
  }
  void AfterStep(const env::BatchedEnv& env) override { recorder_.AfterStep(env); }
  void OnEpisodeEnd(const env::BatchedEnv& env, const env::EpisodeOutcome& outcome) override {
    ++played_;
    ledger_.Finish(outcome.key.index, outcome.success);
    writer_.Push(recorder_.Finish(env, outcome));
    progress_.Update(ledger_.successes(),
                     Cat("yield ",
                         Fixed(100.0 * static_cast<double>(ledger_.successes()) /
                                   static_cast<double>(ledger_.played()),
                               1),
                         " %"));
  }
  bool ShouldStop() override { return writer_.failed(); }
  int64_t played() const { return played_; }

 private:
  Recorder& recorder_;
  ShardWriter& writer_;
  Ledger& ledger_;
  Progress& progress_;
  int64_t played_ = 0;
};

void CheckOutput(const DatagenConfig& config) {
  if (config.output.empty()) ThrowUser("datagen needs an output: --output FILE.h5");
  if (fs::is_directory(config.output)) {
    ThrowUser(config.output, ": output must be a file, this is a folder. Name a file in it.");
  }
  if (config.resume || config.overwrite) return;
  const bool shards = data::ShardStore::ExistsFor(config.output);
  if (shards || fs::exists(config.output)) {
    ThrowUser(shards ? data::ShardStore::FolderFor(config.output).string() : config.output,
              ": exists. Go on with it by --resume, replace it by --overwrite, or "
              "choose another --output.");
  }
}

/// Whether the output is there already, as these settings would write it. Where there are shards
/// too, they are newer: of an --overwrite that was interrupted, or not yet removed.
bool OutputIsComplete(const DatagenConfig& config, const data::DatasetMeta& meta,
                      GenerateResult& result) {
  if (!config.resume || data::ShardStore::ExistsFor(config.output) || !fs::exists(config.output)) {
    return false;
  }
  const data::DatasetReader reader(config.output);
  const auto differs = [&](const char* what) {
    ThrowUser(config.output, ": was made with another ", what,
              ", so --resume can't go on with it. Use the same settings, --overwrite, or another "
              "--output.");
  };
  if (reader.meta().task_config != meta.task_config) differs("task");
  if (reader.meta().model_hash != meta.model_hash) differs("model");
  if (reader.meta().generator != meta.generator) differs("seed, policy or noise");
  const int64_t kept = reader.num_episodes();
  int64_t successes = 0;
  for (int64_t i = 0; i < kept; ++i) successes += reader.info(i).success;
  // With the failures kept, it may also have ended at the most tries.
  const bool all_tried = config.keep_failures && kept == static_cast<int64_t>(MaxTries(config));
  if (successes != config.n_episodes && !(all_tried && successes < config.n_episodes)) {
    ThrowUser(config.output, ": is finished with ", successes,
              " successful episodes, asked for are ", config.n_episodes,
              ". Make it anew with --overwrite, or write another file and join "
              "them with `simscale data merge`.");
  }
  result.episodes_kept = kept;
  // The last one kept is the last one that was tried.
  result.episodes_tried = kept > 0 ? static_cast<int64_t>(reader.info(kept - 1).index) + 1 : 0;
  if (kept > 0) {
    result.yield = static_cast<double>(successes) / static_cast<double>(result.episodes_tried);
  }
  result.content_hash = data::ContentHash(config.output);
  result.already_complete = true;
  return true;
}

/// Plays what is missing; the store has it afterwards.
void Play(const DatagenConfig& config, const std::shared_ptr<const env::Task>& task,
          env::Agent& agent, data::ShardStore& store, Ledger& ledger, GenerateResult& result) {
  const int threads = config.threads > 0 ? config.threads : ThreadPool::HardwareThreads();
  env::BatchedEnv env(task, {.num_envs = config.num_envs,
                             .num_threads = std::min(threads, config.num_envs),
                             .dump_dir = config.output + ".dumps"});
  Recorder recorder(env, !agent.intended_action().empty());
  ShardWriter writer(store, config.keep_failures);
  Progress progress("datagen", config.n_episodes, "episodes", ledger.successes());
  Watcher watcher(recorder, writer, ledger, progress);
  const uint64_t seed = DeriveSeed(config.seed, SeedUse::kDatagen);
  result.times = env::RunEpisodes(env, agent, watcher, [&](env::EpisodeKey* key) {
    key->seed = seed;
    return ledger.Next(&key->index);
  });
  writer.Finish();
  progress.Finish();
  result.episodes_played = watcher.played();
}

/// Joins the kept episodes of the shards, in the order of their indices, into the output.
void Join(const DatagenConfig& config, const data::DatasetMeta& meta, data::ShardStore& store,
          const std::vector<std::pair<uint64_t, bool>>& tried, GenerateResult& result) {
  std::vector<uint64_t> kept;
  for (const auto& [index, success] : tried) {
    if (success || config.keep_failures) kept.push_back(index);
  }
  if (const size_t finished = store.Finished().size(); finished > tried.size()) {
    LogWarning(finished - tried.size(), " finished episodes are past the ", config.n_episodes,
               " successes asked for and are dropped");
  }
  result.content_hash =
      data::WriteDataset(config.output, meta, static_cast<int64_t>(kept.size()),
                         [&](int64_t i) { return store.Load(kept[static_cast<size_t>(i)]); },
                         {.compression = config.compression});
  result.episodes_kept = static_cast<int64_t>(kept.size());
  store.Remove();
}

}  // namespace

GenerateResult Generate(const DatagenConfig& config, std::shared_ptr<const env::Task> task,
                        env::Agent& agent, const std::string& policy_id) {
  config.Validate();
  CheckOutput(config);
  const data::DatasetMeta meta = MakeMeta(config, *task, policy_id);
  GenerateResult result;
  result.output = config.output;
  if (OutputIsComplete(config, meta, result)) {
    // A run that was killed while it removed its shards has left some of them.
    if (fs::exists(data::ShardStore::FolderFor(config.output))) {
      data::ShardStore(config.output, meta, /*fresh=*/true).Remove();
    }
    return result;
  }
  data::ShardStore store(config.output, meta, config.overwrite);
  std::map<uint64_t, bool> finished;
  for (const auto& [index, info] : store.Finished()) finished[index] = info.success;
  if (!finished.empty()) {
    LogInfo("going on with ", finished.size(), " episodes that are done");
  }
  Ledger ledger(config, std::move(finished));
  const Stopwatch watch;
  if (!ledger.complete()) Play(config, task, agent, store, ledger, result);
  const auto tried = ledger.Tried();
  if (!ledger.complete() && InterruptRequested()) {
    result.interrupted = true;
  } else if (!ledger.complete() && !config.keep_failures) {
    throw Error(
        Cat("only ", ledger.successes(), " of ", ledger.played(), " episodes succeeded, ",
            config.n_episodes, " were asked for (max_tries ", ledger.max_tries(),
            "). What was found is kept: raise max_tries=N and --resume, lower --n-episodes, "
            "or keep failures with --keep-failures."));
  } else {
    if (!ledger.complete()) {
      LogWarning("only ", ledger.successes(), " of ", ledger.played(), " episodes succeeded, ",
                 config.n_episodes, " were asked for");
    }
    Join(config, meta, store, tried, result);
  }
  result.episodes_tried = static_cast<int64_t>(tried.size());
  result.yield = tried.empty() ? 0.0
                               : static_cast<double>(std::ranges::count_if(
                                     tried, [](const auto& entry) { return entry.second; })) /
                                     static_cast<double>(tried.size());
  result.seconds = watch.seconds();
  if (result.seconds > 0) {
    result.episodes_per_second = static_cast<double>(result.episodes_played) / result.seconds;
    result.env_steps_per_second = static_cast<double>(result.times.env_steps) / result.seconds;
  }
  return result;
}

}  // namespace simscale::datagen
