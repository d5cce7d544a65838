#include "simscale/common/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "simscale/common/error.h"

namespace simscale {
namespace {

constexpr int kMaxThreads = 4096;
// Between two steps of a batch a policy runs on the same cores: threads that wait give the core
// back soon, but a futex wake-up (5 to 100 us) is saved when the next loop follows at once. Long
// loops leave more to do in between, and a longer wait costs them as small a share.
constexpr std::chrono::nanoseconds kShortestSpin{30'000}, kLongestSpin{250'000};
constexpr int kSpinShare = 32;  // of the last loop's time

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns a value other than `old`, once there is one; sleeps after `spin`.
uint32_t AwaitChange(const std::atomic<uint32_t>& word, uint32_t old,
                     std::chrono::nanoseconds spin) {
  uint32_t value = word.load(std::memory_order_acquire);
  if (value != old) return value;
  if (spin.count() > 0) {
    const auto deadline = std::chrono::steady_clock::now() + spin;
    do {
      for (int i = 0; i < 32; ++i) {
        Pause();
        value = word.load(std::memory_order_acquire);
        if (value != old) return value;
      }
    } while (std::chrono::steady_clock::now() < deadline);
  }
  while ((value = word.load(std::memory_order_acquire)) == old) {
    word.wait(old, std::memory_order_acquire);
  }
  return value;
}

// How many forks lie between this process and the one that loaded us. A child has the pool's memory
// but none of its threads.
std::atomic<uint32_t> g_forks{0};

uint32_t Forks() {
  static const int installed =
      pthread_atfork(nullptr, nullptr, [] { g_forks.fetch_add(1, std::memory_order_relaxed); });
  if (installed != 0) throw Error("internal error: pthread_atfork failed");
  return g_forks.load(std::memory_order_relaxed);
}

// The indices [begin, end) that a thread has still to run, in one word so that the owner (from the
// front) and thieves (from the back) take them by compare-and-swap. Only the owner turns an empty
// range into a full one. A line of its own, or each take would slow the neighbours.
struct alignas(64) Share {
  std::atomic<uint64_t> range{0};

  static constexpr uint64_t Pack(uint32_t begin, uint32_t end) {
    return (uint64_t{begin} << 32) | end;
  }
  static constexpr uint32_t Begin(uint64_t range) { return static_cast<uint32_t>(range >> 32); }
  static constexpr uint32_t End(uint64_t range) { return static_cast<uint32_t>(range); }
  static constexpr uint32_t Size(uint64_t range) {
    return Begin(range) < End(range) ? End(range) - Begin(range) : 0;
  }

  bool TakeFront(uint32_t& index) {
    uint64_t now = range.load(std::memory_order_relaxed);
    while (Size(now) > 0) {
      const uint64_t rest = Pack(Begin(now) + 1, End(now));
      if (range.compare_exchange_weak(now, rest, std::memory_order_relaxed)) {
        index = Begin(now);
        return true;
      }
    }
    return false;
  }

  // The upper half, rounded up; 0 if there is nothing.
  uint64_t TakeHalf() {
    uint64_t now = range.load(std::memory_order_relaxed);
    while (Size(now) > 0) {
      const uint32_t middle = Begin(now) + Size(now) / 2;
      if (range.compare_exchange_weak(now, Pack(Begin(now), middle), std::memory_order_relaxed)) {
        return Pack(middle, End(now));
      }
    }
    return 0;
  }
};

}  // namespace

// A loop is open while gate_ has kOpen. Threads that wake up in time enter (gate_ counts them) and
// work; the caller closes the gate when no index is left and waits only for those inside. So a
// thread that the system does not schedule holds nobody up: its share is stolen.
struct ThreadPool::Impl {
  static constexpr uint32_t kOpen = uint32_t{1} << 31;

  explicit Impl(int num_threads)
      : shares_(static_cast<size_t>(num_threads)),
        spins_(num_threads <= HardwareThreads()),
        forks_(Forks()) {
    Start();
  }
  ~Impl() {
    if (forks_ == Forks()) {
      Stop();
    } else {
      LoseThreads();
    }
  }

  void Start() {
    const int num_threads = static_cast<int>(shares_.size());
    try {
      for (int t = 1; t < num_threads; ++t) {
        // Not what it reads when it gets to run: a loop may have been opened by then.
        const uint32_t seen = loops_.load(std::memory_order_relaxed);
        threads_.emplace_back([this, t, seen] { Serve(t, seen); });
      }
    } catch (const std::system_error& error) {
      const size_t started = threads_.size() + 1;
      Stop();
      ThrowIo("cannot start thread ", started + 1, " of ", num_threads, ": ",
              error.code().message(), ". Ask for fewer threads.");
    }
  }

  // In a child: the handles mean threads of the parent, which can be neither joined nor detached
  // here.
  void LoseThreads() {
    static auto* lost = new std::vector<std::thread>();
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    for (std::thread& thread : threads_) lost->push_back(std::move(thread));
    threads_.clear();
  }

