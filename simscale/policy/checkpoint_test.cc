#include "simscale/policy/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::policy {
namespace {

using ::testing::HasSubstr;

class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    run_ = TempBeside(fs::path(::testing::TempDir()) / "run");
    fs::remove_all(run_);
    fs::create_directories(run_);
  }
  void TearDown() override { fs::remove_all(run_); }

  fs::path Write(int64_t step) {
    static const float kWeight[2] = {1, 2};
    CheckpointContent content;
    content.info.spec = {.policy = "bc",
                         .env_name = "reach",
                         .observations = {{"ee_pos", 3}, {"target_pos", 3}},
                         .action_dim = 4,
                         .n_obs_steps = 2,
                         .horizon = 8,
                         .n_action_steps = 4};
    content.info.step = step;
    content.info.seed = 7;
    content.info.success_rate = 0.5;
    content.info.dataset_hash = "abc";
    content.info.mujoco_version = "3.14.0";
    content.tensors = {
        {"model.safetensors", {{"w", "F32", {2}, std::as_bytes(std::span(kWeight))}}}};
    content.texts = {{"state.json", "{}\n"}, {"config.yaml", "policy: {}\n"}};
    return WriteCheckpoint(run_, content);
  }
  static std::string MessageOf(const fs::path& path) {
    try {
      ReadCheckpointInfo(path);
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
  static void Put(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  fs::path run_;
};

TEST_F(CheckpointTest, RoundTrip) {
  const fs::path dir = Write(100);
  EXPECT_EQ(dir.filename(), "step_100");
  const CheckpointInfo info = ReadCheckpointInfo(dir);
  EXPECT_EQ(info.step, 100);
  EXPECT_EQ(info.seed, 7U);
  EXPECT_EQ(info.success_rate, 0.5);
  EXPECT_EQ(info.spec.env_name, "reach");
  EXPECT_EQ(info.spec.observations,
            (std::vector<ObservationKey>{{"ee_pos", 3}, {"target_pos", 3}}));
  EXPECT_EQ(info.spec.horizon, 8);
  EXPECT_EQ(info.mujoco_version, "3.14.0");
  EXPECT_EQ(info.weights_hash, Sha256Hex(ReadFile(dir / "model.safetensors")));
  EXPECT_EQ(SafetensorsFile::Read(dir / "model.safetensors").tensors().size(), 1U);
}

TEST_F(CheckpointTest, RunFolderMeansBestElseLatest) {
  Write(100);
  Write(200);
  EXPECT_THAT(MessageOf(run_),
              HasSubstr("holds no checkpoint: neither manifest.json nor best/ nor latest/"));
  SwapLink(run_ / "latest", "step_200");
  EXPECT_EQ(ReadCheckpointInfo(run_).step, 200);
  SwapLink(run_ / "best", "step_100");
  EXPECT_EQ(ReadCheckpointInfo(run_).step, 100);
  EXPECT_EQ(ReadCheckpointInfo(run_ / "latest").step, 200);
  EXPECT_EQ(ResolveCheckpoint(run_).filename(), "step_100");
}

TEST_F(CheckpointTest, DamageIsToldInOneLine) {
  EXPECT_THAT(MessageOf(run_ / "none"), HasSubstr("none: no such checkpoint or run folder"));
  const fs::path dir = Write(1);
  EXPECT_THAT(MessageOf(dir / "model.safetensors"),
              HasSubstr("is a file; a checkpoint is a folder"));
  const std::string weights = ReadFile(dir / "model.safetensors");

  fs::resize_file(dir / "model.safetensors", weights.size() - 3);
  EXPECT_THAT(MessageOf(dir),
              HasSubstr(Cat("damaged or half-written: model.safetensors has ", weights.size() - 3,
                            " bytes, its manifest says ", weights.size())));
  std::string flipped = weights;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  Put(dir / "model.safetensors", flipped);
  EXPECT_THAT(MessageOf(dir), HasSubstr("model.safetensors differs from its SHA-256"));
  EXPECT_EQ(ReadCheckpointInfo(dir, /*verify=*/false).step, 1);
  fs::remove(dir / "model.safetensors");
  EXPECT_THAT(MessageOf(dir), HasSubstr("model.safetensors is missing"));

  const fs::path second = Write(2);
  const std::string manifest = ReadFile(second / "manifest.json");
  Put(second / "manifest.json", manifest.substr(0, manifest.size() / 2));
  EXPECT_THAT(MessageOf(second), HasSubstr("manifest.json is not the JSON that it should be"));
  Put(second / "manifest.json", "{\"schema\": 9}");
  EXPECT_THAT(MessageOf(second),
              HasSubstr("checkpoint schema 9 is not known to this version (it reads 1)"));
  fs::remove(second / "manifest.json");
  EXPECT_THAT(MessageOf(second), HasSubstr("half-written: manifest.json is missing"));
  SwapLink(run_ / "latest", "step_3");
  EXPECT_THAT(MessageOf(run_), HasSubstr("the link leads nowhere"));
  EXPECT_THAT(MessageOf(run_ / "latest"), HasSubstr("the link leads nowhere"));
}

TEST_F(CheckpointTest, PruneKeepsTheNewestAndWhatLinksName) {
  for (int64_t step : {1, 2, 3, 4, 20}) Write(step);
  SwapLink(run_ / "best", "step_2");
  SwapLink(run_ / "latest", "step_20");
  PruneCheckpoints(run_, 2);
  std::vector<int64_t> steps;
  for (const auto& [step, path] : ListCheckpoints(run_)) steps.push_back(step);
  EXPECT_THAT(steps, ::testing::ElementsAre(2, 4, 20));
}

TEST_F(CheckpointTest, ReplacesAnEqualNameAndLeavesNoDebris) {
  Write(5);
  Write(5);
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(run_)) ++entries;
  EXPECT_EQ(entries, 1);
}

}  // namespace
}  // namespace simscale::policy
