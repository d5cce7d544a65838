#include "simscale/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/policy/load.h"
#include "simscale/policy/policy_io.h"
#include "simscale/train/test_toy.h"

namespace simscale::train {
namespace {

using ::testing::HasSubstr;

class TrainerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = TempBeside(fs::path(::testing::TempDir()) / "train");
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    testing::WriteToyDataset(Data(), 60);
    hooks_.evaluate = testing::EvaluateToy;
  }
  void TearDown() override { fs::remove_all(dir_); }

  fs::path Data() const { return dir_ / "toy.hdf5"; }
  TrainConfig Config(const std::string& run) const {
    return testing::ToyConfig(Data(), dir_ / run);
  }
  std::string MessageOf(const TrainConfig& config, const TrainOptions& options = {}) {
    try {
      RunTraining(config, options, hooks_);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  /// Everything that two equal trainings must share.
  static void ExpectEqualRuns(const fs::path& a, const fs::path& b, const std::string& step) {
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"})
      EXPECT_EQ(Sha256Hex(ReadFile(a / step / file)), Sha256Hex(ReadFile(b / step / file))) << file;
    EXPECT_EQ(ReadFile(a / "metrics.jsonl"), ReadFile(b / "metrics.jsonl"));
    EXPECT_EQ(fs::read_symlink(a / "best"), fs::read_symlink(b / "best"));
    EXPECT_EQ(fs::read_symlink(a / "latest"), fs::read_symlink(b / "latest"));
  }

  fs::path dir_;
  TrainHooks hooks_;
};

TEST_F(TrainerTest, LearnsTheToyTask) {
  TrainConfig config = Config("run");
  config.train.steps = 1000;
  config.train.eval_episodes = 50;
  config.policy.bc.dropout = 0;
  const TrainResult result = RunTraining(config, {}, hooks_);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.step, 1000);
  EXPECT_GE(result.best_success, 0.95);
  EXPECT_LT(result.validation_loss, 0.1);

  policy::CheckpointInfo info;
  auto agent = policy::MakePolicyAgent(config.checkpoint_dir, {.device = "cpu"}, &info);
  EXPECT_EQ(info.step, result.best_step);
  EXPECT_EQ(info.spec.env_name, "toy");
  EXPECT_EQ(info.success_rate, result.best_success);
  // The checkpoint acts as the policy in memory did: the same episodes, the same successes.
  const EvalRequest request{
      .env_name = "toy",
      .n_episodes = 50,
      .seed = DeriveSeed(DeriveSeed(config.seed, SeedUse::kTraining), SeedUse::kEvaluation)};
  EXPECT_EQ(testing::EvaluateToy(*agent, request).success_rate, result.best_success);
}

TEST_F(TrainerTest, EqualSeedsGiveEqualBitsAndOtherSeedsOthers) {
  TrainConfig other = Config("c");
  other.seed = 4;
  RunTraining(Config("a"), {}, hooks_);
  RunTraining(Config("b"), {}, hooks_);
  RunTraining(other, {}, hooks_);
  ExpectEqualRuns(dir_ / "a", dir_ / "b", "step_400");
  EXPECT_NE(ReadFile(dir_ / "a/step_400/model.safetensors"),
            ReadFile(dir_ / "c/step_400/model.safetensors"));
}

TEST_F(TrainerTest, ResumedEqualsUninterruptedBitForBit) {
  RunTraining(Config("whole"), {}, hooks_);
  // Stops between records, right at an evaluation, right after one, one step before the end.
  int number = 0;
  for (const std::vector<int64_t>& stops :
       {std::vector<int64_t>{37}, {200}, {201, 333}, {100, 399}, {1, 400}}) {
    const std::string name = Cat("pieces_", number++);
    for (int64_t stop : stops) {
      const TrainResult part =
          RunTraining(Config(name), {.resume = true, .stop_after = stop}, hooks_);
      EXPECT_FALSE(part.finished);
      EXPECT_EQ(part.step, stop);
    }
    EXPECT_TRUE(RunTraining(Config(name), {.resume = true}, hooks_).finished);
    ExpectEqualRuns(dir_ / "whole", dir_ / name, "step_400");
  }
}

TEST_F(TrainerTest, ResumesAfterAKill) {
  RunTraining(Config("whole"), {}, hooks_);
  // What a kill leaves: the links and checkpoints of step 100, metrics and debris from beyond.
  RunTraining(Config("killed"), {.stop_after = 150}, hooks_);
  const fs::path run = dir_ / "killed";
  SwapLink(run / "latest", "step_100");
  std::ofstream(run / "metrics.jsonl", std::ios::app) << R"({"step":160,"kind":"train","lo)";
  fs::create_directories(run / ".step_200.tmp-999999999-0");
  RunTraining(Config("killed"), {.resume = true}, hooks_);
  ExpectEqualRuns(dir_ / "whole", run, "step_400");
  EXPECT_FALSE(fs::exists(run / ".step_200.tmp-999999999-0"));
}

