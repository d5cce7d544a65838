#include "simscale/cli/workers.h"

#include "simscale/cli/torch_backend.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"

namespace simscale::cli {

std::vector<std::string> CommandOfWorkers() {
  const std::string text = ReadFile("/proc/self/cmdline");
  const std::vector<std::string> all = Split(text, '\0');
  std::vector<std::string> kept = {TorchExecutable()};
  for (size_t i = 1; i + 1 < all.size(); ++i) {  // each ends in a zero
    if (all[i] == "--nproc")
      ++i;
    else if (!all[i].starts_with("--nproc="))
      kept.push_back(all[i]);
  }
  return kept;
}

}  // namespace simscale::cli
