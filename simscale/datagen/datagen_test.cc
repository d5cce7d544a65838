// Data generation on the real tasks: equal content whatever runs it, resume, replay.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/data/reader.h"
#include "simscale/data/shards.h"
#include "simscale/data/writer.h"
#include "simscale/datagen/generate.h"
#include "simscale/datagen/replay.h"
#include "simscale/env/simple_agents.h"
#include "simscale/tasks/registry.h"

namespace simscale::datagen {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const env::Task> SharedTask() {
  static const auto task = tasks::MakeTask(tasks::LoadTaskConfig("pick_place"));
  return task;
}

fs::path FreshDir(const std::string& name) {
  const fs::path dir = fs::path(::testing::TempDir()) / ("simscale_datagen_" + name);
  fs::remove_all(dir);
  fs::create_directories(dir);
  return dir;
}

DatagenConfig Config(const fs::path& output, int episodes, int num_envs = 4, int threads = 2) {
  DatagenConfig config;
  config.output = output.string();
  config.n_episodes = episodes;
  config.num_envs = num_envs;
  config.threads = threads;
  config.seed = 3;
  config.expert = tasks::DefaultDatagenNoise("pick_place");
  return config;
}

GenerateResult RunExpert(const DatagenConfig& config) {
  const auto agent = tasks::MakeExpert(*SharedTask(), config.num_envs, config.expert);
  return Generate(config, SharedTask(), *agent, "scripted");
}

template <class F>
std::string MessageOf(F&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Generate, ContentDoesNotDependOnEnvsOrThreads) {
  const fs::path dir = FreshDir("equal");
  const GenerateResult one = RunExpert(Config(dir / "a.h5", 10, 1, 1));
  EXPECT_EQ(one.episodes_kept, 10);
  EXPECT_EQ(one.content_hash, data::ContentHash(dir / "a.h5"));
  int k = 0;
  for (const auto& [envs, threads] : {std::pair{7, 1}, {7, 2}, {64, 2}}) {
    const fs::path path = dir / Cat("b", k++, ".h5");
    const GenerateResult other = RunExpert(Config(path, 10, envs, threads));
    EXPECT_EQ(other.content_hash, one.content_hash) << envs << " envs, " << threads << " threads";
    EXPECT_EQ(other.episodes_tried, one.episodes_tried);
    EXPECT_EQ(ReadFile(path), ReadFile(dir / "a.h5")) << "the files' bytes";
  }
  DatagenConfig reseeded = Config(dir / "c.h5", 10);
  reseeded.seed = 4;
  EXPECT_NE(RunExpert(reseeded).content_hash, one.content_hash);
}

TEST(Generate, RecordsWhatTheSchemaSays) {
  const fs::path dir = FreshDir("schema");
  RunExpert(Config(dir / "a.h5", 3));
  const data::DatasetReader reader(dir / "a.h5");
  ASSERT_EQ(reader.num_episodes(), 3);
  EXPECT_EQ(reader.meta().env_name, "pick_place");
  EXPECT_EQ(reader.meta().model_hash, SharedTask()->model().hash());
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& array : reader.arrays()) shapes[array.name] = array.shape;
  EXPECT_EQ(shapes.at("observations/object_quat"), std::vector<int64_t>{4});
  EXPECT_EQ(shapes.at("actions"), std::vector<int64_t>{4});
  EXPECT_EQ(shapes.at("expert_actions"), std::vector<int64_t>{4});
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(reader.info(i).success);
    EXPECT_EQ(reader.info(i).language, "put the cube on the target");
    const data::Episode episode = reader.Read(i);
    const uint8_t* dones = episode.Find("dones")->as<uint8_t>();
    for (int64_t t = 0; t < episode.length(); ++t) EXPECT_EQ(dones[t], t + 1 == episode.length());
    double sum = 0;
    const float* rewards = episode.Find("rewards")->as<float>();
    for (int64_t t = 0; t < episode.length(); ++t) sum += rewards[t];
    EXPECT_NEAR(sum, episode.episode_return, 1e-3);
  }
}

