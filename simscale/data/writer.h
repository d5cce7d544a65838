#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "simscale/data/episode.h"

namespace simscale::data {

struct WriteOptions {
  int compression = 0;  ///< gzip level 0 (off) .. 9, of images only
};

/// Writes a whole dataset file: both layouts (`/episode_<i>` and, hard-linked, robomimic's
/// `/data/demo_<i>`), attributes, `/mask/train` and `/mask/valid` (every tenth). Episode i is next(i),
/// i in [0, count). Atomic: a temporary file, fsynced, renamed. Equal content gives equal bytes.
/// Throws IoError (no space, read-only) and leaves nothing behind; ShapeError if episodes disagree.
void WriteDataset(const std::filesystem::path& path, const DatasetMeta& meta, int64_t count,
                  const std::function<Episode(int64_t i)>& next, const WriteOptions& options = {});

/// SHA-256 over, for each episode in the file's order, seed, index, and every array's name, dtype,
/// shape and bytes. Not over threads, envs, times or paths.
std::string ContentHash(const std::filesystem::path& path);

}  // namespace simscale::data
