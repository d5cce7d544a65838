#include "simscale/common/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/common/hardware_threads.h"
#include "simscale/common/stopwatch.h"

namespace {
std::atomic<long> g_allocations{0};
}  // namespace

// Counts what a loop allocates. Not inlined, or GCC takes the free for a mismatch of the new.
[[gnu::noinline]] void* operator new(size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace simscale {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(ThreadPool, RunsEveryIndexOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const int n : {0, 1, 2, 3, 7, 8, 9, 1000, 20'000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(n));
      std::atomic<bool> bad_thread{false};
      pool.ParallelFor(n, [&](int i, int thread) {
        ++runs[static_cast<size_t>(i)];
        if (thread < 0 || thread >= threads) bad_thread = true;
      });
      for (const auto& count : runs) ASSERT_EQ(count, 1) << threads << " threads, n " << n;
      EXPECT_FALSE(bad_thread);
    }
  }
}

TEST(ThreadPool, OneThreadRunsInOrderOnTheCaller) {
  ThreadPool pool(1);
  std::vector<int> order;
  const auto caller = std::this_thread::get_id();
  pool.ParallelFor(5, [&](int i, int thread) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(thread, 0);
    order.push_back(i);
  });
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(ThreadPool, ResultsNeedNoAtomics) {
  // Plain writes of the bodies are seen after the loop, those before it by the bodies.
  ThreadPool pool(4);
  std::vector<int> values(1000, 1);
  for (int round = 0; round < 50; ++round) {
    pool.ParallelFor(1000, [&](int i, int) { values[static_cast<size_t>(i)] *= 3; });
    for (int& value : values) {
      ASSERT_EQ(value, 3);
      value = 1;
    }
  }
}

TEST(ThreadPool, ThreadIndexIsExclusive) {
  ThreadPool pool(4);
  std::vector<long> scratch(4, 0);  // one plain slot a thread, as callers keep scratch memory
  pool.ParallelFor(10'000, [&](int, int thread) { ++scratch[static_cast<size_t>(thread)]; });
  EXPECT_EQ(scratch[0] + scratch[1] + scratch[2] + scratch[3], 10'000);
}

TEST(ThreadPool, StealsFromABusyThread) {
  ThreadPool pool(2);
  std::atomic<int> others{0};
  pool.ParallelFor(64, [&](int i, int) {
    if (i > 0) {
      ++others;
      return;
    }
    // The thread of index 0 holds 1 to 31 too: only stealing lets them end before it.
    const Stopwatch watch;
    while (others < 63 && watch.seconds() < 20) std::this_thread::yield();
    EXPECT_EQ(others, 63);
  });
}

TEST(ThreadPool, UnevenLoadsAreShared) {
  ThreadPool pool(4);
  std::atomic<int> asleep{0}, most_asleep{0}, done{0};
  pool.ParallelFor(200, [&](int i, int) {
    if (i < 10) {  // all of them in the first thread's share
      const int now = ++asleep;
      int most = most_asleep;
      while (most < now && !most_asleep.compare_exchange_weak(most, now)) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      --asleep;
    }
    ++done;
  });
  EXPECT_EQ(done, 200);
  EXPECT_GE(most_asleep, 2);
}

TEST(ThreadPool, RethrowsTheLowestIndex) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> ended{0};
      try {
        pool.ParallelFor(100, [&](int i, int) {
          if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
          ++ended;
        });
        FAIL();
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "7");
      }
      EXPECT_EQ(ended, 90);  // all the others have run
    }
    std::atomic<int> sum{0};
    pool.ParallelFor(10, [&](int i, int) { sum += i; });
    EXPECT_EQ(sum, 45);  // usable afterwards
  }
}

