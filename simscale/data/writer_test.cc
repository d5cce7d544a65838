#include "simscale/data/writer.h"

#include "simscale/common/file.h"
#include "simscale/data/reader.h"
#include "simscale/data/test_file.h"

namespace simscale::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeArray;
using testing::MessageOf;
using testing::SampleEpisode;
using testing::SampleMeta;
using ::testing::StartsWith;

class WriterTest : public testing::TestFolder {
 protected:
  std::string WriteOne(const Episode& episode) const {
    return WriteDataset(Path("one.hdf5"), SampleMeta(), 1, [&](int64_t) { return episode; });
  }
  std::string WhyNot(const Episode& episode) const {
    const std::string message = MessageOf<ShapeError>([&] { WriteOne(episode); });
    EXPECT_THAT(Listing(), ElementsAre());
    return message;
  }
};

TEST_F(WriterTest, EqualContentGivesEqualBytes) {
  WriteSample("a.hdf5", 12, true);
  WriteSample("b.hdf5", 12, true);
  EXPECT_EQ(Sha256Hex(ReadFile(Path("a.hdf5"))), Sha256Hex(ReadFile(Path("b.hdf5"))));
  EXPECT_THAT(Listing(), ElementsAre("a.hdf5", "b.hdf5"));
}

TEST_F(WriterTest, TheHashIsOfTheContentAlone) {
  const std::string plain = ContentHash(WriteSample("a.hdf5", 4, true));
  EXPECT_EQ(plain, ContentHash(WriteSample("b.hdf5", 4, true, {.compression = 6})));
  EXPECT_EQ(plain, DatasetReader(Path("b.hdf5")).noted_hash());
  EXPECT_NE(plain, ContentHash(WriteSample("c.hdf5", 5, true)));

  Episode episode = SampleEpisode({});
  const std::string one = WriteOne(episode);
  EXPECT_EQ(one, ContentHash(Path("one.hdf5")));
  std::swap(episode.arrays[0], episode.arrays[2]);  // the order in memory is nothing of the content
  EXPECT_EQ(one, WriteOne(episode));
  episode.arrays[1].bytes[5] ^= std::byte{1};
  EXPECT_NE(one, WriteOne(episode));
  episode.arrays[1].bytes[5] ^= std::byte{1};
  episode.seed = 8;
  EXPECT_NE(one, WriteOne(episode));
}

// Two files written within a second would be equal even with times in them.
TEST_F(WriterTest, NoObjectHasATime) {
  Edit(WriteSample("a.hdf5", 11, true), [](hid_t file) {
    int objects = 0;
    const auto visit = [](hid_t, const char* name, const H5O_info_t* info, void* count) -> herr_t {
      EXPECT_EQ(info->atime + info->mtime + info->ctime + info->btime, 0) << name;
      ++*static_cast<int*>(count);
      return 0;
    };
    h5::Must(H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, visit, &objects, H5O_INFO_ALL), "visit");
    // Root, data, mask and its two; an episode has three groups and eight arrays.
    EXPECT_EQ(objects, 5 + 11 * (3 + 8));
  });
}

// What the hash covers, spelled out: other programs can compute it.
TEST_F(WriterTest, TheHashIsTheDocumentedOne) {
  Episode episode;
  episode.seed = 3, episode.index = 4;
  episode.arrays.push_back(MakeArray<float>("rewards", DType::kFloat32, {1}, {0.5f}));
  episode.arrays.push_back(MakeArray<uint8_t>("dones", DType::kUint8, {1}, {1}));
  episode.arrays.push_back(MakeArray<float>("actions", DType::kFloat32, {1, 2}, {1.0f, -1.0f}));
  Sha256 hash;
  hash.Update("episode seed 3 index 4\nactions float32 [1, 2]\n");
  hash.Update(std::string_view("\0\0\x80\x3f\0\0\x80\xbf", 8));
  hash.Update(std::string_view("dones uint8 [1]\n\x01rewards float32 [1]\n\0\0\0\x3f", 41));
  EXPECT_EQ(WriteOne(episode), hash.Hex());
}

