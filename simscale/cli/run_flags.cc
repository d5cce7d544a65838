#include "simscale/cli/run_flags.h"

#include <vector>

#include "simscale/cli/torch_backend.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"
#include "simscale/train/wandb_sink.h"

namespace simscale::cli {
namespace {

/// Our own command without --nproc.
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

}  // namespace

void AddRunFlags(Command& command, RunFlags& flags, const std::string& share,
                 const std::string& folder, const std::string& traced) {
  command.Switch("--resume", flags.resume, "go on with what lies in the " + folder);
  command.Switch("--overwrite", flags.overwrite, "delete what lies in the " + folder);
  command.Switch("--use-wandb", flags.use_wandb,
                 "send metrics to Weights & Biases as well: adds it to metrics.sinks");
  command.Flag("--nproc", flags.nproc, "N",
               "processes on this machine that " + share +
                   " (default 1); more machines: start it with torchrun");
  command.Flag("--profile", flags.profile, "FILE",
               "write a Chrome trace of " + traced + "; ui.perfetto.dev shows it");
}

void CheckRunFlags(const RunFlags& flags) {
  if (flags.resume && flags.overwrite)
    ThrowUser("--resume and --overwrite exclude each other: choose one");
}

void SetUpMetrics(const RunFlags& flags, train::MetricsConfig* metrics) {
  if (flags.use_wandb && !metrics->Has("wandb")) metrics->sinks.emplace_back("wandb");
  if (metrics->Has("wandb")) train::RequireWandb();
}

dist::Launch StartProcesses(RunFlags* flags) {
  if (flags->nproc != 1) dist::BecomeTorchrun(flags->nproc, CommandOfWorkers());
  dist::Launch launch = dist::JoinTorchrun();
  if (launch.is_restart) {
    flags->resume = true;
    flags->overwrite = false;
  }
  return launch;
}

}  // namespace simscale::cli