TEST(ThreadPool, TenThousandLoops) {
  ThreadPool pool(3);
  std::atomic<long> sum{0};
  for (int loop = 0; loop < 10'000; ++loop) {
    pool.ParallelFor(loop % 9, [&](int i, int) { sum.fetch_add(i + 1); });
  }
  long expected = 0;
  for (int loop = 0; loop < 10'000; ++loop) expected += (loop % 9) * (loop % 9 + 1) / 2;
  EXPECT_EQ(sum, expected);
}

TEST(ThreadPool, LoopsAfterIdleTimes) {
  ThreadPool pool(3);
  std::atomic<int> count{0};
  for (int loop = 0; loop < 50; ++loop) {  // long enough for all threads to sleep
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    pool.ParallelFor(6, [&](int, int) { ++count; });
  }
  EXPECT_EQ(count, 300);
}

TEST(ThreadPool, ALoopDoesNotAllocate) {
  ThreadPool pool(2);
  std::atomic<int> count{0};
  const std::function<void(int, int)> body = [&](int, int) { ++count; };
  pool.ParallelFor(16, body);
  const long before = g_allocations;
  for (int loop = 0; loop < 100; ++loop) pool.ParallelFor(16, body);
  EXPECT_EQ(g_allocations, before);
  EXPECT_EQ(count, 1616);
}

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

TEST(ThreadPool, IdleThreadsSleep) {
  ThreadPool pool(2);
  pool.ParallelFor(100, [](int, int) {});
  const double before = CpuSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(CpuSeconds() - before, 0.05);
}

TEST(ThreadPool, NestedCallIsAnError) {
  ThreadPool pool(2);
  try {
    pool.ParallelFor(4, [&](int, int) { pool.ParallelFor(2, [](int, int) {}); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "internal error: ThreadPool::ParallelFor is already running");
  }
}

TEST(ThreadPool, RefusesAbsurdSizes) {
  for (const int threads : {0, -3, 5000}) {
    try {
      ThreadPool pool(threads);
      FAIL();
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("the number of threads must be 1 to 4096, got " +
                                          std::to_string(threads) + ". This machine has "));
    }
  }
}

TEST(HardwareThreads, RespectsAffinity) {
  EXPECT_GE(ThreadPool::HardwareThreads(), 1);
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(ThreadPool::HardwareThreads(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

class Cgroup : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cgroup-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }
  void Put(const fs::path& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text << "\n";
  }
  fs::path root_;
};

TEST_F(Cgroup, Version2TakesTheStrictestAncestor) {
  Put("a/b/cpu.max", "max 100000");
  Put("a/cpu.max", "150000 100000");
  Put("cpu.max", "400000 100000");
  EXPECT_EQ(CgroupCpuLimit("0::/a/b\n", root_), 1.5);
  EXPECT_EQ(CgroupCpuLimit("0::/\n", root_), 4.0);
  EXPECT_EQ(CgroupCpuLimit("0::/elsewhere/c\n", root_), 4.0);  // the host's path, in a container
}

TEST_F(Cgroup, Version1) {
  Put("cpu,cpuacct/job/cpu.cfs_quota_us", "250000");
  Put("cpu,cpuacct/job/cpu.cfs_period_us", "100000");
  EXPECT_EQ(CgroupCpuLimit("5:memory:/x\n4:cpu,cpuacct:/job\n0::/\n", root_), 2.5);
  Put("cpu/cpu.cfs_quota_us", "-1");
  Put("cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(CgroupCpuLimit("1:cpu:/\n", root_), std::nullopt);
}

TEST_F(Cgroup, NoLimit) {
  EXPECT_EQ(CgroupCpuLimit("0::/\n", root_), std::nullopt);
  EXPECT_EQ(CgroupCpuLimit("", root_), std::nullopt);
  EXPECT_EQ(CgroupCpuLimit("nonsense\n:\n", root_), std::nullopt);
  Put("cpu.max", "max 100000");
  EXPECT_EQ(CgroupCpuLimit("0::/\n", root_), std::nullopt);
}

// Runs `body` in a forked child and returns its exit status; 99 if it was still busy after 10 s.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

TEST(ThreadPool, StartsItsThreadsAnewInAForkedChild) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer allows no threads after a fork";
#endif
  ThreadPool pool(4);
  std::vector<int> hits(1000);
  const auto count = [&hits](int i, int) { ++hits[static_cast<size_t>(i)]; };
  pool.ParallelFor(1000, count);
  const auto work_on = [&] {
    for (int loop = 0; loop < 100; ++loop) pool.ParallelFor(1000, count);
    // They are there in truth: a loop whose bodies wait for each other ends.
    std::atomic<int> together{0};
    pool.ParallelFor(4, [&together](int, int) {
      together.fetch_add(1);
      while (together.load() < 4) std::this_thread::yield();
    });
    return std::all_of(hits.begin(), hits.end(), [](int n) { return n == 101; }) ? 7 : 1;
  };
  EXPECT_EQ(InChild(work_on), 7);
  EXPECT_EQ(InChild([&] { return InChild(work_on); }), 7);
  // The parent's own are untouched, and a child may drop a pool without having used it.
  pool.ParallelFor(1000, count);
  EXPECT_THAT(hits, testing::Each(2));
  auto dropped = std::make_unique<ThreadPool>(3);
  EXPECT_EQ(InChild([&] { return dropped.reset(), 7; }), 7);
}

TEST(ThreadPool, RefusesToGoOnWithALoopThatAForkCutShort) {
  ThreadPool pool(2);
  int status = 0;
  pool.ParallelFor(1, [&](int, int) {
    status = InChild([&pool] {
      try {
        pool.ParallelFor(1, [](int, int) {});
      } catch (const Error& error) {
        return std::string(error.what()).find("make a new environment") != std::string::npos ? 7
                                                                                             : 2;
      }
      return 1;
    });
  });
  EXPECT_EQ(status, 7);
}

}  // namespace
}  // namespace simscale
