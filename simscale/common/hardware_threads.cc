#include "simscale/common/hardware_threads.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "simscale/common/text.h"
#include "simscale/common/thread_pool.h"

namespace simscale {
namespace {

namespace fs = std::filesystem;

std::string Slurp(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

// The limit one folder sets. Version 2: cpu.max is "<quota or max> <period>"; version 1 has a
// file each, and a quota of -1 for none.
std::optional<double> FolderLimit(const fs::path& folder) {
  std::istringstream in(Slurp(folder / "cpu.max") + Slurp(folder / "cpu.cfs_quota_us") + " " +
                        Slurp(folder / "cpu.cfs_period_us"));
  double quota = 0, period = 0;
  if (in >> quota >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

#ifdef __linux__
int AffinityCount() {
  // The kernel refuses a mask smaller than its own, so it grows until it fits.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(cpus));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return 0;
}
#else
int AffinityCount() { return 0; }
#endif

}  // namespace

std::optional<double> CgroupCpuLimit(std::string_view memberships, const fs::path& root) {
  std::optional<double> limit;
  for (const std::string& line : Split(memberships, '\n')) {
    // <id>:<controllers, "" in version 2>:<path>
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::vector<fs::path> mounts;
    if (controllers.empty()) {
      mounts = {root, root / "unified"};
    } else {
      const std::vector<std::string> names = Split(controllers, ',');
      if (std::find(names.begin(), names.end(), "cpu") == names.end()) continue;
      mounts = {root / controllers, root / "cpu"};
    }
    // In a container the path is often the host's and does not exist; its root is then ours.
    for (const fs::path& mount : mounts) {
      fs::path relative = fs::path(line.substr(second + 1)).relative_path();
      for (;;) {
        const std::optional<double> here = FolderLimit(mount / relative);
        if (here) limit = std::min(limit.value_or(*here), *here);
        if (relative.empty()) break;
        relative = relative.parent_path();
      }
    }
  }
  return limit;
}

int ThreadPool::HardwareThreads() {
  int count = AffinityCount();
  if (count < 1) count = static_cast<int>(std::thread::hardware_concurrency());
  // A quota of 1.5 CPUs is worth two threads: they are throttled, but one would waste a third.
  if (const auto limit = CgroupCpuLimit(Slurp("/proc/self/cgroup"), "/sys/fs/cgroup")) {
    count = static_cast<int>(std::min<double>(count, std::ceil(*limit)));
  }
  return std::max(count, 1);
}

}  // namespace simscale
