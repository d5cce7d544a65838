#include "simscale/render/video.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <cstdio>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/render/test_util.h"

namespace simscale::render {
namespace {

using ::testing::HasSubstr;

std::string OutputOf(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), n);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return output;
}

/// What ffprobe (not our code) finds in the file.
std::string Probe(const fs::path& path) {
  return OutputOf(
      "ffprobe -v error -count_frames -select_streams v -show_entries "
      "stream=codec_name,width,height,pix_fmt,nb_read_frames,r_frame_rate,duration -of csv=p=0 '" +
      path.string() + "'");
}

/// All frames as ffmpeg decodes them to RGB.
std::string Decode(const fs::path& path) {
  return OutputOf("ffmpeg -v error -i '" + path.string() + "' -f rawvideo -pix_fmt rgb24 -");
}

/// Frame i is one colour; neighbours differ.
Rgb ColourOf(int i) {
  const Rgb colours[] = {
      {200, 30, 30}, {30, 200, 30}, {30, 30, 200}, {220, 220, 220}, {16, 16, 16}};
  return colours[i % 5];
}

void WriteVideo(const fs::path& path, int width, int height, int frames) {
  VideoWriter video(path, {.width = width, .height = height, .fps = 20});
  for (int i = 0; i < frames; ++i) video.AddFrame(Image(width, height, ColourOf(i)));
  EXPECT_EQ(video.num_frames(), frames);
  video.Finish();
}

TEST(VideoWriter, WritesEveryFrameWithItsColourAndTime) {
  TempDir dir;
  const fs::path path = dir.path() / "new" / "v.mp4";
  WriteVideo(path, 64, 48, 37);
  EXPECT_EQ(Probe(path), "h264,64,48,yuv420p,20/1,1.850000,37\n");
  EXPECT_EQ(dir.NumEntries("new"), 1);

  const std::string rgb = Decode(path);
  ASSERT_EQ(rgb.size(), 64u * 48 * 3 * 37);
  for (int i = 0; i < 37; ++i) {
    const Rgb expected = ColourOf(i);
    const char* centre = &rgb[(static_cast<size_t>(i) * 48 * 64 + 24 * 64 + 32) * 3];
    EXPECT_NEAR(static_cast<uint8_t>(centre[0]), expected.r, 8) << "frame " << i;
    EXPECT_NEAR(static_cast<uint8_t>(centre[1]), expected.g, 8) << "frame " << i;
    EXPECT_NEAR(static_cast<uint8_t>(centre[2]), expected.b, 8) << "frame " << i;
  }
}

TEST(VideoWriter, OneFrameIsAVideoToo) {
  TempDir dir;
  WriteVideo(dir.path() / "v.mp4", 16, 16, 1);
  EXPECT_EQ(Probe(dir.path() / "v.mp4"), "h264,16,16,yuv420p,20/1,0.050000,1\n");
}

TEST(VideoWriter, PadsOddSides) {
  TempDir dir;
  const fs::path path = dir.path() / "v.mp4";
  WriteVideo(path, 65, 33, 2);
  EXPECT_EQ(Probe(path), "h264,66,34,yuv420p,20/1,0.100000,2\n");
  const std::string rgb = Decode(path);
  const size_t last = (size_t{34} * 66 - 1) * 3;  // the padded corner has the picture's colour
  EXPECT_NEAR(static_cast<uint8_t>(rgb[last]), ColourOf(0).r, 8);
  EXPECT_NEAR(static_cast<uint8_t>(rgb[last + 1]), ColourOf(0).g, 8);
}

TEST(VideoWriter, HasItsIndexInFront) {
  TempDir dir;
  WriteVideo(dir.path() / "v.mp4", 64, 64, 5);
  const std::string bytes = ReadFile(dir.path() / "v.mp4");
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
}

TEST(VideoWriter, EqualFramesGiveEqualBytes) {
  TempDir dir;
  WriteVideo(dir.path() / "a.mp4", 64, 64, 9);
  WriteVideo(dir.path() / "b.mp4", 64, 64, 9);
  EXPECT_EQ(ReadFile(dir.path() / "a.mp4"), ReadFile(dir.path() / "b.mp4"));
}

TEST(VideoWriter, AnimatedPngsKeepEveryPixel) {
  TempDir dir;
  const fs::path path = dir.path() / "v.png";
  VideoWriter video(path, {.width = 65, .height = 33, .fps = 20, .animated_png = true});
  for (int i = 0; i < 12; ++i) {
    Image image(65, 33, ColourOf(i));
    image.set(i, 7, {1, 2, 3});
    video.AddFrame(image);
  }
  video.Finish();
  const std::string rgb = Decode(path);
  const size_t frame = size_t{65} * 33 * 3;
  ASSERT_EQ(rgb.size(), 12 * frame);
  for (int i = 0; i < 12; ++i) {
    Image expected(65, 33, ColourOf(i));
    expected.set(i, 7, {1, 2, 3});
    const auto* pixels =
        reinterpret_cast<const uint8_t*>(rgb.data()) + static_cast<size_t>(i) * frame;
    EXPECT_TRUE(std::equal(expected.rgb.begin(), expected.rgb.end(), pixels)) << "frame " << i;
  }
}

