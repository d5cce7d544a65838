#pragma once

// Small datasets of known content for the tests.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "simscale/common/rng.h"
#include "simscale/data/episode.h"

namespace simscale::data::testing {

inline DatasetMeta SampleMeta() {
  DatasetMeta meta;
  meta.env_name = "pick_place";
  meta.task_config = "name: pick_place\ncontrol_hz: 20\n";
  meta.generator = "policy: scripted\nnoise: 0.1\nrandomize: none\n";
  meta.model_hash = std::string(64, 'a');
  meta.mujoco_version = "3.14.0";
  meta.simscale_version = "0.1.0";
  meta.policy = "scripted";
  meta.seed = 7;
  meta.env_args = R"({"env_name": "SimScale/PickPlace-v0", "type": 2, "env_kwargs": {"seed": 7}})";
  return meta;
}

template <class T>
Array MakeArray(std::string name, DType dtype, std::vector<int64_t> shape,
                const std::vector<T>& values) {
  Array array{std::move(name), dtype, std::move(shape), {}};
  array.bytes.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

struct SampleSpec {
  uint64_t index = 0, seed = 7;
  int64_t length = 0;  ///< 0: 5 + index % 4
  bool success = true, images = false;
};

/// Random actions and observations that depend on seed and index only.
inline Episode SampleEpisode(const SampleSpec& spec) {
  const int64_t n = spec.length > 0 ? spec.length : 5 + static_cast<int64_t>(spec.index % 4);
  Rng rng(spec.seed, spec.index, "sample");
  const auto floats = [&](int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(rng.Uniform(-1, 1));
    return values;
  };
  std::vector<double> states(static_cast<size_t>(n) * 11), last(11, 0.25);
  for (double& value : states) value = rng.Normal();
  std::vector<uint8_t> dones(static_cast<size_t>(n), 0);
  dones.back() = 1;
  std::vector<float> rewards = floats(n);

  Episode episode;
  episode.seed = spec.seed;
  episode.index = spec.index;
  episode.success = spec.success;
  for (const float reward : rewards) episode.episode_return += static_cast<double>(reward);
  episode.language = "put the cube on the target \xE2\x80\x93 gently";
  episode.outcome = spec.success ? "success" : "time_limit";
  // On purpose not in the order of the names.
  episode.arrays.push_back(MakeArray("actions", DType::kFloat32, {n, 4}, floats(n * 4)));
  episode.arrays.push_back(
      MakeArray("observations/joint_pos", DType::kFloat32, {n, 7}, floats(n * 7)));
  episode.arrays.push_back(
      MakeArray("observations/ee_pos", DType::kFloat32, {n, 3}, floats(n * 3)));
  if (spec.images) {
    std::vector<uint8_t> pixels(static_cast<size_t>(n) * 8 * 10 * 3);
    for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(rng.Below(256));
    episode.arrays.push_back(MakeArray("observations/front", DType::kUint8, {n, 8, 10, 3}, pixels));
  }
  episode.arrays.push_back(MakeArray("rewards", DType::kFloat32, {n}, rewards));
  episode.arrays.push_back(MakeArray("dones", DType::kUint8, {n}, dones));
  episode.arrays.push_back(MakeArray("states", DType::kFloat64, {n, 11}, states));
  episode.arrays.push_back(MakeArray("final_state", DType::kFloat64, {11}, last));
  return episode;
}

}  // namespace simscale::data::testing
