#include "simscale/env/episode_runner.h"

#include <algorithm>
#include <span>
#include <vector>

#include "simscale/common/interrupt.h"
#include "simscale/common/stopwatch.h"

namespace simscale::env {

RunTimes RunEpisodes(BatchedEnv& env, Agent& agent, EpisodeObserver& observer,
                     const std::function<bool(EpisodeKey*)>& next_key) {
  const int num_envs = env.num_envs();
  RunTimes times;
  const Stopwatch total;
  std::vector<double> episode_return(static_cast<size_t>(num_envs));
  const size_t num_terms = env.task().rewards().size();
  std::vector<double> term_sums(episode_return.size() * num_terms);  // [N, K]
  const auto terms_of = [&](size_t row) {
    return std::span(term_sums).subspan(row * num_terms, num_terms);
  };
  std::vector<float> actions(static_cast<size_t>(num_envs * env.action_dim()));
  std::vector<uint8_t> was_active;
  std::vector<int> rows;
  std::vector<EpisodeKey> keys;

  auto start_rows = [&] {  // gives every idle row the next episode, while there is one
    const Stopwatch watch;
    rows.clear();
    keys.clear();
    for (int row = 0; row < num_envs; ++row) {
      if (env.active()[static_cast<size_t>(row)]) continue;
      EpisodeKey key;
      if (!next_key(&key)) break;
      rows.push_back(row);
      keys.push_back(key);
    }
    if (rows.empty()) return;
    env.ResetRows(rows, keys);
    times.simulate += watch.seconds();
    for (size_t k = 0; k < rows.size(); ++k) {
      episode_return[static_cast<size_t>(rows[k])] = 0;
      std::ranges::fill(terms_of(static_cast<size_t>(rows[k])), 0.0);
      agent.Reset(rows[k], keys[k]);
      observer.OnReset(env, rows[k], keys[k]);
    }
  };
  auto any_active = [&] {
    return std::ranges::any_of(env.active(), [](uint8_t active) { return active != 0; });
  };

  env.Deactivate();
  start_rows();
  while (any_active() && !observer.ShouldStop() && !InterruptRequested()) {
    Stopwatch watch;
    was_active.assign(env.active().begin(), env.active().end());
    agent.Act(env.result().observations, was_active, actions);
    times.policy += watch.seconds();
    watch.Restart();
    observer.BeforeStep(env, agent, actions);
    times.observe += watch.seconds();
    watch.Restart();
    const StepResult& result = env.Step(actions);
    times.simulate += watch.seconds();
    watch.Restart();
    observer.AfterStep(env);
    for (int row = 0; row < num_envs; ++row) {
      const size_t r = static_cast<size_t>(row);
      if (!was_active[r]) continue;
      ++times.env_steps;
      episode_return[r] += result.reward[r];
      for (size_t k = 0; k < num_terms; ++k) {
        terms_of(r)[k] += result.reward_terms[r * num_terms + k];
      }
      if (!result.terminated[r] && !result.truncated[r]) continue;
      observer.OnEpisodeEnd(env,
                            {env.key(row), row, result.success[r] != 0, result.terminated[r] != 0,
                             result.truncated[r] != 0, result.non_finite[r] != 0, episode_return[r],
                             result.episode_length[r], terms_of(r)});
    }
    times.observe += watch.seconds();
    start_rows();
  }
  times.seconds = total.seconds();
  return times;
}

}  // namespace simscale::env
