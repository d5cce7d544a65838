#include <algorithm>
#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/common/error.h"
#include "simscale/policy/config.h"
#include "simscale/policy/load.h"

namespace simscale::cli {
namespace {

using nlohmann::ordered_json;

int ListAll(const Output& output) {
  std::string text;
  ordered_json json = ordered_json::array();
  for (const policy::PolicyDescription& policy : policy::ListPolicies()) {
    text +=
        Cat(policy.name, std::string(policy.name.size() < 12 ? 12 - policy.name.size() : 1, ' '),
            policy.help, "\n");
    json.push_back({{"name", policy.name}, {"description", policy.help}});
  }
  output.Text(text + "simscale list-models NAME tells a policy's settings.\n");
  output.Json(json.dump(1) + "\n");
  return kOk;
}

int ListOne(const std::string& name, const Output& output) {
  std::vector<std::string> known;
  std::string help;
  for (const policy::PolicyDescription& policy : policy::ListPolicies()) {
    known.push_back(policy.name);
    if (policy.name == name) help = policy.help;
  }
  if (std::ranges::find(known, name) == known.end()) {
    throw UserError(UnknownName("model", name, known));
  }
  std::vector<config::FieldDoc> docs;
  ordered_json settings = ordered_json::object();
  for (config::FieldDoc& doc : config::Docs<policy::PolicyConfig>()) {
    if (!doc.path.starts_with(name + ".")) continue;
    doc.path = "policy." + doc.path;
    settings[doc.path] = {{"type", doc.type}, {"default", doc.initial}, {"help", doc.help}};
    docs.push_back(doc);
  }
  output.Text(Cat(name, ": ", help, "\nSettings of train, with their defaults where no preset ",
                  "says otherwise:\n", config::DocsAsText(docs)));
  const ordered_json json = {{"name", name}, {"description", help}, {"settings", settings}};
  output.Json(json.dump(1) + "\n");
  return kOk;
}

}  // namespace

void AddListModels(Cli& cli) {
  Command& command = cli.Add(nullptr, "list-models", kListModelsHelp);
  struct Arguments {
    std::vector<std::string> names;
    std::string json;
  };
  auto arguments = std::make_shared<Arguments>();
  command.Argument("NAME", arguments->names, "a policy, to tell its settings", 1);
  AddJsonFlag(command, arguments->json);
  command.Run([arguments] {
    const Output output(arguments->json);
    return arguments->names.empty() ? ListAll(output) : ListOne(arguments->names[0], output);
  });
}

}  // namespace simscale::cli