TEST_F(TrainerTest, ResumesAfterAKillBetweenTheLinks) {
  // The last checkpoint is the best one: `best` has moved to it, `latest` has not yet.
  ASSERT_EQ(RunTraining(Config("whole"), {}, hooks_).best_step, 400);
  RunTraining(Config("killed"), {}, hooks_);
  SwapLink(dir_ / "killed" / "latest", "step_300");
  RunTraining(Config("killed"), {.resume = true}, hooks_);
  ExpectEqualRuns(dir_ / "whole", dir_ / "killed", "step_400");
}

TEST_F(TrainerTest, RunFolderRules) {
  TrainConfig config = Config("run");
  config.train.steps = 60;
  EXPECT_EQ(MessageOf(config, {.resume = true}), "accepted");  // nothing there: it starts
  EXPECT_THAT(MessageOf(config),
              HasSubstr("run: a run is already there. --resume goes on with it, --overwrite"));
  EXPECT_TRUE(RunTraining(config, {.resume = true}, hooks_).already_done);
  TrainConfig other = config;
  other.train.lr = 1e-4;
  other.train.steps = 80;
  EXPECT_THAT(MessageOf(other, {.resume = true}),
              HasSubstr("can't resume with other settings: train.lr was 0.003, now 0.0001"));
  other.train.steps = 60;  // all done, but of another training
  EXPECT_THAT(MessageOf(other, {.resume = true}), HasSubstr("train.lr was 0.003, now 0.0001"));
  other.train.steps = 80;
  TrainConfig bad = other;
  bad.policy.bc.n_action_steps = bad.policy.bc.horizon + 1;
  EXPECT_THAT(MessageOf(bad, {.overwrite = true}), HasSubstr("n_action_steps must be at most"));
  EXPECT_TRUE(fs::exists(dir_ / "run/step_60")) << "a mistake must not cost the old run";
  EXPECT_EQ(MessageOf(other, {.overwrite = true}), "accepted");
  EXPECT_FALSE(fs::exists(dir_ / "run/step_60"));
  other.train.steps = 100;  // going on for longer is allowed
  EXPECT_EQ(MessageOf(other, {.resume = true}), "accepted");
  EXPECT_THAT(MessageOf(config, {.resume = true, .overwrite = true}),
              HasSubstr("exclude each other"));

  {
    const FolderLock lock(dir_ / "run", "");
    EXPECT_THAT(MessageOf(config, {.overwrite = true}),
                HasSubstr("run: another process trains in this folder"));
  }

  config.checkpoint_dir = dir_.string();
  EXPECT_THAT(MessageOf(config), HasSubstr("holds files that are no training run"));
  EXPECT_THAT(MessageOf(config, {.overwrite = true}),
              HasSubstr("holds files that are no training run"));
  config.checkpoint_dir = Data().string();
  EXPECT_THAT(MessageOf(config), HasSubstr("is a file, --checkpoint-dir must be a folder"));
}

