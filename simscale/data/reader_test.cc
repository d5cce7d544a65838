#include "simscale/data/reader.h"

#include <thread>

#include "simscale/common/file.h"
#include "simscale/data/test_file.h"

namespace simscale::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MessageOf;
using testing::SampleEpisode;
using testing::SampleMeta;
using ::testing::StartsWith;

class ReaderTest : public testing::TestFolder {
 protected:
  // What opening says, without the path that it must begin with.
  static std::string WhyNot(const fs::path& path) {
    const std::string message = MessageOf<UserError>([&] { DatasetReader{path}; });
    EXPECT_THAT(message, StartsWith(path.string() + ": "));
    return message.substr(std::min(message.size(), path.string().size() + 2));
  }
  std::string WhyNotAfter(const std::function<void(hid_t file)>& edit) {
    const fs::path path = WriteSample("edited.hdf5");
    Edit(path, edit);
    return WhyNot(path);
  }
};

TEST_F(ReaderTest, ReadsBackWhatWasWritten) {
  const DatasetReader reader(WriteSample("a.hdf5", 3, true));
  EXPECT_EQ(reader.num_episodes(), 3);
  EXPECT_EQ(reader.num_steps(), 5 + 6 + 7);
  const DatasetMeta meta = SampleMeta(), read = reader.meta();
  EXPECT_EQ(read.schema, 1);
  EXPECT_EQ(read.env_name, meta.env_name);
  EXPECT_EQ(read.task_config, meta.task_config);
  EXPECT_EQ(read.generator, meta.generator);
  EXPECT_EQ(read.model_hash, meta.model_hash);
  EXPECT_EQ(read.mujoco_version, meta.mujoco_version);
  EXPECT_EQ(read.simscale_version, meta.simscale_version);
  EXPECT_EQ(read.policy, meta.policy);
  EXPECT_EQ(read.seed, meta.seed);
  EXPECT_EQ(read.env_args, meta.env_args);

  std::vector<std::string> names;
  for (const ArrayInfo& info : reader.arrays()) names.push_back(info.name);
  EXPECT_THAT(names, ElementsAre("actions", "dones", "observations/ee_pos", "observations/front",
                                 "observations/joint_pos", "rewards", "states"));
  EXPECT_EQ(reader.FindArray("observations/front")->dtype, DType::kUint8);
  EXPECT_THAT(reader.FindArray("observations/front")->shape, ElementsAre(8, 10, 3));
  EXPECT_EQ(reader.FindArray("final_state"), nullptr);

  for (int64_t i = 0; i < 3; ++i) {
    const Episode wrote =
        SampleEpisode({.index = static_cast<uint64_t>(i), .success = i != 2, .images = true});
    const Episode episode = reader.Read(i);
    EXPECT_EQ(episode.seed, wrote.seed);
    EXPECT_EQ(episode.index, wrote.index);
    EXPECT_EQ(episode.success, wrote.success);
    EXPECT_EQ(episode.episode_return, wrote.episode_return);
    EXPECT_EQ(episode.language, wrote.language);
    EXPECT_EQ(episode.outcome, wrote.outcome);
    EXPECT_EQ(episode.length(), wrote.length());
    EXPECT_EQ(reader.info(i).length, wrote.length());
    ASSERT_EQ(episode.arrays.size(), wrote.arrays.size());
    for (const Array& array : wrote.arrays) {
      const Array* read_array = episode.Find(array.name);
      ASSERT_NE(read_array, nullptr) << array.name;
      EXPECT_EQ(read_array->dtype, array.dtype);
      EXPECT_EQ(read_array->shape, array.shape);
      EXPECT_EQ(read_array->bytes, array.bytes) << array.name;
    }
  }
}

TEST_F(ReaderTest, ReadsOnlyWhatIsNamed) {
  const DatasetReader reader(WriteSample("a.hdf5"));
  const Episode episode = reader.Read(1, {"rewards", "actions", "final_state"});
  ASSERT_EQ(episode.arrays.size(), 3u);
  EXPECT_EQ(episode.arrays[0].name, "rewards");
  EXPECT_EQ(episode.arrays[2].name, "final_state");
  EXPECT_THAT(MessageOf<UserError>([&] { reader.Read(0, {"observations/ee_poss"}); }),
              HasSubstr("a.hdf5: unknown array 'observations/ee_poss'. Did you mean "
                        "'observations/ee_pos'?"));
  EXPECT_THAT(MessageOf<UserError>([&] { reader.Read(3); }),
              HasSubstr("a.hdf5: there is no episode 3, it has 3"));
  EXPECT_THAT(MessageOf<UserError>([&] { reader.info(-1); }), HasSubstr("there is no episode -1"));
}

