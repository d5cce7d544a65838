#include "simscale/data/shards.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "simscale/common/file.h"
#include "simscale/data/test_file.h"

namespace simscale::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MessageOf;
using testing::SampleEpisode;
using testing::SampleMeta;
using ::testing::StartsWith;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

std::string DeadPid() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return std::to_string(child);
}

EpisodeInfo Dropped(uint64_t index) {
  return {.seed = 7, .index = index, .length = 200, .success = false, .outcome = "time_limit"};
}

std::vector<uint64_t> IndicesOf(const ShardStore& store) {
  std::vector<uint64_t> indices;
  for (const auto& [index, info] : store.Finished()) indices.push_back(index);
  return indices;
}

class ShardsTest : public testing::TestFolder {
 protected:
  fs::path Output() const { return Path("out.h5"); }
  fs::path Folder() const { return ShardStore::FolderFor(Output()); }
  std::vector<std::string> Shards() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(Folder()))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  /// Episodes 3 and 1 in one shard, a failure and 2 in another.
  void Fill() const {
    ShardStore store(Output(), SampleMeta());
    store.Append({SampleEpisode({.index = 3}), SampleEpisode({.index = 1})}, {});
    store.Append({SampleEpisode({.index = 2})}, {Dropped(0)});
  }
};

void ExpectSame(const Episode& a, const Episode& b) {
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.index, b.index);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.arrays.size(), b.arrays.size());
  for (const Array& array : a.arrays) {
    const Array* other = b.Find(array.name);
    ASSERT_NE(other, nullptr) << array.name;
    EXPECT_EQ(array.shape, other->shape) << array.name;
    EXPECT_EQ(array.bytes, other->bytes) << array.name;
  }
}

