#include "simscale/eval/task_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/common/thread_pool.h"
#include "simscale/env/episode_runner.h"
#include "simscale/env/simple_agents.h"

namespace simscale::eval {
namespace {

constexpr double kLarge = 1e3;      // an observation beyond this wants a scale
constexpr int kDigestEpisodes = 4;  // played again with other numbers of environments and threads

std::unique_ptr<env::Agent> MakeAgent(const std::string& name, const env::Task& task, int rows) {
  if (name == "zero") return env::MakeZeroAgent(task.action_dim());
  return env::MakeRandomAgent(rows, task.controller());
}

/// Sums, ranges and outcomes while an agent plays.
class Statistics : public env::EpisodeObserver {
 public:
  Statistics(const env::Task& task, std::string agent) : task_(task) {
    check_.agent = std::move(agent);
    for (const auto& entry : task.rewards()) check_.reward_sums.emplace_back(entry.name, 0.0);
    for (const auto& spec : task.observation_specs()) {
      for (int i = 0; i < spec.size(); ++i) {
        check_.observations.push_back({Cat(spec.name, "[", i, "]"), HUGE_VAL, -HUGE_VAL});
      }
    }
  }
  void OnReset(const env::BatchedEnv& env, int row, const env::EpisodeKey&) override {
    Observe(env, row);
  }
  void BeforeStep(const env::BatchedEnv& env, const env::Agent&, std::span<const float>) override {
    stepping_.assign(env.active().begin(), env.active().end());
  }
  void AfterStep(const env::BatchedEnv& env) override {
    for (size_t row = 0; row < stepping_.size(); ++row) {
      if (!stepping_[row]) continue;
      Observe(env, static_cast<int>(row));
    }
  }
  void OnEpisodeEnd(const env::BatchedEnv&, const env::EpisodeOutcome& outcome) override {
    ++check_.episodes;
    check_.successes += outcome.success;
    check_.non_finite += outcome.non_finite;
    check_.failures += outcome.terminated && !outcome.success && !outcome.non_finite;
    check_.time_limits += outcome.truncated;
    check_.mean_length += outcome.length;
    check_.mean_return += outcome.episode_return;
    for (size_t k = 0; k < check_.reward_sums.size(); ++k) {
      check_.reward_sums[k].second += outcome.reward_terms[k];
    }
  }
  AgentCheck Finish(const env::RunTimes& times) {
    const double n = std::max(1, check_.episodes);
    check_.mean_length /= n;
    check_.mean_return /= n;
    for (auto& term : check_.reward_sums) term.second /= n;
    if (times.simulate > 0) {
      check_.env_steps_per_second = static_cast<double>(times.env_steps) / times.simulate;
    }
    return std::move(check_);
  }

