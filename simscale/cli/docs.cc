#include <CLI/CLI.hpp>
#include <cctype>
#include <iostream>
#include <string>
#include <vector>

#include "simscale/cli/commands.h"
#include "simscale/env/task_config.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

constexpr char kHead[] =
    R"(<!-- Made by `simscale docs-cli > docs/cli.md` from the declarations in simscale/cli; don't edit. -->

# Command line

    simscale COMMAND [FLAGS] [KEY=VALUE...]

- **Settings.** Flags set the settings that are used most. Every other one is set by `KEY=VALUE` after the
  flags (`train.lr=3e-4`), or in a YAML file with `--config FILE`; flags go above the file, and `KEY=VALUE`
  goes above both. `task.KEY=VALUE` changes the task file of this run (`task.max_episode_steps=100`).
- **Tasks** go by their short or their Gymnasium name (`pick_place`, `SimScale/PickPlace-v0`), or by a path to a task file of your own.
- **Policies** are `scripted` (or `expert`), `random`, `zero`, or a checkpoint: a run folder (then its `best`, else its `latest`), or a folder in it.
- **Results** go to standard output, and as JSON to `--json FILE`, where `-` is standard output; logs and progress go to standard error.
- **Seeds.** `--seed` is one number: data generation, training, evaluation and benchmarks derive their own from it.
- **Ctrl-C** ends a long command once the step at hand is done and saved. A second one ends it at once.
- **Exit codes**: 0 done, 1 failed, 2 a mistake in what was asked for, 130 ended by Ctrl-C. Errors are one line on standard error.
)";

void PrintFlags(const Command& command) {
  std::cout << "| flag | |\n|---|---|\n";
  for (const CLI::Option* option : command.app()->get_options()) {
    if (option->get_group().empty() || option->get_positional()) continue;
    std::string name;
    for (const std::string& flag : option->get_snames()) name += "-" + flag + ", ";
    for (const std::string& flag : option->get_lnames()) name += "--" + flag + ", ";
    name.resize(name.size() - 2);
    if (option->get_items_expected_max() > 0) name += " " + option->get_type_name();
    std::cout << "| `" << name << "` | " << config::MarkdownCell(option->get_description())
              << " |\n";
  }
}

void PrintCommand(const Command& command, const std::string& name) {
  std::string help = command.app()->get_description();
  help[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(help[0])));
  std::cout << "\n## simscale " << name << "\n\n" << help << ".\n\n";
  for (const CLI::Option* option : command.app()->get_options()) {
    if (!option->get_positional()) continue;
    const std::string type = option->get_type_name();
    std::cout << "Arguments: `" << (type.empty() ? option->get_name(true) : type)
              << "`: " << option->get_description() << ".\n\n";
  }
  PrintFlags(command);
  if (!command.docs().empty()) {
    std::cout << "\nSettings:\n\n" << config::DocsAsMarkdown(command.docs());
  }
}

void PrintAll(const Cli& cli, const CLI::App* app, const std::string& prefix) {
  for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_group().empty()) continue;
    const Command* command = cli.Find(sub);
    const std::string name = prefix + sub->get_name();
    if (command->run()) PrintCommand(*command, name);
    PrintAll(cli, sub, name + " ");
  }
}

constexpr char kTasksHead[] =
    R"(<!-- Made by `simscale docs-tasks > docs/task-reference.md` from the declarations; don't edit. -->

# Task files: reference

All that a task file may say ([tasks.md](tasks.md) is the guide). `<name>` is a name of your choice, `<i>` an item of a list.
Numbers in `[brackets]` after a term are how many numbers it gives.
)";

template <class T>
void PrintTerms(const char* section, const std::vector<env::TermType<T>>& types) {
  std::cout << "\n## " << section
            << "\n\n| term | | parameters, with their defaults |\n|---|---|---|\n";
  for (const auto& type : types) {
    std::cout << "| `" << type.name << "` | " << config::MarkdownCell(type.help) << " | ";
    for (size_t i = 0; i < type.params.size(); ++i) {
      const config::FieldDoc& doc = type.params[i];
      std::cout << (i > 0 ? "<br>" : "") << config::MarkdownCode(doc.path + ": " + doc.initial)
                << (doc.unit.empty() ? "" : " " + doc.unit) << ' '
                << config::MarkdownCell(doc.help);
    }
    std::cout << " |\n";
  }
}

void PrintTasks() {
  const env::TermLibrary library = tasks::AllTerms({});
  std::cout << kTasksHead << "\n## Settings\n\n"
            << config::DocsAsMarkdown(config::Docs<env::TaskConfig>());
  PrintTerms("Observation and info terms", library.observations);
  PrintTerms("Reward terms", library.rewards);
  PrintTerms("Termination terms", library.terminations);
  PrintTerms("Reset terms", library.resets);
  PrintTerms("Randomisation terms", library.randomization);
}

}  // namespace

void AddDocs(Cli& cli) {
  Command& command = cli.Add(nullptr, kDocsCommand, "print docs/cli.md", true);
  command.Run([&cli] {
    std::cout << kHead;
    PrintAll(cli, &cli.root(), "");
    return kOk;
  });
  cli.Add(nullptr, "docs-tasks", "print docs/task-reference.md", true).Run([] {
    PrintTasks();
    return kOk;
  });
}

}  // namespace simscale::cli
