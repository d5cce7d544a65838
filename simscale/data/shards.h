#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simscale/common/file.h"
#include "simscale/data/reader.h"

namespace simscale::data {

/// Finished episodes on their way into a dataset file: small files ("shards") of the same schema in
/// the folder `<output>.shards/`. Each is written beside, fsynced and renamed, so that after a kill
/// everything that was appended is there, and nothing half-written counts.
/// Threads: one caller at a time; processes: one a folder, which a lock enforces.
class ShardStore {
 public:
  static std::filesystem::path FolderFor(const std::filesystem::path& output);
  /// Whether the output's folder holds a dataset under construction.
  static bool ExistsFor(const std::filesystem::path& output);

  /// Opens the output's folder or makes it; fresh: drops what lies there. `meta` shapes every
  /// episode: if the folder holds shards of another task, model, generator or seed, UserError says
  /// which line differs, or that another process works on it. Unreadable leftovers are skipped with
  /// a warning.
  ShardStore(const std::filesystem::path& output, const DatasetMeta& meta, bool fresh = false);

  /// Writes one shard: whole episodes, and what is known of episodes that are not kept. Throws
  /// IoError (no space, read-only) and leaves the store as it was.
  void Append(const std::vector<Episode>& episodes, const std::vector<EpisodeInfo>& dropped);

  /// Every finished episode by its index, kept or not.
  const std::map<uint64_t, EpisodeInfo>& Finished() const { return finished_; }
  /// Whether the arrays of this episode are there.
  bool Has(uint64_t index) const { return places_.contains(index); }
  /// Throws UserError if there are none of this index.
  Episode Load(uint64_t index);

  /// Deletes the folder.
  void Remove();

 private:
  struct Place {
    size_t shard;
    int64_t episode;
  };
  void Clear();
  void Scan();
  void Register(const std::filesystem::path& path, const DatasetReader& reader);

  std::filesystem::path folder_;
  DatasetMeta meta_;
  std::unique_ptr<FolderLock> lock_;
  std::vector<std::filesystem::path> shards_;
  std::map<uint64_t, EpisodeInfo> finished_;
  std::map<uint64_t, Place> places_;
  int64_t next_shard_ = 0;
  size_t open_shard_ = 0;  ///< which one reader_ reads
  std::unique_ptr<DatasetReader> reader_;
};

/// Joins files of the same schema, task, model and policy into one, in the order given; episodes
/// keep their seeds and indices. Returns the content hash. Throws UserError that names the file and
/// what differs, or an episode (seed, index) that stands in two files.
std::string MergeFiles(const std::vector<std::filesystem::path>& inputs,
                       const std::filesystem::path& output);

}  // namespace simscale::data
