#pragma once

#include <functional>
#include <memory>

namespace simscale {

/// A fixed set of threads that runs index loops. The caller is thread 0 and works too, so
/// num_threads = 1 starts no thread at all. In the child of a fork the first loop starts new
/// threads; a child that was forked in the middle of a loop gets an Error that says so.
class ThreadPool {
 public:
  /// num_threads >= 1. Throws UserError otherwise or past 4096.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Runs body(i, thread) for i in [0, n): each thread takes its static share in order, then steals
  /// from the others. Returns when all are done. If bodies throw, the exception of the lowest i is
  /// rethrown, after all have ended. One caller at a time; not re-entrant. Does not allocate.
  void ParallelFor(int n, const std::function<void(int i, int thread)>& body);

  int num_threads() const;

  /// The cores this process may run on (affinity and cgroup quota respected), at least 1.
  static int HardwareThreads();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace simscale
