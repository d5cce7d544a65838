#include <memory>
#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/policy/consolidate.h"
#include "simscale/policy/load.h"

namespace simscale::cli {
namespace {

struct Arguments {
  std::vector<std::string> names;
  std::string output, json;
};

/// The folder that the result goes to, locked: nobody may train in it meanwhile.
std::unique_ptr<FolderLock> TakeFolder(const fs::path& run, bool is_own) {
  if (!is_own && fs::exists(run) && !(fs::is_directory(run) && fs::is_empty(run)))
    ThrowUser(run.string(), ": exists already; give --output a new folder");
  MakeDirs(run);
  return std::make_unique<FolderLock>(run,
                                      "another process trains in this folder; wait for its end");
}

int Consolidate(const Arguments& arguments) {
  if (arguments.names.empty())
    ThrowUser(
        "checkpoint consolidate needs a checkpoint. See simscale checkpoint consolidate "
        "--help.");
  const Output output(arguments.json);
  const fs::path checkpoint = policy::ResolveCheckpoint(arguments.names[0]);
  const bool in_place = arguments.output.empty();
  const bool in_parts = policy::IsInParts(checkpoint);
  fs::path target = checkpoint;
  if (in_parts || !in_place) {
    const fs::path run = in_place ? checkpoint.parent_path() : fs::path(arguments.output);
    const auto lock = TakeFolder(run, in_place);
    target = policy::Consolidate(checkpoint, run);
    if (!in_place) SwapLink(run / "latest", target.filename().string());
  }
  output.Text(Cat(target.string(), in_parts ? ": one file of weights, one of the optimiser\n"
                                            : ": is in one file already\n"));
  const nlohmann::ordered_json json = {{"checkpoint", target.string()}, {"was_in_parts", in_parts}};
  output.Json(json.dump(1) + "\n");
  return kOk;
}

}  // namespace

void AddCheckpoint(Cli& cli) {
  Command& checkpoint = cli.Add(nullptr, "checkpoint", kCheckpointHelp);
  Command& consolidate = cli.Add(&checkpoint, "consolidate",
                                 "join the parts that the ranks of a sharded training wrote");
  auto arguments = std::make_shared<Arguments>();
  consolidate.Argument("CHECKPOINT", arguments->names, "checkpoint or run folder", 1);
  consolidate.Flag("--output", arguments->output, "DIR",
                   "new run folder for the result (default: in place)");
  AddJsonFlag(consolidate, arguments->json);
  consolidate.Run([arguments] { return Consolidate(*arguments); });
}

}  // namespace simscale::cli