TEST(VideoWriter, IsAllOrNothing) {
  TempDir dir;
  const fs::path path = dir.path() / "v.mp4";
  WriteFileAtomic(path, "old");
  {
    VideoWriter video(path, {.width = 32, .height = 32});
    video.AddFrame(Image(32, 32));
  }
  EXPECT_EQ(ReadFile(path), "old");
  EXPECT_EQ(dir.NumEntries(), 1);
  {
    VideoWriter video(path, {.width = 32, .height = 32});
    EXPECT_EQ(MessageOf<UserError>([&] { video.Finish(); }),
              path.string() + ": a video needs at least one frame");
  }
  EXPECT_EQ(ReadFile(path), "old");
  WriteVideo(path, 32, 32, 3);
  EXPECT_NE(ReadFile(path), "old");
  EXPECT_EQ(dir.NumEntries(), 1);
}

TEST(VideoWriter, RefusesFramesThatDoNotFit) {
  TempDir dir;
  const std::string path = (dir.path() / "v.mp4").string();
  VideoWriter video(path, {.width = 32, .height = 16});
  EXPECT_EQ(MessageOf<ShapeError>([&] { video.AddFrame(Image(16, 32)); }),
            path + ": frames are 32 x 16, got one of 16 x 32");
  EXPECT_EQ(MessageOf<ShapeError>([&] { video.AddFrame(std::vector<uint8_t>(5)); }),
            path + ": a frame takes [16, 32, 3] = 1536 bytes, got 5");
  video.AddFrame(Image(32, 16));
  video.Finish();
  EXPECT_EQ(MessageOf<UserError>([&] { video.AddFrame(Image(32, 16)); }),
            path + ": the video has ended; no frame can be added");
  EXPECT_EQ(MessageOf<UserError>([&] { video.Finish(); }), path + ": the video has ended already");
}

TEST(VideoWriter, RefusesBadConfigs) {
  auto message = [](VideoConfig config) {
    return MessageOf<UserError>([&] { VideoWriter("v.mp4", config); });
  };
  EXPECT_EQ(message({.width = 8}), "v.mp4: a video's width must be in 16 .. 8192, got 8");
  EXPECT_EQ(message({.height = 9000}), "v.mp4: a video's height must be in 16 .. 8192, got 9000");
  EXPECT_EQ(message({.fps = 0}), "v.mp4: a video's fps must be in 1 .. 1000, got 0");
  EXPECT_EQ(message({.crf = 52}), "v.mp4: a video's crf must be in 0 .. 51, got 52");
}

TEST(VideoWriter, SaysWhereItCannotWrite) {
  EXPECT_THAT(MessageOf<IoError>([] { VideoWriter("/proc/nowhere/v.mp4", {}); }),
              HasSubstr("/proc/nowhere"));
  EXPECT_THAT(MessageOf<IoError>([] { VideoWriter("/proc/v.mp4", {}); }),
              HasSubstr("/proc/v.mp4: can't write the video: can't open the file"));
  TempDir dir;
  EXPECT_EQ(MessageOf<UserError>([&] { VideoWriter(dir.path(), {}); }),
            dir.path().string() + ": can't write the video: it is a folder. Name a file");
}

/// A limit on file sizes makes write() fail as a full disk does, with no mount and no root needed.
TEST(VideoWriter, SaysThatTheDiskIsFullAndLeavesNothing) {
  TempDir dir;
  const fs::path path = dir.path() / "v.mp4";
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight = {20000, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  const std::string message = MessageOf<IoError>([&] {
    VideoWriter video(path, {.width = 128, .height = 128, .crf = 0});
    uint32_t noise = 1;
    for (int i = 0; i < 200; ++i) {
      Image image(128, 128);
      for (uint8_t& value : image.rgb)
        value = static_cast<uint8_t>((noise = noise * 1664525u + 1013904223u) >> 24);
      video.AddFrame(image);
    }
    video.Finish();
  });
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, HasSubstr(path.string() + ": can't write the video: "));
  EXPECT_THAT(message, HasSubstr("File too large"));  // "No space left on device" on a full disk
  EXPECT_EQ(dir.NumEntries(), 0);
}

/// The plugin is opened once a process, so what happens without it needs a child process.
[[noreturn]] void OpenInChild(const char* plugin) {
  setenv("SIMSCALE_VIDEO_PLUGIN", plugin, 1);
  try {
    VideoWriter("unused.mp4", {});
  } catch (const IoError& error) {
    fprintf(stderr, "IoError %s\n", error.what());
  }
  _exit(0);
}

TEST(VideoWriterDeathTest, SaysHowToGetTheEncoder) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(OpenInChild("/nonexistent/p.so"), ::testing::ExitedWithCode(0),
              "IoError video: can't open the encoder plugin /nonexistent/p.so: no such file. It is "
              "built with libavcodec-dev, .*set SIMSCALE_VIDEO_PLUGIN");
  TempDir dir;
  const fs::path text = dir.path() / "p.so";
  WriteFileAtomic(text, "no library");
  EXPECT_EXIT(OpenInChild(text.c_str()), ::testing::ExitedWithCode(0),
              "p.so: .*(invalid|too short)");
}

}  // namespace
}  // namespace simscale::render
