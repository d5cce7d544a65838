#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simscale::config {

/// Where a value was written: "assets/tasks/reach.yaml:14:3" or "command line".
struct Mark {
  std::string source;
  int line = 0;  ///< from 1; 0 where there is no line (the command line)
  int column = 0;
  std::string ToString() const;
};

/// A YAML document as a plain tree whose every value knows where it was written. Maps keep their
/// order. Scalars stay text until a field asks for a type.
struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string scalar;
  bool quoted = false;  ///< a quoted scalar is a string, whatever it looks like
  std::vector<Node> list;
  std::vector<std::pair<std::string, Node>> map;
  Mark mark;
  Mark key_mark;  ///< of a map's value: where its key was written

  const Node* Find(std::string_view key) const;  ///< nullptr if absent or not a map
  Node* Find(std::string_view key);
  Node& Set(std::string_view key, Node value);  ///< adds or replaces
  bool Erase(std::string_view key);

  static Node Scalar(std::string text, bool quoted = false);
  static Node Map();
  static Node List();
};

/// Reads one YAML document. Throws UserError with file:line:column for syntax errors, duplicate
/// keys, anchors' misuse and files over 8 MiB.
Node LoadYaml(const std::filesystem::path& path);
Node ParseYaml(const std::string& text, const std::string& source);

/// LoadYaml, then the files of its `defaults:` list (paths beside it, or names below a search
/// folder, ".yaml" optional) merged in order below the file's own keys; maps merge, all else
/// replaces, `key: null` removes. Throws UserError on cycles (names the chain) and missing files.
Node Compose(const std::filesystem::path& path,
             const std::vector<std::filesystem::path>& search = {});

/// Merges `over` onto `base` as Compose does.
void Merge(Node& base, const Node& over);

/// Applies "a.b.c=value" (value is YAML: 3, [1, 2], {x: 1}, text). List items by number:
/// "cameras.0.fovy=60". The value replaces what was there, maps too; null removes the key. Text
/// that does not begin with a bracket, a brace or a quote is one scalar as it stands.
void ApplyOverride(Node& root, const std::string& assignment);

/// "a=1,2 b=x,y" -> the product of choices, as lists of overrides: {a=1,b=x}, {a=1,b=y}, ...
/// A comma inside brackets or braces does not split.
std::vector<std::vector<std::string>> ExpandSweep(const std::vector<std::string>& assignments);

/// YAML text that LoadYaml reads back to an equal tree; stable (same tree, same bytes).
std::string ToYaml(const Node& node);
/// JSON text of the tree; scalars that are numbers or booleans in YAML's core schema become such.
std::string ToJson(const Node& node);

}  // namespace simscale::config
