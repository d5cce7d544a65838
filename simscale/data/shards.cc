#include "simscale/data/shards.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"
#include "simscale/data/schema.h"
#include "simscale/data/writer.h"

namespace simscale::data {
namespace {

constexpr std::string_view kPrefix = "shard_";
constexpr const char* kSettings = "settings.txt";

/// What shapes an episode, one thing a line: two runs whose texts agree make the same episodes.
std::string Settings(const DatasetMeta& meta) {
  return Cat("schema: ", meta.schema, "\nseed: ", meta.seed, "\npolicy: ", meta.policy,
             "\nmodel: ", meta.model_hash, "\nmujoco: ", meta.mujoco_version,
             "\nsimscale: ", meta.simscale_version, "\n--- generator\n", meta.generator,
             "\n--- task\n", meta.task_config, "\n");
}

/// "line: theirs / line: ours" of the first line that differs.
std::string FirstDifference(const std::string& theirs, const std::string& ours) {
  const std::vector<std::string> a = Split(theirs, '\n'), b = Split(ours, '\n');
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string left = i < a.size() ? Trim(a[i]) : "", right = i < b.size() ? Trim(b[i]) : "";
    if (left != right) return Cat("'", left, "' there, '", right, "' now");
  }
  return "";
}

/// The number in "shard_12.h5", or -1.
int64_t ShardNumber(const fs::path& path) {
  const std::string stem = path.stem().string();
  if (path.extension() != ".h5" || !stem.starts_with(kPrefix)) return -1;
  const std::string digits = stem.substr(kPrefix.size());
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return -1;
  return std::atoll(digits.c_str());
}

}  // namespace

fs::path ShardStore::FolderFor(const fs::path& output) { return output.string() + ".shards"; }

bool ShardStore::ExistsFor(const fs::path& output) {
  std::error_code error;
  return fs::exists(FolderFor(output) / kSettings, error);
}

ShardStore::ShardStore(const fs::path& output, const DatasetMeta& meta, bool fresh)
    : folder_(FolderFor(output)), meta_(meta) {
  MakeDirs(folder_);
  lock_ = std::make_unique<FolderLock>(
      folder_, "another process is writing this dataset. Wait for it, or choose another --output.");
  const std::string settings = Settings(meta);
  const fs::path file = folder_ / kSettings;
  if (fresh || !fs::exists(file)) {
    Clear();
    WriteFileAtomic(file, settings);
    return;
  }
  const std::string difference = FirstDifference(ReadFile(file), settings);
  if (!difference.empty()) {
    ThrowUser(folder_.string(), ": was begun with other settings (", difference,
              "), so --resume can't go on with it. Use the same settings, --overwrite, or another "
              "--output.");
  }
  Scan();
}

void ShardStore::Clear() {
  try {
    // The settings go first: without them, what a kill leaves here counts as nothing.
    fs::remove(folder_ / kSettings);
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove_all(entry.path());
  } catch (const fs::filesystem_error& error) {
    ThrowIo(folder_.string(), ": cannot remove: ", error.code().message());
  }
}

void ShardStore::Scan() {
  RemoveStaleTempsIn(folder_);  // shards that a killed process was writing
  std::vector<std::pair<int64_t, fs::path>> found;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const int64_t number = ShardNumber(entry.path());
    if (number >= 0) found.emplace_back(number, entry.path());
  }
  std::ranges::sort(found);
  for (const auto& [number, path] : found) {
    next_shard_ = std::max(next_shard_, number + 1);
    try {
      Register(path, DatasetReader(path));
    } catch (const UserError& error) {
      LogWarning("shard skipped, its episodes are played again: ", error.what());
    }
  }
}

void ShardStore::Register(const fs::path& path, const DatasetReader& reader) {
  for (int64_t i = 0; i < reader.num_episodes(); ++i) {
    const EpisodeInfo& info = reader.info(i);
    finished_[info.index] = info;
    places_[info.index] = {shards_.size(), i};
  }
  for (const EpisodeInfo& info : reader.dropped()) finished_[info.index] = info;
  shards_.push_back(path);
}

