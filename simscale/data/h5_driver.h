#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "simscale/data/h5.h"

namespace simscale::data::h5 {

/// Where an HDF5 file's bytes are, behind a driver of our own. HDF5's C code calls these: they may
/// not throw. Must outlive the handles made on it.
class Storage {
 public:
  virtual ~Storage() = default;
  /// Whether it went well.
  virtual bool Read(H5FD_mem_t kind, uint64_t offset, size_t size, std::byte* out) noexcept = 0;
  virtual bool Write(H5FD_mem_t kind, uint64_t offset, size_t size,
                     const std::byte* bytes) noexcept = 0;
  virtual void Truncate(uint64_t size) noexcept = 0;
  virtual uint64_t size() const noexcept = 0;
};

/// File access properties for a file on this storage.
Handle AccessThrough(Storage& storage);

/// The file that a dataset is written to.
///
/// Where a write fails (no space, quota), HDF5's own driver makes H5Fclose fail, which leaves the
/// library with a half-closed file that it trips over when the process ends. So this one never
/// tells HDF5: it remembers the error, keeps what the metadata cache may want to read back, and the
/// writer asks ThrowIfFailed after each episode and at the end.
class Sink final : public Storage {
 public:
  /// Makes the file, which may not exist yet. Throws IoError naming `shown`, the path to come.
  Sink(std::filesystem::path temp, std::filesystem::path shown);
  ~Sink() override;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// A new HDF5 file on this sink, of the oldest format whose metadata carry checksums.
  Handle CreateFile();
  /// Throws IoError with the reason and `shown` if a write has failed so far.
  void ThrowIfFailed() const;
  /// fsyncs and closes. Throws IoError as above.
  void Finish();

  bool Read(H5FD_mem_t kind, uint64_t offset, size_t size, std::byte* out) noexcept override;
  bool Write(H5FD_mem_t kind, uint64_t offset, size_t size,
             const std::byte* bytes) noexcept override;
  void Truncate(uint64_t size) noexcept override;
  uint64_t size() const noexcept override { return size_; }

 private:
  std::filesystem::path temp_, shown_;
  int fd_ = -1;
  int error_ = 0;      // errno of the first write that failed
  uint64_t size_ = 0;  // the end of what was written
  std::vector<std::pair<uint64_t, std::vector<std::byte>>> lost_;  // in the order of writing
};

/// A dataset file that is read.
///
/// All of a file's metadata carry checksums but the heaps that hold its strings, and a damaged heap
/// makes HDF5 1.10 crash or loop for ever (found by flipping each byte of a file). So heaps are
/// checked here before HDF5 gets to see them.
class Source final : public Storage {
 public:
  /// Throws UserError or IoError that names the path unless it is a regular, not empty file.
  explicit Source(std::filesystem::path path);
  ~Source() override;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// Throws H5Error if the bytes are no sound HDF5 file.
  Handle OpenFile();
  /// HDF5 does not tell its driver heaps from arrays, so an array that happens to begin like a heap
  /// would be refused: to be set around the reading of arrays.
  void set_reading_array(bool reading) { reading_array_ = reading; }
  int descriptor() const { return fd_; }

  bool Read(H5FD_mem_t kind, uint64_t offset, size_t size, std::byte* out) noexcept override;
  bool Write(H5FD_mem_t, uint64_t, size_t, const std::byte*) noexcept override { return false; }
  void Truncate(uint64_t) noexcept override {}
  uint64_t size() const noexcept override { return size_; }

 private:
  bool IsSoundHeap(uint64_t offset) noexcept;

  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
  bool reading_array_ = false;
  std::set<uint64_t> sound_heaps_;
};

}  // namespace simscale::data::h5
