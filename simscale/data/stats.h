#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "simscale/data/reader.h"

namespace simscale::data {

/// Statistics of one array, each vector per component (flattened behind T; per channel for images).
struct ArrayStats {
  std::string name;
  int64_t count = 0;  ///< rows (steps)
  std::vector<double> mean, std, min, max, q01, q50, q99;
};

struct DatasetStats {
  int64_t episodes = 0, steps = 0, successes = 0;
  double length_mean = 0, length_std = 0;
  int64_t length_min = 0, length_max = 0;
  double return_mean = 0, return_std = 0;
  std::vector<ArrayStats> arrays;  ///< observations, actions, rewards (not states)
};

DatasetStats ComputeStats(const DatasetReader& reader);
std::string StatsAsJson(const DatasetStats& stats);
std::string StatsAsTable(const DatasetStats& stats);

}  // namespace simscale::data