TEST_F(TrainerTest, BadInputIsToldBeforeAnythingIsMade) {
  TrainConfig config = Config("run");
  config.dataset = "";
  EXPECT_THAT(MessageOf(config), HasSubstr("dataset: no dataset given"));
  config = Config("run");
  config.env_name = "reach";
  EXPECT_THAT(MessageOf(config), HasSubstr("was made in 'toy', but the training is for 'reach'"));
  config = Config("run");
  config.observations = {"gaol"};
  EXPECT_THAT(MessageOf(config), HasSubstr("unknown observation 'gaol'. Did you mean 'goal'?"));
  config = Config("run");
  config.policy.name = "bcc";
  EXPECT_THAT(MessageOf(config), HasSubstr("policy.name: unknown policy 'bcc'"));
  config = Config("run");
  config.train.lr_min = 1;
  EXPECT_THAT(MessageOf(config), HasSubstr("train.lr_min must be at most lr"));
  EXPECT_FALSE(fs::exists(dir_ / "run"));
  testing::WriteToyDataset(dir_ / "other.hdf5", 60, 2);
  config = Config("run");
  RunTraining(config, {.stop_after = 10}, hooks_);
  config.dataset = (dir_ / "other.hdf5").string();
  EXPECT_THAT(MessageOf(config, {.resume = true}),
              HasSubstr("its content differs from what the run"));
  EXPECT_EQ(LoadRunConfig(dir_ / "run").dataset, Data().string());
}

TEST_F(TrainerTest, DivergenceStopsWithADiagnosis) {
  TrainConfig config = Config("run");
  config.policy.bc.loss = "mse";
  config.policy.bc.layer_norm = false;
  config.policy.bc.activation = "relu";
  config.train.lr = config.train.lr_min = 10;
  config.train.grad_clip = 0;
  config.train.weight_decay = 10;  // each step multiplies the weights by -99
  config.train.max_bad_steps = 5;
  EXPECT_THAT(MessageOf(config), HasSubstr("was not finite for"));
  EXPECT_THAT(MessageOf(config, {.overwrite = true}), HasSubstr("Lower train.lr (10)"));
}

TEST_F(TrainerTest, WithoutEvaluationTheValidationLossChoosesTheBest) {
  TrainConfig config = Config("run");
  config.train.save_every = 50;
  config.train.keep_last = 1;
  const TrainResult result = RunTraining(config);
  EXPECT_EQ(result.best_success, -1);
  double lowest = 1e9;
  std::ifstream lines(dir_ / "run/metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json["kind"] == "validation") lowest = std::min(lowest, json["loss"].get<double>());
  }
  const fs::path best = policy::ResolveCheckpoint(dir_ / "run");
  const LoopState state = LoopStateFromJson(ReadFile(best / "state.json"), "state");
  EXPECT_EQ(state.best_validation, lowest);
  EXPECT_EQ(state.best_step, result.best_step);
}

TEST_F(TrainerTest, EveryPresetReadsAndTheDebugOneTrains) {
  setenv("SIMSCALE_SHARE_DIR", SIMSCALE_ASSETS_DIR, 1);
  int count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(SIMSCALE_ASSETS_DIR) / "presets")) {
    if (entry.path().extension() != ".yaml") continue;
    EXPECT_NO_THROW(ComposeTrainConfig("bc", "", entry.path(), {})) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 4);
  EXPECT_EQ(PresetFor("bc", "SimScale/PickPlace-v0").filename(), "bc_pick_place.yaml");
  EXPECT_EQ(PresetFor("bc", "other").filename(), "bc.yaml");
  EXPECT_EQ(PresetFor("bc_pixels", "reach").filename(), "bc_pixels_reach.yaml");
  EXPECT_THROW(PresetFor("bcx", ""), UserError);
  EXPECT_THROW(PresetFor("bc_x", ""), UserError);
  TrainConfig config =
      ComposeTrainConfig("bc_debug", "toy", "", {"train.lr=3e-4", "policy.bc.hidden=[16]"});
  EXPECT_EQ(config.train.lr, 3e-4);
  EXPECT_EQ(config.policy.bc.hidden, std::vector<int>{16});
  config.dataset = Data().string();
  config.checkpoint_dir = (dir_ / "debug").string();
  EXPECT_TRUE(RunTraining(config, {}, hooks_).finished);
  EXPECT_EQ(LoadRunConfig(dir_ / "debug", {"train.steps=300"}).train.steps, 300);
  try {
    ComposeTrainConfig("bc", "", "", {"train.learning_rat=1"});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("learning_rat"));
  }
}

}  // namespace
}  // namespace simscale::train
