#include "simscale/datagen/shard_writer.h"

#include <utility>

namespace simscale::datagen {

ShardWriter::ShardWriter(data::ShardStore& store, bool keep_failures)
    : store_(store), keep_failures_(keep_failures), thread_([this] { Run(); }) {}

ShardWriter::~ShardWriter() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ShardWriter::Push(data::Episode episode) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(episode));
  }
  changed_.notify_one();
}

bool ShardWriter::failed() const {
  const std::lock_guard lock(mutex_);
  return error_ != nullptr;
}

void ShardWriter::Finish() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (error_) std::rethrow_exception(error_);
}

void ShardWriter::Run() {
  while (true) {
    std::vector<data::Episode> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    try {
      std::vector<data::EpisodeInfo> dropped;
      for (const data::Episode& e : batch) {
        // A failed episode counts, but its arrays are of no use unless they are asked for.
        if (Keeps(e)) continue;
        dropped.push_back(
            {e.seed, e.index, e.length(), e.success, e.episode_return, e.language, e.outcome});
      }
      std::erase_if(batch, [this](const data::Episode& e) { return !Keeps(e); });
      store_.Append(batch, dropped);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
      return;
    }
  }
}

}  // namespace simscale::datagen
