#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "simscale/data/shards.h"

namespace simscale::datagen {

/// Writes finished episodes to the shard store from a thread of its own: whatever has finished
/// while one shard was written becomes the next one. While it lives, only it touches the store.
class ShardWriter {
 public:
  ShardWriter(data::ShardStore& store, bool keep_failures);
  ~ShardWriter();
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  void Push(data::Episode episode);
  /// Whether a write has failed; Finish rethrows what it was.
  bool failed() const;
  /// Waits until everything is on disk.
  void Finish();

 private:
  void Run();
  bool Keeps(const data::Episode& episode) const { return episode.success || keep_failures_; }

  data::ShardStore& store_;
  bool keep_failures_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<data::Episode> queue_;
  bool closing_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace simscale::datagen
