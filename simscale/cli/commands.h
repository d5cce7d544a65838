#pragma once

#include "simscale/cli/app.h"

/// The commands: one file each, listed in order in AddCommands. Of train, rl, list-models,
/// checkpoint and `bench policy` the executable without LibTorch has the names only.
namespace simscale::cli {

inline constexpr char kTrainHelp[] = "train a policy on a dataset";
inline constexpr char kRlHelp[] = "train a policy by reinforcement learning (PPO)";
inline constexpr char kListModelsHelp[] = "list the policies that can be trained";
inline constexpr char kCheckpointHelp[] = "work on checkpoints of trained policies";
inline constexpr char kBenchPolicyHelp[] = "measure how long a policy's call takes";
/// Prints docs/cli.md; hidden, as is docs-tasks, which prints docs/task-reference.md.
inline constexpr char kDocsCommand[] = "docs-cli";

void AddCommands(Cli& cli);

void AddDatagen(Cli& cli);
void AddTrain(Cli& cli);
void AddRl(Cli& cli);
void AddEval(Cli& cli);
void AddRender(Cli& cli);
void AddData(Cli& cli);
void AddListEnvs(Cli& cli);
void AddListModels(Cli& cli);
void AddCheckpoint(Cli& cli);
void AddBenchEnv(Cli& cli, Command& bench);
void AddBenchLoader(Cli& cli, Command& bench);
void AddBenchRender(Cli& cli, Command& bench);
void AddBenchPolicy(Cli& cli, Command& bench);
void AddDoctor(Cli& cli);
void AddCompletion(Cli& cli);
void AddDocs(Cli& cli);

}  // namespace simscale::cli
