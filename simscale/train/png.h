#pragma once

#include <string>

#include "simscale/train/sink.h"

namespace simscale::train {

/// The picture as the bytes of a PNG file.
std::string EncodePng(const Picture& picture);

}  // namespace simscale::train
