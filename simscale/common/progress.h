#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace simscale {

/// A live line on standard error: redrawn in place on a terminal (10 Hz), else a line every 10 s.
///   datagen 120/500 [####......] 35.1 episodes/s  ETA 11s  yield 99.2 %
class Progress {
 public:
  Progress(std::string label, int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// done: of `total`; extra: free text at the end of the line.
  void Update(int64_t done, const std::string& extra = "");
  /// Draws the last state and ends the line. Called by the destructor too.
  void Finish();
  double seconds() const;

 private:
  void Draw(bool last);
  std::string label_, unit_, extra_;
  int64_t total_, done_ = 0, first_done_ = -1;
  bool terminal_, finished_ = false, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_draw_;
};

}  // namespace simscale