void ShardStore::Append(const std::vector<Episode>& episodes,
                        const std::vector<EpisodeInfo>& dropped) {
  const fs::path path = folder_ / Cat(kPrefix, next_shard_, ".h5");
  WriteDataset(path, meta_, static_cast<int64_t>(episodes.size()),
               [&](int64_t i) { return episodes[static_cast<size_t>(i)]; }, {.dropped = dropped});
  ++next_shard_;
  for (size_t i = 0; i < episodes.size(); ++i) {
    finished_[episodes[i].index] = InfoOf(episodes[i]);
    places_[episodes[i].index] = {shards_.size(), static_cast<int64_t>(i)};
  }
  for (const EpisodeInfo& info : dropped) finished_[info.index] = info;
  shards_.push_back(path);
}

Episode ShardStore::Load(uint64_t index) {
  const auto place = places_.find(index);
  if (place == places_.end()) ThrowUser(folder_.string(), ": holds no episode ", index);
  const size_t shard = place->second.shard;
  if (!reader_ || open_shard_ != shard) {
    reader_ = std::make_unique<DatasetReader>(shards_[shard]);
    open_shard_ = shard;
  }
  return reader_->Read(place->second.episode);
}

void ShardStore::Remove() {
  reader_.reset();
  std::error_code error;
  fs::remove(folder_ / kSettings, error);  // first, as in Clear
  if (!error) fs::remove_all(folder_, error);
  if (error) LogWarning(folder_.string(), ": could not be removed: ", error.message());
}

namespace {

/// The arrays of a file, one a line.
std::string ArraysAsText(const DatasetReader& reader) {
  std::string text;
  for (const ArrayInfo& array : reader.arrays()) {
    text += Cat(array.name, " ", NameOf(array.dtype), " [T");
    for (int64_t n : array.shape) text += Cat(", ", n);
    text += "]\n";
  }
  return text;
}

}  // namespace

std::string MergeFiles(const std::vector<fs::path>& inputs, const fs::path& output) {
  if (inputs.empty()) ThrowUser("merge needs at least one input file");
  std::vector<DatasetReader> readers;
  std::vector<std::pair<size_t, int64_t>> order;
  std::set<std::pair<uint64_t, uint64_t>> seen;
  for (const fs::path& path : inputs) {
    readers.emplace_back(path);
    const DatasetMeta &first = readers.front().meta(), &meta = readers.back().meta();
    const auto same = [&](const char* what, const std::string& a, const std::string& b) {
      if (a == b) return;
      ThrowUser(path.string(), ": has another ", what, " than ", inputs.front().string(), " (",
                FirstDifference(a, b), "), so the two can't be merged");
    };
    same("task", first.task_config, meta.task_config);
    same("model", first.model_hash, meta.model_hash);
    same("policy", first.policy, meta.policy);
    if (readers.front().num_episodes() > 0 && readers.back().num_episodes() > 0) {
      same("set of arrays", ArraysAsText(readers.front()), ArraysAsText(readers.back()));
    }
    for (int64_t i = 0; i < readers.back().num_episodes(); ++i) {
      const EpisodeInfo& info = readers.back().info(i);
      if (!seen.insert({info.seed, info.index}).second) {
        ThrowUser(path.string(), ": episode ", info.index, " of seed ", info.seed,
                  " is in an earlier file too. Merge files of different --seed.");
      }
      order.emplace_back(readers.size() - 1, i);
    }
  }
  return WriteDataset(output, readers.front().meta(), static_cast<int64_t>(order.size()),
                      [&](int64_t k) {
                        const auto& [file, episode] = order[static_cast<size_t>(k)];
                        return readers[file].Read(episode);
                      });
}

}  // namespace simscale::data
