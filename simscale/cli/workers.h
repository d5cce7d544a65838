#pragma once

#include <string>
#include <vector>

namespace simscale::cli {

/// Our own command without --nproc: that of each process that torchrun is to start.
std::vector<std::string> CommandOfWorkers();

}  // namespace simscale::cli