 private:
  void Observe(const env::BatchedEnv& env, int row) {
    size_t k = 0;
    for (const auto& spec : task_.observation_specs()) {
      for (float value : env.result().observations.row(spec.name, row)) {
        auto& range = check_.observations[k++];
        range.low = std::min<double>(range.low, value);
        range.high = std::max<double>(range.high, value);
      }
    }
  }
  const env::Task& task_;
  AgentCheck check_;
  std::vector<uint8_t> stepping_;
};

/// Every state after every step, by episode.
class Traces : public env::EpisodeObserver {
 public:
  void BeforeStep(const env::BatchedEnv& env, const env::Agent&,
                  std::span<const float> action_NA) override {
    std::vector<double> state(static_cast<size_t>(env.state_dim()));
    for (int row = 0; row < env.num_envs(); ++row) {
      if (!env.active()[static_cast<size_t>(row)]) continue;
      env.GetState(row, state);
      Trace& trace = traces[env.key(row).index];
      trace.states.push_back(state);
      const auto dim = static_cast<size_t>(env.action_dim());
      const auto action = action_NA.subspan(static_cast<size_t>(row) * dim, dim);
      trace.actions.emplace_back(action.begin(), action.end());
    }
  }
  struct Trace {
    std::vector<std::vector<double>> states;
    std::vector<std::vector<float>> actions;
  };
  std::map<uint64_t, Trace> traces;
};

Traces PlayTraces(const std::shared_ptr<const env::Task>& task, uint64_t seed, int envs,
                  int threads) {
  env::BatchedEnv env(task, {.num_envs = envs, .num_threads = threads});
  const auto agent = MakeAgent("random", *task, envs);
  Traces traces;
  uint64_t next = 0;
  env::RunEpisodes(env, *agent, traces, [&](env::EpisodeKey* key) {
    *key = {seed, next};
    return next++ < kDigestEpisodes;
  });
  return traces;
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

void CheckRepeatable(const std::shared_ptr<const env::Task>& task, uint64_t seed,
                     TaskCheck* check) {
  const Traces one = PlayTraces(task, seed, 1, 1);
  const Traces many = PlayTraces(task, seed, 3, 2);
  for (const auto& [index, trace] : one.traces) {
    const auto other = many.traces.find(index);
    if (other == many.traces.end() || other->second.states.size() != trace.states.size() ||
        !std::equal(trace.states.begin(), trace.states.end(), other->second.states.begin(),
                    SameBits)) {
      check->problems.push_back(Cat("episode ", index,
                                    " differs between 1 and 3 environments: some term depends on "
                                    "more than the episode's state"));
      return;
    }
    // From a stored state on: the next state must be the recorded one.
    const size_t t = trace.states.size() / 2;
    if (t + 1 >= trace.states.size()) continue;
    env::BatchedEnv env(task, {});
    env.SetState(0, trace.states[t], {seed, index});
    env.Step(trace.actions[t]);
    std::vector<double> state(static_cast<size_t>(env.state_dim()));
    env.GetState(0, state);
    if (!SameBits(state, trace.states[t + 1])) {
      check->problems.push_back(Cat("episode ", index,
                                    " does not go on alike from the stored state of step ", t,
                                    ": some term keeps what is not in its memory"));
      return;
    }
  }
}

void Remark(const env::Task& task, TaskCheck* check) {
  for (const AgentCheck& agent : check->agents) {
    if (agent.non_finite > 0) {
      check->problems.push_back(
          Cat(agent.non_finite, " of ", agent.episodes, " episodes of the ", agent.agent,
              " agent were ended for bad numbers or a failing term (see the "
              "log above). Try a smaller scene.timestep, or look at the term."));
    }
  }
  const AgentCheck& zero = check->agents.front();
  const AgentCheck& random = check->agents.back();
  if (zero.successes == zero.episodes && zero.episodes > 0) {
    check->remarks.push_back(
        "the zero agent succeeds in every episode: is the task too easy, or the "
        "success term wrong?");
  }
  if (zero.mean_length < 2 && task.config().max_episode_steps > 2) {
    check->remarks.push_back(Cat("the zero agent's episodes last ", Fixed(zero.mean_length, 1),
                                 " steps: does a termination hold from the start?"));
  }
  for (size_t i = 0; i < random.observations.size(); ++i) {
    const double low = std::min(zero.observations[i].low, random.observations[i].low);
    const double high = std::max(zero.observations[i].high, random.observations[i].high);
    if (low == high) {
      check->remarks.push_back(
          Cat("observation ", random.observations[i].name, " is always ", low));
    } else if (std::max(-low, high) > kLarge) {
      check->remarks.push_back(Cat("observation ", random.observations[i].name, " reaches ",
                                   std::max(-low, high), ": give it a scale or a clip"));
    }
  }
  for (size_t k = 0; k < random.reward_sums.size(); ++k) {
    if (zero.reward_sums[k].second == 0 && random.reward_sums[k].second == 0) {
      check->remarks.push_back(
          Cat("reward ", random.reward_sums[k].first,
              " was never paid to either agent (a success bonus may well be so)"));
    }
  }
}

}  // namespace

TaskCheck CheckTask(std::shared_ptr<const env::Task> task, const TaskCheckConfig& config) {
  TaskCheck check;
  check.table = task->TermTable();
  const uint64_t seed = DeriveSeed(config.seed, SeedUse::kEvaluation);
  const int rows = std::min(config.episodes, 8);
  for (const char* name : {"zero", "random"}) {
    env::BatchedEnv env(task, {.num_envs = rows, .num_threads = ThreadPool::HardwareThreads()});
    const auto agent = MakeAgent(name, *task, rows);
    Statistics statistics(*task, name);
    uint64_t next = 0;
    const env::RunTimes times =
        env::RunEpisodes(env, *agent, statistics, [&](env::EpisodeKey* key) {
          *key = {seed, next};
          return next++ < static_cast<uint64_t>(config.episodes);
        });
    check.agents.push_back(statistics.Finish(times));
  }
  CheckRepeatable(task, seed, &check);
  Remark(*task, &check);
  return check;
}

std::string TaskCheckAsText(const TaskCheck& check) {
  std::string text = check.table;
  for (const AgentCheck& agent : check.agents) {
    text +=
        Cat(agent.agent, " agent: ", agent.episodes, " episodes, ", agent.successes, " succeed, ",
            agent.failures, " fail, ", agent.time_limits, " reach the time limit; ",
            Fixed(agent.mean_length, 1), " steps and return ", Fixed(agent.mean_return, 3),
            " on average; ", Fixed(agent.env_steps_per_second, 0), " env steps/s\n");
    for (const auto& [name, sum] : agent.reward_sums) {
      text += Cat("  ", name, std::string(name.size() < 20 ? 20 - name.size() : 1, ' '),
                  Fixed(sum, 4), " an episode\n");
    }
  }
  for (const std::string& remark : check.remarks) text += Cat("look: ", remark, "\n");
  for (const std::string& problem : check.problems) text += Cat("PROBLEM: ", problem, "\n");
  text += check.problems.empty() ? "the task works\n" : "the task is broken\n";
  return text;
}

std::string TaskCheckAsJson(const TaskCheck& check) {
  using nlohmann::ordered_json;
  ordered_json agents = ordered_json::array();
  for (const AgentCheck& agent : check.agents) {
    ordered_json rewards = ordered_json::object(), observations = ordered_json::object();
    for (const auto& [name, sum] : agent.reward_sums) rewards[name] = sum;
    for (const auto& range : agent.observations) observations[range.name] = {range.low, range.high};
    agents.push_back({{"agent", agent.agent},
                      {"episodes", agent.episodes},
                      {"successes", agent.successes},
                      {"failures", agent.failures},
                      {"time_limits", agent.time_limits},
                      {"non_finite", agent.non_finite},
                      {"mean_length", agent.mean_length},
                      {"mean_return", agent.mean_return},
                      {"reward_sums", rewards},
                      {"observation_ranges", observations},
                      {"env_steps_per_second", agent.env_steps_per_second}});
  }
  const ordered_json root = {{"schema", 1},
                             {"agents", agents},
                             {"problems", check.problems},
                             {"remarks", check.remarks},
                             {"ok", check.problems.empty()}};
  return root.dump(1) + "\n";
}

}  // namespace simscale::eval
