// The pieces of the training loop, each against values known by other means.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/train/curves.h"
#include "simscale/train/memory_dataset.h"
#include "simscale/train/metrics.h"
#include "simscale/train/optimizer.h"
#include "simscale/train/sampler.h"
#include "simscale/train/schedule.h"
#include "simscale/train/tensorboard.h"
#include "simscale/train/test_toy.h"

namespace simscale::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(Schedule, WarmUpThenCosine) {
  LoopConfig config;
  config.steps = 110;
  config.warmup_steps = 10;
  config.lr = 1;
  config.lr_min = 0.2;
  EXPECT_DOUBLE_EQ(LearningRate(config, 0), 0.1);
  EXPECT_DOUBLE_EQ(LearningRate(config, 9), 1.0);
  EXPECT_DOUBLE_EQ(LearningRate(config, 10), 1.0);
  EXPECT_NEAR(LearningRate(config, 10 + 33), 0.2 + 0.8 * 0.75,
              1e-12);  // a third of 99: cos 60 degrees
  EXPECT_DOUBLE_EQ(LearningRate(config, 109), 0.2);
  EXPECT_DOUBLE_EQ(LearningRate(config, 1000), 0.2);
  EXPECT_DOUBLE_EQ(EmaDecay(0.99, 0), 0.1);
  EXPECT_DOUBLE_EQ(EmaDecay(0.99, 100000), 0.99);
}

TEST(Schedule, WarmUpFitsAShortRun) {
  LoopConfig config;
  config.warmup_steps = 500;
  for (const auto& [steps, warmup] :
       {std::pair<int64_t, int64_t>{12000, 500}, {501, 500}, {500, 50}, {100, 10}, {9, 0}}) {
    config.steps = steps;
    EXPECT_EQ(WarmupSteps(config), warmup) << steps;
  }
  config.steps = 100;
  config.lr = 1;
  config.lr_min = 0.2;
  EXPECT_DOUBLE_EQ(LearningRate(config, 0), 0.1);
  EXPECT_DOUBLE_EQ(LearningRate(config, 9), 1.0);
  EXPECT_DOUBLE_EQ(LearningRate(config, 99), 0.2);
  config.steps = 1;
  EXPECT_DOUBLE_EQ(LearningRate(config, 0), 1.0);
}

TEST(Schedule, LinearConstantAndStep) {
  LoopConfig config;
  config.steps = 111;
  config.warmup_steps = 10;
  config.lr = 1;
  config.lr_min = 0.01;
  config.schedule = "linear";
  EXPECT_DOUBLE_EQ(LearningRate(config, 4), 0.5);
  EXPECT_DOUBLE_EQ(LearningRate(config, 10), 1);
  EXPECT_DOUBLE_EQ(LearningRate(config, 60), 0.505);
  EXPECT_DOUBLE_EQ(LearningRate(config, 110), 0.01);
  config.schedule = "constant";
  EXPECT_DOUBLE_EQ(LearningRate(config, 110), 1);
  config.schedule = "step";
  config.step_every = 30;
  config.step_factor = 0.1;
  EXPECT_DOUBLE_EQ(LearningRate(config, 39), 1);
  EXPECT_DOUBLE_EQ(LearningRate(config, 40), 0.1);
  EXPECT_DOUBLE_EQ(LearningRate(config, 100), 0.01);  // lr_min is the lowest
}

