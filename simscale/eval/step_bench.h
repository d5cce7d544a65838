#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/task.h"

namespace simscale::eval {

struct StepBenchConfig {
  int num_envs = 64;
  int threads = 0;  ///< 0: all cores
  int steps = 250;  ///< control steps of each environment in one repeat
  int repeats = 5;
  uint64_t seed = 0;
  /// "": none. Else a folder for what is played: model.mjb; controls.npy [N, steps, nu];
  /// start_states.npy [E, state] and end_states.npy [N, state] (mjSTATE_INTEGRATION, float64);
  /// trajectories.json with the row and the control step at which each of the E episodes begins.
  std::string save_trajectories;

  void Describe(config::Fields& f);
};

/// BatchedEnv against a bare mj_step loop, measured in turns.
struct StepBenchReport {
  struct Repeat {
    double env = 0, raw = 0;  ///< control steps a second, all environments together
    double ratio() const { return env / raw; }
  };
  std::vector<Repeat> repeats;
  int num_envs = 0, threads = 0, steps = 0, frame_skip = 0;
  int64_t resets = 0;        ///< episodes that ended (and began anew) within one repeat
  bool same_states = false;  ///< both ended every environment in the same state, bit for bit
  std::vector<double> Column(double Repeat::*member) const;
  std::vector<double> Ratios() const;
};

/// Ours: Step over all environments with random actions drawn beforehand, observations, rewards and
/// resets (same-step autoreset) included. Raw: the same threads, environments shared out evenly,
/// and nothing but mj_step on the controls and start states that ours had, one environment after
/// the other (mujoco.rollout's order, which is kind to caches). Both take part in turns.
StepBenchReport BenchSteps(std::shared_ptr<const env::Task> task, const StepBenchConfig& config);

std::string StepBenchAsJson(const StepBenchReport& report, const std::string& env_name);
std::string StepBenchAsText(const StepBenchReport& report, const std::string& env_name);

}  // namespace simscale::eval
