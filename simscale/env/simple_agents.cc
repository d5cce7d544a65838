#include "simscale/env/simple_agents.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "simscale/common/rng.h"

namespace simscale::env {
namespace {

class RandomAgent : public Agent {
 public:
  RandomAgent(int num_rows, const sim::Controller& controller)
      : rng_(static_cast<size_t>(num_rows), Rng(0, 0, "random_agent")) {
    for (int a = 0; a < controller.action_dim(); ++a) {
      bounds_.emplace_back(controller.action_low(a), controller.action_high(a));
    }
  }
  std::string name() const override { return "random"; }
  void Reset(int row, const EpisodeKey& key) override {
    rng_.at(static_cast<size_t>(row)) = Rng(key.seed, key.index, "random_agent");
  }
  void Act(const ObservationView&, std::span<const uint8_t> active,
           std::span<float> action_NA) override {
    for (size_t row = 0; row < active.size(); ++row) {
      if (!active[row]) continue;
      for (size_t a = 0; a < bounds_.size(); ++a) {
        const auto [low, high] = bounds_[a];
        action_NA[row * bounds_.size() + a] = static_cast<float>(rng_[row].Uniform(low, high));
      }
    }
  }

 private:
  std::vector<std::pair<double, double>> bounds_;
  std::vector<Rng> rng_;
};

class ZeroAgent : public Agent {
 public:
  explicit ZeroAgent(int action_dim) : action_dim_(static_cast<size_t>(action_dim)) {}
  std::string name() const override { return "zero"; }
  void Reset(int, const EpisodeKey&) override {}
  void Act(const ObservationView&, std::span<const uint8_t> active,
           std::span<float> action_NA) override {
    for (size_t row = 0; row < active.size(); ++row) {
      if (active[row])
        std::fill_n(action_NA.begin() + static_cast<std::ptrdiff_t>(row * action_dim_), action_dim_,
                    0.0F);
    }
  }

 private:
  size_t action_dim_;
};

}  // namespace

std::unique_ptr<Agent> MakeRandomAgent(int num_rows, const sim::Controller& controller) {
  return std::make_unique<RandomAgent>(num_rows, controller);
}

std::unique_ptr<Agent> MakeZeroAgent(int action_dim) {
  return std::make_unique<ZeroAgent>(action_dim);
}

}  // namespace simscale::env
