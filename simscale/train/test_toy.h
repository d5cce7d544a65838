#pragma once

// A toy task for the tests: a point walks to a goal in the plane. Its dataset trains in a second.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "simscale/common/rng.h"
#include "simscale/data/writer.h"
#include "simscale/env/agent.h"
#include "simscale/train/run.h"

namespace simscale::train::testing {

struct Point {
  float x, y;
};

/// Start and goal in [-1, 1]^2.
inline std::pair<Point, Point> ToyReset(uint64_t seed, uint64_t index) {
  Rng rng(seed, index, "toy");
  auto draw = [&] { return static_cast<float>(rng.Uniform(-1, 1)); };
  const Point start{draw(), draw()}, goal{draw(), draw()};
  return {start, goal};
}
inline Point ToyExpert(Point at, Point goal) {
  return {std::clamp(3 * (goal.x - at.x), -1.0F, 1.0F),
          std::clamp(3 * (goal.y - at.y), -1.0F, 1.0F)};
}
inline Point ToyStep(Point at, Point action) {
  return {at.x + 0.2F * action.x, at.y + 0.2F * action.y};
}
inline bool ToyNear(Point at, Point goal) {
  return std::hypot(at.x - goal.x, at.y - goal.y) < 0.1F;
}
constexpr int kToySteps = 30;

inline data::Array FloatArray(std::string name, int64_t steps, const std::vector<float>& values) {
  data::Array array{std::move(name),
                    data::DType::kFloat32,
                    {steps, static_cast<int64_t>(values.size()) / steps},
                    {}};
  array.bytes.resize(values.size() * sizeof(float));
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

inline data::Episode ToyEpisode(uint64_t seed, uint64_t index) {
  auto [at, goal] = ToyReset(seed, index);
  std::vector<float> pos, goals, actions;
  int64_t steps = 0;
  do {
    const Point action = ToyExpert(at, goal);
    pos.insert(pos.end(), {at.x, at.y});
    goals.insert(goals.end(), {goal.x, goal.y});
    actions.insert(actions.end(), {action.x, action.y});
    at = ToyStep(at, action);
    ++steps;
  } while (!ToyNear(at, goal) && steps < kToySteps);
  data::Episode episode;
  episode.seed = seed;
  episode.index = index;
  episode.success = ToyNear(at, goal);
  episode.language = "go to the goal";
  episode.outcome = episode.success ? "success" : "time_limit";
  episode.arrays = {FloatArray("actions", steps, actions),
                    FloatArray("observations/goal", steps, goals),
                    FloatArray("observations/pos", steps, pos)};
  data::Array rewards =
      FloatArray("rewards", steps, std::vector<float>(static_cast<size_t>(steps), 0.0F));
  rewards.shape = {steps};
  data::Array dones{
      "dones", data::DType::kUint8, {steps}, std::vector<std::byte>(static_cast<size_t>(steps))};
  dones.bytes.back() = std::byte{1};
  data::Array states{"states",
                     data::DType::kFloat64,
                     {steps, 1},
                     std::vector<std::byte>(static_cast<size_t>(steps) * 8)};
  data::Array last{"final_state", data::DType::kFloat64, {1}, std::vector<std::byte>(8)};
  for (data::Array* array : {&rewards, &dones, &states, &last})
    episode.arrays.push_back(std::move(*array));
  return episode;
}

inline void WriteToyDataset(const std::filesystem::path& path, int64_t episodes,
                            uint64_t seed = 1) {
  data::DatasetMeta meta;
  meta.env_name = "toy";
  meta.task_config = "name: toy\n";
  meta.generator = "policy: scripted\n";
  meta.model_hash = "none";
  meta.mujoco_version = "3.14.0";
  meta.simscale_version = "0.1.0";
  meta.policy = "scripted";
  meta.seed = seed;
  meta.env_args = R"({"env_name": "toy", "type": 2, "env_kwargs": {}})";
  data::WriteDataset(path, meta, episodes,
                     [&](int64_t i) { return ToyEpisode(seed, static_cast<uint64_t>(i)); });
}

/// Closed-loop evaluation in the toy task, all episodes side by side.
inline EvalResult EvaluateToy(env::Agent& agent, const EvalRequest& request) {
  const auto n = static_cast<size_t>(request.n_episodes);
  std::vector<Point> at(n), goal(n);
  std::vector<uint8_t> active(n, 1), success(n, 0);
  for (size_t i = 0; i < n; ++i) {
    std::tie(at[i], goal[i]) = ToyReset(request.seed, i);
    agent.Reset(static_cast<int>(i), {request.seed, i});
  }
  const env::ObservationSpec pos_spec{"pos", {2}}, goal_spec{"goal", {2}};
  std::vector<float> action(2 * n);
  for (int t = 0; t < kToySteps; ++t) {
    env::ObservationView view;
    view.num_rows = request.n_episodes;
    view.keys = {{&pos_spec, {&at[0].x, 2 * n}, {}}, {&goal_spec, {&goal[0].x, 2 * n}, {}}};
    agent.Act(view, active, action);
    for (size_t i = 0; i < n; ++i) {
      if (!active[i]) continue;
      at[i] = ToyStep(at[i], {action[2 * i], action[2 * i + 1]});
      if (ToyNear(at[i], goal[i])) success[i] = 1, active[i] = 0;
    }
  }
  EvalResult result;
  result.n_episodes = request.n_episodes;
  result.successes = static_cast<int>(std::count(success.begin(), success.end(), 1));
  result.success_rate = static_cast<double>(result.successes) / result.n_episodes;
  return result;
}

/// A training of the toy task that takes about a second.
inline TrainConfig ToyConfig(const std::filesystem::path& dataset,
                             const std::filesystem::path& run) {
  TrainConfig config;
  config.dataset = dataset.string();
  config.checkpoint_dir = run.string();
  config.device = "cpu";
  config.seed = 3;
  config.train.steps = 400;
  config.train.batch_size = 64;
  config.train.warmup_steps = 20;
  config.train.lr = 3e-3;
  config.train.ema_decay = 0.99;
  config.train.log_every = 30;
  config.train.validate_every = 50;
  config.train.eval_every = 200;
  config.train.eval_episodes = 20;
  config.train.save_every = 100;
  config.policy.bc.hidden = {32, 32};
  config.policy.bc.horizon = 4;
  config.policy.bc.n_action_steps = 2;
  config.policy.bc.dropout = 0.1;
  config.policy.bc.obs_noise = 0.01;
  return config;
}

}  // namespace simscale::train::testing
