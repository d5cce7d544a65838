#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "simscale/config/fields.h"

// CLI11 takes seconds to compile: only the files that need it include it.
namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
class Option;
}  // namespace CLI

namespace simscale::cli {

/// What the shell gets. A failure of the machine is 1, the user's mistake 2.
constexpr int kOk = 0, kFailed = 1, kUserMistake = 2;
/// Ended by Ctrl-C after saving: what shells report for a process ended by SIGINT.
constexpr int kInterrupted = 130;

/// One command: its flags, the configuration that they set, and what it runs.
///
/// A flag that sets a field of the configuration is only another spelling of KEY=VALUE, so types,
/// ranges, defaults and help texts are those of the field's one declaration.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  CLI::App* app() const { return app_; }
  void Run(std::function<int()> run) { run_ = std::move(run); }

  /// Declares the configuration: adds `KEY=VALUE...`, --config FILE and the list of settings to the
  /// help. Call before FieldFlag.
  void Configure(std::vector<config::FieldDoc> docs);
  /// --config FILE as given, "" if not.
  const std::string& config_file() const { return config_file_; }
  /// A flag with one value, named `type` in the help, for the field `path`.
  void FieldFlag(const std::string& flag, const std::string& path, const std::string& type);
  /// Likewise for a list of texts: A,B.
  void FieldListFlag(const std::string& flag, const std::string& path, const std::string& type);
  /// A flag without a value that sets a bool field to true.
  void FieldSwitch(const std::string& flag, const std::string& path);

  /// Flags beside the configuration.
  void Flag(const std::string& flag, std::string& value, const std::string& type,
            const std::string& help);
  void Flag(const std::string& flag, int& value, const std::string& type, const std::string& help);
  void Switch(const std::string& flag, bool& value, const std::string& help);
  /// Keeps a flag out of the help.
  void Hide(const std::string& flag);
  /// Arguments without a flag: at most `most`, -1 for any number.
  void Argument(const std::string& name, std::vector<std::string>& values, const std::string& help,
                int most = -1);
  /// A flag of the contract that this version lacks: an error that says so, hidden from the help.
  void Lacks(const std::string& flag, const std::string& why);
  /// Values that a flag takes, for completion.
  void Values(const std::string& flag, std::vector<std::string> values);

  /// A flag that sets a value of the task file: "task.KEY=VALUE".
  void TaskFlag(const std::string& flag, const std::string& key, const std::string& type,
                const std::string& help);

  /// The same for a list: one item each time that the flag is given.
  void TaskListFlag(const std::string& flag, const std::string& key, const std::string& type,
                    const std::string& help);
  /// The files that --plugin names.
  std::vector<std::string> Plugins() const;
  /// What TaskFlag and TaskListFlag set, as overrides of the task file.
  std::vector<std::string> TaskOverrides() const;

  /// What flags and KEY=VALUE set, as overrides, flags first; flags of the task file left out.
  std::vector<std::string> Overrides() const;
  /// The arguments that are no KEY=VALUE, of a configured command.
  std::vector<std::string> Arguments() const;
  /// How many arguments a configured command takes beside KEY=VALUE, and what they are called.
  void TakesArgument(const std::string& name, const std::string& help);

  /// `value`, overridden by --config, flags and KEY=VALUE. "task.KEY=VALUE" goes to value.task, the
  /// overrides of the task file, where there is such a field.
  template <class T>
  T ReadConfig(T value) const {
    if constexpr (requires { value.task; }) {
      std::vector<std::string> task;
      config::Read(MergedConfig(&task), value);
      value.task.insert(value.task.end(), task.begin(), task.end());
    } else {
      config::Read(MergedConfig(nullptr), value);
    }
    return value;
  }

  const std::vector<config::FieldDoc>& docs() const { return docs_; }
  const std::map<std::string, std::vector<std::string>>& values() const { return values_; }
  const std::function<int()>& run() const { return run_; }

 private:
  struct FieldOption {
    std::string path;
    bool text = false, is_switch = false;
    bool of_task = false;  ///< sets a value of the task file
    std::string value;
    std::vector<std::string> list;  ///< of a list's flag, which has no value
    CLI::Option* option = nullptr;
  };
  FieldOption& AddField(const std::string& path);
  static std::string OverrideOf(const FieldOption& field);
  const config::FieldDoc& Doc(const std::string& path) const;
  config::Node MergedConfig(std::vector<std::string>* task_overrides) const;

  CLI::App* app_;
  std::function<int()> run_;
  std::vector<config::FieldDoc> docs_;
  std::vector<std::unique_ptr<FieldOption>> fields_;
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positional_;
  std::string config_file_, argument_name_;
};

/// The tree of commands.
class Cli {
 public:
  Cli();
  ~Cli();
  CLI::App& root() { return *root_; }
  /// parent: nullptr for a command of the root.
  Command& Add(Command* parent, const std::string& name, const std::string& help,
               bool hidden = false);
  Command* Find(const CLI::App* app) const;
  const std::vector<std::unique_ptr<Command>>& commands() const { return commands_; }

  /// Parses, runs and returns the exit code; errors become one line on standard error.
  int Main(int argc, char** argv);

 private:
  int Dispatch(int argc, char** argv);

  std::unique_ptr<CLI::App> root_;
  bool version_ = false;
  std::vector<std::unique_ptr<Command>> commands_;
};

/// Takes "task.KEY=VALUE" out of overrides and returns these as overrides of the task file.
std::vector<std::string> TakeTaskOverrides(std::vector<std::string>* overrides);

/// What changes a task from outside: --randomize and --plugin. For commands that take a task.
void AddTaskFlags(Command& command);
void AddPluginFlag(Command& command);  ///< --plugin alone

/// One argument that is KEY=VALUE rather than a path that has a "=" in it.
bool IsAssignment(std::string_view text);

}  // namespace simscale::cli
