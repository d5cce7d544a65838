#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace simscale {

/// Seconds since construction or the last Restart.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void Restart() { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Where the time of a long command went: named shares that add up to the total.
class TimeSplit {
 public:
  /// Adds seconds to a named part; parts keep the order of their first use.
  void Add(const std::string& part, double seconds);
  /// "simulate 71 %, policy 22 %, other 7 %" of the total seconds given.
  std::string Summary(double total_seconds) const;
  const std::vector<std::pair<std::string, double>>& parts() const { return parts_; }

 private:
  std::vector<std::pair<std::string, double>> parts_;
};

/// Adds the seconds of its life to a part of the split.
class Timed {
 public:
  Timed(TimeSplit* split, const char* part) : split_(split), part_(part) {}
  ~Timed() { split_->Add(part_, watch_.seconds()); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  TimeSplit* split_;
  const char* part_;
  Stopwatch watch_;
};

}  // namespace simscale
