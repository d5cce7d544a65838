#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "simscale/data/row_reader.h"

namespace simscale::data {

/// Rows first .. first + count - 1 of an array, counted from a window's present step; those before
/// or after the episode repeat its first or last row.
struct WindowArray {
  size_t array = 0;  ///< of the reader
  int first = 0;
  int count = 1;
};

/// A window is named by its present step: step `step` of episode `episode`.
struct WindowId {
  int64_t episode = 0, step = 0;
};

/// A batch in memory that is used again once this object is gone.
class WindowBatch {
 public:
  struct Slot;
  explicit WindowBatch(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}
  /// [B, count, row bytes] of the i-th of the loader's arrays.
  std::byte* data(size_t i) const;
  int64_t size() const;  ///< B

 private:
  std::shared_ptr<Slot> slot_;
};

/// Fills batches of windows by threads of its own, ahead of who takes them, in the order in which
/// they were asked for. What is in them depends on the windows alone.
class WindowLoader {
 public:
  /// Memory of a batch; the default is plain. For page-locked staging.
  using Allocate = std::function<std::shared_ptr<std::byte>(size_t bytes)>;

  /// The reader must outlive the loader. num_threads >= 1.
  WindowLoader(const RowReader& reader, std::vector<WindowArray> arrays, int num_threads,
               Allocate allocate = {});
  ~WindowLoader();
  WindowLoader(const WindowLoader&) = delete;
  WindowLoader& operator=(const WindowLoader&) = delete;

  /// Begins to fill a batch.
  void Ask(std::vector<WindowId> windows);
  /// The oldest that was asked for and not taken yet. Waits for it. Throws what went wrong in it.
  WindowBatch Take();
  int64_t asked() const;  ///< and not taken yet

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace simscale::data
