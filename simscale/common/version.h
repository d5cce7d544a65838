#pragma once

namespace simscale {

/// The project's version, "0.1.0".
extern const char* const kVersion;

}  // namespace simscale