TEST_F(WriterTest, BothLayoutsAreTheSameObjects) {
  Edit(WriteSample("a.hdf5", 11, true), [](hid_t file) {
    const auto address = [file](const std::string& name) {
      H5O_info_t info;
      h5::Must(H5Oget_info_by_name2(file, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT),
               "look up");
      return info.addr;
    };
    for (const std::string i : {"0", "10"}) {
      EXPECT_EQ(address("episode_" + i + "/observations/front"),
                address("data/demo_" + i + "/obs/front"));
      for (const char* name : {"actions", "rewards", "dones", "states", "final_state"}) {
        EXPECT_EQ(address("episode_" + i + "/" + name), address("data/demo_" + i + "/" + name));
      }
      const h5::Handle demo = h5::OpenGroup(file, "data/demo_" + i);
      EXPECT_EQ(h5::GetInt64(demo.get(), "num_samples"), i == "0" ? 5 : 7);
    }
    const h5::Handle data = h5::OpenGroup(file, "data");
    EXPECT_EQ(h5::GetInt64(data.get(), "total"), 2 * (5 + 6 + 7 + 8) + 5 + 6 + 7);
    EXPECT_EQ(h5::GetString(data.get(), "env_args"), SampleMeta().env_args);
  });
}

TEST_F(WriterTest, EpisodesAreAskedForOnceAndInOrder) {
  std::vector<int64_t> asked;
  WriteDataset(Path("a.hdf5"), SampleMeta(), 4, [&](int64_t i) {
    asked.push_back(i);
    return SampleEpisode({.index = static_cast<uint64_t>(i)});
  });
  EXPECT_THAT(asked, ElementsAre(0, 1, 2, 3));
}

TEST_F(WriterTest, AnEpisodeThatCannotBeMadeLeavesNothing) {
  WriteSample("old.hdf5", 2);
  const std::string before = ReadFile(Path("old.hdf5"));
  const auto fails = [](int64_t i) {
    if (i == 1) ThrowUser("stopped on purpose");
    return SampleEpisode({});
  };
  EXPECT_EQ(MessageOf<UserError>([&] { WriteDataset(Path("old.hdf5"), SampleMeta(), 3, fails); }),
            "stopped on purpose");
  EXPECT_THAT(Listing(), ElementsAre("old.hdf5"));
  EXPECT_EQ(ReadFile(Path("old.hdf5")), before);
}

TEST_F(WriterTest, EpisodesThatDisagreeAreNamed) {
  const auto write = [&](const std::function<void(Episode&)>& change) {
    return MessageOf<ShapeError>([&] {
      WriteDataset(Path("a.hdf5"), SampleMeta(), 2, [&](int64_t i) {
        Episode episode = SampleEpisode({.index = static_cast<uint64_t>(i)});
        if (i == 1) change(episode);
        return episode;
      });
    });
  };
  const std::string start = Path("a.hdf5").string() + ": episode 1 (seed 7, index 1): ";
  EXPECT_EQ(write([](Episode& e) { e.arrays.erase(e.arrays.begin() + 2); }),
            start + "there is no array 'observations/ee_pos', the first episode has it");
  EXPECT_EQ(
      write([](Episode& e) {
        e.arrays.push_back(MakeArray<float>("extra", DType::kFloat32, {6}, {0, 0, 0, 0, 0, 0}));
      }),
      start + "has the array 'extra', the first episode has not");
  EXPECT_EQ(write([](Episode& e) {
              e.arrays[2].shape = {6, 1};
              e.arrays[2].bytes.resize(24);
            }),
            start +
                "observations/ee_pos has rows of [1] float32, the first episode's have [3] "
                "float32");
}

