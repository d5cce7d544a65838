#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace simscale::data {

/// Where an array of an episode lies in its file: for those who read rows of it from many threads,
/// without HDF5, which lets in one at a time.
struct ArrayPlace {
  /// rows_per_chunk rows, or what is left of them in the last one.
  struct Chunk {
    uint64_t offset = 0, size = 0;  ///< bytes in the file
    bool deflated = false;
  };
  int64_t rows = 0;
  int64_t row_bytes = 0;
  int64_t rows_per_chunk = 0;
  std::vector<Chunk> chunks;
};

}  // namespace simscale::data
