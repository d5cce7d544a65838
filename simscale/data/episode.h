#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace simscale::data {

enum class DType { kUint8, kInt32, kInt64, kFloat32, kFloat64 };
size_t SizeOf(DType dtype);
std::string_view NameOf(DType dtype);  ///< "uint8", "float32", ... (NumPy's names)

/// A dense row-major array with its name.
struct Array {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  int64_t size() const;  ///< number of elements
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
};

/// One recorded episode of T control steps.
///
/// arrays, T first: "observations/<key>" [T, ...] the observation an action was chosen on;
/// "actions" [T, A] float32 as the environment executed them; "rewards" [T] float32; "dones" [T]
/// uint8, 1 on the last step; "states" [T, S] float64, the whole simulation state (physics, warm
/// start, controller) before each step, and "final_state" [S] float64 after the last one. Optional:
/// "expert_actions" [T, A] float32, what a noisy expert meant to do: the better training label;
/// "randomization" [P] float64, the episode's randomised values as it began.
struct Episode {
  uint64_t seed = 0;   ///< the seed the environment was reset with
  uint64_t index = 0;  ///< the episode's number under that seed
  bool success = false;
  double episode_return = 0;
  std::string language;  ///< instruction, e.g. "put the cube on the target"
  std::string outcome;   ///< "success", "time_limit", "failure", "non_finite"
  std::vector<Array> arrays;

  int64_t length() const;                          ///< T
  const Array* Find(std::string_view name) const;  ///< nullptr if absent
};

/// What a whole file carries beside its episodes, stored as root attributes.
struct DatasetMeta {
  int schema = 1;
  std::string env_name;     ///< "pick_place"
  std::string task_config;  ///< resolved task, YAML
  std::string generator;    ///< resolved generator settings that shape the content, YAML
  std::string model_hash;   ///< SHA-256 of the compiled MuJoCo model
  std::string mujoco_version;
  std::string simscale_version;
  std::string policy;                      ///< what acted: "scripted", a checkpoint's hash, ...
  uint64_t seed = 0;                       ///< the run's --seed
  std::string env_args;                    ///< robomimic's JSON: {"env_name", "type", "env_kwargs"}
  std::vector<std::string> randomization;  ///< [P] names of the randomised values; empty: none
};

}  // namespace simscale::data
