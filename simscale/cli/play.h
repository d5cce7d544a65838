#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simscale/cli/agents.h"
#include "simscale/cli/app.h"
#include "simscale/env/task.h"

namespace simscale::cli {

/// Who plays what: what `eval` and `render` have in common.
struct PlayConfig {
  std::string env_name;
  std::vector<std::string> task;
  std::string policy;
  std::string device = "auto";
  tasks::ExpertConfig expert;

  void Describe(config::Fields& f);
};
void AddPlayFlags(Command& command);

struct Play {
  std::shared_ptr<const env::Task> task;
  ChosenAgent chosen;
};
/// The agent acts for num_rows rows. what: "evaluate", for the UserError if nobody is to play.
Play MakePlay(const PlayConfig& config, int num_rows, const char* what);

}  // namespace simscale::cli
