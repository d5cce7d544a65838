#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

/// For those who only start a training on several processes; free of torch headers.
namespace simscale::dist {

class Communicator;

/// What torchrun started this process as.
struct Launch {
  std::shared_ptr<Communicator> ranks;  ///< all of the processes; null: this one is alone
  bool is_main = true;                  ///< rank 0, or alone
  int local_size = 1;                   ///< processes on this machine
  bool is_restart = false;              ///< started anew after one of the processes died
};

/// Meets the others, if there are any. Throws UserError for a broken environment, PeerError if they
/// can't be met.
Launch JoinTorchrun();

/// <prefix>/bin/<name> of the Python environment whose LibTorch we run with; else the bare name,
/// for PATH to find.
std::filesystem::path ProgramBesideTorch(const std::string& name);

/// Becomes torchrun with `num_processes` workers on this machine, each of them `command` (a program
/// and its arguments); does not return. torchrun is the one beside the LibTorch that we run with,
/// else that of PATH. Throws UserError for num_processes < 1, IoError if torchrun can't be started.
[[noreturn]] void BecomeTorchrun(int num_processes, const std::vector<std::string>& command);

}  // namespace simscale::dist
