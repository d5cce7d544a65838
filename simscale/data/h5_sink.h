#pragma once

#include <cstddef>
#include <filesystem>
#include <utility>
#include <vector>

#include "simscale/data/h5.h"

namespace simscale::data::h5 {

/// The file that a dataset is written to, behind a driver of our own for HDF5.
///
/// Where a write fails (no space, quota), HDF5's own driver makes H5Fclose fail, which leaves the
/// library with a half-closed file that it trips over when the process ends. So this one never
/// tells HDF5: it remembers the error, keeps what the metadata cache may want to read back, and the
/// writer asks for error() after each episode and at the end.
class Sink {
 public:
  /// Makes the file, which may not exist yet. Throws IoError naming `shown` (the path to come).
  Sink(const std::filesystem::path& temp, std::filesystem::path shown);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// A new HDF5 file on this sink, of the oldest format whose metadata carry checksums.
  Handle CreateFile();

  /// Throws IoError with the reason and `shown` if a write has failed so far.
  void ThrowIfFailed() const;
  /// fsyncs and closes. Throws IoError as above.
  void Finish();

 private:
  friend struct SinkDriver;
  bool Read(uint64_t offset, size_t size, std::byte* out) const;
  void Write(uint64_t offset, size_t size, const std::byte* bytes, bool keep);

  std::filesystem::path temp_, shown_;
  int fd_ = -1;
  int error_ = 0;      // errno of the first write that failed
  uint64_t size_ = 0;  // the end of what was written
  std::vector<std::pair<uint64_t, std::vector<std::byte>>> lost_;  // metadata, in order of writing
};

}  // namespace simscale::data::h5
