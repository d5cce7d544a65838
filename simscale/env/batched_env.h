#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "simscale/env/agent.h"
#include "simscale/env/task.h"

namespace simscale::env {

/// When a finished row starts its next episode (Gymnasium 1.x's three modes).
enum class AutoresetMode {
  kNextStep,  ///< the step after the last one resets the row; its action is ignored
  kSameStep,  ///< the last step resets the row at once; final_observation has the true last one
  kDisabled,  ///< the caller resets rows with ResetRows; none is active before
};

struct BatchedEnvConfig {
  int num_envs = 1;
  int num_threads = 1;
  uint64_t seed = 0;
  AutoresetMode autoreset = AutoresetMode::kDisabled;
  std::string dump_dir = "";  ///< where states that went non-finite are dumped; "": nowhere
  /// Whether the task's curriculum follows the success of each row. Off where episodes stand by
  /// themselves: datagen, eval.
  bool curriculum = false;
};

/// What a reset sets in the state after the task's own reset terms, a stretch a row; an empty span
/// is left alone. Sizes: [rows, nq], [rows, nv], [rows, na], [rows, nu].
struct ResetState {
  std::span<const double> qpos, qvel, act, ctrl;
};

/// What one Step gave, N = num_envs entries each. Valid until the next Step or reset.
struct StepResult {
  ObservationView observations;
  std::span<const double> reward;
  std::span<const uint8_t> terminated;  ///< the task's own end (success, failure, bad state)
  std::span<const uint8_t> truncated;   ///< the time limit
  std::span<const uint8_t> success;     ///< the success term holds
  std::span<const uint8_t> non_finite;  ///< the row was ended for a non-finite state
  /// Each reward term's weighted value of this step, [N, terms].
  std::span<const double> reward_terms;
  /// The task's `info:` terms, [N, task.num_info()].
  std::span<const double> info;
  /// The randomised values of the row's episode, [N, task.randomization().num_values()].
  std::span<const double> randomization;
  /// Per row the episode's length so far, after this step.
  std::span<const int32_t> episode_length;
};

/// Steps N copies of one task in lock-step on a thread pool, over one shared const mjModel.
///
/// Shapes: N = num_envs, A = action_dim. Units: SI. Threads: one caller. Results stay valid until
/// the next Step or reset. An episode is a function of (task, key, actions), whatever N and
/// num_threads. A row whose state goes non-finite, or in which MuJoCo or a term fails, ends that
/// episode (terminated, non_finite), with a report in the log and a state dump that LoadStateDump
/// reads; the others go on.
///
/// Where randomisation changes the model, each thread has a scratch mjModel, and each row the
/// numbers that differ (ModelOverlay).
class BatchedEnv {
 public:
  /// Throws UserError for num_envs or num_threads below 1 or absurdly large (naming the limit).
  BatchedEnv(std::shared_ptr<const Task> task, const BatchedEnvConfig& config);
  ~BatchedEnv();

  const Task& task() const;
  int num_envs() const;
  int num_threads() const;
  int action_dim() const;

  /// Row i starts episode {seed + i, 0}, as Gymnasium's vector environments do; autoreset goes on
  /// with {seed + i, 1}, ...
  const StepResult& Reset(uint64_t seed);
  /// rows[k] starts keys[k]; the others are left alone. Throws UserError for a state that is not
  /// finite, ShapeError for one of another size; then no row has been reset.
  const StepResult& ResetRows(std::span<const int> rows, std::span<const EpisodeKey> keys,
                              const ResetState& state = {});

  /// One control step. action_NA: [N, A] row-major, within the controller's action_low and
  /// action_high (clipped, unless the controller takes them as they are). Rows whose episode has
  /// ended are left alone (kDisabled). Throws ShapeError unless it holds N * A numbers, UserError
  /// that names row and component if one of an active row is not finite; then no row has moved.
  const StepResult& Step(std::span<const float> action_NA);
  const StepResult& Step(std::span<const double> action_NA);

  const StepResult& result() const;
  /// Rows in the middle of an episode.
  std::span<const uint8_t> active() const;
  const EpisodeKey& key(int row) const;

  /// The true last observation of rows that ended in the last Step (kSameStep: before their reset).
  ObservationView final_observation() const;
  /// Likewise info and randomised values; [N, ...] as in StepResult.
  std::span<const double> final_info() const;
  std::span<const double> final_randomization() const;

  /// The row's curriculum level, in [0, 1].
  double level(int row) const;
  /// Episodes that were ended for a non-finite state or a failure since the start.
  int64_t num_quarantined() const;

  /// Ends every row's episode: no row is active until it is reset.
  void Deactivate();

  /// A row's whole state: physics (sim::StateSize), controller, task memory, the last action,
  /// randomised values, curriculum, step count.
  int state_dim() const;
  void GetState(int row, std::span<double> state) const;
  /// Restores it, with observations; the row is active. The episode's key is the caller's.
  void SetState(int row, std::span<const double> state, const EpisodeKey& key);

  /// For rendering and tests: the row's data with what derives from its state, and its own model.
  /// They hold until the next call of anything here but these two for the same row.
  const mjData* data(int row) const;
  const mjModel* model(int row) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace simscale::env
