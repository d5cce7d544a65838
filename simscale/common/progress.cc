#include "simscale/common/progress.h"

#include <algorithm>
#include <utility>

#include "simscale/common/console.h"
#include "simscale/common/text.h"

namespace simscale {
namespace {

constexpr int kBarWidth = 10;

// Three significant digits: 0.0351, 3.51, 35.1, 351.
std::string Rate(double rate) {
  return Fixed(rate, rate >= 99.95 ? 0 : rate >= 9.995 ? 1 : rate >= 0.9995 ? 2 : 4);
}

}  // namespace

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t initial)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(std::max<int64_t>(total, 0)),
      initial_(initial),
      done_(initial),
      terminal_(ConsoleIsTerminal()),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_) {}

Progress::~Progress() { Finish(); }

void Progress::Update(int64_t done, const std::string& extra) {
  if (finished_) return;
  updated_ = true;
  done_ = done;
  extra_ = extra;
  const std::chrono::milliseconds interval(terminal_ ? 100 : 10'000);
  if (std::chrono::steady_clock::now() - last_draw_ >= interval) Draw(false);
}

void Progress::Finish() {
  if (finished_) return;
  finished_ = true;
  if (updated_) Draw(true);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::Draw(bool last) {
  last_draw_ = std::chrono::steady_clock::now();
  if (last || !terminal_) {
    ConsoleWrite(Line(last) + "\n");
  } else {
    ConsoleRedraw(Line(last));
  }
}

std::string Progress::Line(bool last) const {
  const double elapsed = seconds();
  const auto fresh = static_cast<double>(done_ - initial_);
  std::string line = Cat(label_, " ", done_);
  if (total_ > 0) {
    const int filled = static_cast<int>(
        std::clamp(kBarWidth * static_cast<double>(done_) / static_cast<double>(total_), 0.0,
                   1.0 * kBarWidth));
    line += Cat("/", total_, " [", std::string(static_cast<size_t>(filled), '#'),
                std::string(static_cast<size_t>(kBarWidth - filled), '.'), "]");
  }
  if (fresh > 0 && elapsed > 0) line += Cat(" ", Rate(fresh / elapsed), " ", unit_, "/s");
  if (last) {
    line += Cat("  in ", HumanSeconds(elapsed));
  } else if (total_ > done_ && fresh > 0) {
    line += Cat("  ETA ", HumanSeconds(static_cast<double>(total_ - done_) * elapsed / fresh));
  }
  if (!extra_.empty()) line += "  " + extra_;
  return line;
}

}  // namespace simscale
