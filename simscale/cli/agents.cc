#include "simscale/cli/agents.h"

#include "simscale/cli/torch_backend.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/env/simple_agents.h"

namespace simscale::cli {

PolicyChoice ParsePolicy(const std::string& text) {
  const std::vector<std::string> names = {"scripted", "random", "zero"};
  if (text == "expert") return {.name = "scripted", .checkpoint = ""};
  for (const std::string& name : names) {
    if (text == name) return {.name = name, .checkpoint = ""};
  }
  if (fs::exists(text)) return {.name = "", .checkpoint = text};
  if (text.find('/') != std::string::npos) {
    ThrowUser(text, ": no such checkpoint. Name a run folder or a checkpoint in it, or one of ",
              Join(names, ", "), ".");
  }
  throw UserError(Cat(UnknownName("policy", text, names), " Or a checkpoint's folder."));
}

ChosenAgent MakeAgent(const PolicyChoice& choice, const env::Task& task, int num_rows,
                      const tasks::ExpertConfig& expert, const std::string& device) {
  ChosenAgent chosen{.agent = nullptr, .id = choice.name, .checkpoint = std::nullopt};
  if (choice.name == "scripted") {
    chosen.agent = tasks::MakeExpert(task, num_rows, expert);
  } else if (choice.name == "random") {
    chosen.agent = env::MakeRandomAgent(num_rows, task.controller());
  } else if (choice.name == "zero") {
    chosen.agent = env::MakeZeroAgent(task.action_dim());
  } else {
    policy::CheckpointInfo info;
    chosen.agent = LoadPolicy(choice.checkpoint, device, &info);
    if (info.spec.env_name != task.name()) {
      ThrowUser(info.dir.string(), ": this policy was trained on the task '", info.spec.env_name,
                "', not on '", task.name(), "'. Give --env-name ", info.spec.env_name,
                ", or another checkpoint.");
    }
    chosen.id = info.weights_hash;
    chosen.checkpoint = std::move(info);
  }
  return chosen;
}

}  // namespace simscale::cli
