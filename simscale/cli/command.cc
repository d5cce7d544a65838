#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "simscale/cli/app.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::cli {
namespace {

/// A double-quoted YAML scalar: what a user's file name or text is to the configuration, whatever
/// it looks like.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

/// "episodes to play (1 .. 1e7; default 100)".
std::string HelpOf(const config::FieldDoc& doc, bool is_switch) {
  std::vector<std::string> notes;
  if (!doc.unit.empty()) notes.push_back(doc.unit);
  if (!doc.range.empty()) notes.push_back(doc.range);
  if (!is_switch && !doc.initial.empty() && doc.initial != "\"\"") {
    notes.push_back("default " + doc.initial);
  }
  return notes.empty() ? doc.help : Cat(doc.help, " (", Join(notes, "; "), ")");
}

}  // namespace

bool IsAssignment(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  return std::ranges::all_of(text.substr(0, equals), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
  });
}

void Command::Configure(std::vector<config::FieldDoc> docs) {
  docs_ = std::move(docs);
  app_->add_option("--config", config_file_, "settings from a YAML file")->type_name("FILE");
  app_->add_option("settings", positional_, "settings, see below")->type_name("KEY=VALUE");
  app_->footer([this] {
    return Cat("Settings (KEY=VALUE after the flags, or in --config FILE):\n",
               config::DocsAsText(docs_));
  });
}

const config::FieldDoc& Command::Doc(const std::string& path) const {
  const auto doc =
      std::ranges::find_if(docs_, [&](const config::FieldDoc& d) { return d.path == path; });
  if (doc == docs_.end()) throw Error(Cat("internal error: no setting named ", path));
  return *doc;
}

Command::FieldOption& Command::AddField(const std::string& path) {
  fields_.push_back(std::make_unique<FieldOption>());
  fields_.back()->path = path;
  return *fields_.back();
}

void Command::FieldFlag(const std::string& flag, const std::string& path, const std::string& type) {
  const config::FieldDoc& doc = Doc(path);
  FieldOption& field = AddField(path);
  field.text = doc.type == "text";
  field.option = app_->add_option(flag, field.value, HelpOf(doc, false))->type_name(type);
  if (doc.range.starts_with("one of ")) Values(flag, Split(doc.range.substr(7), ','));
}

void Command::FieldListFlag(const std::string& flag, const std::string& path,
                            const std::string& type) {
  FieldOption& field = AddField(path);
  field.option = app_->add_option(flag, field.list, HelpOf(Doc(path), false))
                     ->type_name(type)
                     ->delimiter(',')
                     ->allow_extra_args(false);
}

void Command::FieldSwitch(const std::string& flag, const std::string& path) {
  FieldOption& field = AddField(path);
  field.is_switch = true;
  const std::string help = HelpOf(Doc(path), true);
  field.option = app_->add_flag(flag, help);
}

void Command::Flag(const std::string& flag, std::string& value, const std::string& type,
                   const std::string& help) {
  app_->add_option(flag, value, help)->type_name(type);
}

void Command::Flag(const std::string& flag, int& value, const std::string& type,
                   const std::string& help) {
  app_->add_option(flag, value, help)->type_name(type);
}

void Command::Switch(const std::string& flag, bool& value, const std::string& help) {
  app_->add_flag(flag, value, help);
}

void Command::Hide(const std::string& flag) { app_->get_option(flag)->group(""); }

void Command::Argument(const std::string& name, std::vector<std::string>& values,
                       const std::string& help, int most) {
  CLI::Option* option = app_->add_option(name, values, help)->type_name("");
  if (most >= 0) option->expected(0, most);
}

void Command::TaskFlag(const std::string& flag, const std::string& key, const std::string& type,
                       const std::string& help) {
  FieldOption& field = AddField(key);
  field.of_task = true;
  field.option = app_->add_option(flag, field.value, help)->type_name(type);
}

void Command::TaskListFlag(const std::string& flag, const std::string& key, const std::string& type,
                           const std::string& help) {
  FieldOption& field = AddField(key);
  field.of_task = true;
  // One value a time: what follows is an argument or a setting.
  field.option = app_->add_option(flag, field.list, help)->type_name(type)->expected(1)->take_all();
}

