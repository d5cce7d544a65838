#include "simscale/train/run.h"

#include <algorithm>
#include <new>
#include <string_view>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/policy/load.h"
#include "simscale/train/ranks.h"
#include "simscale/train/sources.h"
#include "simscale/train/trainer.h"

namespace simscale::train {
namespace {

/// Whether --resume finds a run that has done all its steps; fills the result then. Throws
/// UserError if it is a run of other settings.
bool AlreadyDone(const TrainConfig& config, TrainResult* result) {
  const fs::path run = config.checkpoint_dir;
  if (!fs::is_symlink(run / "latest")) return false;
  const policy::CheckpointInfo info = policy::ReadCheckpointInfo(run / "latest");
  const fs::path& latest = info.dir;
  const LoopState state =
      LoopStateFromJson(ReadFile(latest / "state.json"), (latest / "state.json").string());
  if (state.step < config.train.steps || !state.due_done) return false;
  RequireSameSettings(RunFolderOf(config), latest);
  // A finished run needs no dataset; but one that is there, and another, is a mistake.
  const auto exists = [](const std::string& path) { return fs::exists(path); };
  if (exists(config.dataset) && std::ranges::all_of(config.mix, exists) &&
      HashOf(config, OpenSources(config), /*noted=*/true) != info.dataset_hash)
    ThrowUser(config.dataset, ": its content differs from what the run in ", run.string(),
              " was trained on; --resume needs the same dataset");
  static_cast<BestSoFar&>(*result) = state;
  result->run_dir = run;
  result->step = state.step;
  result->finished = result->already_done = true;
  result->validation_loss = state.validation;
  return true;
}

[[noreturn]] void ThrowOutOfMemory(int rank) {
  throw Error(
      Cat("train: rank ", rank,
          " has not enough memory. Lower train.batch_size (and raise train.accumulate), set "
          "train.activation_checkpointing=true, lower loader.cache_mb, or spread the model over "
          "several processes by train.strategy=fsdp (docs/distributed.md)"));
}

}  // namespace

TrainResult RunTraining(const TrainConfig& config, const TrainOptions& options,
                        const TrainHooks& hooks) {
  if (options.resume && options.overwrite) ThrowUser("--resume and --overwrite exclude each other");
  TrainResult result;
  Ranks ranks(options.ranks);
  const bool done = ranks.OnMain([&] {
    if (!options.resume || !AlreadyDone(config, &result)) return false;
    LogInfo(config.checkpoint_dir, ": all ", config.train.steps, " steps are done already");
    return true;
  });
  if (done) {
    result.finished = result.already_done = true;
    return result;
  }
  InterruptGuard guard;
  try {
    Trainer trainer(config, options, hooks);
    result = trainer.Run();
  } catch (const std::bad_alloc&) {
    ThrowOutOfMemory(ranks.rank());
  } catch (const c10::Error& error) {
    if (std::string_view(error.what()).find("allocate memory") == std::string_view::npos) throw;
    ThrowOutOfMemory(ranks.rank());
  }
  if (!ranks.is_main()) return result;
  if (!result.finished)
    LogInfo("interrupted after step ", result.step, " of ", config.train.steps,
            ", all is saved. Go on with: simscale train --resume --checkpoint-dir ",
            result.run_dir.string());
  else if (result.best_success >= 0)
    LogInfo("best: step ", result.best_step, ", success ", Fixed(100 * result.best_success, 1),
            " %, ", (result.run_dir / "best").string());
  return result;
}

}  // namespace simscale::train