TEST(Sampler, EachEpochHoldsEachItemOnceInAnotherOrder) {
  std::vector<int64_t> items(103);
  for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<int64_t>(3 * i);
  const auto make = [&] { return ShuffledSampler({{.lists = {items}}}, {.seed = 5}); };
  ShuffledSampler sampler = make();
  std::vector<std::vector<int64_t>> epochs(3, std::vector<int64_t>());
  std::vector<int64_t> all(309);
  for (size_t at = 0; at < all.size(); at += 7)  // batches that straddle the epochs
    sampler.Next(std::span(all).subspan(at, std::min<size_t>(7, all.size() - at)));
  for (size_t e = 0; e < 3; ++e) {
    epochs[e].assign(all.begin() + static_cast<std::ptrdiff_t>(103 * e),
                     all.begin() + static_cast<std::ptrdiff_t>(103 * (e + 1)));
    EXPECT_EQ(std::set<int64_t>(epochs[e].begin(), epochs[e].end()),
              std::set<int64_t>(items.begin(), items.end()));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_EQ(sampler.epoch(), 2);
  EXPECT_EQ(sampler.offset(), 103);

  ShuffledSampler again = make();
  again.Seek(1, 50);
  std::vector<int64_t> rest(60);
  again.Next(rest);
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + 103 + 50));
  EXPECT_THROW(again.Seek(0, 104), UserError);
  EXPECT_THROW(ShuffledSampler({}, {}), UserError);
  EXPECT_THROW(ShuffledSampler({{.lists = {{}}}}, {}), UserError);
}

/// Ten lists of ten numbers from `first` on.
SampleGroup TenLists(int64_t first, double weight = 1) {
  SampleGroup group{.lists = {}, .weight = weight};
  for (int64_t list = 0; list < 10; ++list) {
    auto& items = group.lists.emplace_back();
    for (int64_t i = 0; i < 10; ++i) items.push_back(first + 10 * list + i);
  }
  return group;
}

TEST(Sampler, AShuffleBufferMixesSoManyListsAtOnce) {
  ShuffledSampler sampler({TenLists(0)}, {.seed = 5, .shuffle_buffer = 3});
  std::vector<int64_t> epoch(100);
  for (int e = 0; e < 2; ++e) {
    sampler.Next(epoch);
    EXPECT_EQ(std::set<int64_t>(epoch.begin(), epoch.end()).size(), 100U);
    for (size_t block = 0; block < 100; block += 30) {
      std::set<int64_t> lists;
      const size_t end = std::min<size_t>(block + 30, 100);
      for (size_t i = block; i < end; ++i) lists.insert(epoch[i] / 10);
      EXPECT_EQ(lists.size(), (end - block) / 10);
      EXPECT_FALSE(std::is_sorted(epoch.begin() + static_cast<std::ptrdiff_t>(block),
                                  epoch.begin() + static_cast<std::ptrdiff_t>(end)));
    }
  }
}

TEST(Sampler, MixturesKeepTheirSharesAtEveryMoment) {
  const auto make = [] {
    return ShuffledSampler({TenLists(0, 3), TenLists(1000, 1), {.lists = {{5000}}, .weight = 1}},
                           {.seed = 5});
  };
  ShuffledSampler sampler = make();
  std::vector<int64_t> all(1000);
  for (size_t at = 0; at < all.size(); at += 8) sampler.Next(std::span(all).subspan(at, 8));
  std::vector<int64_t> drawn(3, 0), first;
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t group = all[i] < 1000 ? 0 : all[i] < 5000 ? 1 : 2;
    ++drawn[group];
    if (group == 0 && first.size() < 100) first.push_back(all[i]);
    const double shares[] = {0.6, 0.2, 0.2};
    for (size_t g = 0; g < 3; ++g)
      EXPECT_LE(std::abs(static_cast<double>(drawn[g]) - shares[g] * static_cast<double>(i + 1)),
                1.0 + 1e-9);
  }
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 100U);  // its own epochs
  EXPECT_EQ(sampler.size(), 201);
  EXPECT_EQ(sampler.epoch() * 201 + sampler.offset(), 1000);

  ShuffledSampler again = make();
  again.Seek(2, 98);  // 500 draws
  std::vector<int64_t> rest(500);
  again.Next(rest);
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + 500));
  EXPECT_THROW(ShuffledSampler({TenLists(0, 0)}, {}), UserError);
  EXPECT_THROW(again.Seek(INT64_MAX / 2, 0), UserError);
}

