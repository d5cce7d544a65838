#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "simscale/cli/commands.h"
#include "simscale/common/error.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

struct FlagShape {
  std::string flag;  ///< "--policy"
  std::string help;
  bool takes_value = false;
  std::string files;                ///< "file", "folder" or "": the kind of value
  std::vector<std::string> values;  ///< the values it takes, if they are few
};

/// What completion knows of one command.
struct Shape {
  std::vector<std::string> path;  ///< {"data", "info"}; empty for the root
  std::string help;
  std::vector<std::string> subcommands;
  std::vector<FlagShape> flags;
  std::vector<std::string> settings;  ///< "train.lr"
};

std::string Words(const std::vector<std::string>& words) { return Join(words, " "); }

/// Single-quoted for any of the three shells: quotes are dropped, help texts read well without.
std::string Quote(std::string text) {
  std::erase(text, '\'');
  std::erase(text, '\\');
  return "'" + text + "'";
}

Shape ShapeOf(const Cli& cli, const CLI::App& app, std::vector<std::string> path) {
  Shape shape{.path = std::move(path), .help = app.get_description()};
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) shape.subcommands.push_back(sub->get_name());
  }
  const Command* command = cli.Find(&app);
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || option->get_lnames().empty()) continue;
    const std::string type = option->get_type_name();
    FlagShape flag{.flag = "--" + option->get_lnames().front(),
                   .help = option->get_description(),
                   .takes_value = option->get_items_expected_max() > 0,
                   .files = type == "FILE"  ? "file"
                            : type == "DIR" ? "folder"
                                            : ""};
    if (flag.flag == "--env-name") flag.values = tasks::TaskNames();
    if (command != nullptr && command->values().contains(flag.flag)) {
      flag.values = command->values().at(flag.flag);
    }
    if (flag.flag == "--policy") flag.files = "folder";
    shape.flags.push_back(std::move(flag));
  }
  if (command != nullptr) {
    for (const config::FieldDoc& doc : command->docs()) {
      const bool one_field = doc.type != "section" && doc.path.find('<') == std::string::npos;
      if (one_field) shape.settings.push_back(doc.path + "=");
    }
  }
  if (Words(shape.path) == "list-envs") shape.settings = tasks::TaskNames();
  if (Words(shape.path) == "completion") shape.settings = {"bash", "zsh", "fish"};
  return shape;
}

void Collect(const Cli& cli, const CLI::App& app, const std::vector<std::string>& path,
             std::vector<Shape>& shapes) {
  shapes.push_back(ShapeOf(cli, app, path));
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_group().empty()) continue;
    std::vector<std::string> below = path;
    below.push_back(sub->get_name());
    Collect(cli, *sub, below, shapes);
  }
}

/// The lines of a shell's case statement that follow the words to the command at hand.
std::string PathCases(const std::vector<Shape>& shapes) {
  std::vector<std::string> known;
  for (const Shape& shape : shapes) {
    if (shape.path.empty()) continue;
    const std::vector<std::string> parent(shape.path.begin(), shape.path.end() - 1);
    known.push_back(Quote(Cat(Words(parent), "/", shape.path.back())));
  }
  return Cat("      ", Join(known, "|"), ") command=\"${command:+$command }$word\" ;;\n");
}

std::vector<std::string> FlagNames(const Shape& shape) {
  std::vector<std::string> names;
  for (const FlagShape& flag : shape.flags) names.push_back(flag.flag);
  return names;
}

std::string Bash(const std::vector<Shape>& shapes) {
  std::string text =
      "# bash completion of simscale: source it, or put it into\n"
      "# ~/.local/share/bash-completion/completions/simscale\n"
      "_simscale() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local command= word words= flags=\n"
      "  COMPREPLY=()\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$command/$word\" in\n" +
      PathCases(shapes) +
      "    esac\n"
      "  done\n"
      "  case \"$command/$previous\" in\n";
  for (const Shape& shape : shapes) {
    for (const FlagShape& flag : shape.flags) {
      if (!flag.takes_value) continue;
      std::string action;
      if (!flag.values.empty()) action += Cat(" -W ", Quote(Words(flag.values)));
      if (flag.files == "file") action += " -f";
      if (flag.files == "folder") action += " -d";
      text += Cat("    ", Quote(Cat(Words(shape.path), "/", flag.flag)), ") ",
                  action.empty() ? "" : Cat("COMPREPLY=($(compgen", action, " -- \"$current\")); "),
                  "return ;;\n");
    }
  }
  text += "  esac\n  case \"$command\" in\n";
  for (const Shape& shape : shapes) {
    std::vector<std::string> words = shape.subcommands;
    words.insert(words.end(), shape.settings.begin(), shape.settings.end());
    text += Cat("    ", Quote(Words(shape.path)), ") words=", Quote(Words(words)),
                " flags=", Quote(Words(FlagNames(shape))), " ;;\n");
  }
  return text +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -W \"$words\" -f -- \"$current\"))\n"
         "  fi\n"
         "  [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
         "  return 0\n"
         "}\n"
         "complete -o filenames -F _simscale simscale\n";
}