TEST_F(ShardsTest, AnotherProcessFindsWhatWasAppended) {
  Fill();
  EXPECT_THAT(Shards(), ElementsAre("settings.txt", "shard_0.h5", "shard_1.h5"));
  ShardStore store(Output(), SampleMeta());
  EXPECT_THAT(IndicesOf(store), ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(store.Has(0));
  EXPECT_FALSE(store.Finished().at(0).success);
  EXPECT_EQ(store.Finished().at(0).length, 200);
  EXPECT_EQ(store.Finished().at(0).outcome, "time_limit");
  for (const uint64_t index : {2, 1, 3, 2}) {  // back and forth between the files
    EXPECT_TRUE(store.Has(index));
    ExpectSame(store.Load(index), SampleEpisode({.index = index}));
  }
  EXPECT_THAT(MessageOf<UserError>([&] { store.Load(0); }),
              Folder().string() + ": holds no episode 0");
  store.Append({SampleEpisode({.index = 9})}, {});
  EXPECT_THAT(Shards(), ElementsAre("settings.txt", "shard_0.h5", "shard_1.h5", "shard_2.h5"));
  store.Remove();
  EXPECT_THAT(Listing(), IsEmpty());
}

TEST_F(ShardsTest, KnowsWhatItAppendedItself) {
  ShardStore store(Output(), SampleMeta());
  EXPECT_THAT(IndicesOf(store), IsEmpty());
  store.Append({SampleEpisode({.index = 5, .success = false})}, {Dropped(4)});
  store.Append({}, {Dropped(6)});
  EXPECT_THAT(IndicesOf(store), ElementsAre(4, 5, 6));
  const EpisodeInfo info = store.Finished().at(5);
  const Episode episode = SampleEpisode({.index = 5, .success = false});
  EXPECT_EQ(info.length, episode.length());
  EXPECT_EQ(info.episode_return, episode.episode_return);
  EXPECT_EQ(info.language, episode.language);
  EXPECT_EQ(info.outcome, "time_limit");
  ExpectSame(store.Load(5), episode);
}

TEST_F(ShardsTest, OtherSettingsAreRefused) {
  Fill();
  const auto message = [&](const std::function<void(DatasetMeta&)>& change) {
    DatasetMeta meta = SampleMeta();
    change(meta);
    return MessageOf<UserError>([&] { ShardStore(Output(), meta); });
  };
  EXPECT_EQ(message([](DatasetMeta& meta) { meta.seed = 8; }),
            Folder().string() +
                ": was begun with other settings ('seed: 7' there, 'seed: 8' now), so --resume "
                "can't go on with it. Use the same settings, --overwrite, or another --output.");
  EXPECT_THAT(message([](DatasetMeta& meta) { meta.task_config += "steps: 10\n"; }),
              HasSubstr("('' there, 'steps: 10' now)"));
  EXPECT_THAT(message([](DatasetMeta& meta) {
                meta.generator = "policy: scripted\nnoise: 0.2\nrandomize: none\n";
              }),
              HasSubstr("('noise: 0.1' there, 'noise: 0.2' now)"));
  EXPECT_THAT(message([](DatasetMeta& meta) { meta.model_hash = "b"; }), HasSubstr("'model: b'"));
  // What does not shape an episode may differ.
  DatasetMeta meta = SampleMeta();
  meta.env_args = "{}";
  EXPECT_THAT(IndicesOf(ShardStore(Output(), meta)), ElementsAre(0, 1, 2, 3));
}

TEST_F(ShardsTest, ADamagedShardIsPlayedAgainUnderAnotherName) {
  Fill();
  fs::resize_file(Folder() / "shard_1.h5", fs::file_size(Folder() / "shard_1.h5") / 2);
  std::ofstream(Folder() / "shard_7.h5") << "no HDF5";
  std::ofstream(Folder() / "shard_x.h5") << "not one of ours";
  {
    CaptureStderr();
    ShardStore store(Output(), SampleMeta());
    const std::string log = GetCapturedStderr();
    EXPECT_THAT(log, HasSubstr("warning: shard skipped, its episodes are played again: " +
                               (Folder() / "shard_1.h5").string()));
    EXPECT_THAT(log, HasSubstr((Folder() / "shard_7.h5").string()));
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
    EXPECT_THAT(IndicesOf(store), ElementsAre(1, 3));
    store.Append({SampleEpisode({.index = 2})}, {Dropped(0)});
    EXPECT_TRUE(fs::exists(Folder() / "shard_8.h5"));
  }
  CaptureStderr();
  EXPECT_THAT(IndicesOf(ShardStore(Output(), SampleMeta())), ElementsAre(0, 1, 2, 3));
  GetCapturedStderr();
}

TEST_F(ShardsTest, RemovesWhatAKilledProcessWasWriting) {
  Fill();
  const std::string dead = DeadPid();
  const std::string alive = Cat(".shard_3.h5.tmp-", ::getppid(), "-0");
  for (const std::string& name :
       {Cat(".shard_2.h5.tmp-", dead, "-4"), Cat(".settings.txt.tmp-", dead, "-0"), alive})
    std::ofstream(Folder() / name) << "half";
  EXPECT_THAT(IndicesOf(ShardStore(Output(), SampleMeta())), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Shards(), ElementsAre(alive, "settings.txt", "shard_0.h5", "shard_1.h5"));

  // Killed before the settings were there: the folder holds nothing that counts.
  fs::remove_all(Folder());
  fs::create_directories(Folder());
  std::ofstream(Folder() / Cat(".settings.txt.tmp-", dead, "-0")) << "half";
  EXPECT_THAT(IndicesOf(ShardStore(Output(), SampleMeta())), IsEmpty());
  EXPECT_THAT(Shards(), ElementsAre("settings.txt"));
}

TEST_F(ShardsTest, AFullDiskLeavesTheStoreAsItWas) {
  ShardStore store(Output(), SampleMeta());
  store.Append({SampleEpisode({.index = 1})}, {});
  const auto old_signal = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{4096, old.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string message =
      MessageOf<IoError>([&] { store.Append({SampleEpisode({.index = 2})}, {Dropped(0)}); });
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_signal);
  EXPECT_THAT(message, StartsWith((Folder() / "shard_1.h5").string() + ": cannot write: "));
  EXPECT_THAT(IndicesOf(store), ElementsAre(1));
  EXPECT_FALSE(store.Has(2));
  EXPECT_THAT(Shards(), ElementsAre("settings.txt", "shard_0.h5"));
  store.Append({SampleEpisode({.index = 2})}, {Dropped(0)});
  EXPECT_THAT(IndicesOf(store), ElementsAre(0, 1, 2));
  EXPECT_TRUE(fs::exists(Folder() / "shard_1.h5"));
}

TEST_F(ShardsTest, AFileInTheWayOfTheFolder) {
  std::ofstream(Folder()) << "";
  EXPECT_THAT(MessageOf<IoError>([&] { ShardStore(Output(), SampleMeta()); }),
              HasSubstr(Folder().string()));
}

class MergeTest : public testing::TestFolder {
 protected:
  fs::path Write(const std::string& name, const std::vector<uint64_t>& indices, uint64_t seed = 7,
                 const std::function<void(DatasetMeta&)>& change = {}) const {
    DatasetMeta meta = SampleMeta();
    meta.seed = seed;
    if (change) change(meta);
    WriteDataset(Path(name), meta, static_cast<int64_t>(indices.size()), [&](int64_t i) {
      return SampleEpisode({.index = indices[static_cast<size_t>(i)], .seed = seed});
    });
    return Path(name);
  }
  std::string Refusal(const fs::path& a, const fs::path& b) const {
    const std::string message = MessageOf<UserError>([&] { MergeFiles({a, b}, Path("out.h5")); });
    EXPECT_FALSE(fs::exists(Path("out.h5")));
    return message;
  }
};

TEST_F(MergeTest, KeepsEveryEpisodeInTheOrderGiven) {
  const fs::path a = Write("a.h5", {4, 0}), b = Write("b.h5", {0, 1, 2}, 8);
  const std::string hash = MergeFiles({b, a}, Path("out.h5"));
  const DatasetReader reader(Path("out.h5"));
  ASSERT_EQ(reader.num_episodes(), 5);
  const std::vector<std::pair<uint64_t, uint64_t>> expected = {
      {8, 0}, {8, 1}, {8, 2}, {7, 4}, {7, 0}};
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& [seed, index] = expected[i];
    ExpectSame(reader.Read(static_cast<int64_t>(i)), SampleEpisode({.index = index, .seed = seed}));
  }
  EXPECT_EQ(reader.meta().seed, 8U);  // the first file's
  EXPECT_EQ(hash, reader.noted_hash());
  EXPECT_EQ(hash, ContentHash(Path("out.h5")));
  // One input is a copy of the same content.
  EXPECT_EQ(MergeFiles({a}, Path("copy.h5")), ContentHash(a));
  // The output may be one of the inputs: they are read before it is replaced.
  EXPECT_EQ(MergeFiles({b, a}, a), hash);
}