TEST(Sampler, ValidationSplitIsByEpisode) {
  EXPECT_EQ(ValidationEpisodes(100, 0.05, 1).size(), 5U);
  EXPECT_EQ(ValidationEpisodes(100, 0.05, 1), ValidationEpisodes(100, 0.05, 1));
  EXPECT_NE(ValidationEpisodes(100, 0.05, 1), ValidationEpisodes(100, 0.05, 2));
  EXPECT_EQ(ValidationEpisodes(3, 0.01, 1).size(), 1U);
  EXPECT_EQ(ValidationEpisodes(1, 0.5, 1).size(), 0U);
  EXPECT_EQ(ValidationEpisodes(10, 0, 1).size(), 0U);
}

/// Two equal little networks.
std::pair<torch::nn::Sequential, torch::nn::Sequential> Twins() {
  auto make = [] {
    torch::manual_seed(3);
    return torch::nn::Sequential(torch::nn::Linear(5, 7), torch::nn::Tanh(),
                                 torch::nn::Linear(7, 2));
  };
  return {make(), make()};
}

TEST(Optimizer, EqualsTorchsAdamWWithClipping) {
  auto [ours, theirs] = Twins();
  Optimizer optimizer(LeavesOf(NamedParameters(*ours)),
                      {.betas = {0.9, 0.95}, .weight_decay = 0.1, .grad_clip = 0.5});
  std::vector<torch::Tensor> matrices, vectors;
  for (torch::Tensor& p : theirs->parameters()) (p.dim() >= 2 ? matrices : vectors).push_back(p);
  auto options = [](double decay) {
    auto o = std::make_unique<torch::optim::AdamWOptions>(1e-2);
    o->betas({0.9, 0.95}).weight_decay(decay);
    return o;
  };
  torch::optim::AdamW reference({torch::optim::OptimizerParamGroup(matrices, options(0.1)),
                                 torch::optim::OptimizerParamGroup(vectors, options(0))});
  torch::manual_seed(9);
  bool clipped = false, free = false;
  for (int step = 0; step < 50; ++step) {
    const torch::Tensor x = torch::randn({8, 5}), y = torch::randn({8, 2}) * (step % 2 ? 10 : 0.01);
    auto loss_of = [&](torch::nn::Sequential& net) {
      return (net->forward(x) - y).square().mean();
    };
    const torch::Tensor loss = loss_of(ours);
    loss.backward();
    const auto result = optimizer.Step(1e-2, loss);
    reference.zero_grad();
    loss_of(theirs).backward();
    const double norm = torch::nn::utils::clip_grad_norm_(theirs->parameters(), 0.5);
    reference.step();
    EXPECT_NEAR(result.grad_norm.item<double>(), norm, 1e-5 * norm);
    EXPECT_EQ(result.bad.item<float>(), 0);
    (norm > 0.5 ? clipped : free) = true;
  }
  EXPECT_TRUE(clipped && free);
  for (size_t i = 0; i < ours->parameters().size(); ++i)
    EXPECT_LT((ours->parameters()[i] - theirs->parameters()[i]).abs().max().item<float>(), 2e-6)
        << i;
}

TEST(Optimizer, AStepThatIsNotFiniteChangesNothing) {
  auto [net, before] = Twins();
  Optimizer optimizer(LeavesOf(NamedParameters(*net)), {.grad_clip = 1});
  std::vector<torch::Tensor> state;
  for (const auto& [name, tensor] : optimizer.State()) state.push_back(tensor.clone());
  const torch::Tensor loss = net->forward(torch::full({1, 5}, NAN)).sum();
  loss.backward();
  EXPECT_EQ(optimizer.Step(1e-2, loss).bad.item<float>(), 1);
  for (size_t i = 0; i < net->parameters().size(); ++i)
    EXPECT_TRUE(torch::equal(net->parameters()[i], before->parameters()[i]));
  for (size_t i = 0; i < state.size(); ++i)
    EXPECT_TRUE(torch::equal(state[i], optimizer.State()[i].second));
}

