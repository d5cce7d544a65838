#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simscale/data/array_place.h"
#include "simscale/data/episode.h"

namespace simscale::data {

/// What the file says of one episode without reading its arrays.
struct EpisodeInfo {
  uint64_t seed = 0, index = 0;
  int64_t length = 0;
  bool success = false;
  double episode_return = 0;
  std::string language, outcome;
};

/// The shape of an array that every episode of the file has, without its T.
struct ArrayInfo {
  std::string name;  ///< "observations/ee_pos", "actions"
  DType dtype;
  std::vector<int64_t> shape;  ///< behind T
};

/// Reads a dataset of schema 1. Opening checks the file: UserError, one line, for a missing,
/// foreign (not HDF5), truncated, newer-schema or inconsistent file (missing arrays, lengths or
/// shapes that disagree, sizes that the file can't hold); IoError where it may not be read.
/// Threads: one caller at a time a reader; different readers may be used at the same time.
class DatasetReader {
 public:
  explicit DatasetReader(const std::filesystem::path& path);
  ~DatasetReader();
  DatasetReader(DatasetReader&&) noexcept;
  DatasetReader& operator=(DatasetReader&&) noexcept;

  const std::filesystem::path& path() const;
  const DatasetMeta& meta() const;
  int64_t num_episodes() const;
  int64_t num_steps() const;  ///< the sum of all lengths
  const EpisodeInfo& info(int64_t i) const;
  const std::vector<ArrayInfo>& arrays() const;  ///< sorted by name; final_state is not among them
  const ArrayInfo* FindArray(std::string_view name) const;  ///< nullptr if absent
  /// Episodes that were tried and not kept (of a datagen shard).
  const std::vector<EpisodeInfo>& dropped() const;
  /// The content hash that the writer noted, "" if none; ContentHash() computes it from the data.
  const std::string& noted_hash() const;

  /// Everything of episode i, or only the named arrays in the order of the names. Arrays of the
  /// first kind are sorted by name, with final_state. Throws UserError if a name is unknown or the
  /// file is damaged there.
  Episode Read(int64_t i) const;
  Episode Read(int64_t i, const std::vector<std::string>& names) const;

  /// The episodes that /mask/<key> names, as robomimic's filter keys do ("train", "valid"),
  /// ascending. Throws UserError for a key that the file lacks, or that names no episode.
  std::vector<int64_t> Filter(const std::string& key) const;

  /// For those who read rows by themselves: where an array of episode i lies in the file; nullopt
  /// if only HDF5 can read it. Throws UserError as Read does.
  std::optional<ArrayPlace> Locate(int64_t i, const std::string& name) const;
  int descriptor() const;      ///< of the open file; the reader's own
  int64_t file_bytes() const;  ///< its size when it was opened

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace simscale::data
