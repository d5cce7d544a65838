#include "simscale/render/png.h"

#include <png.h>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::render {
namespace {

/// libpng's simplified interface; freed whatever happens.
struct Png {
  png_image image{};
  Png() { image.version = PNG_IMAGE_VERSION; }
  ~Png() { png_image_free(&image); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
};

}  // namespace

std::string EncodePng(const Image& image) {
  if (image.empty())
    ThrowUser("PNG: the picture is empty (", image.width, " x ", image.height, ")");
  Png png;
  png.image.width = static_cast<png_uint_32>(image.width);
  png.image.height = static_cast<png_uint_32>(image.height);
  png.image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png.image);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png.image, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr))
    ThrowIo("PNG: can't encode the picture: ", png.image.message);
  bytes.resize(size);
  return bytes;
}

void WritePng(const std::filesystem::path& path, const Image& image) {
  const std::string bytes = EncodePng(image);
  if (path.has_parent_path()) MakeDirs(path.parent_path());
  WriteFileAtomic(path, bytes);
}

Image ReadPng(const std::filesystem::path& path) {
  const std::string bytes = ReadFile(path);
  Png png;
  if (!png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size()))
    ThrowUser(path.string(), ": not a PNG picture: ", png.image.message);
  // A few bytes can claim any size.
  constexpr uint64_t kMaxPixels = uint64_t{1} << 28;
  if (uint64_t{png.image.width} * png.image.height > kMaxPixels) {
    ThrowUser(path.string(), ": a picture may have at most ", kMaxPixels, " pixels, this one has ",
              png.image.width, " x ", png.image.height);
  }
  png.image.format = PNG_FORMAT_RGB;
  Image image(static_cast<int>(png.image.width), static_cast<int>(png.image.height));
  const png_color black{0, 0, 0};
  if (!png_image_finish_read(&png.image, &black, image.rgb.data(), 0, nullptr))
    ThrowUser(path.string(), ": damaged PNG picture: ", png.image.message);
  return image;
}

}  // namespace simscale::render
