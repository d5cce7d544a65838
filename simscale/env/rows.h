#pragma once

// The environments behind BatchedEnv, one at a time; private to env.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "simscale/env/batched_env.h"
#include "simscale/env/curriculum.h"

namespace simscale::env {

/// The state and the results of N environments. Calls for different rows may run at the same time
/// on different threads; a call names its thread, whose scratch memory it uses.
///
/// With stepping: current each row has an mjData of its own, since what mj_step1 left in it is
/// needed by the next mj_step2. mj_step needs the integration state alone (mujoco.rollout rests on
/// that, too): then a row is these few numbers, and each thread has one mjData, which stays in its
/// core's cache from row to row.
class Rows {
 public:
  Rows(std::shared_ptr<const Task> task, const BatchedEnvConfig& config, int num_threads);

  /// Starts an episode. `state` holds this row's stretches. Never throws for what goes wrong inside
  /// the episode: such a row ends in its first step.
  void Reset(int row, int thread, const EpisodeKey& key, const ResetState& state);
  /// One control step of an active row, and the end of its episode where it ends.
  /// action: [A], finite.
  template <class Real>
  void Step(int row, int thread, std::span<const Real> action);
  /// Results of a row that takes no step.
  void ClearStep(int row);

  void Save(int row, std::span<double> state) const;
  /// Throws UserError or ShapeError; then the row is as it was.
  void Load(int row, int thread, std::span<const double> state, const EpisodeKey& key);
  /// The row's own model, in the scratch of a thread.
  const mjModel* ModelOf(int row, int thread);
  /// For lookers-on: the row's mjData with what derives from its state. Not while rows are stepped.
  const mjData* View(int row);

  void CheckRow(int row) const;  ///< throws ShapeError if there is no such row

  /// Episodes that ended for a non-finite state or a failure.
  int64_t num_quarantined() const { return num_quarantined_.load(std::memory_order_relaxed); }
  int state_dim() const { return state_dim_; }
  int num_actions() const { return num_actions_; }
  const Task& task() const { return *task_; }

  // One entry (or one stretch) a row, read and written by BatchedEnv.
  std::vector<uint8_t> active, needs_reset;
  std::vector<EpisodeKey> keys;
  std::vector<CurriculumState> curriculum;
  StepResult result;
  ObservationView final_view;
  std::vector<double> final_info, final_randomization;

 private:
  struct Scratch {
    std::vector<double> action, executed, controller, before, values, workspace;
    std::unique_ptr<sim::Data> data;     ///< null where each row has its own
    std::unique_ptr<ThreadModel> model;  ///< null unless randomisation changes the model
    int row = -1;                        ///< whose values it holds
    uint64_t version = 0;                ///< of these values
  };
  struct Buffers {
    std::vector<std::vector<float>> state;
    std::vector<std::vector<double>> state64;
    std::vector<std::vector<uint8_t>> image;
    std::vector<std::vector<int32_t>> ids;
  };
  void MakeBuffers(Buffers& buffers, ObservationView& view) const;
  void ResetPhysics(int row, int thread, mjData* data, const ResetState& state);
  void StartTerms(int row, const mjModel* model, const mjData* data);
  const mjModel* Disturb(int row, int thread, mjData* data);
  bool Simulate(int row, int thread, mjData* data, std::string* what);
  void Advance(const mjModel* model, mjData* data) const;
  void Judge(int row, const TermContext& base);
  /// fresh: an episode begins, or a state was restored.
  void Observe(int row, int thread, const TermContext& base, bool fresh);
  void ObserveInfo(int row, TermContext context);
  void Quarantine(int row, int thread, mjData* data, const std::string& what, bool from_reset);
  void EndEpisode(int row, int thread);
  void DeriveModel(int row, int thread);
  int OverlaySize() const;
  TermContext ContextOf(int row, const mjModel* model, const mjData* data) const;
  /// The mjData that holds the row's state until Close, which keeps what became of it.
  mjData* Open(int row, int thread);
  mjData* OpenBlank(int row, int thread);  ///< without the state, for a reset
  void Close(int row, const mjData* data);

  template <class T>
  static std::span<T> Stretch(std::vector<T>& all, int row, int size) {
    return std::span(all).subspan(Offset(row, size), Size(size));
  }
  std::span<double> Memory(int row, int offset, int size) {
    return std::span(term_memory_).subspan(Offset(row, memory_dim_) + Size(offset), Size(size));
  }
  static size_t Size(int n) { return static_cast<size_t>(n); }
  static size_t Offset(int row, int dim) { return Size(row) * Size(dim); }

  std::shared_ptr<const Task> task_;
  BatchedEnvConfig config_;
  int num_envs_;
  int physics_dim_, controller_dim_, memory_dim_, num_actions_, num_values_, values_memory_dim_;
  int curriculum_dim_, state_dim_, num_rewards_, num_info_;
  int start_keyframe_;
  bool shares_data_;  ///< each thread has one mjData, each row its physics alone
  std::atomic<int64_t> num_quarantined_{0};
  std::vector<sim::Data> data_;  ///< one a row, unless shares_data_
  std::vector<double> physics_;  ///< [N, physics_dim] if shares_data_
  std::unique_ptr<sim::Data> view_;
  std::vector<double> controller_state_, term_memory_, last_action_, values_, values_memory_;
  std::vector<std::byte> overlay_;
  std::vector<uint64_t> version_;
  std::vector<std::string> broken_;  ///< what went wrong in the row's reset; "": nothing
  std::vector<int32_t> length_, result_length_;
  std::vector<uint8_t> terminated_, truncated_, success_, non_finite_;
  std::vector<double> reward_, reward_terms_, info_;
  Buffers observations_, final_;
  std::vector<Scratch> scratch_;
  CameraRows cameras_;
};

}  // namespace simscale::env
