#include "simscale/data/window_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>

#include "simscale/common/error.h"
#include "simscale/data/loader_bench.h"
#include "simscale/data/test_file.h"

namespace simscale::data {
namespace {

using ::testing::HasSubstr;
using testing::MessageOf;

constexpr int64_t kEpisodes = 7;
const std::vector<std::string> kArrays = {"observations/front", "observations/ee_pos", "actions"};

struct Mode {
  std::string name;
  int compression = 0;
  RowReaderOptions options;
};

void PrintTo(const Mode& mode, std::ostream* out) { *out << mode.name; }

class LoaderTest : public testing::TestFolder, public ::testing::WithParamInterface<Mode> {
 protected:
  std::vector<RowReader::Episode> Open(const std::filesystem::path& path) {
    auto file = std::make_shared<const DatasetReader>(path);
    std::vector<RowReader::Episode> episodes;
    for (int64_t i = 0; i < file->num_episodes(); ++i) episodes.push_back({file, i});
    return episodes;
  }

  /// What the window must be, from the whole episode.
  static std::vector<std::byte> Expected(const Array& array, int64_t step,
                                         const WindowArray& window) {
    const int64_t length = array.shape[0];
    const size_t row = array.bytes.size() / static_cast<size_t>(length);
    std::vector<std::byte> bytes;
    for (int k = 0; k < window.count; ++k) {
      const auto t =
          static_cast<size_t>(std::clamp<int64_t>(step + window.first + k, 0, length - 1));
      bytes.insert(bytes.end(), array.bytes.begin() + static_cast<std::ptrdiff_t>(t * row),
                   array.bytes.begin() + static_cast<std::ptrdiff_t>((t + 1) * row));
    }
    return bytes;
  }
};

TEST_P(LoaderTest, BatchesAreTheWindowsThatWereAskedFor) {
  const auto path =
      WriteSample("set.h5", kEpisodes, /*images=*/true, {.compression = GetParam().compression});
  const auto episodes = Open(path);
  const RowReader reader(episodes, kArrays, GetParam().options);
  // Histories, chunks, and windows that lie wholly outside of their episode.
  const std::vector<WindowArray> windows = {{.array = 0, .first = -2, .count = 3},
                                            {.array = 1, .first = -40, .count = 4},
                                            {.array = 2, .first = 0, .count = 16},
                                            {.array = 1, .first = 40, .count = 2}};
  WindowLoader loader(reader, windows, 3);
  std::vector<std::vector<WindowId>> batches;
  for (int64_t shift = 0; shift < 5; ++shift) {
    auto& batch = batches.emplace_back();
    for (int64_t e = 0; e < kEpisodes; ++e)
      for (int64_t t = 0; t < reader.length(e); ++t)
        batch.push_back({.episode = (e + shift) % kEpisodes,
                         .step = t % reader.length((e + shift) % kEpisodes)});
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& batch : batches) loader.Ask(batch);
    EXPECT_EQ(loader.asked(), std::ssize(batches));
    for (const auto& batch : batches) {
      const WindowBatch got = loader.Take();
      ASSERT_EQ(got.size(), std::ssize(batch));
      for (size_t i = 0; i < batch.size(); ++i) {
        const Episode whole = episodes[0].file->Read(batch[i].episode, kArrays);
        for (size_t w = 0; w < windows.size(); ++w) {
          const auto expected = Expected(whole.arrays[windows[w].array], batch[i].step, windows[w]);
          ASSERT_EQ(
              std::memcmp(got.data(w) + i * expected.size(), expected.data(), expected.size()), 0)
              << "window " << w << " of episode " << batch[i].episode << " step " << batch[i].step;
        }
      }
    }
  }
  if (GetParam().options.cache_bytes == 0)
    EXPECT_EQ(reader.cached_bytes(), 0);
  else if (reader.keeps_all())
    EXPECT_EQ(reader.cached_bytes(), reader.total_bytes());
  else
    EXPECT_LE(reader.cached_bytes(), GetParam().options.cache_bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Modes, LoaderTest,
    ::testing::Values(Mode{"read", 0, {}}, Mode{"mapped", 0, {.map_files = true}},
                      Mode{"gzip", 4, {}}, Mode{"gzip_mapped", 4, {.map_files = true}},
                      Mode{"all_cached", 0, {.cache_bytes = 1 << 20}},
                      Mode{"gzip_cached", 4, {.cache_bytes = 1 << 20}},
                      Mode{"recent", 0, {.cache_bytes = 4000, .keep_recent = true}},
                      Mode{"none_fits", 0, {.cache_bytes = 10, .keep_recent = true}}),
    [](const auto& test) { return test.param.name; });

using LoaderFileTest = LoaderTest;

TEST_F(LoaderFileTest, SeveralFilesAreOneSet) {
  const auto first = WriteSample("a.h5", 2, true), second = WriteSample("b.h5", 3, true);
  auto episodes = Open(first);
  const auto more = Open(second);
  episodes.insert(episodes.end(), more.begin() + 1, more.end());
  const RowReader reader(episodes, kArrays, {});
  EXPECT_EQ(reader.num_episodes(), 4);
  std::vector<std::byte> row(static_cast<size_t>(reader.row_bytes(2)));
  reader.Read(3, 2, 1, 1, row.data());
  const Episode whole = more[2].file->Read(2, {"actions"});
  EXPECT_EQ(std::memcmp(row.data(), whole.arrays[0].bytes.data() + row.size(), row.size()), 0);
}

TEST_F(LoaderFileTest, RefusesWhatDoesNotFit) {
  const auto with = Open(WriteSample("a.h5", 2, true)), without = Open(WriteSample("b.h5", 2));
  EXPECT_THAT(MessageOf<UserError>([&] { RowReader(without, {"observations/front"}, {}); }),
              HasSubstr("b.h5: has no array 'observations/front'"));
  auto both = with;
  both.insert(both.end(), without.begin(), without.end());
  EXPECT_THAT(MessageOf<UserError>([&] { RowReader(both, kArrays, {}); }),
              HasSubstr("b.h5: has no array 'observations/front'"));
}

TEST_F(LoaderFileTest, AFileThatIsCutShortIsOneLine) {
  const auto path = WriteSample("a.h5", 3, true);
  const RowReader reader(Open(path), {"actions"}, {});
  std::vector<std::byte> rows(static_cast<size_t>(reader.row_bytes(0)));
  reader.Read(0, 0, 0, 1, rows.data());  // finds its place
  std::filesystem::resize_file(path, 64);
  EXPECT_THAT(MessageOf<UserError>([&] { reader.Read(0, 0, 0, 1, rows.data()); }),
              HasSubstr("it was cut short"));
  WindowLoader loader(reader, {{.array = 0}}, 2);
  loader.Ask({{.episode = 0, .step = 0}});
  EXPECT_THROW(loader.Take(), UserError);
}

TEST_F(LoaderFileTest, ADamagedChunkIsOneLine) {
  const auto path = WriteSample("a.h5", 1, true, {.compression = 4});
  const auto episodes = Open(path);
  const auto found = episodes[0].file->Locate(0, "observations/front");
  ASSERT_TRUE(found.has_value());
  const ArrayPlace place = found.value_or(ArrayPlace());
  ASSERT_TRUE(place.chunks.at(2).deflated);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(place.chunks[2].offset + 8));
  file.write("\xff\xff\xff\xff", 4);
  file.close();
  const RowReader reader(episodes, {"observations/front"}, {});
  std::vector<std::byte> rows(static_cast<size_t>(3 * reader.row_bytes(0)));
  EXPECT_THAT(MessageOf<UserError>([&] { reader.Read(0, 0, 0, 3, rows.data()); }),
              HasSubstr("episode_0/observations/front: a compressed chunk is damaged"));
}

TEST_F(LoaderFileTest, LocateLeavesToHdf5WhatOnlyItCanRead) {
  const auto path = WriteSample("a.h5", 1);
  Edit(path, [](hid_t file) {  // another filter in front of gzip
    H5Ldelete(file, "episode_0/actions", H5P_DEFAULT);
    const h5::Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "edit");
    const hsize_t shape[2] = {5, 4};
    H5Pset_chunk(properties.get(), 2, shape);
    H5Pset_shuffle(properties.get());
    H5Pset_deflate(properties.get(), 3);
    const h5::Handle space(H5Screate_simple(2, shape, nullptr), H5Sclose, "edit");
    const h5::Handle dataset(H5Dcreate2(file, "episode_0/actions", H5T_IEEE_F32LE, space.get(),
                                        H5P_DEFAULT, properties.get(), H5P_DEFAULT),
                             H5Dclose, "edit");
    std::vector<float> values(20, 0.5F);
    H5Dwrite(dataset.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  });
  const auto episodes = Open(path);
  EXPECT_FALSE(episodes[0].file->Locate(0, "actions"));
  EXPECT_TRUE(episodes[0].file->Locate(0, "rewards"));
  const RowReader reader(episodes, {"actions"}, {});
  float row[8] = {};
  reader.Read(0, 0, 3, 2, reinterpret_cast<std::byte*>(row));
  EXPECT_EQ(row[7], 0.5F);
}

TEST_F(LoaderFileTest, FilterKeysNameEpisodes) {
  const auto path = WriteSample("a.h5", 12);
  const DatasetReader reader(path);
  const std::vector<int64_t> train = reader.Filter("train"), valid = reader.Filter("valid");
  EXPECT_EQ(train.size() + valid.size(), 12U);
  EXPECT_TRUE(std::ranges::is_sorted(train));
  EXPECT_THAT(MessageOf<UserError>([&] { reader.Filter("tran"); }),
              HasSubstr("unknown filter key 'tran'"));
}

/// Bytes of the process's own writable memory: what RLIMIT_DATA bounds.
rlim_t DataBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmData:")) return std::stoull(line.substr(7)) << 10;
  return 0;
}

