#include "simscale/render/image.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/render/png.h"
#include "simscale/render/test_util.h"

namespace simscale::render {
namespace {

using ::testing::HasSubstr;

TEST(Image, IsFilledAndAddressedByColumnAndRow) {
  Image image(3, 2, {1, 2, 3});
  EXPECT_EQ(image.rgb.size(), 18u);
  EXPECT_EQ(image.at(2, 1), (Rgb{1, 2, 3}));
  image.set(2, 0, {9, 8, 7});
  EXPECT_EQ(image.rgb[6], 9);
  EXPECT_EQ(image.rgb[8], 7);
}

TEST(Image, RefusesAbsurdAndUnfittingSizes) {
  EXPECT_EQ(MessageOf<UserError>([] { Image(-1, 4); }),
            "picture: the sides must be in 0 .. 65535, got -1 x 4");
  const std::vector<uint8_t> bytes(10);
  EXPECT_EQ(MessageOf<ShapeError>([&] { Image(2, 2, bytes); }),
            "picture: [2, 2, 3] is 12 bytes, got 10");
}

TEST(Png, RoundTripsEveryByte) {
  TempDir dir;
  Image image(33, 17);
  for (size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<uint8_t>(i * 37 + i / 91);
  const fs::path path = dir.path() / "a" / "b.png";  // the folder is made
  WritePng(path, image);
  EXPECT_EQ(ReadPng(path), image);
  EXPECT_EQ(dir.NumEntries("a"), 1);  // no temporary file is left
  EXPECT_EQ(EncodePng(image), EncodePng(image));
}

TEST(Png, ReadsGreyAndTransparentPictures) {
  // Made with Python's zlib and struct: 1 x 1 grey 0x80; 2 x 1 RGBA, red and an invisible white.
  const unsigned char grey[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
      0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00,
      0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78,
      0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00,
      0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  const unsigned char transparent[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44,
      0x52, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0xf4,
      0x22, 0x7f, 0x8a, 0x00, 0x00, 0x00, 0x0f, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8,
      0xcf, 0xc0, 0xf0, 0x1f, 0x08, 0x18, 0x00, 0x15, 0xf3, 0x04, 0xfc, 0x6c, 0x7c, 0xa6, 0xd6,
      0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  TempDir dir;
  const fs::path path = dir.path() / "other.png";
  auto read = [&](const unsigned char* bytes, size_t size) {
    WriteFileAtomic(path, {reinterpret_cast<const char*>(bytes), size});
    return ReadPng(path);
  };
  EXPECT_EQ(read(grey, sizeof(grey)), Image(1, 1, Rgb{0x80, 0x80, 0x80}));
  Image expected(2, 1);
  expected.set(0, 0, {255, 0, 0});
  EXPECT_EQ(read(transparent, sizeof(transparent)), expected);
}

TEST(Png, NamesTheFileThatIsNone) {
  TempDir dir;
  const fs::path path = dir.path() / "x.png";
  std::ofstream(path) << "not a picture";
  EXPECT_THAT(MessageOf<UserError>([&] { ReadPng(path); }),
              HasSubstr(path.string() + ": not a PNG picture"));
  const std::string png = EncodePng(Image(64, 64, {200, 10, 10}));
  std::ofstream(path, std::ios::binary | std::ios::trunc) << png.substr(0, png.size() / 2);
  EXPECT_THAT(MessageOf<UserError>([&] { ReadPng(path); }),
              HasSubstr(path.string() + ": damaged PNG"));
  EXPECT_THAT(MessageOf<UserError>([&] { ReadPng(dir.path() / "none.png"); }),
              HasSubstr("none.png"));
  EXPECT_EQ(MessageOf<UserError>([&] { WritePng(path, Image()); }),
            "PNG: the picture is empty (0 x 0)");
}

TEST(Png, SaysWhenItCannotWrite) {
  EXPECT_THAT(MessageOf<IoError>([] { WritePng("/proc/nowhere/x.png", Image(2, 2)); }),
              HasSubstr("/proc/nowhere"));
}

}  // namespace
}  // namespace simscale::render