TEST_F(WriterTest, EachRuleOfAnEpisodeIsKept) {
  const std::string start = Path("one.hdf5").string() + ": episode 0 (seed 7, index 0): ";
  Episode good = SampleEpisode({});

  Episode bad = good;
  std::erase_if(bad.arrays, [](const Array& a) { return a.name == "actions"; });
  EXPECT_EQ(WhyNot(bad), start + "there is no array 'actions'");
  bad = good;
  bad.arrays[0].shape = {20};
  EXPECT_EQ(WhyNot(bad), start + "actions must be [T, A], got [20]");
  bad = good;
  bad.arrays[0].shape = {0, 4};
  EXPECT_THAT(WhyNot(bad), HasSubstr("an episode needs at least one step, actions are [0, 4]"));
  bad = good;
  bad.arrays[2].shape = {4, 3};
  EXPECT_EQ(WhyNot(bad), start + "observations/ee_pos [4, 3] float32 does not fit its 60 bytes");
  bad = good;
  bad.arrays[2].shape = {3, 5};
  EXPECT_EQ(WhyNot(bad), start +
                             "observations/ee_pos must have as many rows as actions, 5, got "
                             "[3, 5]");
  bad = good;
  bad.arrays[2].shape = {int64_t{1} << 40, int64_t{1} << 40};
  EXPECT_THAT(WhyNot(bad), HasSubstr("does not fit its 60 bytes"));
  bad = good;
  bad.arrays[2].name = "observations/joint_pos";
  EXPECT_EQ(WhyNot(bad), start + "two arrays are called 'observations/joint_pos'");
  for (const char* name : {"", ".", "..", "a/b", "observations", "observations/", "obs",
                           "observations/a/b", "/actions", "with space"}) {
    bad = good;
    bad.arrays[2].name = name;
    EXPECT_THAT(WhyNot(bad), StartsWith(start + "bad array name '" + name + "': ")) << name;
  }
}

TEST_F(WriterTest, BadPlacesAndOptions) {
  const auto next = [](int64_t) { return SampleEpisode({}); };
  EXPECT_EQ(MessageOf<UserError>([&] { WriteDataset(folder_, SampleMeta(), 1, next); }),
            folder_.string() + ": is a folder, the name of a dataset file is wanted");
  EXPECT_EQ(
      MessageOf<IoError>([&] { WriteDataset(Path("no/a.hdf5"), SampleMeta(), 1, next); }),
      Path("no/a.hdf5").string() + ": cannot write: there is no folder " + Path("no").string());
  EXPECT_EQ(MessageOf<UserError>(
                [&] { WriteDataset(Path("a"), SampleMeta(), 1, next, {.compression = 10}); }),
            "compression must be 0 (off) to 9, got 10");
  EXPECT_THAT(Listing(), ElementsAre());
}

TEST_F(WriterTest, StaleTemporaryFilesOfDeadProcessesGo) {
  WriteFileAtomic(Path(".a.hdf5.tmp-999999999-0"), "half");
  WriteSample("a.hdf5");
  EXPECT_THAT(Listing(), ElementsAre("a.hdf5"));
}

TEST_F(WriterTest, ImagesAreCompressedAndNothingElse) {
  Episode episode = SampleEpisode({.length = 40, .images = true});
  for (Array& array : episode.arrays) {
    if (array.name == "observations/front")
      std::fill(array.bytes.begin(), array.bytes.end(), std::byte{9});
  }
  WriteDataset(Path("a.hdf5"), SampleMeta(), 1, [&](int64_t) { return episode; },
               {.compression = 4});
  Edit(Path("a.hdf5"), [](hid_t file) {
    const h5::Handle image = h5::OpenDataset(file, "episode_0/observations/front");
    const h5::Handle actions = h5::OpenDataset(file, "episode_0/actions");
    EXPECT_LT(H5Dget_storage_size(image.get()), 40 * 8 * 10 * 3 / 4);
    EXPECT_EQ(H5Dget_storage_size(actions.get()), 40 * 4 * sizeof(float));
    const h5::Handle properties(H5Dget_create_plist(image.get()), H5Pclose, "look");
    hsize_t chunk[4];
    ASSERT_EQ(H5Pget_chunk(properties.get(), 4, chunk), 4);
    EXPECT_THAT(chunk, ElementsAre(1, 8, 10, 3));
  });
  EXPECT_EQ(DatasetReader(Path("a.hdf5")).Read(0).Find("observations/front")->bytes,
            episode.Find("observations/front")->bytes);
}

}  // namespace
}  // namespace simscale::data
