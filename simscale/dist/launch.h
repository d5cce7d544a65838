#pragma once

#include <memory>
#include <string>
#include <vector>

/// For those who only start a training on several processes; free of torch headers.
namespace simscale::dist {

class Communicator;

/// The processes that torchrun started this one with, or null: this process is alone. Throws
/// UserError for a broken environment, PeerError if the others can't be met.
std::shared_ptr<Communicator> JoinTorchrun();

/// Whether this process is rank 0, or alone.
bool IsMain();

/// Whether torchrun started this process anew after one of the processes died.
bool IsRestart();

/// Becomes torchrun with `num_processes` workers on this machine, each of them this executable with
/// `arguments`; does not return. torchrun is the one beside the LibTorch that we run with, else
/// that of PATH. Throws UserError for num_processes < 1, IoError if torchrun can't be started.
[[noreturn]] void BecomeTorchrun(int num_processes, const std::vector<std::string>& arguments);

}  // namespace simscale::dist