TEST(Generate, AnInterruptedRunEndsWithTheSameFile) {
  const fs::path dir = FreshDir("resume");
  const GenerateResult whole = RunExpert(Config(dir / "whole.h5", 12));
  // What a killed run leaves: some of the episodes in shards, in any order, and debris.
  DatagenConfig config = Config(dir / "part.h5", 12);
  config.max_tries = 5;
  EXPECT_THAT(MessageOf([&] { RunExpert(config); }),
              HasSubstr("only 5 of 5 episodes succeeded, 12 were asked for"));
  EXPECT_FALSE(fs::exists(dir / "part.h5"));
  config.max_tries = 0;
  EXPECT_THAT(MessageOf([&] { RunExpert(config); }),
              HasSubstr("exists. Go on with it by --resume"));
  config.resume = true;
  const GenerateResult rest = RunExpert(config);
  EXPECT_EQ(rest.content_hash, whole.content_hash);
  EXPECT_LT(rest.episodes_played, 12);
  EXPECT_EQ(ReadFile(dir / "part.h5"), ReadFile(dir / "whole.h5"));
  // All done: says so, and removes what a kill left of shards that were being removed.
  const fs::path shards = data::ShardStore::FolderFor(dir / "part.h5");
  MakeDirs(shards);
  WriteFileAtomic(shards / "shard_1.h5", "");
  const GenerateResult again = RunExpert(config);
  EXPECT_FALSE(fs::exists(shards));
  EXPECT_TRUE(again.already_complete);
  EXPECT_EQ(again.content_hash, whole.content_hash);
  EXPECT_EQ(again.episodes_tried, whole.episodes_tried);
  EXPECT_EQ(again.yield, whole.yield);
  config.seed = 99;
  EXPECT_THAT(MessageOf([&] { RunExpert(config); }),
              HasSubstr("was made with another seed, policy or noise"));
}

/// Leaves the shards of a run that was killed after episodes 1, 2 and 4: `from` has all of them.
void LeaveShards(const DatagenConfig& config, const fs::path& from) {
  const data::DatasetReader reader(from);
  data::ShardStore store(config.output, reader.meta());
  std::vector<data::Episode> episodes;
  for (int64_t i = 0; i < reader.num_episodes(); ++i) {
    const uint64_t index = reader.info(i).index;
    if (index == 1 || index == 2 || index == 4) episodes.push_back(reader.Read(i));
  }
  ASSERT_EQ(episodes.size(), 3U) << "the expert of this seed succeeds in its first episodes";
  store.Append(episodes, {});
}

TEST(Generate, FewerEpisodesThanTheKilledRunAskedForAreThoseOfLowestIndex) {
  const fs::path dir = FreshDir("fewer");
  RunExpert(Config(dir / "whole.h5", 6));
  const GenerateResult two = RunExpert(Config(dir / "two.h5", 2));
  DatagenConfig config = Config(dir / "part.h5", 2);
  LeaveShards(config, dir / "whole.h5");
  config.resume = true;
  const GenerateResult rest = RunExpert(config);
  EXPECT_EQ(rest.episodes_played, 1) << "episode 0, which is below those that are there";
  EXPECT_EQ(rest.content_hash, two.content_hash);
}

TEST(Generate, ResumesAnInterruptedOverwrite) {
  const fs::path dir = FreshDir("overwrite");
  const fs::path old = dir / "a.h5";
  const GenerateResult three = RunExpert(Config(old, 3));
  const GenerateResult six = RunExpert(Config(dir / "six.h5", 6));
  DatagenConfig config = Config(old, 6);
  LeaveShards(config, dir / "six.h5");
  EXPECT_EQ(data::ContentHash(old), three.content_hash) << "the old file is there until the end";
  config.resume = true;
  const GenerateResult rest = RunExpert(config);
  EXPECT_EQ(rest.content_hash, six.content_hash);
  EXPECT_EQ(ReadFile(old), ReadFile(dir / "six.h5"));
  EXPECT_FALSE(fs::exists(data::ShardStore::FolderFor(old)));
}

