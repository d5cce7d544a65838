#pragma once

#include <optional>
#include <string>

namespace simscale::dist {

/// What torchrun tells each of the processes that it starts.
struct Worker {
  int rank = 0;        ///< 0 .. world_size - 1
  int local_rank = 0;  ///< on this machine; the CUDA device of the same number is its own
  int world_size = 1;
  int local_size = 1;  ///< of the processes those on this machine
  std::string master_address;
  int master_port = 0;
  int restart = 0;           ///< how often torchrun has started the processes anew
  bool agent_store = false;  ///< torchrun keeps the store: every rank is a client of it
};

/// Of RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE (if it is set), MASTER_ADDR, MASTER_PORT,
/// TORCHELASTIC_RESTART_COUNT and TORCHELASTIC_USE_AGENT_STORE; none without RANK and WORLD_SIZE: a
/// process on its own. Throws UserError where one is missing or no number in its range.
std::optional<Worker> WorkerFromEnvironment();

}  // namespace simscale::dist
