#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace simscale {

/// A live line on standard error: redrawn in place on a terminal (10 Hz), else a line every 10 s.
///   datagen 120/500 [####......] 35.1 episodes/s  ETA 11s  yield 99.2 %
/// At the end one line remains, with the time it took in place of the ETA. Threads: one caller.
class Progress {
 public:
  /// total: 0 if unknown (then there is no bar and no ETA). initial: what an earlier run had done
  /// already; it does not count for the rate.
  Progress(std::string label, int64_t total, std::string unit, int64_t initial = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// done: of `total`; extra: free text at the end of the line.
  void Update(int64_t done, const std::string& extra = "");
  /// Draws the last state and ends the line. Called by the destructor too. Draws nothing if there
  /// was no Update.
  void Finish();
  double seconds() const;

 private:
  void Draw(bool last);
  std::string Line(bool last) const;
  std::string label_, unit_, extra_;
  int64_t total_, initial_, done_;
  bool terminal_, finished_ = false, updated_ = false;
  std::chrono::steady_clock::time_point start_, last_draw_;
};

}  // namespace simscale
