#include "simscale/cli/commands.h"

namespace simscale::cli {

void AddCommands(Cli& cli) {
  AddDatagen(cli);
  AddTrain(cli);
  AddRl(cli);
  AddEval(cli);
  AddRender(cli);
  AddData(cli);
  AddListEnvs(cli);
  AddListModels(cli);
  AddCheckpoint(cli);
  Command& bench = cli.Add(nullptr, "bench", "measure this build on this machine");
  AddBenchEnv(cli, bench);
  AddBenchLoader(cli, bench);
  AddBenchRender(cli, bench);
  AddBenchPolicy(cli, bench);
  AddDoctor(cli);
  AddCompletion(cli);
  AddDocs(cli);
}

}  // namespace simscale::cli

int main(int argc, char** argv) {
  simscale::cli::Cli cli;
  return cli.Main(argc, argv);
}