std::string Zsh(const std::vector<Shape>& shapes) {
  std::string text =
      "#compdef simscale\n"
      "# zsh completion of simscale: put it into a folder of $fpath as _simscale.\n"
      "_simscale() {\n"
      "  local command= word previous=$words[CURRENT-1]\n"
      "  local -a described choices\n"
      "  for word in ${words[2,CURRENT-1]}; do\n"
      "    case \"$command/$word\" in\n" +
      PathCases(shapes) +
      "    esac\n"
      "  done\n"
      "  case \"$command/$previous\" in\n";
  for (const Shape& shape : shapes) {
    for (const FlagShape& flag : shape.flags) {
      if (!flag.takes_value) continue;
      std::string action;
      if (!flag.values.empty()) action += Cat("compadd -- ", Words(flag.values), "; ");
      if (flag.files == "file") action += "_files; ";
      if (flag.files == "folder") action += "_files -/; ";
      text +=
          Cat("    ", Quote(Cat(Words(shape.path), "/", flag.flag)), ") ", action, "return ;;\n");
    }
  }
  text += "  esac\n  case \"$command\" in\n";
  for (const Shape& shape : shapes) {
    text += Cat("    ", Quote(Words(shape.path)), ")\n      described=(");
    for (FlagShape flag : shape.flags) {
      std::erase(flag.help, ':');
      text += Cat("\n        ", Quote(Cat(flag.flag, ":", flag.help)));
    }
    text +=
        Cat(")\n      choices=(", Words(shape.subcommands), " ", Words(shape.settings), ") ;;\n");
  }
  return text +
         "  esac\n"
         "  if [[ $PREFIX == -* ]]; then\n"
         "    _describe flag described\n"
         "  else\n"
         "    compadd -S '' -- ${(M)choices:#*=}\n"
         "    compadd -- ${choices:#*=}\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "if [[ $funcstack[1] == _simscale ]]; then _simscale \"$@\"; "
         "else compdef _simscale simscale; fi\n";
}

std::string Fish(const std::vector<Shape>& shapes) {
  std::string text =
      "# fish completion of simscale: put it into ~/.config/fish/completions/simscale.fish\n";
  for (const Shape& shape : shapes) {
    std::string here = "__fish_use_subcommand";
    for (size_t i = 0; i < shape.path.size(); ++i) {
      here = Cat(i == 0 ? "" : here + "; and ", "__fish_seen_subcommand_from ", shape.path[i]);
    }
    const std::string line = Cat("complete -c simscale -n ", Quote(here));
    std::string first = here;  // before a subcommand was chosen
    if (!shape.path.empty() && !shape.subcommands.empty()) {
      first += Cat("; and not __fish_seen_subcommand_from ", Words(shape.subcommands));
    }
    for (const std::string& name : shape.subcommands) {
      std::string help;
      for (const Shape& below : shapes) {
        if (below.path.size() == shape.path.size() + 1 && below.path.back() == name &&
            std::equal(shape.path.begin(), shape.path.end(), below.path.begin())) {
          help = below.help;
        }
      }
      text +=
          Cat("complete -c simscale -n ", Quote(first), " -f -a ", name, " -d ", Quote(help), "\n");
    }
    for (const FlagShape& flag : shape.flags) {
      text += Cat(line, " -l ", flag.flag.substr(2), flag.takes_value ? " -r" : "");
      if (flag.takes_value && flag.files.empty()) text += " -f";
      std::vector<std::string> values = flag.values;
      if (flag.files == "folder") values.push_back("(__fish_complete_directories)");
      if (!values.empty()) text += Cat(" -a ", Quote(Words(values)));
      text += Cat(" -d ", Quote(flag.help), "\n");
    }
    if (!shape.settings.empty()) text += Cat(line, " -a ", Quote(Words(shape.settings)), "\n");
  }
  return text;
}

}  // namespace

void AddCompletion(Cli& cli) {
  Command& command =
      cli.Add(nullptr, "completion", "print the shell's completion script (bash, zsh or fish)");
  auto shells = std::make_shared<std::vector<std::string>>();
  command.Argument("SHELL", *shells, "bash, zsh or fish", 1);
  command.Run([&cli, shells] {
    const std::vector<std::string> known = {"bash", "zsh", "fish"};
    if (shells->empty()) ThrowUser("completion needs a shell: ", Join(known, ", "));
    std::vector<Shape> shapes;
    Collect(cli, cli.root(), {}, shapes);
    const std::string& shell = shells->front();
    if (shell == "bash") {
      std::cout << Bash(shapes);
    } else if (shell == "zsh") {
      std::cout << Zsh(shapes);
    } else if (shell == "fish") {
      std::cout << Fish(shapes);
    } else {
      throw UserError(UnknownName("shell", shell, known));
    }
    return kOk;
  });
}

}  // namespace simscale::cli