TEST(Optimizer, EmaIsTheWeightedMean) {
  auto [net, average] = Twins();
  Ema ema(net->parameters(), average->parameters());
  const torch::Tensor start = average->parameters()[0].clone();
  {
    torch::NoGradGuard no_grad;
    net->parameters()[0].add_(1);
  }
  ema.Update(0.75);
  EXPECT_LT((average->parameters()[0] - (start + 0.25)).abs().max().item<float>(), 1e-6);
}

Sources SourcesOf(const fs::path& path) {
  TrainConfig config;
  config.dataset = path.string();
  return OpenSources(config);
}

TEST(Dataset, WindowsRepeatTheFirstObservationAndMaskPastTheEnd) {
  const fs::path path = fs::path(::testing::TempDir()) / TempBeside("d/toy.hdf5").filename();
  testing::WriteToyDataset(path, 5);
  const data::DatasetReader reader(path);
  const MemoryDataset dataset = LoadDataset(SourcesOf(path), {"pos", "goal"}, {});
  ASSERT_EQ(dataset.num_episodes(), 5);
  EXPECT_EQ(dataset.num_steps(), reader.num_steps());
  EXPECT_EQ(dataset.observations, (std::vector<policy::ObservationKey>{{"pos", 2}, {"goal", 2}}));
  const int64_t begin = dataset.episode_begin[1], end = dataset.episode_begin[2];
  ASSERT_GE(end - begin, 2);
  const policy::Batch batch = dataset.Gather(torch::tensor({begin, end - 1}, torch::kInt64), 3, 4);
  EXPECT_EQ(batch.observation.state.sizes(), (std::vector<int64_t>{2, 3, 4}));
  for (int t = 0; t < 3; ++t)
    EXPECT_TRUE(torch::equal(batch.observation.state[0][t], dataset.state[begin]));
  EXPECT_TRUE(torch::equal(batch.observation.state[1][1], dataset.state[end - 2]));
  EXPECT_TRUE(torch::equal(batch.observation.state[1][2], dataset.state[end - 1]));
  EXPECT_TRUE(torch::equal(batch.action[0][1], dataset.action[begin + 1]));
  EXPECT_TRUE(torch::equal(batch.action[1][3], dataset.action[end - 1]));
  EXPECT_TRUE(torch::equal(batch.mask[1], torch::tensor({1.0F, 0.0F, 0.0F, 0.0F})));

  const auto [start, goal] = testing::ToyReset(1, 1);
  EXPECT_EQ(dataset.state[begin][0].item<float>(), start.x);
  EXPECT_EQ(dataset.state[begin][3].item<float>(), goal.y);
  EXPECT_EQ(dataset.StepsOf({1}, false).size(), static_cast<size_t>(end - begin));
  EXPECT_EQ(dataset.StepsOf({1}, true).size(),
            static_cast<size_t>(dataset.num_steps() - (end - begin)));
  const policy::StateStatistics stats = dataset.Statistics({0, 1});
  EXPECT_NEAR(stats.mean[0], 0.5 * (dataset.state[0][0] + dataset.state[1][0]).item<float>(), 1e-6);
  EXPECT_NEAR(stats.std[0],
              0.5 * std::abs((dataset.state[0][0] - dataset.state[1][0]).item<float>()), 1e-6);
  fs::remove(path);
}

