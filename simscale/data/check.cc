#include "simscale/data/check.h"

#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/text.h"
#include "simscale/data/hash.h"
#include "simscale/data/reader.h"
#include "simscale/data/schema.h"

namespace simscale::data {
namespace {

constexpr size_t kMaxProblems = 20;

class Problems {
 public:
  template <class... Args>
  void Add(const Args&... what) {
    if (++count_ <= kMaxProblems) lines_.push_back(Cat(what...));
  }
  std::vector<std::string> Finish() {
    if (count_ > kMaxProblems) lines_.push_back(Cat("and ", count_ - kMaxProblems, " more"));
    return std::move(lines_);
  }

 private:
  std::vector<std::string> lines_;
  size_t count_ = 0;
};

// "step 12, component 3" of the element at a flat place.
std::string Place(const Array& array, size_t flat) {
  if (array.shape.size() <= 1) {
    return Cat(IsOnce(array.name) ? "component " : "step ", flat);
  }
  const size_t row = static_cast<size_t>(array.size() / array.shape[0]);
  return Cat("step ", flat / row, ", component ", flat % row);
}

template <class T>
void CheckFinite(const std::string& where, const Array& array, Problems& problems) {
  const T* numbers = array.as<T>();
  size_t bad = 0, first = 0;
  for (size_t i = 0; i < static_cast<size_t>(array.size()); ++i) {
    if (std::isfinite(numbers[i])) continue;
    if (bad++ == 0) first = i;
  }
  if (bad == 0) return;
  problems.Add(where, array.name, ": ", bad, " numbers are not finite, the first at ",
               Place(array, first), ": ", numbers[first]);
}

void CheckActions(const std::string& where, const Array& array, Problems& problems) {
  if (array.dtype != DType::kFloat32) {
    return problems.Add(where, array.name, ": must be float32, is ", NameOf(array.dtype));
  }
  const float* numbers = array.as<float>();
  for (size_t i = 0; i < static_cast<size_t>(array.size()); ++i) {
    if (std::isfinite(numbers[i]) && std::abs(numbers[i]) > 1) {
      return problems.Add(where, array.name, ": must lie in [-1, 1], ", Place(array, i), " is ",
                          numbers[i]);
    }
  }
}

void CheckDones(const std::string& where, const Array& array, Problems& problems) {
  if (array.dtype != DType::kUint8) {
    return problems.Add(where, "dones: must be uint8, is ", NameOf(array.dtype));
  }
  const auto* dones = array.as<uint8_t>();
  const auto n = static_cast<size_t>(array.size());
  for (size_t i = 0; i < n; ++i) {
    const int wanted = i + 1 == n ? 1 : 0;
    if (dones[i] == wanted) continue;
    return problems.Add(where, "dones: must be 0, and 1 on the last step, step ", i, " of ", n,
                        " is ", int{dones[i]});
  }
}

void CheckEpisode(const std::string& where, const Episode& episode, Problems& problems) {
  if (!std::isfinite(episode.episode_return)) {
    problems.Add(where, "return: is not finite: ", episode.episode_return);
  }
  for (const Array& array : episode.arrays) {
    if (array.dtype == DType::kFloat32) CheckFinite<float>(where, array, problems);
    if (array.dtype == DType::kFloat64) CheckFinite<double>(where, array, problems);
    if (array.name == "actions" || array.name == "expert_actions") {
      CheckActions(where, array, problems);
    }
    if (array.name == "dones") CheckDones(where, array, problems);
  }
}

}  // namespace

CheckReport CheckDataset(const std::filesystem::path& path) {
  CheckReport report;
  Problems problems;
  // The path stands before each message of the reader; in the report it would only be noise.
  const auto without_path = [&](const std::string& text) {
    const std::string start = path.string() + ": ";
    return text.starts_with(start) ? text.substr(start.size()) : text;
  };
  std::error_code error;
  const bool readable = std::filesystem::is_regular_file(path, error);
  std::optional<DatasetReader> reader;
  try {
    reader.emplace(path);
  } catch (const UserError& failure) {
    if (!readable) throw;
    report.problems.push_back(without_path(failure.what()));
    return report;
  }
  report.episodes = reader->num_episodes();
  report.steps = reader->num_steps();
  ContentHasher hasher;
  std::set<std::pair<uint64_t, uint64_t>> seen;
  bool complete = true;
  for (int64_t i = 0; i < reader->num_episodes(); ++i) {
    try {
      const Episode episode = reader->Read(i);
      const std::string where = EpisodeGroup(i) + "/";
      if (!seen.emplace(episode.seed, episode.index).second) {
        problems.Add(EpisodeGroup(i), ": seed ", episode.seed, ", index ", episode.index,
                     " was there before");
      }
      hasher.Add(episode);
      CheckEpisode(where, episode, problems);
    } catch (const UserError& failure) {
      complete = false;
      problems.Add(without_path(failure.what()));
    }
  }
  if (complete) report.content_hash = hasher.Hex();
  if (complete && !reader->noted_hash().empty() && reader->noted_hash() != report.content_hash) {
    problems.Add("content hash: the data give ", report.content_hash, ", the writer noted ",
                 reader->noted_hash(), "; bytes have changed since");
  }
  report.problems = problems.Finish();
  return report;
}

std::string CheckAsText(const CheckReport& report) {
  if (report.ok()) {
    return Cat("ok: ", report.episodes, " episodes, ", report.steps, " steps, content hash ",
               report.content_hash, "\n");
  }
  std::string text;
  for (const std::string& problem : report.problems) text += problem + "\n";
  return text;
}

}  // namespace simscale::data
