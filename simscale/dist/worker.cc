#include "simscale/dist/worker.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "simscale/common/error.h"

namespace simscale::dist {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0')
    ThrowUser("environment: ", name,
              " is not set, but RANK or WORLD_SIZE is; start the processes with torchrun or "
              "`--nproc`");
  return value;
}

int Number(const char* name, const std::string& text, int least, int most) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < least || value > most)
    ThrowUser("environment: ", name, " must be a whole number from ", least, " to ", most,
              ", got '", text, "'");
  return value;
}

}  // namespace

std::optional<Worker> WorkerFromEnvironment() {
  const auto set = [](const char* name) { return std::getenv(name) != nullptr; };
  if (!set("RANK") && !set("WORLD_SIZE")) return std::nullopt;
  constexpr int kMost = 1 << 20;
  Worker worker;
  worker.world_size = Number("WORLD_SIZE", Variable("WORLD_SIZE"), 1, kMost);
  worker.rank = Number("RANK", Variable("RANK"), 0, worker.world_size - 1);
  worker.local_rank = Number("LOCAL_RANK", Variable("LOCAL_RANK"), 0, worker.world_size - 1);
  if (set("LOCAL_WORLD_SIZE"))
    worker.local_size =
        Number("LOCAL_WORLD_SIZE", Variable("LOCAL_WORLD_SIZE"), 1, worker.world_size);
  worker.master_address = Variable("MASTER_ADDR");
  worker.master_port = Number("MASTER_PORT", Variable("MASTER_PORT"), 1, 65535);
  if (set("TORCHELASTIC_RESTART_COUNT"))
    worker.restart =
        Number("TORCHELASTIC_RESTART_COUNT", Variable("TORCHELASTIC_RESTART_COUNT"), 0, kMost);
  const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  worker.agent_store = agent != nullptr && std::strcmp(agent, "True") == 0;
  return worker;
}

}  // namespace simscale::dist
