#include "simscale/train/png.h"

#include <cairo.h>

#include <cstring>

#include "simscale/common/error.h"

namespace simscale::train {

std::string EncodePng(const Picture& picture) {
  SIMSCALE_CHECK(std::ssize(picture.rgb) == int64_t{3} * picture.width * picture.height);
  cairo_surface_t* surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture.width, picture.height);
  cairo_surface_flush(surface);
  unsigned char* rows = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  if (rows != nullptr)
    for (int y = 0; y < picture.height; ++y)
      for (int x = 0; x < picture.width; ++x) {
        const uint8_t* from = picture.rgb.data() + 3 * (int64_t{y} * picture.width + x);
        const uint32_t pixel =
            static_cast<uint32_t>(from[0]) << 16 | static_cast<uint32_t>(from[1]) << 8 | from[2];
        std::memcpy(rows + int64_t{y} * stride + int64_t{4} * x, &pixel, sizeof pixel);
      }
  cairo_surface_mark_dirty(surface);
  std::string bytes;
  const auto append = [](void* to, const unsigned char* data, unsigned int size) {
    static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), size);
    return CAIRO_STATUS_SUCCESS;
  };
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface, append, &bytes);
  cairo_surface_destroy(surface);
  if (status != CAIRO_STATUS_SUCCESS)
    throw Error(Cat("can't encode a picture: ", cairo_status_to_string(status)));
  return bytes;
}

}  // namespace simscale::train
