#pragma once

// Internal to render/raster: where on a picture something happens.

#include <algorithm>
#include <vector>

namespace simscale::render::raster {

/// Pixels of a picture: of each row one stretch of columns, none by default.
class Area {
 public:
  struct Stretch {
    int first = 0, last = -1;  ///< both belong to it

    bool empty() const { return last < first; }
  };

  void Reset(int width, int height) {
    width_ = width, height_ = height;
    rows_.assign(static_cast<size_t>(height), {width, -1});
    first_ = height, last_ = -1;
  }
  void AddAll() { AddBox(0, 0, width_ - 1, height_ - 1); }
  /// Both corners belong to it, and lie on the picture.
  void AddBox(int x0, int y0, int x1, int y1) {
    first_ = std::min(first_, y0), last_ = std::max(last_, y1);
    for (int y = y0; y <= y1; ++y) {
      Stretch& row = rows_[static_cast<size_t>(y)];
      row = {std::min(row.first, x0), std::max(row.last, x1)};
    }
  }

  bool empty() const { return last_ < first_; }
  /// The first and the last row that may have any.
  int first_row() const { return first_; }
  int last_row() const { return last_; }
  const Stretch& row(int y) const { return rows_[static_cast<size_t>(y)]; }

 private:
  int width_ = 0, height_ = 0, first_ = 0, last_ = -1;
  std::vector<Stretch> rows_;
};

}  // namespace simscale::render::raster
