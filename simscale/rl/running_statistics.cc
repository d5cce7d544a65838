#include "simscale/rl/running_statistics.h"

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"

namespace simscale::rl {

RunningStatistics::RunningStatistics(int size)
    : mean_(static_cast<size_t>(size)), squares_(static_cast<size_t>(size)) {}

void RunningStatistics::Merge(double count, std::span<const double> mean,
                              std::span<const double> squares) {
  const double total = count_ + count;
  for (size_t i = 0; i < mean_.size(); ++i) {
    const double delta = mean[i] - mean_[i];
    mean_[i] += delta * count / total;
    squares_[i] += squares[i] + delta * delta * count_ * count / total;
  }
  count_ = total;
}

void RunningStatistics::Update(std::span<const float> rows, int64_t count, int64_t stride) {
  if (count == 0) return;
  const size_t size = mean_.size();
  std::vector<double> mean(size), squares(size);
  for (int64_t r = 0; r < count; ++r) {
    const float* row = rows.data() + r * stride;
    for (size_t i = 0; i < size; ++i) mean[i] += static_cast<double>(row[i]);
  }
  for (double& m : mean) m /= static_cast<double>(count);
  for (int64_t r = 0; r < count; ++r) {
    const float* row = rows.data() + r * stride;
    for (size_t i = 0; i < size; ++i) {
      const double d = static_cast<double>(row[i]) - mean[i];
      squares[i] += d * d;
    }
  }
  Merge(static_cast<double>(count), mean, squares);
}

void RunningStatistics::Update(double value) {
  const double zero = 0;
  Merge(1, std::span(&value, 1), std::span(&zero, 1));
}

void RunningStatistics::Merge(const RunningStatistics& other) {
  SIMSCALE_CHECK(other.mean_.size() == mean_.size());
  if (other.count_ > 0) Merge(other.count_, other.mean_, other.squares_);
}

double RunningStatistics::variance(int i) const {
  return count_ > 0 ? squares_[static_cast<size_t>(i)] / count_ : 1;
}

std::vector<double> RunningStatistics::variance() const {
  std::vector<double> variance;
  for (size_t i = 0; i < mean_.size(); ++i) variance.push_back(this->variance(static_cast<int>(i)));
  return variance;
}

std::vector<double> RunningStatistics::State() const {
  std::vector<double> state = {count_};
  state.insert(state.end(), mean_.begin(), mean_.end());
  state.insert(state.end(), squares_.begin(), squares_.end());
  return state;
}

void RunningStatistics::SetState(std::span<const double> state) {
  const size_t size = mean_.size();
  if (state.size() != 1 + 2 * size)
    throw ShapeError(Cat("statistics of ", size, " numbers have a state of ", 1 + 2 * size,
                         ", got ", state.size()));
  count_ = state[0];
  std::copy_n(state.begin() + 1, size, mean_.begin());
  std::copy_n(state.begin() + 1 + static_cast<std::ptrdiff_t>(size), size, squares_.begin());
}

RewardScaler::RewardScaler(int num_rows, double gamma, double clip)
    : gamma_(gamma), clip_(clip), returns_(static_cast<size_t>(num_rows)) {}

void RewardScaler::Scale(std::span<const double> reward, std::span<const unsigned char> done,
                         std::span<float> scaled) {
  for (size_t n = 0; n < returns_.size(); ++n) {
    returns_[n] = returns_[n] * gamma_ + reward[n];
    statistics_.Update(returns_[n]);
    fresh_.Update(returns_[n]);
  }
  const double scale = 1 / std::sqrt(statistics_.variance(0) + 1e-8);
  for (size_t n = 0; n < returns_.size(); ++n) {
    scaled[n] = static_cast<float>(std::clamp(reward[n] * scale, -clip_, clip_));
    if (done[n]) returns_[n] = 0;
  }
}

void RewardScaler::Settle(const std::vector<RunningStatistics>& fresh_of_all) {
  for (const RunningStatistics& fresh : fresh_of_all) settled_.Merge(fresh);
  statistics_ = settled_;
  fresh_ = RunningStatistics(1);
}

std::vector<double> RewardScaler::State() const {
  std::vector<double> state = statistics_.State();
  state.insert(state.end(), returns_.begin(), returns_.end());
  return state;
}

void RewardScaler::SetState(std::span<const double> state) {
  const size_t own = statistics_.State().size();
  if (state.size() != own + returns_.size())
    throw ShapeError(Cat("the reward scaler of ", returns_.size(), " rows has a state of ",
                         own + returns_.size(), ", got ", state.size()));
  statistics_.SetState(state.first(own));
  settled_ = statistics_;
  fresh_ = RunningStatistics(1);
  std::copy(state.begin() + static_cast<std::ptrdiff_t>(own), state.end(), returns_.begin());
}

}  // namespace simscale::rl
