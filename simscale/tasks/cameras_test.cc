// Cameras of environments that several threads step: each row sees what it would see alone.

#include <gtest/gtest.h>

#include <map>

#include "simscale/env/batched_env.h"
#include "simscale/env/episode_runner.h"
#include "simscale/env/simple_agents.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using env::BatchedEnv;
using env::EpisodeKey;

std::shared_ptr<const env::Task> Make(const std::string& randomize) {
  return MakeTask(LoadTaskConfig(
      "pick_place",
      {"randomize=" + randomize, "max_episode_steps=5",
       "cameras={front: {width: 32, height: 24, kinds: [rgb, depth, segmentation]},"
       " wrist: {width: 24, height: 24, noise: 5, delay: [0, 2]},"
       " overhead: {width: 24, height: 24, rate: 10, kinds: [points], num_points: 64}}"}));
}

/// All elements of all pictures of each episode, one after the other.
class Pictures : public env::EpisodeObserver {
 public:
  void BeforeStep(const BatchedEnv& env, const env::Agent&, std::span<const float>) override {
    for (int row = 0; row < env.num_envs(); ++row) {
      if (!env.active()[static_cast<size_t>(row)]) continue;
      auto& trace = seen[env.key(row).index];
      for (const auto& key : env.result().observations.keys) {
        if (key.spec->shape.size() < 2) continue;
        const auto size = static_cast<size_t>(key.spec->size());
        const auto append = [&](const auto& values) {
          if (values.empty()) return;
          const auto mine = values.subspan(static_cast<size_t>(row) * size, size);
          trace.insert(trace.end(), mine.begin(), mine.end());
        };
        append(key.image);
        append(key.state);
        append(key.ids);
      }
    }
  }
  std::map<uint64_t, std::vector<float>> seen;
};

std::map<uint64_t, std::vector<float>> See(const std::shared_ptr<const env::Task>& task, int envs,
                                           int threads, uint64_t episodes) {
  BatchedEnv env(task, {.num_envs = envs, .num_threads = threads});
  const auto agent = env::MakeRandomAgent(envs, task->controller());
  Pictures pictures;
  uint64_t next = 0;
  env::RunEpisodes(env, *agent, pictures, [&](EpisodeKey* key) {
    *key = {3, next};
    return next++ < episodes;
  });
  return pictures.seen;
}

TEST(EnvCameras, SeeTheSameForAnyNumberOfEnvsAndThreads) {
  for (const std::string randomize : {"none", "full"}) {
    const auto task = Make(randomize);
    const auto one = See(task, 1, 1, 5);
    ASSERT_EQ(one.size(), 5U);
    // Colours, depths and ids of front, colours of wrist, points of overhead, five times.
    EXPECT_EQ(one.at(0).size(), 5U * (32 * 24 * (3 + 1 + 2) + 24 * 24 * 3 + 64 * 7));
    EXPECT_NE(one.at(0), one.at(1));
    EXPECT_EQ(See(task, 3, 2, 5), one);
    EXPECT_EQ(See(task, 5, 2, 5), one);
    EXPECT_EQ(See(task, 4, 1, 5), one);
  }
}

}  // namespace
}  // namespace simscale::tasks
