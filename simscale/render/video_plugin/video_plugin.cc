// The encoder behind VideoWriter: RGB frames to H.264 in MP4, or to an animated PNG. A shared
// object of its own, as libavcodec brings over 100 libraries, which would cost every start of the
// program.

#define SIMSCALE_VIDEO_EXPORT __attribute__((visibility("default")))
#include "simscale/render/video_plugin/video_plugin.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

[[noreturn]] void Fail(const std::string& what) { throw std::runtime_error(what); }

void Check(int code, const char* what) {
  if (code >= 0) return;
  char reason[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, reason, sizeof(reason));
  Fail(std::string(what) + ": " + reason);
}

class Encoder {
 public:
  explicit Encoder(const simscale_video_settings& settings) {
    try {
      OpenCodec(settings);
      OpenFile(settings);
    } catch (...) {
      Free();
      throw;
    }
  }
  ~Encoder() { Free(); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void Write(const uint8_t* rgb) {
    const int stride[] = {3 * codec_->width};
    const uint8_t* const planes[] = {rgb};
    Check(av_frame_make_writable(frame_), "no memory for a frame");
    sws_scale(scaler_, planes, stride, 0, codec_->height, frame_->data, frame_->linesize);
    frame_->pts = next_pts_++;
    Encode(frame_);
  }

  void Finish() {
    Encode(nullptr);
    Check(av_write_trailer(format_), "can't end the file");
    Check(avio_closep(&format_->pb), "can't close the file");
  }

 private:
  void OpenCodec(const simscale_video_settings& s) {
    const AVCodec* codec = avcodec_find_encoder_by_name(s.animate ? "apng" : "libx264");
    if (codec == nullptr && s.animate)
      Fail("this libavcodec has no encoder of animated PNGs; install the distribution's full one");
    if (codec == nullptr) {
      Fail(
          "this libavcodec has no H.264 encoder libx264; install the distribution's full "
          "libavcodec "
          "(Debian, Ubuntu: ffmpeg; Fedora: libavcodec-freeworld)");
    }
    codec_ = avcodec_alloc_context3(codec);
    if (codec_ == nullptr) Fail("no memory for the encoder");
    codec_->width = s.width;
    codec_->height = s.height;
    codec_->time_base = {s.fps_den, s.fps_num};
    codec_->framerate = {s.fps_num, s.fps_den};
    codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    codec_->thread_count = 1;  // x264's output depends on the number of its threads
    if (s.animate)
      SetUpPng();
    else
      SetUpH264(s.crf);
    Check(avcodec_open2(codec_, codec, nullptr), "can't open the encoder");

    scaler_ = sws_getContext(s.width, s.height, AV_PIX_FMT_RGB24, s.width, s.height,
                             codec_->pix_fmt, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP,
                             nullptr, nullptr, nullptr);
    frame_ = av_frame_alloc();
    packet_ = av_packet_alloc();
    if (scaler_ == nullptr || frame_ == nullptr || packet_ == nullptr)
      Fail("no memory for a frame");
    frame_->format = codec_->pix_fmt;
    frame_->width = s.width;
    frame_->height = s.height;
    frame_->color_range = codec_->color_range;
    frame_->colorspace = codec_->colorspace;
    Check(av_frame_get_buffer(frame_, 0), "no memory for a frame");
  }

  void SetUpH264(int crf) const {
    codec_->pix_fmt = AV_PIX_FMT_YUV420P;  // what every browser and phone plays
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->colorspace = AVCOL_SPC_SMPTE170M;  // BT.601, which swscale's default matrix is
    codec_->color_primaries = AVCOL_PRI_SMPTE170M;
    codec_->color_trc = AVCOL_TRC_SMPTE170M;
    av_opt_set_int(codec_->priv_data, "crf", crf, 0);
    av_opt_set(codec_->priv_data, "preset", "veryfast", 0);
  }

  void SetUpPng() const {
    codec_->pix_fmt = AV_PIX_FMT_RGB24;
    av_opt_set(codec_->priv_data, "pred", "paeth", 0);
  }

  void OpenFile(const simscale_video_settings& s) {
    // Named: the temporary file's name does not end in what to tell by.
    Check(avformat_alloc_output_context2(&format_, nullptr, s.animate ? "apng" : "mp4", s.path),
          "no writer of such files");
    format_->flags |= AVFMT_FLAG_BITEXACT;  // no version, no date: equal frames give equal bytes
    stream_ = avformat_new_stream(format_, nullptr);
    if (stream_ == nullptr) Fail("no memory for the stream");
    Check(avcodec_parameters_from_context(stream_->codecpar, codec_), "can't set up the stream");
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    Check(avio_open(&format_->pb, s.path, AVIO_FLAG_WRITE), "can't open the file");
    AVDictionary* options = nullptr;
    if (s.animate)
      av_dict_set(&options, "plays", "0", 0);  // again and again
    else
      av_dict_set(&options, "movflags", "+faststart", 0);
    const int code = avformat_write_header(format_, &options);
    av_dict_free(&options);
    Check(code, "can't write the header");
  }

  /// Null flushes.
  void Encode(const AVFrame* frame) {
    Check(avcodec_send_frame(codec_, frame), "can't encode a frame");
    for (;;) {
      const int code = avcodec_receive_packet(codec_, packet_);
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) break;
      Check(code, "can't encode a frame");
      packet_->duration = 1;  // else MP4 gives the last frame no time and players drop it
      packet_->stream_index = stream_->index;
      av_packet_rescale_ts(packet_, codec_->time_base, stream_->time_base);
      Check(av_interleaved_write_frame(format_, packet_), "can't write a frame");
    }
    Check(format_->pb->error, "can't write a frame");  // buffered writes report late
  }

  void Free() {
    sws_freeContext(scaler_);
    av_packet_free(&packet_);
    av_frame_free(&frame_);
    if (format_ != nullptr) avio_closep(&format_->pb);
    avformat_free_context(format_);
    avcodec_free_context(&codec_);
  }

  AVCodecContext* codec_ = nullptr;
  AVFormatContext* format_ = nullptr;
  AVStream* stream_ = nullptr;
  AVFrame* frame_ = nullptr;
  AVPacket* packet_ = nullptr;
  SwsContext* scaler_ = nullptr;
  int64_t next_pts_ = 0;
};

/// No exception may cross the C interface.
template <class F>
int Guard(simscale_video_error* error, F&& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& e) {
    std::snprintf(error->text, sizeof(error->text), "%s", e.what());
    return -1;
  }
}

}  // namespace

extern "C" {

int simscale_video_abi(void) { return SIMSCALE_VIDEO_ABI; }

void* simscale_video_open(const simscale_video_settings* settings, simscale_video_error* error) {
  av_log_set_level(AV_LOG_QUIET);  // what goes wrong is told by the return codes
  Encoder* encoder = nullptr;
  Guard(error, [&] { encoder = new Encoder(*settings); });
  return encoder;
}

int simscale_video_write(void* video, const uint8_t* rgb, simscale_video_error* error) {
  return Guard(error, [&] { static_cast<Encoder*>(video)->Write(rgb); });
}

int simscale_video_finish(void* video, simscale_video_error* error) {
  return Guard(error, [&] { static_cast<Encoder*>(video)->Finish(); });
}

void simscale_video_free(void* video) { delete static_cast<Encoder*>(video); }

}  // extern "C"
