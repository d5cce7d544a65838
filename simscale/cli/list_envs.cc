#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/common/error.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

using nlohmann::ordered_json;

int ListAll(const Output& output) {
  std::string text;
  ordered_json json = ordered_json::array();
  for (const std::string& name : tasks::TaskNames()) {
    const env::TaskConfig config = tasks::LoadTaskConfig(name);
    const std::string id = tasks::GymnasiumId(name);
    text += Cat(name, std::string(name.size() < 14 ? 14 - name.size() : 1, ' '), id,
                std::string(id.size() < 26 ? 26 - id.size() : 1, ' '), config.description, "\n");
    json.push_back({{"name", name}, {"id", id}, {"description", config.description}});
  }
  output.Text(text + "simscale list-envs NAME tells a task's terms.\n");
  output.Json(json.dump(1) + "\n");
  return kOk;
}

int ListOne(const std::string& name, const std::vector<std::string>& overrides,
            const Output& output) {
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig(name, overrides));
  output.Text(Cat(task->TermTable(), "physics ", task->model()->opt.timestep, " s, control ",
                  task->config().control_rate, " Hz (", task->frame_skip(),
                  " physics steps each), at most ", task->config().max_episode_steps, " steps\n"));
  ordered_json json = {{"name", task->name()},
                       {"description", task->config().description},
                       {"language", task->config().language},
                       {"control_rate", task->config().control_rate},
                       {"timestep", task->model()->opt.timestep},
                       {"frame_skip", task->frame_skip()},
                       {"max_episode_steps", task->config().max_episode_steps},
                       {"actions", task->controller().action_names()},
                       {"randomization", task->randomization().value_names()},
                       {"observations", ordered_json::object()},
                       {"model_hash", task->model().hash()},
                       {"task_config", task->ResolvedYaml()}};
  for (const auto& spec : task->observation_specs()) json["observations"][spec.name] = spec.shape;
  output.Json(json.dump(1) + "\n");
  return kOk;
}

template <class T>
void DescribeTerms(const char* section, const std::vector<env::TermType<T>>& types,
                   std::string& text, ordered_json& json) {
  text += Cat(section, "\n");
  for (const auto& type : types) {
    text += Cat("  ", type.name, ": ", type.help, "\n");
    ordered_json params = ordered_json::object();
    for (const config::FieldDoc& doc : type.params) {
      const std::string unit = doc.unit.empty() ? "" : Cat(" [", doc.unit, "]");
      text += Cat("      ", doc.path, " = ", doc.initial, unit, ": ", doc.help, "\n");
      params[doc.path] = {{"default", doc.initial}, {"unit", doc.unit}, {"help", doc.help}};
    }
    json[section][type.name] = {{"help", type.help}, {"params", params}};
  }
}

/// The term library, for those who write a task file.
int ListTerms(const std::vector<std::string>& plugins, const Output& output) {
  const env::TermLibrary library = tasks::AllTerms(plugins);
  std::string text;
  ordered_json json;
  DescribeTerms("observations", library.observations, text, json);
  DescribeTerms("rewards", library.rewards, text, json);
  DescribeTerms("terminations", library.terminations, text, json);
  DescribeTerms("resets", library.resets, text, json);
  DescribeTerms("randomization", library.randomization, text, json);
  output.Text(text);
  output.Json(json.dump(1) + "\n");
  return kOk;
}

}  // namespace

void AddListEnvs(Cli& cli) {
  Command& command = cli.Add(nullptr, "list-envs", "list the tasks, or tell one task's terms");
  struct Arguments {
    std::vector<std::string> names;
    std::string json;
    bool terms = false;
  };
  auto arguments = std::make_shared<Arguments>();
  command.Argument("NAME", arguments->names, "a task, or a path to a task file", 1);
  AddJsonFlag(command, arguments->json);
  command.Switch("--terms", arguments->terms, "list the term types that a task file may use");
  AddTaskFlags(command);
  command.Run([&command, arguments] {
    const Output output(arguments->json);
    if (arguments->terms) return ListTerms(command.Plugins(), output);
    const std::vector<std::string> overrides = command.TaskOverrides();
    if (!arguments->names.empty()) return ListOne(arguments->names[0], overrides, output);
    if (!overrides.empty()) {
      ThrowUser("--randomize and --plugin go with a task's NAME, or --plugin with --terms");
    }
    return ListAll(output);
  });
}

}  // namespace simscale::cli
