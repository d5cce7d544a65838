#include "simscale/data/stats.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "simscale/data/test_file.h"

namespace simscale::data {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeArray;

/// An episode of `n` steps: observation "x" = [first + t, -1], a picture of two pixels whose red
/// counts up and whose other channels are 7 and 255, no reward but on the last step.
Episode CountingEpisode(uint64_t index, int64_t n, float first, bool success) {
  Episode episode;
  episode.index = index;
  episode.success = success;
  episode.episode_return = success ? 1 : 0;
  episode.outcome = success ? "success" : "time_limit";
  std::vector<float> x, rewards;
  std::vector<uint8_t> pixels, dones;
  for (int64_t t = 0; t < n; ++t) {
    const bool last = t + 1 == n;
    dones.push_back(last);
    rewards.push_back(last && success ? 1 : 0);
    x.insert(x.end(), {first + static_cast<float>(t), -1});
    for (int pixel = 0; pixel < 2; ++pixel)
      pixels.insert(pixels.end(), {static_cast<uint8_t>(2 * t + pixel), 7, 255});
  }
  const std::vector<double> states(static_cast<size_t>(n), 5.0);
  episode.arrays = {
      MakeArray("observations/x", DType::kFloat32, {n, 2}, x),
      MakeArray("observations/front", DType::kUint8, {n, 1, 2, 3}, pixels),
      MakeArray("actions", DType::kFloat32, {n, 1}, std::vector<float>(static_cast<size_t>(n), 0)),
      MakeArray("rewards", DType::kFloat32, {n}, rewards),
      MakeArray("dones", DType::kUint8, {n}, dones),
      MakeArray("states", DType::kFloat64, {n, 1}, states),
      MakeArray("final_state", DType::kFloat64, {1}, std::vector<double>{5}),
  };
  return episode;
}

class StatsTest : public testing::TestFolder {
 protected:
  /// Episodes of 2, 4 and 6 steps whose x[0] are 0 .. 11 in all.
  DatasetStats Counting() const {
    WriteDataset(Path("a.h5"), testing::SampleMeta(), 3, [](int64_t i) {
      return CountingEpisode(static_cast<uint64_t>(i), 2 * (i + 1), static_cast<float>(i * (i + 1)),
                             i > 0);
    });
    return ComputeStats(DatasetReader(Path("a.h5")));
  }
  static const ArrayStats& Find(const DatasetStats& stats, const std::string& name) {
    for (const ArrayStats& array : stats.arrays)
      if (array.name == name) return array;
    ADD_FAILURE() << "no " << name;
    return stats.arrays.front();
  }
};

TEST_F(StatsTest, EpisodesLengthsAndReturns) {
  const DatasetStats stats = Counting();
  EXPECT_EQ(stats.episodes, 3);
  EXPECT_EQ(stats.steps, 12);
  EXPECT_EQ(stats.successes, 2);
  EXPECT_EQ(stats.length_min, 2);
  EXPECT_EQ(stats.length_max, 6);
  EXPECT_DOUBLE_EQ(stats.length_mean, 4);
  EXPECT_DOUBLE_EQ(stats.length_std, std::sqrt(8.0 / 3));
  EXPECT_DOUBLE_EQ(stats.return_mean, 2.0 / 3);
  EXPECT_DOUBLE_EQ(stats.return_std, std::sqrt(2.0) / 3);
  std::vector<std::string> names;
  for (const ArrayStats& array : stats.arrays) names.push_back(array.name);
  EXPECT_THAT(names, ElementsAre("actions", "observations/front", "observations/x", "rewards"));
}

TEST_F(StatsTest, ComponentsOfAState) {
  const DatasetStats stats = Counting();
  const ArrayStats& x = Find(stats, "observations/x");
  EXPECT_EQ(x.count, 12);
  // Of 0 .. 11: variance (12^2 - 1) / 12; quantiles as np.quantile(range(12), q).
  EXPECT_THAT(x.mean, ElementsAre(DoubleNear(5.5, 1e-12), -1));
  EXPECT_THAT(x.std, ElementsAre(DoubleNear(std::sqrt(143.0 / 12), 1e-12), 0));
  EXPECT_THAT(x.min, ElementsAre(0, -1));
  EXPECT_THAT(x.max, ElementsAre(11, -1));
  EXPECT_THAT(x.q01, ElementsAre(DoubleNear(0.11, 1e-12), -1));
  EXPECT_THAT(x.q50, ElementsAre(DoubleNear(5.5, 1e-12), -1));
  EXPECT_THAT(x.q99, ElementsAre(DoubleNear(10.89, 1e-12), -1));
  const ArrayStats& rewards = Find(stats, "rewards");
  EXPECT_THAT(rewards.mean, ElementsAre(DoubleNear(2.0 / 12, 1e-12)));
  EXPECT_EQ(rewards.count, 12);
}

TEST_F(StatsTest, ChannelsOfAPicture) {
  const DatasetStats stats = Counting();
  const ArrayStats& front = Find(stats, "observations/front");
  EXPECT_EQ(front.count, 12);
  // Red: 0 .. 3, 0 .. 7 and 0 .. 11, once each.
  EXPECT_THAT(front.mean, ElementsAre(DoubleNear((6 + 28 + 66) / 24.0, 1e-12), 7, 255));
  EXPECT_THAT(front.min, ElementsAre(0, 7, 255));
  EXPECT_THAT(front.max, ElementsAre(11, 7, 255));
  // In order: 000 111 222 333 44 55 66 77 8 9 10 11; the median lies between the 12th and 13th.
  EXPECT_THAT(front.q50, ElementsAre(3.5, 7, 255));
  EXPECT_THAT(front.q01, ElementsAre(0, 7, 255));
  EXPECT_THAT(front.q99, ElementsAre(DoubleNear(10.77, 1e-12), 7, 255));
}

TEST_F(StatsTest, SmallSpreadFarFromZero) {
  // Sums of squares would lose all digits here.
  WriteDataset(Path("b.h5"), testing::SampleMeta(), 1,
               [](int64_t) { return CountingEpisode(0, 3, 8388608, true); });
  const DatasetStats stats = ComputeStats(DatasetReader(Path("b.h5")));
  EXPECT_NEAR(Find(stats, "observations/x").std[0], std::sqrt(2.0 / 3), 1e-9);
  EXPECT_EQ(Find(stats, "observations/x").mean[0], 8388609);
}

TEST_F(StatsTest, JsonAndTable) {
  const DatasetStats stats = Counting();
  const nlohmann::json json = nlohmann::json::parse(StatsAsJson(stats));
  EXPECT_EQ(json.at("schema"), 1);
  EXPECT_EQ(json.at("episodes"), 3);
  EXPECT_EQ(json.at("steps"), 12);
  EXPECT_EQ(json.at("successes"), 2);
  EXPECT_EQ(json.at("success_rate"), 2.0 / 3);
  EXPECT_EQ(json.at("length").at("mean"), 4);
  EXPECT_EQ(json.at("length").at("max"), 6);
  EXPECT_EQ(json.at("arrays").at("observations/x").at("max"), nlohmann::json({11.0, -1.0}));
  EXPECT_EQ(json.at("arrays").at("rewards").at("count"), 12);
  const std::string table = StatsAsTable(stats);
  EXPECT_THAT(table, HasSubstr("3 episodes (2 successful), 12 steps; length 4.0 +- 1.6 (2 .. 6), "
                               "return 0.67 +- 0.47\n"));
  EXPECT_THAT(table, HasSubstr("observations/x[0]                 5.5000    3.4521    0.0000    "
                               "0.1100    5.5000   10.8900   11.0000\n"));
  EXPECT_THAT(table, HasSubstr("\nrewards  "));
}

TEST_F(StatsTest, NoEpisodesGiveZeros) {
  WriteDataset(Path("none.h5"), testing::SampleMeta(), 0, [](int64_t) { return Episode(); });
  const DatasetStats stats = ComputeStats(DatasetReader(Path("none.h5")));
  EXPECT_EQ(stats.episodes, 0);
  EXPECT_EQ(stats.length_mean, 0);
  EXPECT_EQ(nlohmann::json::parse(StatsAsJson(stats)).at("success_rate"), 0);
}

}  // namespace
}  // namespace simscale::data
