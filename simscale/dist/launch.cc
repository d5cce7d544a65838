#include "simscale/dist/launch.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/dist/communicator.h"
#include "simscale/dist/worker.h"

namespace simscale::dist {
namespace {

// Longer than what one rank may do while the others wait: an evaluation, a checkpoint.
constexpr std::chrono::minutes kTimeout{30};
constexpr int kMaxRestarts = 3;
constexpr int kMostProcesses = 4096;

}  // namespace

fs::path ProgramBesideTorch(const std::string& name) {
  Dl_info info;
  const auto* symbol = reinterpret_cast<const void*>(&at::globalContext);
  if (dladdr(symbol, &info) != 0 && info.dli_fname != nullptr) {
    // <prefix>/lib/python3.x/site-packages/torch/lib/libtorch_cpu.so
    fs::path prefix = fs::weakly_canonical(info.dli_fname);
    for (int up = 0; up < 6; ++up) prefix = prefix.parent_path();
    if (fs::exists(prefix / "bin" / name)) return prefix / "bin" / name;
  }
  return name;
}

Launch JoinTorchrun() {
  const std::optional<Worker> worker = WorkerFromEnvironment();
  if (!worker) return {};
  return {.ranks = worker->world_size > 1 ? Communicator::Join(*worker, kTimeout) : nullptr,
          .is_main = worker->rank == 0,
          .local_size = worker->local_size,
          .is_restart = worker->restart > 0};
}

void BecomeTorchrun(int num_processes, const std::vector<std::string>& command) {
  if (num_processes < 1 || num_processes > kMostProcesses)
    ThrowUser("--nproc must be from 1 to ", kMostProcesses, ", got ", num_processes);
  const std::string program = ProgramBesideTorch("torchrun").string();
  std::vector<std::string> words = {program, "--no-python", "--standalone",
                                    Cat("--nproc-per-node=", num_processes),
                                    Cat("--max-restarts=", kMaxRestarts)};
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // torchrun would set it, with four lines of warning: the trainer has threads of its own.
  ::setenv("OMP_NUM_THREADS", "1", /*overwrite=*/0);
  ::execvp(program.c_str(), argv.data());
  ThrowIo(program, ": can't start it (", std::strerror(errno),
          "); it comes with the Python package torch. Install that, or start the processes with a "
          "torchrun of your own");
}

}  // namespace simscale::dist
