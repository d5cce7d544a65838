#include "simscale/render/video.h"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/render/video_plugin/video_plugin.h"

namespace simscale::render {
namespace {

constexpr char kPluginName[] = "libsimscale_video.so";

struct Plugin {
  decltype(&simscale_video_open) open;
  decltype(&simscale_video_write) write;
  decltype(&simscale_video_finish) finish;
  decltype(&simscale_video_free) free;
};

/// Beside the executable (build tree, installation) or beside the shared object this code is in
/// (the Python module).
std::vector<fs::path> PluginPaths() {
  const char* chosen = std::getenv("SIMSCALE_VIDEO_PLUGIN");
  if (chosen != nullptr && *chosen != '\0') return {chosen};
  std::vector<fs::path> paths;
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (!error)
    paths.push_back(executable.parent_path().parent_path() / "lib" / "simscale" / kPluginName);
  Dl_info where{};
  if (dladdr(reinterpret_cast<void*>(&PluginPaths), &where) != 0 && where.dli_fname != nullptr)
    paths.push_back(fs::absolute(where.dli_fname, error).parent_path() / kPluginName);
  return paths;
}

Plugin OpenPlugin() {
  const char* way_out =
      "It is built with libavcodec-dev, libavformat-dev and libswscale-dev installed, and needs "
      "ffmpeg's libraries at run time. Run without video, or set SIMSCALE_VIDEO_PLUGIN to the file";
  void* library = nullptr;
  std::vector<std::string> tried;
  std::string reason = "no such file";
  for (const fs::path& path : PluginPaths()) {
    tried.push_back(path.string());
    std::error_code error;
    if (!fs::exists(path, error)) continue;
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    reason = dlerror();
    break;
  }
  if (library == nullptr)
    ThrowIo("video: can't open the encoder plugin ", Join(tried, " or "), ": ", reason, ". ",
            way_out);
  auto symbol = [&](const char* name) {
    void* address = dlsym(library, name);
    if (address == nullptr)
      ThrowIo("video: ", tried.back(), " is not our encoder plugin (no ", name, ")");
    return address;
  };
  const auto abi = reinterpret_cast<decltype(&simscale_video_abi)>(symbol("simscale_video_abi"));
  if (abi() != SIMSCALE_VIDEO_ABI) {
    ThrowIo("video: ", tried.back(), " has interface version ", abi(), ", not ", SIMSCALE_VIDEO_ABI,
            ". Rebuild it with the program");
  }
  return {reinterpret_cast<decltype(&simscale_video_open)>(symbol("simscale_video_open")),
          reinterpret_cast<decltype(&simscale_video_write)>(symbol("simscale_video_write")),
          reinterpret_cast<decltype(&simscale_video_finish)>(symbol("simscale_video_finish")),
          reinterpret_cast<decltype(&simscale_video_free)>(symbol("simscale_video_free"))};
}

/// Opened once a process and never closed; tried again if it throws.
const Plugin& TheEncoder() {
  static const Plugin plugin = OpenPlugin();
  return plugin;
}

void CheckConfig(const std::string& path, const VideoConfig& config) {
  // x264 wants 16 pixels for its macroblocks' search; H.264's highest level ends at 8192.
  constexpr int kMinSide = 16, kMaxSide = 8192;
  for (const auto& [name, side] : {std::pair{"width", config.width}, {"height", config.height}}) {
    if (side < kMinSide || side > kMaxSide) {
      ThrowUser(path, ": a video's ", name, " must be in ", kMinSide, " .. ", kMaxSide, ", got ",
                side);
    }
  }
  if (!(config.fps >= 1 && config.fps <= 1000))
    ThrowUser(path, ": a video's fps must be in 1 .. 1000, got ", config.fps);
  if (config.crf < 0 || config.crf > 51)
    ThrowUser(path, ": a video's crf must be in 0 .. 51, got ", config.crf);
}

}  // namespace

struct VideoWriter::Impl {
  Impl(const fs::path& path_, const VideoConfig& config_)
      : path(path_),
        config(config_),
        even_width(config.width + (config.animated_png ? 0 : config.width % 2)),
        even_height(config.height + (config.animated_png ? 0 : config.height % 2)) {
    CheckConfig(path.string(), config);
    plugin = &TheEncoder();
    if (fs::is_directory(path))
      ThrowUser(path.string(), ": can't write the video: it is a folder. Name a file");
    if (path.has_parent_path()) MakeDirs(path.parent_path());
    RemoveStaleTemps(path);
    temp = TempBeside(path);
    const std::string temp_name = temp.string();
    constexpr int kFpsDen = 1001;  // exact for 29.97's kind, within 0.05 % for others
    simscale_video_settings settings{};
    settings.path = temp_name.c_str();
    settings.width = even_width;
    settings.height = even_height;
    const bool whole = config.fps == std::floor(config.fps);
    settings.fps_num = static_cast<int>(std::lround(config.fps * (whole ? 1 : kFpsDen)));
    settings.fps_den = whole ? 1 : kFpsDen;
    settings.crf = config.crf;
    settings.animate = config.animated_png ? 1 : 0;
    video = plugin->open(&settings, &error);
    if (video == nullptr) {
      RemoveTemp();
      ThrowEncoderError();
    }
    if (even_width != config.width || even_height != config.height)
      padded.resize(static_cast<size_t>(even_width) * static_cast<size_t>(even_height) * 3);
  }
  ~Impl() { Discard(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[noreturn]] void ThrowEncoderError() const {
    ThrowIo(path.string(), ": can't write the video: ", error.text);
  }

  /// With an odd last column or row repeated.
  const uint8_t* Even(std::span<const uint8_t> rgb) {
    if (padded.empty()) return rgb.data();
    const size_t row = static_cast<size_t>(config.width) * 3;
    const size_t even_row = static_cast<size_t>(even_width) * 3;
    for (int y = 0; y < even_height; ++y) {
      const uint8_t* from = &rgb[row * static_cast<size_t>(std::min(y, config.height - 1))];
      uint8_t* to = &padded[even_row * static_cast<size_t>(y)];
      std::memcpy(to, from, row);
      if (even_row != row) std::memcpy(to + row, from + row - 3, 3);
    }
    return padded.data();
  }

  void Discard() noexcept {
    if (video == nullptr) return;
    plugin->free(video);
    video = nullptr;
    RemoveTemp();
  }
  void RemoveTemp() const noexcept {
    std::error_code ignored;
    fs::remove(temp, ignored);
  }

  fs::path path;
  fs::path temp;
  VideoConfig config;
  int even_width, even_height;
  const Plugin* plugin = nullptr;
  void* video = nullptr;
  simscale_video_error error{};
  std::vector<uint8_t> padded;
  int num_frames = 0;
};

VideoWriter::VideoWriter(const std::filesystem::path& path, const VideoConfig& config)
    : impl_(std::make_unique<Impl>(path, config)) {}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

void VideoWriter::AddFrame(std::span<const uint8_t> rgb_HWC) {
  Impl& s = *impl_;
  const size_t expected =
      static_cast<size_t>(s.config.width) * static_cast<size_t>(s.config.height) * 3;
  if (rgb_HWC.size() != expected) {
    throw ShapeError(Cat(s.path.string(), ": a frame takes [", s.config.height, ", ",
                         s.config.width, ", 3] = ", expected, " bytes, got ", rgb_HWC.size()));
  }
  if (s.video == nullptr)
    ThrowUser(s.path.string(), ": the video has ended; no frame can be added");
  if (s.plugin->write(s.video, s.Even(rgb_HWC), &s.error) != 0) {
    s.Discard();
    s.ThrowEncoderError();
  }
  ++s.num_frames;
}

void VideoWriter::AddFrame(const Image& image) {
  if (image.width != impl_->config.width || image.height != impl_->config.height) {
    throw ShapeError(Cat(impl_->path.string(), ": frames are ", impl_->config.width, " x ",
                         impl_->config.height, ", got one of ", image.width, " x ", image.height));
  }
  AddFrame(std::span<const uint8_t>(image.rgb));
}

void VideoWriter::Finish() {
  Impl& s = *impl_;
  if (s.video == nullptr) ThrowUser(s.path.string(), ": the video has ended already");
  if (s.num_frames == 0) {
    s.Discard();
    ThrowUser(s.path.string(), ": a video needs at least one frame");
  }
  if (s.plugin->finish(s.video, &s.error) != 0) {
    s.Discard();
    s.ThrowEncoderError();
  }
  s.plugin->free(s.video);
  s.video = nullptr;
  try {
    SyncPath(s.temp);
    fs::rename(s.temp, s.path);
    SyncPath(s.path.has_parent_path() ? s.path.parent_path() : fs::path("."));
  } catch (const fs::filesystem_error& error) {
    s.RemoveTemp();
    ThrowIo(s.path.string(), ": can't write the video: ", error.code().message());
  } catch (...) {
    s.RemoveTemp();
    throw;
  }
}

int VideoWriter::num_frames() const { return impl_->num_frames; }

}  // namespace simscale::render
