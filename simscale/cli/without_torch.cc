#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "simscale/cli/commands.h"
#include "simscale/cli/torch_backend.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::cli {
namespace {

char** g_argv = nullptr;

bool AlwaysNeedsTorch(int argc, char** argv) {
  std::vector<std::string> words;  // of the command's name
  for (int i = 1; i < argc && words.size() < 2; ++i) {
    if (argv[i][0] != '-') words.emplace_back(argv[i]);
  }
  if (words.empty()) return false;
  // The last two describe the flags of all commands.
  for (const char* name :
       {"train", "rl", "list-models", "checkpoint", "completion", kDocsCommand}) {
    if (words[0] == name) return true;
  }
  return words.size() == 2 && words[0] == "bench" && words[1] == "policy";
}

}  // namespace

void StartBackend(int argc, char** argv) {
  g_argv = argv;
  if (AlwaysNeedsTorch(argc, argv)) NeedTorch();
}

std::string TorchExecutable() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) ThrowIo("/proc/self/exe: ", error.message(), ". Is /proc mounted?");
  return (self.parent_path().parent_path() / "libexec/simscale-torch").string();
}

void NeedTorch() {
  const std::string path = TorchExecutable();
  execv(path.c_str(), g_argv);
  ThrowIo(path, ": can't start it (", std::strerror(errno),
          "); it is the part of simscale with LibTorch. Build or install simscale again.");
}

std::unique_ptr<env::Agent> LoadPolicy(const std::string&, const std::string&,
                                       policy::CheckpointInfo*) {
  NeedTorch();
  return nullptr;
}

std::string TorchVersion() {
  NeedTorch();
  return "";
}

std::string TorchProbe() {
  NeedTorch();
  return "";
}

policy::CheckpointInfo ReadCheckpoint(const std::string&) {
  NeedTorch();
  return {};
}

// Only their lines in the help: StartBackend hands over before they are parsed.
void AddTrain(Cli& cli) { cli.Add(nullptr, "train", kTrainHelp); }
void AddRl(Cli& cli) { cli.Add(nullptr, "rl", kRlHelp); }
void AddListModels(Cli& cli) { cli.Add(nullptr, "list-models", kListModelsHelp); }
void AddCheckpoint(Cli& cli) { cli.Add(nullptr, "checkpoint", kCheckpointHelp); }
void AddBenchPolicy(Cli& cli, Command& bench) { cli.Add(&bench, "policy", kBenchPolicyHelp); }

}  // namespace simscale::cli
