#pragma once

// The C interface between libsimscale_render and the plugin libsimscale_video.so. Changing it means
// raising SIMSCALE_VIDEO_ABI, so that a stale plugin is refused and not crashed into.

#include <stddef.h>
#include <stdint.h>

#define SIMSCALE_VIDEO_ABI 2

#ifdef __cplusplus
extern "C" {
#endif

typedef struct simscale_video_settings {
  const char* path;  ///< of the file that is written (created or truncated)
  int width;         ///< even
  int height;        ///< even
  int fps_num;       ///< frames a second, as a fraction
  int fps_den;
  int crf;      ///< x264's constant rate factor
  int animate;  ///< 0: H.264 in MP4; 1: an animated PNG, whose sides may be odd
} simscale_video_settings;

/// Why a call failed.
typedef struct simscale_video_error {
  char text[256];
} simscale_video_error;

#ifndef SIMSCALE_VIDEO_EXPORT
#define SIMSCALE_VIDEO_EXPORT
#endif

SIMSCALE_VIDEO_EXPORT int simscale_video_abi(void);
/// Null if it fails.
SIMSCALE_VIDEO_EXPORT void* simscale_video_open(const simscale_video_settings* settings,
                                                simscale_video_error* error);
/// rgb: [height, width, 3]. 0 if all is well. A file that failed once stays failed.
SIMSCALE_VIDEO_EXPORT int simscale_video_write(void* video, const uint8_t* rgb,
                                               simscale_video_error* error);
/// Flushes the encoder and ends the file. 0 if all is well.
SIMSCALE_VIDEO_EXPORT int simscale_video_finish(void* video, simscale_video_error* error);
/// Closes and frees, finished or not.
SIMSCALE_VIDEO_EXPORT void simscale_video_free(void* video);

#ifdef __cplusplus
}
#endif