TEST(Generate, TwoProcessesCannotWriteOneDataset) {
  const fs::path dir = FreshDir("locked");
  RunExpert(Config(dir / "whole.h5", 1));
  const DatagenConfig config = Config(dir / "a.h5", 1);
  const data::ShardStore other(config.output, data::DatasetReader(dir / "whole.h5").meta());
  DatagenConfig second = config;
  for (bool overwrite : {false, true}) {
    second.overwrite = overwrite;
    second.resume = !overwrite;
    EXPECT_THAT(MessageOf([&] { RunExpert(second); }),
                HasSubstr("a.h5.shards: another process is writing this dataset"));
  }
}

TEST(Generate, FailuresAreKeptOnRequestOnly) {
  const fs::path dir = FreshDir("failures");
  DatagenConfig config = Config(dir / "zero.h5", 2);
  config.max_tries = 4;
  config.policy = "zero";
  const auto zero = env::MakeZeroAgent(4);
  EXPECT_THAT(MessageOf([&] { Generate(config, SharedTask(), *zero, "zero"); }),
              HasSubstr("only 0 of 4 episodes succeeded"));
  config.keep_failures = true;
  config.overwrite = true;
  const GenerateResult result = Generate(config, SharedTask(), *zero, "zero");
  EXPECT_EQ(result.episodes_kept, 4);
  EXPECT_EQ(result.yield, 0);
  config.overwrite = false;
  config.resume = true;
  const GenerateResult again = Generate(config, SharedTask(), *zero, "zero");
  EXPECT_TRUE(again.already_complete) << "all that may be tried has been";
  EXPECT_EQ(again.episodes_tried, 4);
  EXPECT_EQ(again.content_hash, result.content_hash);
  const data::DatasetReader reader(dir / "zero.h5");
  EXPECT_EQ(reader.info(0).outcome, "time_limit");
  EXPECT_EQ(reader.info(0).length, 200);
}

TEST(Replay, IsExact) {
  const fs::path dir = FreshDir("replay");
  RunExpert(Config(dir / "a.h5", 6));
  const ReplayReport report = Replay(dir / "a.h5", {.num_envs = 4, .threads = 2});
  EXPECT_EQ(report.episodes, 6);
  EXPECT_EQ(report.exact_episodes, 6);
  EXPECT_EQ(report.exact_steps, report.steps);
  EXPECT_TRUE(report.verified());
  EXPECT_EQ(report.first_difference, "");
}

TEST(Replay, RefusesArraysOfAnotherShape) {
  const fs::path dir = FreshDir("shapes");
  RunExpert(Config(dir / "a.h5", 1));
  const data::DatasetReader reader(dir / "a.h5");
  const auto message = [&](const std::string& name, int64_t columns) {
    data::WriteDataset(dir / "b.h5", reader.meta(), 1, [&](int64_t i) {
      data::Episode episode = reader.Read(i);
      for (auto& array : episode.arrays) {
        if (array.name != name) continue;
        array.shape.back() = columns;
        array.bytes.resize(static_cast<size_t>(array.size()) * data::SizeOf(array.dtype));
      }
      return episode;
    });
    return MessageOf([&] { Replay(dir / "b.h5", {}); });
  };
  const std::string length = Cat(reader.info(0).length);
  EXPECT_THAT(message("actions", 3),
              HasSubstr("b.h5: episode 0: actions must be float32 [" + length +
                        ", 4] for this task, is float32 [" + length + ", 3]"));
  EXPECT_THAT(message("final_state", 5), HasSubstr("final_state must be float64 ["));
  EXPECT_THAT(message("states", 5), HasSubstr("states must be float64 ["));
}

TEST(Replay, SeesAChangedAction) {
  const fs::path dir = FreshDir("changed");
  RunExpert(Config(dir / "a.h5", 3));
  const data::DatasetReader reader(dir / "a.h5");
  data::WriteDataset(dir / "b.h5", reader.meta(), 3, [&](int64_t i) {
    data::Episode episode = reader.Read(i);
    if (i == 1) {
      for (auto& array : episode.arrays) {
        if (array.name == "actions") array.as<float>()[4 * 10] += 0.001F;
      }
    }
    return episode;
  });
  const ReplayReport report = Replay(dir / "b.h5", {});
  EXPECT_EQ(report.exact_episodes, 2);
  EXPECT_FALSE(report.verified());
  EXPECT_THAT(report.first_difference, HasSubstr("episode 1 (index 1), step 11"));
}

}  // namespace
}  // namespace simscale::datagen