TEST_F(LoaderFileTest, StaysWithinItsBudgetOnASetFourTimesAsLarge) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory is no part of the budget";
#endif
  constexpr int64_t kBudget = 24 << 20, kSide = 128, kSteps = 32, kMany = 64;  // 1.5 MB an episode
  constexpr rlim_t kRoom = 20 << 20;  // a thread's stack, a batch, and what malloc keeps
  const auto path = Path("large.h5");
  WriteDataset(path, testing::SampleMeta(), kMany, [&](int64_t i) {
    Episode episode = testing::SampleEpisode({.index = static_cast<uint64_t>(i), .length = kSteps});
    const std::vector<uint8_t> pixels(kSteps * kSide * kSide * 3, static_cast<uint8_t>(i));
    episode.arrays.push_back(
        testing::MakeArray("observations/front", DType::kUint8, {kSteps, kSide, kSide, 3}, pixels));
    return episode;
  });
  const auto episodes = Open(path);
  // In a process of its own, which may not have more than the budget and some room.
  const auto read = [&](const RowReaderOptions& options) {
    const rlimit limit{DataBytes() + kBudget + kRoom, RLIM_INFINITY};
    ::setrlimit(RLIMIT_DATA, &limit);
    try {
      const RowReader reader(episodes, {"observations/front"}, options);
      if (reader.total_bytes() < 4 * kBudget) std::exit(4);
      WindowLoader loader(reader, {{.array = 0}}, 1);
      for (int64_t round = 0; round < 20; ++round)
        for (int64_t e = 0; e < kMany; ++e) {
          loader.Ask({{.episode = (7 * e + round) % kMany, .step = e % kSteps}});
          if (*loader.Take().data(0) != static_cast<std::byte>((7 * e + round) % kMany))
            std::exit(5);
        }
      std::exit(reader.cached_bytes() <= kBudget ? 0 : 6);
    } catch (const std::bad_alloc&) {
      std::exit(3);
    }
  };
  const auto exits = [](int code) { return ::testing::ExitedWithCode(code); };
  EXPECT_EXIT(read({.cache_bytes = kBudget, .keep_recent = true}), exits(0), "");
  EXPECT_EXIT(read({}), exits(0), "");
  EXPECT_EXIT(read({.cache_bytes = 5 * kBudget}), exits(3), "");  // the limit does bind
}

TEST_F(LoaderFileTest, TheBenchReadsWhatHdf5Reads) {
  const auto path = WriteSample("a.h5", 8, true);
  const LoaderBenchReport report =
      BenchLoader(path.string(), {.window = 4, .batch_size = 4, .batches = 3, .repeats = 1});
  EXPECT_TRUE(report.same_bytes);
  EXPECT_GT(report.read, 0);
  EXPECT_GT(report.cached, 0);
  EXPECT_GT(report.reference, 0);
}

}  // namespace
}  // namespace simscale::data
