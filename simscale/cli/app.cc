#include "simscale/cli/app.h"

#include <mujoco/mujoco.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <new>

#include "simscale/cli/commands.h"
#include "simscale/cli/torch_backend.h"
#include "simscale/common/console.h"
#include "simscale/common/error.h"
#include "simscale/common/log.h"
#include "simscale/common/version.h"

namespace simscale::cli {
namespace {

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  return flags;
}

std::vector<std::string> CommandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) names.push_back(sub->get_name());
  }
  return names;
}

std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name()
                                     : Cat(FullName(*app.get_parent()), " ", app.get_name());
}

/// The arguments that nothing took are an unknown flag or an unknown command.
void RefuseExtras(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  const std::string& first = extras.front();
  const std::string help = Cat(" See ", FullName(app), " --help.");
  if (first.starts_with("-")) {
    const std::string flag = first.substr(0, first.find('='));
    const std::string nearest = NearestName(flag, FlagsOf(app));
    ThrowUser("unknown flag '", flag, "' of ", FullName(app), ".",
              nearest.empty() ? "" : Cat(" Did you mean '", nearest, "'?"), help);
  }
  const std::vector<std::string> commands = CommandsOf(app);
  if (commands.empty()) ThrowUser("unexpected argument '", first, "'.", help);
  throw UserError(UnknownName("command", first, commands));
}

/// The command line's one line, whatever the message holds.
int PrintError(std::string message, int code) {
  std::ranges::replace(message, '\n', ' ');
  ConsoleWrite(Cat("error: ", Trim(message), "\n"));
  return code;
}

}  // namespace

Cli::Cli()
    : root_(std::make_unique<CLI::App>("Robot learning from demonstrations to a policy that acts.",
                                       "simscale")) {
  root_->allow_extras();
  root_->require_subcommand(0, 1);
  root_->get_formatter()->column_width(34);
  root_->add_flag("--version", version_, "print the version and exit");
  root_->footer("simscale COMMAND --help tells a command's flags and settings.");
}

Cli::~Cli() = default;

Command& Cli::Add(Command* parent, const std::string& name, const std::string& help, bool hidden) {
  CLI::App* app = (parent == nullptr ? *root_ : *parent->app()).add_subcommand(name, help);
  app->allow_extras();
  app->require_subcommand(0, 1);
  app->footer("");
  if (hidden) app->group("");
  app->add_flag_callback(
      "-v,--verbose", [] { SetLogLevel(LogLevel::kDebug); }, "tell more on standard error");
  commands_.push_back(std::make_unique<Command>(app));
  return *commands_.back();
}

Command* Cli::Find(const CLI::App* app) const {
  for (const auto& command : commands_) {
    if (command->app() == app) return command.get();
  }
  return nullptr;
}

int Cli::Dispatch(int argc, char** argv) {
  StartBackend(argc, argv);
  AddCommands(*this);
  CLI::App* app = root_.get();
  try {
    root_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << root_->help();  // of the command that was named
    return kOk;
  }
  if (version_) {
    std::cout << "simscale " << kVersion << " (MuJoCo " << mj_versionString() << ")\n";
    return kOk;
  }
  for (;; app = app->get_subcommands().front()) {
    RefuseExtras(*app);
    if (app->get_subcommands().empty()) break;
  }
  const Command* command = Find(app);
  if (command == nullptr || !command->run()) {  // the root or a group of commands
    std::cout << root_->help();
    return kOk;
  }
  return command->run()();
}

int Cli::Main(int argc, char** argv) {
  // A file that reaches `ulimit -f` is an error of its write, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = Dispatch(argc, argv);
    std::cout.flush();
    if (!std::cout) throw IoError("can't write to standard output");
    return code;
  } catch (const UserError& error) {
    return PrintError(error.what(), kUserMistake);
  } catch (const CLI::ParseError& error) {
    return PrintError(error.what(), kUserMistake);
  } catch (const std::bad_alloc&) {
    return PrintError("out of memory. Try fewer environments, a smaller batch or smaller pictures.",
                      kFailed);
  } catch (const std::exception& error) {
    return PrintError(error.what(), kFailed);
  }
}

}  // namespace simscale::cli