  // In a child, before its first loop: threads of its own.
  void Restart() {
    if (busy_.load(std::memory_order_relaxed)) {
      throw Error(
          "this process was forked while another thread was at work here (in a step or a reset); "
          "make a new environment in the child");
    }
    LoseThreads();
    forks_ = Forks();
    gate_.store(0, std::memory_order_relaxed);
    Start();
  }

  void Stop() {
    stopping_.store(true, std::memory_order_relaxed);
    loops_.fetch_add(1, std::memory_order_release);
    loops_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void Serve(int thread, uint32_t seen) {
    for (;;) {
      seen = AwaitChange(loops_, seen, Spin());
      if (stopping_.load(std::memory_order_relaxed)) return;
      uint32_t gate = gate_.load(std::memory_order_relaxed);
      while ((gate & kOpen) != 0) {
        if (!gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) continue;
        Work(thread);
        if (gate_.fetch_sub(1, std::memory_order_acq_rel) == 1) gate_.notify_one();
        break;
      }
    }
  }

  void Work(int thread) {
    Share& own = shares_[static_cast<size_t>(thread)];
    do {
      uint32_t index;
      while (own.TakeFront(index)) RunOne(static_cast<int>(index), thread);
    } while (Steal(thread));
  }

  // Fills the thread's own, empty share from the next thread that has indices left.
  bool Steal(int thread) {
    const size_t count = shares_.size();
    for (size_t k = 1; k < count; ++k) {
      const uint64_t stolen = shares_[(static_cast<size_t>(thread) + k) % count].TakeHalf();
      if (stolen != 0) {
        shares_[static_cast<size_t>(thread)].range.store(stolen, std::memory_order_relaxed);
        return true;
      }
    }
    return false;
  }

  void RunOne(int index, int thread) {
    try {
      (*body_)(index, thread);
    } catch (...) {
      const std::lock_guard lock(failure_mutex_);
      if (!failure_ || index < failed_index_) {
        failure_ = std::current_exception();
        failed_index_ = index;
      }
    }
  }

  void Run(int n, const std::function<void(int, int)>& body) {
    SIMSCALE_CHECK(n >= 0);
    if (forks_ != Forks()) Restart();
    const bool was_busy = busy_.exchange(true, std::memory_order_acquire);
    // Of a nested or second call; going on would hand out indices of two loops at once.
    if (was_busy) throw Error("internal error: ThreadPool::ParallelFor is already running");
    body_ = &body;
    if (shares_.size() == 1 || n <= 1) {
      for (int i = 0; i < n; ++i) RunOne(i, 0);
    } else {
      RunParallel(static_cast<uint32_t>(n));
    }
    const std::exception_ptr failure = std::exchange(failure_, nullptr);
    busy_.store(false, std::memory_order_release);
    if (failure) std::rethrow_exception(failure);
  }

  void RunParallel(uint32_t n) {
    const auto begin = std::chrono::steady_clock::now();
    const uint64_t count = shares_.size();
    for (uint64_t t = 0; t < count; ++t) {
      shares_[t].range.store(Share::Pack(static_cast<uint32_t>(n * t / count),
                                         static_cast<uint32_t>(n * (t + 1) / count)),
                             std::memory_order_relaxed);
    }
    gate_.store(kOpen, std::memory_order_release);
    loops_.fetch_add(1, std::memory_order_release);
    if (n >= count) {
      loops_.notify_all();
    } else {
      for (uint32_t i = 1; i < n; ++i) loops_.notify_one();
    }
    Work(0);
    uint32_t gate = gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
    while (gate != 0) gate = AwaitChange(gate_, gate, Spin());
    last_loop_.store(std::chrono::steady_clock::now() - begin, std::memory_order_relaxed);
  }

  std::chrono::nanoseconds Spin() const {
    if (!spins_) return {};
    const std::chrono::nanoseconds last = last_loop_.load(std::memory_order_relaxed);
    return std::clamp(last / kSpinShare, kShortestSpin, kLongestSpin);
  }

  std::vector<Share> shares_;
  const bool spins_;  // with more threads than cores, spinning keeps the others from working
  const std::function<void(int, int)>* body_ = nullptr;
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  int failed_index_ = 0;
  std::atomic<std::chrono::nanoseconds> last_loop_{};
  std::atomic<bool> busy_{false}, stopping_{false};
  uint32_t forks_;                              // Forks() of the process that the threads belong to
  alignas(64) std::atomic<uint32_t> loops_{0};  // idle threads wait for it to change
  alignas(64) std::atomic<uint32_t> gate_{0};   // kOpen, plus the number of threads at work
  std::vector<std::thread> threads_;
};

ThreadPool::ThreadPool(int num_threads) {
  if (num_threads < 1 || num_threads > kMaxThreads) {
    ThrowUser("the number of threads must be 1 to ", kMaxThreads, ", got ", num_threads,
              ". This machine has ", HardwareThreads(), " for us.");
  }
  impl_ = std::make_unique<Impl>(num_threads);
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::ParallelFor(int n, const std::function<void(int i, int thread)>& body) {
  impl_->Run(n, body);
}

int ThreadPool::num_threads() const { return static_cast<int>(impl_->shares_.size()); }

}  // namespace simscale