void Command::Lacks(const std::string& flag, const std::string& why) {
  app_->add_option_function<std::vector<std::string>>(
          flag,
          [flag, why](const std::vector<std::string>&) {
            throw UserError(Cat(flag, " is not in this version: ", why));
          })
      ->expected(0, 1)
      ->group("");  // hides it
}

void Command::Values(const std::string& flag, std::vector<std::string> values) {
  for (std::string& value : values) value = Trim(value);
  values_[flag] = std::move(values);
}

void Command::TakesArgument(const std::string& name, const std::string& help) {
  argument_name_ = name;
  app_->get_option("settings")
      ->description(Cat(help, "; KEY=VALUE settings, see below"))
      ->type_name(Cat("[", name, "] KEY=VALUE"));
}

std::string Command::OverrideOf(const FieldOption& field) {
  if (!field.list.empty()) {
    std::vector<std::string> items;
    for (const std::string& item : field.list) items.push_back(Quoted(item));
    return Cat(field.path, "=[", Join(items, ", "), "]");
  }
  if (field.is_switch) return field.path + "=true";
  return Cat(field.path, "=", field.text ? Quoted(field.value) : field.value);
}

std::vector<std::string> Command::Plugins() const {
  for (const auto& field : fields_) {
    if (field->of_task && field->path == "plugins") return field->list;
  }
  return {};
}

std::vector<std::string> Command::TaskOverrides() const {
  std::vector<std::string> overrides;
  for (const auto& field : fields_) {
    if (field->option->count() > 0 && field->of_task) overrides.push_back(OverrideOf(*field));
  }
  return overrides;
}

std::vector<std::string> Command::Overrides() const {
  std::vector<std::string> overrides;
  for (const auto& field : fields_) {
    if (field->option->count() > 0 && !field->of_task) overrides.push_back(OverrideOf(*field));
  }
  for (const std::string& text : positional_) {
    if (IsAssignment(text)) overrides.push_back(text);
  }
  return overrides;
}

std::vector<std::string> Command::Arguments() const {
  std::vector<std::string> arguments;
  for (const std::string& text : positional_) {
    if (!IsAssignment(text)) arguments.push_back(text);
  }
  const size_t most = argument_name_.empty() ? 0 : 1;
  if (arguments.size() > most) {
    ThrowUser("unexpected argument '", arguments[most], "'. ", app_->get_name(),
              most == 0 ? " takes flags and KEY=VALUE settings only."
                        : Cat(" takes one ", argument_name_, " and KEY=VALUE settings."));
  }
  return arguments;
}

std::vector<std::string> TakeTaskOverrides(std::vector<std::string>* overrides) {
  std::vector<std::string> own, task;
  for (const std::string& assignment : *overrides) {
    if (assignment.starts_with("task.")) {
      task.push_back(assignment.substr(5));
    } else {
      own.push_back(assignment);
    }
  }
  *overrides = std::move(own);
  return task;
}

config::Node Command::MergedConfig(std::vector<std::string>* task_overrides) const {
  Arguments();  // tells of what is neither
  config::Node node = config_file_.empty() ? config::Node::Map() : config::Compose(config_file_);
  std::vector<std::string> overrides = Overrides();
  if (task_overrides != nullptr) {
    *task_overrides = TaskOverrides();
    const std::vector<std::string> more = TakeTaskOverrides(&overrides);
    task_overrides->insert(task_overrides->end(), more.begin(), more.end());
  }
  for (const std::string& assignment : overrides) config::ApplyOverride(node, assignment);
  return node;
}

void AddTaskFlags(Command& command) {
  command.TaskFlag("--randomize", "randomize", "NAME",
                   "domain randomisation: none, light, full or a preset of the task");
  command.Values("--randomize", {"none", "light", "full"});
  AddPluginFlag(command);
}

void AddPluginFlag(Command& command) {
  command.TaskListFlag("--plugin", "plugins", "FILE",
                       "a shared library with terms of your own, in place of those that the task "
                       "names; may be given again");
}

}  // namespace simscale::cli
