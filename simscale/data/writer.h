#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "simscale/data/episode.h"
#include "simscale/data/reader.h"

namespace simscale::data {

struct WriteOptions {
  int compression = 0;  ///< gzip level 0 (off) .. 9, of images only
  /// Episodes that were tried and whose arrays were not kept: told in the file, no part of its
  /// hash.
  std::vector<EpisodeInfo> dropped;
};

/// Writes a whole dataset file: both layouts (`/episode_<i>` and, hard-linked, robomimic's
/// `/data/demo_<i>`), attributes, `/mask/train` and `/mask/valid` (every tenth). Episode i is
/// next(i), called once for each i in [0, count) in order; one episode is in memory at a time.
/// Atomic: a temporary file, fsynced, renamed over `path`. Equal content gives equal bytes.
/// Returns the content hash, which is a root attribute too.
/// Throws IoError (no space, read-only) and leaves nothing behind; ShapeError if an episode breaks
/// the rules of episode.h or differs in its arrays from the first; whatever next throws.
std::string WriteDataset(const std::filesystem::path& path, const DatasetMeta& meta, int64_t count,
                         const std::function<Episode(int64_t i)>& next,
                         const WriteOptions& options = {});

/// SHA-256 over, for each episode in the file's order, seed, index, and every array's name, dtype,
/// shape and bytes. Not over threads, envs, times or paths. Reads the whole file.
std::string ContentHash(const std::filesystem::path& path);

}  // namespace simscale::data
