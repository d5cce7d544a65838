#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace simscale::data {

struct LoaderBenchConfig {
  std::vector<std::string> observations;  ///< beside the actions; empty: all
  int window = 16;                        ///< consecutive steps
  int batch_size = 16;
  int batches = 20;  ///< a repeat
  int prefetch = 2;  ///< batches that are read ahead
  int repeats = 5;
  int threads = 0;  ///< 0: all cores
  bool map_files = false;
  uint64_t seed = 0;
};

/// Windows a second, each the median of the repeats.
struct LoaderBenchReport {
  int64_t bytes_per_window = 0;
  int threads = 0;
  double read = 0;          ///< ours, from the file (its pages are in the page cache)
  double cached = 0;        ///< ours, decoded episodes in memory
  double reference = 0;     ///< the HDF5 library, one thread
  bool same_bytes = false;  ///< both gave equal windows
};

/// Reads random windows of consecutive steps of a dataset, with the actions, in turns by our loader
/// and by the HDF5 library. Throws UserError for a file that is none.
LoaderBenchReport BenchLoader(const std::string& path, const LoaderBenchConfig& config);

}  // namespace simscale::data