TEST(Dataset, RefusesNumbersThatAreNotUsable) {
  struct Case {
    std::string array, message;
    float value;
  };
  for (const Case& c :
       {Case{"observations/pos",
             "episode 1: 'observations/pos' is not finite at step 0, component 1", NAN},
        Case{"actions", "episode 1: 'actions' must lie in [-1, 1], got 1.5 at step 0", 1.5F}}) {
    const fs::path path = fs::path(::testing::TempDir()) / TempBeside("d/bad.hdf5").filename();
    data::DatasetMeta meta;
    meta.env_name = "toy";
    meta.env_args = "{}";
    data::WriteDataset(path, meta, 2, [&](int64_t i) {
      data::Episode episode = testing::ToyEpisode(1, static_cast<uint64_t>(i));
      for (data::Array& array : episode.arrays)
        if (i == 1 && array.name == c.array) array.as<float>()[1] = c.value;
      return episode;
    });
    try {
      LoadDataset(SourcesOf(path), {}, {});
      ADD_FAILURE() << c.array;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(c.message));
    }
    fs::remove(path);
  }
}

TEST(TensorBoard, ChecksumsFollowTheRfc) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
}

TEST(Metrics, ResumeKeepsWhatTheCheckpointKnows) {
  const fs::path dir = fs::path(::testing::TempDir()) / TempBeside("d/metrics").filename();
  {
    Metrics metrics(dir, {});
    metrics.Record(10, "train", {{"loss", 0.5}});
    metrics.Record(10, "eval", {{"success_rate", 1}});
    metrics.Record(20, "train", {{"loss", NAN}});
  }
  const std::string first = "{\"step\":10,\"kind\":\"train\",\"loss\":0.5}\n";
  const std::string second = "{\"step\":10,\"kind\":\"eval\",\"success_rate\":1}\n";
  EXPECT_EQ(ReadFile(dir / "metrics.jsonl"),
            first + second + "{\"step\":20,\"kind\":\"train\",\"loss\":null}\n");
  { const Metrics resumed(dir, {.step = 10}); }
  EXPECT_EQ(ReadFile(dir / "metrics.jsonl"), first + second);
  { const Metrics resumed(dir, {.step = 10, .redo = true}); }
  EXPECT_EQ(ReadFile(dir / "metrics.jsonl"), first);
  { const Metrics fresh(dir, {}); }
  EXPECT_EQ(ReadFile(dir / "metrics.jsonl"), "");
  fs::remove_all(dir);
}

TEST(Curves, AreReadFromTheMetricsAndDrawn) {
  const fs::path dir = TempBeside(fs::path(::testing::TempDir()) / "curves");
  MakeDirs(dir);
  std::string text;
  for (int i = 1; i <= 1000; ++i)
    text += Cat("{\"step\":", i, ",\"kind\":\"train_reward\",\"near\":", i % 2, ",\"time\":-1}\n");
  text +=
      "{\"step\":500,\"kind\":\"eval\",\"success_rate\":0.5,\"mean_return\":null}\n{\"step\":501,"
      "\"ki";
  WriteFileAtomic(dir / "metrics.jsonl", text);
  const std::vector<Panel> panels = ReadCurves(dir / "metrics.jsonl");
  ASSERT_EQ(panels.size(), 2U);
  EXPECT_EQ(panels[0].title, "success rate");
  EXPECT_THAT(panels[0].curves[0].points, ElementsAre(Pair(500, 0.5)));
  EXPECT_EQ(panels[1].curves[0].label, "near");
  ASSERT_EQ(panels[1].curves[0].points.size(), 400U);  // averaged
  EXPECT_THAT(panels[1].curves[0].points[0], Pair(1.5, 0.5));
  EXPECT_THAT(panels[1].curves[1].points[399], Pair(999, -1));

  DrawCurves(panels, "a run", dir / "a.svg");
  DrawCurves(panels, "a run", dir / "a.png");
  DrawCurves({}, "nothing yet", dir / "empty.png");
  EXPECT_THAT(ReadFile(dir / "a.svg"), HasSubstr("<svg"));
  EXPECT_THAT(ReadFile(dir / "a.png").substr(0, 4), "\x89PNG");
  EXPECT_THROW(DrawCurves(panels, "", dir / "a.gif"), UserError);
  EXPECT_THROW(ReadCurves(dir / "none"), UserError);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace simscale::train
