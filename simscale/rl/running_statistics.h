#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace simscale::rl {

/// Mean and variance of each of `size` numbers over all that was seen (Chan et al., 1983).
class RunningStatistics {
 public:
  explicit RunningStatistics(int size);

  /// rows [count, size], `stride` numbers apart (>= size). All finite.
  void Update(std::span<const float> rows, int64_t count, int64_t stride);
  void Update(double value);  ///< of size 1
  /// What others have seen, of the same size.
  void Merge(const RunningStatistics& other);

  double count() const { return count_; }
  const std::vector<double>& mean() const { return mean_; }
  /// Of the population; 1 before anything was seen.
  std::vector<double> variance() const;
  double variance(int i) const;

  /// count, means, sums of squared deviations: [1 + 2 * size], for exact resume.
  std::vector<double> State() const;
  void SetState(std::span<const double> state);  ///< throws ShapeError for another size

 private:
  void Merge(double count, std::span<const double> mean, std::span<const double> squares);
  double count_ = 0;
  std::vector<double> mean_, squares_;
};

/// Rewards over the running deviation of each row's discounted return, clipped (as OpenAI's
/// baselines and Stable-Baselines3 do).
class RewardScaler {
 public:
  RewardScaler(int num_rows, double gamma, double clip);

  /// What was seen since the last Settle.
  const RunningStatistics& fresh() const { return fresh_; }
  /// Puts what all processes have seen since then in the place of what this one has: fresh() of
  /// each, in the order of the ranks.
  void Settle(const std::vector<RunningStatistics>& fresh_of_all);

  /// One step of all rows, in order: [N] each.
  void Scale(std::span<const double> reward, std::span<const unsigned char> done,
             std::span<float> scaled);

  std::vector<double> State() const;  ///< statistics, then the rows' returns
  void SetState(std::span<const double> state);

 private:
  double gamma_, clip_;
  RunningStatistics statistics_{1}, settled_{1}, fresh_{1};
  std::vector<double> returns_;
};

}  // namespace simscale::rl
