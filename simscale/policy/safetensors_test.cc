#include "simscale/policy/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"

namespace simscale::policy {
namespace {

using ::testing::HasSubstr;

std::string Framed(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + data;
}

std::string Sample() {
  static const float kWeight[6] = {1, 2, 3, 4, 5, 6};
  static const int64_t kStep[1] = {42};
  const SafetensorsLayout layout =
      LayoutSafetensors({{"weight", "F32", {2, 3}, std::as_bytes(std::span(kWeight))},
                         {"empty", "F32", {0, 3}, {}},
                         {"step", "I64", {}, std::as_bytes(std::span(kStep))}},
                        {{"format", "pt"}});
  std::string bytes = layout.header;
  for (auto piece : layout.data)
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return bytes;
}

std::string MessageOf(const std::string& bytes) {
  try {
    SafetensorsFile::Parse(bytes, "m.safetensors");
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Safetensors, RoundTrip) {
  const SafetensorsFile file = SafetensorsFile::Parse(Sample(), "m");
  ASSERT_EQ(file.tensors().size(), 3U);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  const TensorInfo* weight = file.Find("weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->dtype, "F32");
  EXPECT_EQ(weight->shape, (std::vector<int64_t>{2, 3}));
  float values[6];
  std::memcpy(values, file.Bytes(*weight).data(), sizeof(values));
  EXPECT_THAT(values, ::testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(file.Bytes(*file.Find("empty")).size(), 0U);
  int64_t step = 0;
  std::memcpy(&step, file.Bytes(*file.Find("step")).data(), 8);
  EXPECT_EQ(step, 42);
  EXPECT_EQ(file.Find("other"), nullptr);
}

TEST(Safetensors, DataIsAlignedAndLargestDtypeComesFirst) {
  const std::string bytes = Sample();
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0U);
  EXPECT_EQ(SafetensorsFile::Parse(bytes, "m").Find("step")->begin, 0U);
}

TEST(Safetensors, RefusesWhatTheFormatForbids) {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string eight(8, 'x');
  EXPECT_EQ(MessageOf(Framed(good, eight)), "accepted");
  const std::string sixteen(16, 'x');
  struct Case {
    std::string bytes, message;
  };
  std::string huge = Framed(good, eight);
  huge[4] = 1;
  const std::vector<Case> cases = {
      {"", "it has 0 bytes"},
      {"1234567", "it has 7 bytes"},
      {huge, "the limit is 100000000"},
      {Framed(good, eight).substr(0, 30), "but only 22 follow (truncated?)"},
      {Framed(good, "1234"), "ends at byte 8 of the data, but only 4 are there (truncated?)"},
      {Framed(good, sixteen), "8 bytes at its end belong to no tensor"},
      {Framed("", ""), "does not begin with '{'"},
      {Framed("[]", ""), "does not begin with '{'"},
      {Framed("{\"a\":", ""), "not JSON"},
      {Framed(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", eight),
       "unknown dtype 'F33'"},
      {Framed(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", eight),
       "data_offsets [0, 8] do not span the 12 bytes"},
      {Framed(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", eight),
       "whole numbers"},
      {Framed(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", eight),
       "whole numbers"},
      {Framed(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}})",
              eight),
       "overflows"},
      {Framed(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", eight), "do not span"},
      {Framed(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", sixteen),
       "there is a hole"},
      {Framed(
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
           "123456789012"),
       "tensors overlap"},
      {Framed(
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
           eight),
       "has the key 'a' twice"},
      {Framed(R"({"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}})", eight),
       "has the key 'shape' twice"},
      {Framed(R"({"a":{"dtype":"F32","shape":[2]}})", eight), "must have exactly"},
      {Framed(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", eight),
       "must have exactly"},
      {Framed(R"({"a":7})", eight), "must have exactly"},
      {Framed(R"({"__metadata__":{"x":1}})", ""), "__metadata__ is not a map of texts"},
      {Framed("{\"a\\nb\":7}", ""), "'a?b'"},
  };
  for (const Case& c : cases) {
    const std::string message = MessageOf(c.bytes);
    EXPECT_THAT(message, HasSubstr(c.message));
    EXPECT_THAT(message, HasSubstr("m.safetensors: not a valid safetensors file: "));
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(Safetensors, RefusesToWriteNonsense) {
  static const float kTwo[2] = {1, 2};
  const auto bytes = std::as_bytes(std::span(kTwo));
  EXPECT_THROW(LayoutSafetensors({{"a", "F32", {3}, bytes}}), UserError);
  EXPECT_THROW(LayoutSafetensors({{"a", "X32", {2}, bytes}}), UserError);
  EXPECT_THROW(LayoutSafetensors({{"a", "F32", {2}, bytes}, {"a", "F32", {2}, bytes}}), UserError);
}

TEST(Safetensors, MutatedFilesAreReadOrRefusedInOneLine) {
  const std::string sample = Sample();
  for (uint64_t i = 0; i < 20000; ++i) {
    Rng rng(1, i, "mutate");
    std::string bytes = sample;
    const uint64_t edits = 1 + rng.Below(4);
    for (uint64_t e = 0; e < edits && !bytes.empty(); ++e) {
      const size_t at = rng.Below(bytes.size());
      switch (rng.Below(4)) {
        case 0:
          bytes[at] = static_cast<char>(rng.Below(256));
          break;
        case 1:
          bytes.erase(at, 1 + rng.Below(8));
          break;
        case 2:
          bytes.insert(at, 1, "0123456789,[]{}\"-e"[rng.Below(18)]);
          break;
        default:
          bytes.resize(at);
          break;
      }
    }
    try {
      const SafetensorsFile file = SafetensorsFile::Parse(bytes, "m");
      size_t sum = 0;
      for (const TensorInfo& tensor : file.tensors())
        for (std::byte b : file.Bytes(tensor)) sum += static_cast<size_t>(b);
      EXPECT_LT(sum, 256 * bytes.size() + 1);
    } catch (const UserError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace simscale::policy
