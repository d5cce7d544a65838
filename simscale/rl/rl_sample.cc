// For tests/rl_reference_test.py, which compares with NumPy: reads one JSON object from standard
// input, {"part": "gae" | "scaler" | "statistics" | "losses", ...}, and prints what that part makes
// of it.

#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "simscale/rl/gae.h"
#include "simscale/rl/learner.h"
#include "simscale/rl/running_statistics.h"

namespace simscale::rl {
namespace {

using nlohmann::json;

torch::Tensor Tensor(const json& values) { return torch::tensor(values.get<std::vector<float>>()); }

json Gae(const json& in) {
  const auto reward = in["reward"].get<std::vector<float>>();
  const auto value = in["value"].get<std::vector<float>>();
  const auto done = in["done"].get<std::vector<unsigned char>>();
  std::vector<float> advantage(reward.size()), returns(reward.size());
  ComputeGae({.num_steps = in["num_steps"],
              .num_rows = in["num_rows"],
              .reward = reward,
              .value = value,
              .done = done,
              .gamma = in["gamma"],
              .lambda = in["lambda"]},
             advantage, returns);
  return {{"advantage", advantage}, {"returns", returns}};
}

json Scaler(const json& in) {
  const int rows = in["num_rows"];
  RewardScaler scaler(rows, in["gamma"], in["clip"]);
  const auto reward = in["reward"].get<std::vector<double>>();
  const auto done = in["done"].get<std::vector<unsigned char>>();
  std::vector<float> scaled(reward.size());
  const auto n = static_cast<size_t>(rows);
  for (size_t at = 0; at < reward.size(); at += n)
    scaler.Scale(std::span(reward).subspan(at, n), std::span(done).subspan(at, n),
                 std::span(scaled).subspan(at, n));
  return {{"scaled", scaled}};
}

json Statistics(const json& in) {
  RunningStatistics running(in["size"]);
  for (const json& batch : in["batches"]) {
    const auto rows = batch.get<std::vector<float>>();
    const int64_t size = in["size"];
    running.Update(rows, static_cast<int64_t>(rows.size()) / size, size);
  }
  return {{"mean", running.mean()}, {"variance", running.variance()}};
}

json Losses(const json& in) {
  const auto dim = in["action_dim"].get<int64_t>();
  const policy::GaussianPolicy gaussian({.policy = "ppo",
                                         .env_name = "x",
                                         .observations = {{.name = "s", .size = 1}},
                                         .action_dim = static_cast<int>(dim)},
                                        {.squash = in["squash"]});
  torch::Tensor mean = Tensor(in["mean"]).view({-1, dim}).requires_grad_();
  torch::Tensor log_std = Tensor(in["log_std"]).requires_grad_();
  torch::Tensor value = Tensor(in["value"]).requires_grad_();
  Experience batch;
  batch.u = Tensor(in["u"]).view({-1, dim});
  batch.log_prob = Tensor(in["log_prob"]);
  batch.value = Tensor(in["old_value"]);
  batch.advantage = Tensor(in["advantage"]);
  batch.returns = Tensor(in["returns"]);
  const PpoConfig config{.clip_range = in["clip_range"],
                         .value_clip = in["value_clip"],
                         .value_coef = in["value_coef"]};
  const PpoLosses losses = ComputePpoLosses(gaussian, {.mean = mean, .log_std = log_std}, value,
                                            batch, config, in["entropy_coef"]);
  losses.total.backward();
  const auto list = [](const torch::Tensor& t) {
    const torch::Tensor flat = t.flatten().contiguous();
    return std::vector<float>(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  };
  return {{"total", losses.total.item<double>()},     {"kl", losses.kl.item<double>()},
          {"clipped", losses.clipped.item<double>()}, {"mean_gradient", list(mean.grad())},
          {"log_std_gradient", list(log_std.grad())}, {"value_gradient", list(value.grad())}};
}

}  // namespace
}  // namespace simscale::rl

int main() {
  using namespace simscale::rl;
  try {
    const json in = json::parse(std::cin);
    const std::string part = in["part"];
    const json out = part == "gae"          ? Gae(in)
                     : part == "scaler"     ? Scaler(in)
                     : part == "statistics" ? Statistics(in)
                                            : Losses(in);
    std::puts(out.dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
