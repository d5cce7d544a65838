#include "simscale/data/window_loader.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "simscale/common/error.h"

namespace simscale::data {

struct WindowBatch::Slot {
  std::vector<WindowId> windows;
  std::vector<std::shared_ptr<std::byte>> buffers;
  std::vector<size_t> sizes;  // bytes of the buffers
  // Guarded by the loader's mutex.
  size_t next = 0, done = 0;
  std::exception_ptr failure;
};

std::byte* WindowBatch::data(size_t i) const { return slot_->buffers.at(i).get(); }
int64_t WindowBatch::size() const { return std::ssize(slot_->windows); }

namespace {

constexpr size_t kClaim = 4;  // windows that a thread takes at once

std::shared_ptr<std::byte> AllocatePlain(size_t bytes) {
  return {static_cast<std::byte*>(::operator new(bytes, std::align_val_t(64))),
          [](std::byte* p) { ::operator delete(p, std::align_val_t(64)); }};
}

}  // namespace

struct WindowLoader::Impl {
  const RowReader& reader;
  std::vector<WindowArray> arrays;
  Allocate allocate;

  std::mutex mutex;
  std::condition_variable work, finished;
  std::deque<std::shared_ptr<WindowBatch::Slot>> asked;    // in the order of asking
  std::vector<std::shared_ptr<WindowBatch::Slot>> spares;  // all that were ever made
  bool stopping = false;
  std::vector<std::thread> threads;

  explicit Impl(const RowReader& r) : reader(r) {}

  int64_t BytesPerWindow(const WindowArray& array) const {
    return reader.row_bytes(array.array) * array.count;
  }

  /// One that nobody holds, or a new one.
  std::shared_ptr<WindowBatch::Slot> Slot() {
    for (const auto& slot : spares)
      if (slot.use_count() == 1) return slot;
    spares.push_back(std::make_shared<WindowBatch::Slot>());
    spares.back()->buffers.resize(arrays.size());
    spares.back()->sizes.resize(arrays.size());
    return spares.back();
  }

  void Fill(WindowBatch::Slot& slot, size_t i) const {
    const WindowId& id = slot.windows[i];
    const int64_t length = reader.length(id.episode);
    for (size_t a = 0; a < arrays.size(); ++a) {
      const WindowArray& array = arrays[a];
      const auto row = static_cast<size_t>(reader.row_bytes(array.array));
      std::byte* out = slot.buffers[a].get() + i * row * static_cast<size_t>(array.count);
      const int64_t first = id.step + array.first, end = first + array.count;
      const int64_t begin = std::clamp<int64_t>(first, 0, length - 1);
      const int64_t stop = std::clamp<int64_t>(end, begin + 1, length);
      std::byte* inside = out + static_cast<size_t>(begin - std::min(first, begin)) * row;
      // A window that lies wholly outside shows one row of the edge.
      if (first >= length || end <= 0) inside = out;
      reader.Read(id.episode, array.array, begin, stop - begin, inside);
      for (std::byte* before = out; before < inside; before += row)
        std::memcpy(before, inside, row);
      std::byte* last = inside + static_cast<size_t>(stop - begin - 1) * row;
      for (std::byte* after = last + row; after < out + static_cast<size_t>(array.count) * row;
           after += row)
        std::memcpy(after, last, row);
    }
  }

  void Work() {
    std::unique_lock lock(mutex);
    for (;;) {
      std::shared_ptr<WindowBatch::Slot> slot;
      for (const auto& candidate : asked)
        if (candidate->next < candidate->windows.size()) {
          slot = candidate;
          break;
        }
      if (!slot) {
        if (stopping) return;
        work.wait(lock);
        continue;
      }
      const size_t begin = slot->next, end = std::min(begin + kClaim, slot->windows.size());
      slot->next = end;
      lock.unlock();
      std::exception_ptr failure;
      try {
        for (size_t i = begin; i < end; ++i) Fill(*slot, i);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure && !slot->failure) slot->failure = failure;
      slot->done += end - begin;
      if (slot->done == slot->windows.size()) finished.notify_all();
      if (stopping) return;
    }
  }
};

WindowLoader::WindowLoader(const RowReader& reader, std::vector<WindowArray> arrays,
                           int num_threads, Allocate allocate)
    : impl_(std::make_unique<Impl>(reader)) {
  SIMSCALE_CHECK(num_threads >= 1);
  impl_->arrays = std::move(arrays);
  impl_->allocate = allocate ? std::move(allocate) : AllocatePlain;
  for (int t = 0; t < num_threads; ++t) impl_->threads.emplace_back([this] { impl_->Work(); });
}

WindowLoader::~WindowLoader() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->work.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

void WindowLoader::Ask(std::vector<WindowId> windows) {
  SIMSCALE_CHECK(!windows.empty());
  for (const WindowId& id : windows)
    SIMSCALE_CHECK(id.episode >= 0 && id.episode < impl_->reader.num_episodes() && id.step >= 0 &&
                   id.step < impl_->reader.length(id.episode));
  const std::lock_guard lock(impl_->mutex);
  const auto slot = impl_->Slot();
  for (size_t a = 0; a < impl_->arrays.size(); ++a) {
    const size_t bytes =
        windows.size() * static_cast<size_t>(impl_->BytesPerWindow(impl_->arrays[a]));
    if (slot->sizes[a] >= bytes) continue;
    slot->buffers[a] = impl_->allocate(bytes);
    slot->sizes[a] = bytes;
  }
  slot->windows = std::move(windows);
  slot->next = slot->done = 0;
  slot->failure = nullptr;
  impl_->asked.push_back(slot);
  impl_->work.notify_all();
}

WindowBatch WindowLoader::Take() {
  std::unique_lock lock(impl_->mutex);
  SIMSCALE_CHECK(!impl_->asked.empty());
  const auto slot = impl_->asked.front();
  impl_->finished.wait(lock, [&] { return slot->done == slot->windows.size(); });
  impl_->asked.pop_front();
  if (slot->failure) std::rethrow_exception(slot->failure);
  return WindowBatch(slot);
}

int64_t WindowLoader::asked() const {
  const std::lock_guard lock(impl_->mutex);
  return std::ssize(impl_->asked);
}

}  // namespace simscale::data
