#include "simscale/common/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "simscale/common/console.h"

namespace simscale {
namespace {

std::mutex& ConsoleMutex() {
  static auto* mutex = new std::mutex;  // never destroyed: other static objects may log at exit
  return *mutex;
}
int g_live_lines = 0;  // guarded by ConsoleMutex

/// Moves the cursor, which is in the last live line.
std::string ToFirstLiveLine() {
  return g_live_lines > 1 ? "\r\x1b[" + std::to_string(g_live_lines - 1) + "A" : "\r";
}

void WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a closed standard error is no reason to stop the work
    text.remove_prefix(static_cast<size_t>(written));
  }
}

class ConsoleSink : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    base_sink::formatter_->format(message, line);
    ConsoleWrite({line.data(), line.size()});
  }
  void flush_() override {}
};

spdlog::logger& Logger() {
  static auto* logger = [] {
    auto* made = new spdlog::logger("simscale", std::make_shared<ConsoleSink>());
    made->set_pattern("[%H:%M:%S] %l: %v");
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

void SetLogLevel(LogLevel level) { Logger().set_level(SpdlogLevel(level)); }

void Log(LogLevel level, const std::string& message) {
  // As a string_view: spdlog would read braces in a format string.
  Logger().log(SpdlogLevel(level), spdlog::string_view_t(message.data(), message.size()));
}

void ConsoleWrite(std::string_view text) {
  const std::lock_guard lock(ConsoleMutex());
  if (g_live_lines > 0) WriteAll(ToFirstLiveLine() + (g_live_lines > 1 ? "\x1b[J" : "\x1b[K"));
  g_live_lines = 0;
  WriteAll(text);
}

void ConsoleRedraw(std::string_view lines) {
  winsize size = {};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  std::string drawn;
  int count = 0;
  for (size_t at = 0; at <= lines.size(); ++count) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    std::string_view line = lines.substr(at, end - at);
    if (known) line = line.substr(0, size.ws_col - 1u);  // a wrapped line could not be redrawn
    if (count > 0) drawn += "\n";
    drawn.append(line).append("\x1b[K");
    at = end + 1;
  }
  const std::lock_guard lock(ConsoleMutex());
  const std::string back = ToFirstLiveLine() + (g_live_lines > count ? "\x1b[J" : "");
  g_live_lines = count;
  WriteAll(back + drawn);
}

bool ConsoleIsTerminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (term == nullptr || std::string_view(term) != "dumb");
}

}  // namespace simscale
