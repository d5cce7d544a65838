#pragma once

#include <filesystem>
#include <string>

#include "simscale/render/image.h"

namespace simscale::render {

/// The picture as a PNG file's bytes (8-bit RGB). Throws UserError if it is empty.
std::string EncodePng(const Image& image);

/// Writes a PNG file atomically, making missing parent folders. Throws UserError for an empty
/// picture, IoError that names the path.
void WritePng(const std::filesystem::path& path, const Image& image);

/// Reads any PNG as 8-bit RGB; transparency is laid over black. Throws UserError that names the
/// path if it isn't there or isn't a PNG.
Image ReadPng(const std::filesystem::path& path);

}  // namespace simscale::render
