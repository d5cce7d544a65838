#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "simscale/data/reader.h"

namespace simscale::data {

struct RowReaderOptions {
  /// Memory for decoded episodes. Where all of the arrays fit, each is read once and kept;
  /// else the last used ones are kept if `keep_recent`, and none otherwise: a random order would
  /// read whole episodes for a few rows.
  int64_t cache_bytes = 0;
  bool keep_recent = false;
  /// Map files into memory in place of reading them: the quickest for uncompressed arrays in the
  /// page cache. A file that is cut short meanwhile ends the process.
  bool map_files = false;
};

/// Reads rows of the same arrays out of one or several datasets, from many threads at once: by
/// offsets into the files, which are looked up once an episode, without HDF5 and its lock.
class RowReader {
 public:
  struct Episode {
    std::shared_ptr<const DatasetReader> file;
    int64_t index = 0;  ///< in the file
  };

  /// arrays: names; the same shape behind T in all files. Throws UserError if one is missing or
  /// differs.
  RowReader(std::vector<Episode> episodes, std::vector<std::string> arrays,
            const RowReaderOptions& options);
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  int64_t num_episodes() const;
  int64_t length(int64_t episode) const;
  const ArrayInfo& array(size_t i) const;
  int64_t row_bytes(size_t array) const;
  int64_t total_bytes() const;   ///< of all arrays of all episodes, decoded
  bool keeps_all() const;        ///< the cache is large enough for all of them
  int64_t cached_bytes() const;  ///< now in the cache

  /// Rows [first, first + count) of an array of an episode. Threads: any number. Throws UserError
  /// for a file that is damaged or was cut short.
  void Read(int64_t episode, size_t array, int64_t first, int64_t count, std::byte* out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace simscale::data
