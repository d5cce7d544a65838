#include "simscale/policy/tensor_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <numeric>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/policy/checkpoint.h"

namespace simscale::policy {
namespace {

using ::testing::HasSubstr;

TEST(SliceNameTest, RoundTrip) {
  EXPECT_EQ(SliceName("net.weight", 128), "net.weight@128");
  const auto found = ParseSliceName("exp_avg.net.weight@128");
  ASSERT_TRUE(found.has_value());
  const SliceId id = found.value_or(SliceId());
  EXPECT_EQ(id.tensor, "exp_avg.net.weight");
  EXPECT_EQ(id.begin, 128);
  for (const char* whole : {"net.weight", "a@", "a@-1", "a@1x"})
    EXPECT_FALSE(ParseSliceName(whole)) << whole;
}

class TensorFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = TempBeside(fs::path(::testing::TempDir()) / "parts");
    MakeDirs(dir_);
    std::iota(values_.begin(), values_.end(), 0.0F);
  }
  void TearDown() override { fs::remove_all(dir_); }

  /// Elements [begin, begin + count) of "w" [2, 3].
  TensorBytes Slice(int64_t begin, int64_t count) {
    return {.name = SliceName("w", begin),
            .dtype = "F32",
            .shape = {count},
            .bytes = std::as_bytes(std::span(values_))
                         .subspan(static_cast<size_t>(begin) * 4, static_cast<size_t>(count) * 4)};
  }
  void Write(const std::string& name, const std::vector<TensorBytes>& tensors,
             const Shapes& shapes = {{"w", {2, 3}}}) {
    WriteCheckpointPart(dir_, name, tensors, ShapesAsMetadata(shapes));
  }
  std::string Message() {
    try {
      ReadTensors(dir_, "model");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }

  fs::path dir_;
  std::array<float, 6> values_{};
};

TEST_F(TensorFilesTest, PartsMakeUpTheirTensors) {
  const float bias = 7;
  Write(PartName("model", 0, 2),
        {Slice(0, 4),
         {.name = "b", .dtype = "F32", .shape = {1}, .bytes = std::as_bytes(std::span(&bias, 1))}});
  Write(PartName("model", 1, 2), {Slice(4, 2)});
  EXPECT_EQ(TensorFiles(dir_, "model").size(), 2U);
  const SafetensorsFile file = ReadTensors(dir_, "model");
  const TensorInfo* w = file.Find("w");
  ASSERT_TRUE(w && file.Find("b"));
  EXPECT_EQ(w->shape, (std::vector<int64_t>{2, 3}));
  std::array<float, 6> whole{};
  ASSERT_EQ(file.Bytes(*w).size(), sizeof whole);
  std::memcpy(whole.data(), file.Bytes(*w).data(), sizeof whole);
  EXPECT_EQ(whole, values_);
  EXPECT_EQ(file.tensors().size(), 2U);
}

TEST_F(TensorFilesTest, SaysWhatIsWrong) {
  EXPECT_THROW(ReadTensors(dir_, "model"), Error);  // nothing is there
  Write(PartName("model", 0, 2), {Slice(0, 4)});
  EXPECT_THAT(Message(), HasSubstr("model.1-of-2.safetensors: is missing; the checkpoint is in 2"));
  Write(PartName("model", 1, 2), {Slice(5, 1)});
  EXPECT_THAT(Message(), HasSubstr("hold 20 of the 24 bytes of tensor 'w'"));
  Write(PartName("model", 1, 2), {Slice(4, 2)}, {});
  EXPECT_THAT(Message(), HasSubstr("'w@4' is of a tensor whose shape is not told"));
  Write(PartName("model", 1, 2), {Slice(4, 2)}, {{"w", {3, 3}}});
  EXPECT_THAT(Message(), HasSubstr("'w@4' has another dtype or shape than its other parts"));
  TensorBytes late = Slice(4, 2);
  late.name = "w@5";
  Write(PartName("model", 1, 2), {late});
  EXPECT_THAT(Message(), HasSubstr("'w@5' reaches past the end of its tensor"));
  const int64_t most = INT64_MAX;
  Write(PartName("model", 0, 2), {Slice(0, 4)}, {{"w", {most, most}}});
  EXPECT_THAT(Message(), HasSubstr("overflows"));
}

}  // namespace
}  // namespace simscale::policy
