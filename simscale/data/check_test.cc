#include "simscale/data/check.h"

#include <cmath>
#include <limits>

#include "simscale/common/file.h"
#include "simscale/data/reader.h"
#include "simscale/data/test_file.h"

namespace simscale::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MessageOf;
using testing::SampleEpisode;
using testing::SampleMeta;
using ::testing::StartsWith;

class CheckTest : public testing::TestFolder {
 protected:
  // The problems of a dataset of two episodes, the second one changed.
  std::vector<std::string> ProblemsOf(const std::function<void(Episode&)>& change) const {
    WriteDataset(Path("a.hdf5"), SampleMeta(), 2, [&](int64_t i) {
      Episode episode = SampleEpisode({.index = static_cast<uint64_t>(i)});
      if (i == 1) change(episode);
      return episode;
    });
    return CheckDataset(Path("a.hdf5")).problems;
  }
  static Array& Get(Episode& episode, const std::string& name) {
    for (Array& array : episode.arrays) {
      if (array.name == name) return array;
    }
    throw Error("no array " + name);
  }
};

TEST_F(CheckTest, AGoodFile) {
  const fs::path path = WriteSample("a.hdf5", 12, true);
  const CheckReport report = CheckDataset(path);
  EXPECT_THAT(report.problems, ElementsAre());
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.episodes, 12);
  EXPECT_EQ(report.steps, DatasetReader(path).num_steps());
  EXPECT_EQ(report.content_hash, ContentHash(path));
  EXPECT_EQ(CheckAsText(report), Cat("ok: 12 episodes, ", report.steps, " steps, content hash ",
                                     report.content_hash, "\n"));
}

TEST_F(CheckTest, NumbersThatAreNotFinite) {
  EXPECT_THAT(
      ProblemsOf([](Episode& e) {
        float* joint_pos = Get(e, "observations/joint_pos").as<float>();
        joint_pos[2 * 7 + 3] = std::numeric_limits<float>::quiet_NaN();
        joint_pos[4 * 7] = std::numeric_limits<float>::infinity();
        Get(e, "final_state").as<double>()[2] = -std::numeric_limits<double>::infinity();
        e.episode_return = std::nan("");
      }),
      ElementsAre("episode_1/return: is not finite: nan",
                  "episode_1/final_state: 1 numbers are not finite, the first at component "
                  "2: -inf",
                  "episode_1/observations/joint_pos: 2 numbers are not finite, the first at "
                  "step 2, component 3: nan"));
}

TEST_F(CheckTest, ActionsOutsideTheirRange) {
  EXPECT_THAT(ProblemsOf([](Episode& e) { Get(e, "actions").as<float>()[4 * 3 + 1] = -1.25f; }),
              ElementsAre("episode_1/actions: must lie in [-1, 1], step 3, component 1 is -1.25"));
  EXPECT_THAT(ProblemsOf([](Episode& e) { Get(e, "actions").as<float>()[0] = 1.0f; }),
              ElementsAre());
}

TEST_F(CheckTest, Dones) {
  EXPECT_THAT(ProblemsOf([](Episode& e) { Get(e, "dones").as<uint8_t>()[5] = 0; }),
              ElementsAre("episode_1/dones: must be 0, and 1 on the last step, step 5 of 6 is 0"));
  EXPECT_THAT(ProblemsOf([](Episode& e) { Get(e, "dones").as<uint8_t>()[2] = 1; }),
              ElementsAre("episode_1/dones: must be 0, and 1 on the last step, step 2 of 6 is 1"));
}

TEST_F(CheckTest, TheSameEpisodeTwice) {
  EXPECT_THAT(ProblemsOf([](Episode& e) { e.index = 0; }),
              ElementsAre("episode_1: seed 7, index 0 was there before"));
}

TEST_F(CheckTest, AStructureThatDoesNotOpen) {
  WriteSample("a.hdf5");
  Edit(Path("a.hdf5"), [](hid_t f) { H5Ldelete(f, "episode_1/actions", H5P_DEFAULT); });
  const CheckReport report = CheckDataset(Path("a.hdf5"));
  EXPECT_THAT(report.problems, ElementsAre("episode_1: there is no array 'actions'"));
  EXPECT_EQ(CheckAsText(report), "episode_1: there is no array 'actions'\n");
  WriteFileAtomic(Path("text"), "no dataset");
  EXPECT_THAT(CheckDataset(Path("text")).problems, ElementsAre(StartsWith("is not an HDF5 file")));
  EXPECT_EQ(MessageOf<UserError>([&] { CheckDataset(Path("none")); }),
            Path("none").string() + ": no such file");
}

TEST_F(CheckTest, ManyProblemsAreCounted) {
  WriteDataset(Path("a.hdf5"), SampleMeta(), 25, [&](int64_t) { return SampleEpisode({}); });
  const CheckReport report = CheckDataset(Path("a.hdf5"));
  ASSERT_EQ(report.problems.size(), 21u);
  EXPECT_EQ(report.problems.back(), "and 4 more");
}

}  // namespace
}  // namespace simscale::data