TEST_F(ReaderTest, AFileWithoutEpisodesTellsOfTheDroppedOnes) {
  EpisodeInfo info{.seed = 7,
                   .index = 4,
                   .length = 200,
                   .episode_return = 0.1,
                   .language = "lift",
                   .outcome = "time_limit"};
  EpisodeInfo broken = info;
  broken.index = 5, broken.episode_return = std::nan(""), broken.outcome = "non_finite";
  WriteDataset(Path("a.hdf5"), SampleMeta(), 0, nullptr, {.dropped = {info, broken}});
  const DatasetReader reader(Path("a.hdf5"));
  EXPECT_EQ(reader.num_episodes(), 0);
  EXPECT_TRUE(reader.arrays().empty());
  ASSERT_EQ(reader.dropped().size(), 2u);
  EXPECT_EQ(reader.dropped()[0].index, 4u);
  EXPECT_EQ(reader.dropped()[0].length, 200);
  EXPECT_EQ(reader.dropped()[0].episode_return, 0.1);
  EXPECT_EQ(reader.dropped()[0].outcome, "time_limit");
  EXPECT_TRUE(std::isnan(reader.dropped()[1].episode_return));
}

TEST_F(ReaderTest, OneThreadEachMayReadAtTheSameTime) {
  const fs::path path = WriteSample("a.hdf5", 6, true);
  const std::string expected = ContentHash(path);
  std::vector<std::string> hashes(4);
  std::vector<std::thread> threads;
  for (std::string& hash : hashes) threads.emplace_back([&] { hash = ContentHash(path); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(hashes, ::testing::Each(expected));
}

TEST_F(ReaderTest, FilesThatAreNoDataset) {
  EXPECT_EQ(WhyNot(Path("none.hdf5")), "no such file");
  EXPECT_EQ(WhyNot(folder_), "is a folder, a dataset file is wanted");
  EXPECT_EQ(WhyNot("/dev/null"), "is no regular file, a dataset file is wanted");
  WriteFileAtomic(Path("empty"), "");
  EXPECT_EQ(WhyNot(Path("empty")), "is empty, a dataset (HDF5) is wanted");
  WriteFileAtomic(Path("text"), "not a dataset\n");
  EXPECT_EQ(WhyNot(Path("text")),
            "is not an HDF5 file, a dataset written by 'simscale datagen' is wanted");
  {
    const h5::Guard guard;
    const h5::Handle file(H5Fcreate(Path("other").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                          H5Fclose, "make");
  }
  EXPECT_EQ(WhyNot(Path("other")),
            "is an HDF5 file but not a SimScaleAI dataset (it lacks the root attributes 'format' "
            "and 'schema'). Make one with 'simscale datagen'");
}

TEST_F(ReaderTest, OtherSchemas) {
  const auto set_schema = [](int64_t schema) {
    return [schema](hid_t file) {
      H5Adelete(file, "schema");
      h5::SetAttribute(file, "schema", schema);
    };
  };
  EXPECT_EQ(WhyNotAfter(set_schema(2)),
            "has dataset schema 2, this version reads up to 1. Update SimScaleAI to read it");
  EXPECT_EQ(WhyNotAfter(set_schema(0)), "has dataset schema 0, schemas begin at 1");
  EXPECT_EQ(WhyNotAfter([](hid_t file) {
              H5Adelete(file, "schema");
              h5::SetAttribute(file, "schema", std::string("1"));
            }),
            "attribute 'schema' must be an integer");
  EXPECT_EQ(WhyNotAfter([](hid_t file) { H5Adelete(file, "task_config"); }),
            "has no attribute 'task_config'");
}

TEST_F(ReaderTest, InconsistentEpisodes) {
  EXPECT_EQ(WhyNotAfter([](hid_t f) { H5Ldelete(f, "episode_1", H5P_DEFAULT); }),
            "2 episodes are there, but not episode_1; they must be numbered from 0 without a gap");
  EXPECT_EQ(WhyNotAfter([](hid_t f) { H5Ldelete(f, "episode_1/actions", H5P_DEFAULT); }),
            "episode_1: there is no array 'actions'");
  EXPECT_EQ(
      WhyNotAfter([](hid_t f) { H5Ldelete(f, "episode_1/observations/ee_pos", H5P_DEFAULT); }),
      "episode_1: there is no array 'observations/ee_pos', the first episode has it");
  EXPECT_EQ(WhyNotAfter([](hid_t f) { ReplaceArray(f, "episode_1/rewards", H5T_IEEE_F32LE, {5}); }),
            "episode_1: rewards has the shape [5], num_samples says 6 rows");
  EXPECT_EQ(WhyNotAfter([](hid_t f) {
              ReplaceArray(f, "episode_1/rewards", H5T_IEEE_F32LE, {6, 2});
            }),
            "episode_1: rewards must be [T], its rows are [2]");
  EXPECT_EQ(WhyNotAfter([](hid_t f) {
              ReplaceArray(f, "episode_1/actions", H5T_IEEE_F32LE, {6, 5});
            }),
            "episode_1: actions has rows of [5] float32, the first episode's have [4] float32");
  EXPECT_EQ(WhyNotAfter([](hid_t f) {
              ReplaceArray(f, "episode_0/actions", H5T_IEEE_F32BE, {5, 4});
            }),
            "episode_0: actions has a type other than uint8, int32, int64, float32, float64");
  EXPECT_EQ(WhyNotAfter([](hid_t f) {
              const h5::Handle group = h5::OpenGroup(f, "episode_2");
              H5Adelete(group.get(), "num_samples");
              h5::SetAttribute(group.get(), "num_samples", int64_t{-3});
            }),
            "episode_2: num_samples must be at least 1, got -3");
}

TEST_F(ReaderTest, ArraysElsewhereAreNotFollowed) {
  EXPECT_EQ(WhyNotAfter([](hid_t f) {
              H5Ldelete(f, "episode_0/actions", H5P_DEFAULT);
              H5Lcreate_soft("/episode_1/actions", f, "episode_0/actions", H5P_DEFAULT,
                             H5P_DEFAULT);
            }),
            "episode_0: 'actions' is a soft or external link; only hard links are read");
  const fs::path secret = Path("secret");
  WriteFileAtomic(secret, std::string(200, 'x'));
  EXPECT_EQ(WhyNotAfter([&](hid_t f) {
              H5Ldelete(f, "episode_0/actions", H5P_DEFAULT);
              const hsize_t shape[] = {5, 4};
              const h5::Handle space(H5Screate_simple(2, shape, nullptr), H5Sclose, "edit");
              const h5::Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "edit");
              h5::Must(H5Pset_external(properties.get(), secret.c_str(), 0, 80), "edit");
              const h5::Handle dataset(
                  H5Dcreate2(f, "episode_0/actions", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT,
                             properties.get(), H5P_DEFAULT),
                  H5Dclose, "edit");
            }),
            "episode_0: actions lies in another file, which is not read");
}

// A shape that would need more memory than there is must be refused before anything is allocated.
TEST_F(ReaderTest, AbsurdSizes) {
  const auto claim = [](const std::vector<hsize_t>& shape, bool compressed) {
    return [shape, compressed](hid_t f) {
      H5Ldelete(f, "episode_0/observations/ee_pos", H5P_DEFAULT);
      const h5::Handle space(
          H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
          "edit");
      const h5::Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "edit");
      const std::vector<hsize_t> chunk(shape.size(), 1);
      h5::Must(H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data()),
               "edit");
      if (compressed) h5::Must(H5Pset_deflate(properties.get(), 1), "edit");
      const h5::Handle dataset(H5Dcreate2(f, "episode_0/observations/ee_pos", H5T_IEEE_F32LE,
                                          space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
                               H5Dclose, "edit");
      const h5::Handle group = h5::OpenGroup(f, "episode_0");
      H5Adelete(group.get(), "num_samples");
      h5::SetAttribute(group.get(), "num_samples", static_cast<int64_t>(shape[0]));
    };
  };
  const std::string huge = WhyNotAfter([&](hid_t f) {
    H5Ldelete(f, "episode_0/actions", H5P_DEFAULT);  // comes first by name
    claim({hsize_t{1} << 40, 1 << 20}, false)(f);
    H5Ldelete(f, "episode_0/dones", H5P_DEFAULT);
  });
  EXPECT_THAT(huge, HasSubstr("episode_0: observations/ee_pos claims the shape [1099511627776, "
                              "1048576] float32, more than this file of "));
  const std::string unallocated = WhyNotAfter([&](hid_t f) {
    H5Ldelete(f, "episode_0/actions", H5P_DEFAULT);
    H5Ldelete(f, "episode_0/dones", H5P_DEFAULT);
    claim({5, 3}, true)(f);
  });
  EXPECT_EQ(
      unallocated,
      "episode_0: observations/ee_pos [5, 3] float32 needs 60 bytes, the file holds 0 of them");
}

TEST_F(ReaderTest, ForeignAdditionsAreLeftAlone) {
  const fs::path path = WriteSample("a.hdf5");
  const std::string before = ContentHash(path);
  Edit(path, [](hid_t f) {
    const h5::Handle a(H5Gcreate2(f, "episode_0/notes", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                       H5Gclose, "edit");
    const h5::Handle b(H5Gcreate2(f, "mine", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                       "edit");
    h5::SetAttribute(f, "comment", std::string("mine"));
  });
  EXPECT_EQ(ContentHash(path), before);
}

}  // namespace
}  // namespace simscale::data
