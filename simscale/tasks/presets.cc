#include "simscale/tasks/presets.h"

#include <algorithm>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::tasks {
namespace {

using config::Node;

constexpr const char* kNone = "none";

struct Wanted {
  std::string name;
  std::string where;  ///< "task.yaml:3:12"
};

Wanted WantedPreset(const Node& task, const std::vector<std::string>& overrides) {
  Wanted wanted{kNone, ""};
  const Node* given = task.Find("randomize");
  for (const std::string& assignment : overrides) {
    if (!assignment.starts_with("randomize=")) continue;
    wanted = {Trim(assignment.substr(10)), "command line"};
    given = nullptr;
  }
  if (given == nullptr || given->kind == Node::Kind::kNull) return wanted;
  if (given->kind != Node::Kind::kScalar) {
    ThrowUser(given->mark.ToString(), ": randomize must be the name of one preset");
  }
  return {given->scalar, given->mark.ToString()};
}

/// What to merge over `base` + `over` to have `base` again.
Node Inverse(const Node& base, const Node& over) {
  Node inverse = Node::Map();
  for (const auto& [key, value] : over.map) {
    const Node* present = base.Find(key);
    if (present == nullptr) {
      inverse.Set(key, Node());
    } else if (present->kind == Node::Kind::kMap && value.kind == Node::Kind::kMap) {
      inverse.Set(key, Inverse(*present, value));
    } else {
      inverse.Set(key, *present);
    }
  }
  return inverse;
}

}  // namespace

std::vector<std::string> PackagedPresets() {
  std::vector<std::string> names;
  const fs::path dir = ShareDir() / "randomize";
  if (!fs::is_directory(dir)) return names;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

void ApplyPreset(Node& task, const std::vector<std::string>& overrides) {
  if (task.kind != Node::Kind::kMap) return;  // the reader will say so
  const auto [name, where] = WantedPreset(task, overrides);
  Node* presets = task.Find("presets");
  if (presets != nullptr && presets->kind != Node::Kind::kMap) return;
  if (const Node* undo = presets != nullptr ? presets->Find(kNone) : nullptr) {
    const Node copy = *undo;
    if (copy.kind != Node::Kind::kMap) {
      ThrowUser(copy.mark.ToString(), ": presets.none must be a map, a part of a task file");
    }
    presets->Erase(kNone);
    config::Merge(task, copy);
  }
  task.Set("randomize", Node::Scalar(name));
  if (name == kNone) return;
  const std::vector<std::string> packaged = PackagedPresets();
  const Node* own = task.Find("presets") != nullptr ? task.Find("presets")->Find(name) : nullptr;
  Node preset;
  if (own != nullptr) {
    preset = *own;
  } else if (std::ranges::find(packaged, name) != packaged.end()) {
    preset = config::Compose(ShareDir() / "randomize" / (name + ".yaml"));
  } else {
    std::vector<std::string> known = packaged;
    known.emplace_back(kNone);
    if (const Node* mine = task.Find("presets")) {
      for (const auto& entry : mine->map) known.push_back(entry.first);
    }
    std::ranges::sort(known);
    known.erase(std::ranges::unique(known).begin(), known.end());
    ThrowUser(where, ": ", UnknownName("randomisation", name, known));
  }
  if (preset.kind != Node::Kind::kMap) {
    ThrowUser(preset.mark.ToString(), ": a preset must be a map, a part of a task file");
  }
  for (const char* key : {"randomize", "presets", "name"}) {
    if (const Node* wrong = preset.Find(key)) {
      ThrowUser(wrong->key_mark.ToString(), ": a preset can't change `", key, "`");
    }
  }
  Node undo = Inverse(task, preset);
  config::Merge(task, preset);
  Node* kept = task.Find("presets");
  if (kept == nullptr) kept = &task.Set("presets", Node::Map());
  kept->Set(kNone, std::move(undo));
}

}  // namespace simscale::tasks
