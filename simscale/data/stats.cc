#include "simscale/data/stats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "simscale/common/error.h"

namespace simscale::data {
namespace {

/// Running sums of one component (Welford), and what its quantiles need: every value of a state, a
/// histogram of an image channel.
class Component {
 public:
  explicit Component(bool bytes) : bytes_(bytes) {}
  void Add(double x) {
    ++count_;
    const double delta = x - mean_;
    mean_ += delta / static_cast<double>(count_);
    square_ += delta * (x - mean_);
    min_ = count_ == 1 ? x : std::min(min_, x);
    max_ = count_ == 1 ? x : std::max(max_, x);
    if (bytes_) {
      ++histogram_[static_cast<size_t>(x)];
    } else {
      values_.push_back(static_cast<float>(x));
    }
  }
  void Finish(ArrayStats& stats) {
    stats.mean.push_back(mean_);
    stats.std.push_back(count_ > 0 ? std::sqrt(square_ / static_cast<double>(count_)) : 0.0);
    stats.min.push_back(min_);
    stats.max.push_back(max_);
    std::ranges::sort(values_);
    stats.q01.push_back(Quantile(0.01));
    stats.q50.push_back(Quantile(0.50));
    stats.q99.push_back(Quantile(0.99));
  }

 private:
  /// NumPy's default: linear between the two nearest order statistics.
  double Quantile(double q) const {
    if (count_ == 0) return 0;
    const double place = q * static_cast<double>(count_ - 1);
    const auto low = static_cast<int64_t>(std::floor(place));
    const double share = place - static_cast<double>(low);
    const double a = At(low), b = At(std::min(low + 1, count_ - 1));
    return a + share * (b - a);
  }
  double At(int64_t rank) const {
    if (!bytes_) return values_[static_cast<size_t>(rank)];
    int64_t below = 0;
    for (size_t value = 0; value < histogram_.size(); ++value) {
      below += histogram_[value];
      if (below > rank) return static_cast<double>(value);
    }
    return 255;
  }

  bool bytes_;
  int64_t count_ = 0;
  double mean_ = 0, square_ = 0, min_ = 0, max_ = 0;
  std::vector<float> values_;
  std::array<int64_t, 256> histogram_{};
};

double ValueAt(const Array& array, int64_t i) {
  switch (array.dtype) {
    case DType::kUint8:
      return array.as<uint8_t>()[i];
    case DType::kInt32:
      return array.as<int32_t>()[i];
    case DType::kInt64:
      return static_cast<double>(array.as<int64_t>()[i]);
    case DType::kFloat32:
      return array.as<float>()[i];
    case DType::kFloat64:
      return array.as<double>()[i];
  }
  return 0;
}

bool Counts(const std::string& name) {
  return name.starts_with("observations/") || name == "actions" || name == "expert_actions" ||
         name == "rewards";
}

ArrayStats StatsOf(const DatasetReader& reader, const ArrayInfo& info) {
  ArrayStats stats;
  stats.name = info.name;
  int64_t width = 1;
  for (int64_t n : info.shape) width *= n;
  // Images count by channel, everything else by component.
  const bool image = info.dtype == DType::kUint8 && info.shape.size() == 3;
  const int64_t components = image ? info.shape.back() : width;
  std::vector<Component> parts(static_cast<size_t>(components),
                               Component(info.dtype == DType::kUint8));
  for (int64_t e = 0; e < reader.num_episodes(); ++e) {
    const Episode episode = reader.Read(e, {info.name});
    const Array* array = episode.Find(info.name);
    stats.count += array->shape.at(0);
    for (int64_t i = 0; i < array->size(); ++i) {
      parts[static_cast<size_t>(i % components)].Add(ValueAt(*array, i));
    }
  }
  for (Component& part : parts) part.Finish(stats);
  return stats;
}

void MeanAndStd(const std::vector<double>& values, double& mean, double& std) {
  mean = std = 0;
  if (values.empty()) return;
  for (double x : values) mean += x;
  mean /= static_cast<double>(values.size());
  for (double x : values) std += (x - mean) * (x - mean);
  std = std::sqrt(std / static_cast<double>(values.size()));
}

}  // namespace

DatasetStats ComputeStats(const DatasetReader& reader) {
  DatasetStats stats;
  stats.episodes = reader.num_episodes();
  stats.steps = reader.num_steps();
  std::vector<double> lengths, returns;
  for (int64_t i = 0; i < stats.episodes; ++i) {
    const EpisodeInfo& info = reader.info(i);
    stats.successes += info.success;
    lengths.push_back(static_cast<double>(info.length));
    returns.push_back(info.episode_return);
    stats.length_min = i == 0 ? info.length : std::min(stats.length_min, info.length);
    stats.length_max = std::max(stats.length_max, info.length);
  }
  MeanAndStd(lengths, stats.length_mean, stats.length_std);
  MeanAndStd(returns, stats.return_mean, stats.return_std);
  for (const ArrayInfo& info : reader.arrays()) {
    if (Counts(info.name)) stats.arrays.push_back(StatsOf(reader, info));
  }
  return stats;
}

std::string StatsAsJson(const DatasetStats& stats) {
  nlohmann::ordered_json root = {
      {"schema", 1},
      {"episodes", stats.episodes},
      {"steps", stats.steps},
      {"successes", stats.successes},
      {"success_rate", stats.episodes > 0 ? static_cast<double>(stats.successes) /
                                                static_cast<double>(stats.episodes)
                                          : 0.0},
      {"length",
       {{"mean", stats.length_mean},
        {"std", stats.length_std},
        {"min", stats.length_min},
        {"max", stats.length_max}}},
      {"return", {{"mean", stats.return_mean}, {"std", stats.return_std}}}};
  nlohmann::ordered_json arrays = nlohmann::ordered_json::object();
  for (const ArrayStats& a : stats.arrays) {
    arrays[a.name] = {{"count", a.count}, {"mean", a.mean}, {"std", a.std}, {"min", a.min},
                      {"max", a.max},     {"q01", a.q01},   {"q50", a.q50}, {"q99", a.q99}};
  }
  root["arrays"] = arrays;
  return root.dump(2) + "\n";
}

std::string StatsAsTable(const DatasetStats& stats) {
  std::ostringstream out;
  out << stats.episodes << " episodes (" << stats.successes << " successful), " << stats.steps
      << " steps; length " << Fixed(stats.length_mean, 1) << " +- " << Fixed(stats.length_std, 1)
      << " (" << stats.length_min << " .. " << stats.length_max << "), return "
      << Fixed(stats.return_mean, 2) << " +- " << Fixed(stats.return_std, 2) << "\n\n";
  out << std::left << std::setw(30) << "array" << std::right;
  for (const char* column : {"mean", "std", "min", "q01", "q50", "q99", "max"}) {
    out << std::setw(10) << column;
  }
  out << "\n";
  for (const ArrayStats& a : stats.arrays) {
    for (size_t i = 0; i < a.mean.size(); ++i) {
      const std::string name = a.mean.size() > 1 ? Cat(a.name, "[", i, "]") : a.name;
      out << std::left << std::setw(30) << name << std::right;
      for (double x : {a.mean[i], a.std[i], a.min[i], a.q01[i], a.q50[i], a.q99[i], a.max[i]}) {
        out << std::setw(10) << Fixed(x, 4);
      }
      out << "\n";
    }
  }
  return out.str();
}

}  // namespace simscale::data
