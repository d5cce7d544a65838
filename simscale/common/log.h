#pragma once

#include <string>

#include "simscale/common/text.h"

namespace simscale {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Everything goes to standard error, so that standard output stays for results.
/// (This header hides spdlog: LibTorch carries an fmt of its own that clashes with Debian's.)
void SetLogLevel(LogLevel level);
void Log(LogLevel level, const std::string& message);

template <class... Args>
void LogDebug(const Args&... args) {
  Log(LogLevel::kDebug, Cat(args...));
}
template <class... Args>
void LogInfo(const Args&... args) {
  Log(LogLevel::kInfo, Cat(args...));
}
template <class... Args>
void LogWarning(const Args&... args) {
  Log(LogLevel::kWarning, Cat(args...));
}

}  // namespace simscale