TEST_F(MergeTest, RefusesWhatDoesNotBelongTogether) {
  const fs::path a = Write("a.h5", {0, 1});
  EXPECT_EQ(Refusal(a, Write("b.h5", {1, 2})),
            Path("b.h5").string() +
                ": episode 1 of seed 7 is in an earlier file too. Merge files of different "
                "--seed.");
  EXPECT_EQ(Refusal(a, Write("b.h5", {0}, 8,
                             [](DatasetMeta& meta) {
                               meta.task_config = "name: pick_place\ncontrol_hz: 10\n";
                             })),
            Path("b.h5").string() + ": has another task than " + a.string() +
                " ('control_hz: 20' there, 'control_hz: 10' now), so the two can't be merged");
  EXPECT_THAT(Refusal(a, Write("b.h5", {0}, 8, [](DatasetMeta& meta) { meta.model_hash = "m"; })),
              HasSubstr("has another model than"));
  EXPECT_THAT(Refusal(a, Write("b.h5", {0}, 8, [](DatasetMeta& meta) { meta.policy = "random"; })),
              HasSubstr("has another policy than"));
  EXPECT_THAT(Refusal(a, Path("none.h5")), StartsWith(Path("none.h5").string()));
  EXPECT_EQ(MessageOf<UserError>([&] { MergeFiles({}, Path("out.h5")); }),
            "merge needs at least one input file");
}

TEST_F(MergeTest, RefusesArraysThatDiffer) {
  const fs::path a = Write("a.h5", {0});
  DatasetMeta meta = SampleMeta();
  WriteDataset(Path("b.h5"), meta, 1,
               [](int64_t) { return SampleEpisode({.index = 1, .images = true}); });
  const std::string message = Refusal(a, Path("b.h5"));
  EXPECT_THAT(message, StartsWith(Path("b.h5").string() + ": has another set of arrays than"));
  EXPECT_THAT(message, HasSubstr("observations/front"));
  EXPECT_THAT(Listing(), ElementsAre("a.h5", "b.h5"));
}

}  // namespace
}  // namespace simscale::data
