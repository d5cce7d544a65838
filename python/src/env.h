#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrays.h"
#include "simscale/env/batched_env.h"

namespace simscale::python {

/// How an Env is made; what its Python classes take as keywords.
struct EnvOptions {
  std::string task;                    ///< a packaged task's name or id, or a task file
  std::vector<std::string> overrides;  ///< KEY=VALUE of the task file
  int num_envs = 1;
  int num_threads = 0;  ///< 0: as many as there are cores and environments
  std::string autoreset = "disabled";
  bool curriculum = true;
  std::string dump_dir;
};

/// env::BatchedEnv for Python: spans become NumPy arrays over the same memory, which stay valid for
/// as long as somebody holds them. Long calls release the interpreter's lock.
class Env {
 public:
  explicit Env(const EnvOptions& options);

  /// What never changes: names, sizes and ranges, for the Python classes.
  nb::dict Spec() const;
  /// Arrays over the results, [N, ...] each; the same memory in every step.
  nb::dict Buffers() const;

  /// action: [N, A] float32 or float64. Returns (whether an episode has ended, how many rows have
  /// taken a step): buffers "ended" and "stepped" say which.
  nb::tuple Step(const AnyArray& action);
  /// rows: [K], seeds and indices: [K]; the state's parts: [K, n] or None.
  void Reset(const ArrayOf<int32_t>& rows, const ArrayOf<uint64_t>& seeds,
             const ArrayOf<uint64_t>& indices, const std::optional<ArrayOf<double>>& qpos,
             const std::optional<ArrayOf<double>>& qvel, const std::optional<ArrayOf<double>>& act,
             const std::optional<ArrayOf<double>>& ctrl);
  /// (seeds [N], indices [N]) of the episodes that the rows are in.
  nb::tuple Keys() const;
  nb::object Levels() const;  ///< [N]

  /// The task's model in MuJoCo's binary form (mj_saveModel).
  nb::bytes Model() const;
  /// A row's mjSTATE_INTEGRATION.
  nb::object PhysicsState(int row) const;

  nb::object GetState(int row) const;  ///< [state_dim]
  void SetState(int row, const ArrayOf<double>& state, uint64_t seed, uint64_t index);

  const std::shared_ptr<env::BatchedEnv>& env() const { return env_; }

 private:
  struct Marks {
    std::vector<uint8_t> ended, stepped;  // [N]
  };

  std::shared_ptr<env::BatchedEnv> env_;
  env::AutoresetMode autoreset_;
  std::shared_ptr<Marks> marks_;
};

/// What never changes of a task.
nb::dict TaskSpec(const env::Task& task);

}  // namespace simscale::python
