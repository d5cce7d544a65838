// Cameras of environments that several threads step: each row sees what it would see alone.

#include <gtest/gtest.h>

#include <map>

#include "simscale/env/batched_env.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using env::BatchedEnv;
using env::EpisodeKey;

std::shared_ptr<const env::Task> Make(const std::string& randomize) {
  return MakeTask(LoadTaskConfig(
      "pick_place",
      {"randomize=" + randomize,
       "cameras={front: {width: 32, height: 24, kinds: [rgb, depth, segmentation]},"
       " wrist: {width: 24, height: 24, noise: 5, delay: [0, 2]},"
       " overhead: {width: 24, height: 24, rate: 10, kinds: [points], num_points: 64}}"}));
}

/// All elements of all pictures of each episode, one after the other.
std::map<uint64_t, std::vector<float>> See(const std::shared_ptr<const env::Task>& task, int envs,
                                           int threads, int episodes, int steps) {
  BatchedEnv env(task, {.num_envs = envs, .num_threads = threads});
  const auto dim = static_cast<size_t>(task->action_dim());
  std::map<uint64_t, std::vector<float>> seen;
  for (int first = 0; first < episodes; first += envs) {
    std::vector<int> rows;
    std::vector<EpisodeKey> keys;
    for (int row = 0; row < envs && first + row < episodes; ++row) {
      rows.push_back(row);
      keys.push_back({3, static_cast<uint64_t>(first + row)});
    }
    env.Deactivate();
    env.ResetRows(rows, keys);
    for (int step = 0; step <= steps; ++step) {
      for (const int row : rows) {
        auto& trace = seen[keys[static_cast<size_t>(row)].index];
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
      const float action = step % 2 == 0 ? 0.8F : -0.3F;
      env.Step(std::vector<float>(static_cast<size_t>(envs) * dim, action));
    }
  }
  return seen;
}

TEST(EnvCameras, SeeTheSameForAnyNumberOfEnvsAndThreads) {
  for (const std::string randomize : {"none", "full"}) {
    const auto task = Make(randomize);
    const auto one = See(task, 1, 1, 5, 4);
    ASSERT_EQ(one.size(), 5U);
    // Colours, depths and ids of front, colours of wrist, points of overhead, five times.
    EXPECT_EQ(one.at(0).size(), 5U * (32 * 24 * (3 + 1 + 2) + 24 * 24 * 3 + 64 * 7));
    EXPECT_NE(one.at(0), one.at(1));
    EXPECT_EQ(See(task, 3, 2, 5, 4), one);
    EXPECT_EQ(See(task, 5, 2, 5, 4), one);
    EXPECT_EQ(See(task, 4, 1, 5, 4), one);
  }
}

}  // namespace
}  // namespace simscale::tasks
