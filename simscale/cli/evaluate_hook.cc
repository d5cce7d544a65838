#include "simscale/cli/evaluate_hook.h"

#include <utility>

#include "simscale/eval/evaluator.h"

namespace simscale::cli {

train::TrainHooks EvaluateOn(std::shared_ptr<const env::Task> task) {
  train::TrainHooks hooks;
  hooks.evaluate = [task = std::move(task)](env::Agent& agent, const train::EvalRequest& wanted) {
    const eval::EvalConfig config{.n_episodes = wanted.n_episodes, .seed = wanted.seed};
    const eval::EvalReport report =
        eval::EvaluateWithSeed(task, agent, wanted.seed, config, nullptr, "evaluation");
    return train::EvalResult{.n_episodes = static_cast<int>(report.episodes.size()),
                             .successes = static_cast<int>(report.successes),
                             .success_rate = report.success_rate,
                             .ci_low = report.success_ci95.low,
                             .ci_high = report.success_ci95.high,
                             .mean_return = report.mean_return,
                             .mean_length = report.mean_length,
                             .mean_reward_terms = report.mean_reward_terms};
  };
  return hooks;
}

}  // namespace simscale::cli
