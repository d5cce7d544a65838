#include <set>

#include "simscale/common/error.h"
#include "simscale/config/node.h"
#include "simscale/config/scalar.h"

namespace simscale::config {
namespace {

using internal::Printable;

constexpr char kSource[] = "command line";
constexpr size_t kMaxSweep = 10'000;
constexpr size_t kMaxDepth = 64;  // as for files

[[noreturn]] void Fail(const std::string& assignment, const std::string& what) {
  ThrowUser(kSource, ": '", Printable(assignment), "': ", what);
}

struct Assignment {
  std::string path, value;
};

Assignment SplitAssignment(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    ThrowUser(kSource, ": an override must be KEY=VALUE, got '", Printable(text), "'");
  return {Trim(text.substr(0, equals)), Trim(text.substr(equals + 1))};
}

void SetMarks(Node& node) {
  node.mark = node.key_mark = Mark{kSource};
  for (Node& item : node.list) SetMarks(item);
  for (auto& [key, value] : node.map) SetMarks(value);
}

// Lists, maps and quoted text are YAML. All else is one scalar as it stands, so that text may hold
// ": ", " #", "*" and the like.
Node ParseValue(const std::string& value, const std::string& assignment) {
  if (internal::FindInvalidUtf8(value) != std::string::npos)
    ThrowUser(kSource, ": not UTF-8 text: '", Printable(value), "'");
  Node node;
  if (!value.empty() && std::string_view("[{\"'").find(value[0]) != std::string_view::npos) {
    try {
      node = ParseYaml(value, kSource);
    } catch (const UserError& e) {  // a place within the value helps no one; show all of it
      const std::string message = e.what();
      Fail(assignment, message.substr(message.find(": ") + 2));
    }
  } else if (value.empty()) {
    node = Node::Scalar("", true);
  } else if (!internal::IsNullText(value)) {
    node = Node::Scalar(value);
  }
  SetMarks(node);
  return node;
}

Node& ListItem(Node& list, const std::string& part, const std::string& path,
               const std::string& assignment) {
  uint64_t index = 0;
  if (internal::ParseUint(part, &index) != internal::NumberStatus::kOk)
    Fail(assignment, Cat("'", Printable(path), "' is a list; name an item by its number, got '",
                         Printable(part), "'"));
  if (index >= list.list.size())
    Fail(assignment,
         Cat("'", Printable(path), "' has ", list.list.size(), " items (from 0), got ", index));
  return list.list[index];
}

}  // namespace

void ApplyOverride(Node& root, const std::string& assignment) {
  const auto [path, value] = SplitAssignment(assignment);
  Node parsed = ParseValue(value, assignment);
  const bool removes = parsed.kind == Node::Kind::kNull;
  const std::vector<std::string> parts = Split(path, '.');
  if (parts.size() > kMaxDepth) Fail(assignment, Cat("nested deeper than ", kMaxDepth, " levels"));
  Node* node = &root;
  std::string walked;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    const bool last = i + 1 == parts.size();
    if (part.empty()) Fail(assignment, Cat("empty name in the key '", Printable(path), "'"));
    if (node->kind == Node::Kind::kList) {
      node = &ListItem(*node, part, walked, assignment);
      if (last && removes) Fail(assignment, "a list's item can't be removed; write the list anew");
    } else if (node->kind == Node::Kind::kScalar) {
      Fail(assignment, Cat("'", Printable(walked), "' is ", internal::Show(*node),
                           ", which has no '", Printable(part), "' in it"));
    } else if (last && removes) {
      node->Erase(part);
      return;
    } else {
      if (node->kind == Node::Kind::kNull) {
        node->kind = Node::Kind::kMap;
        if (node->mark.source.empty()) node->mark = Mark{kSource};
      }
      Node* child = node->Find(part);
      if (!child) {
        if (removes) return;
        child = &node->Set(part, Node());
        child->mark = child->key_mark = Mark{kSource};
      }
      node = child;
    }
    walked += (i == 0 ? "" : ".") + part;
  }
  *node = std::move(parsed);
}

namespace {

// Splits at the commas outside of brackets, braces and quotes.
std::vector<std::string> SplitChoices(const std::string& assignment, const std::string& value) {
  std::vector<std::string> choices(1);
  std::string closers;
  char quote = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    // An apostrophe inside of a word is no quote.
    const bool opens_quote =
        (c == '"' || c == '\'') &&
        (i == 0 || std::string_view("[{, :").find(value[i - 1]) != std::string_view::npos);
    if (quote) {
      if (c == '\\' && quote == '"' && i + 1 < value.size()) {
        choices.back() += value[i++];
      } else if (c == quote) {
        quote = 0;
      }
    } else if (opens_quote) {
      quote = c;
    } else if (c == '[' || c == '{') {
      closers += c == '[' ? ']' : '}';
    } else if (c == ']' || c == '}') {
      if (closers.empty() || closers.back() != c)
        Fail(assignment, Cat("'", c, "' without its opening bracket"));
      closers.pop_back();
    } else if (c == ',' && closers.empty()) {
      choices.emplace_back();
      continue;
    }
    choices.back() += value[i];
  }
  if (quote) Fail(assignment, Cat("the quote ", quote, " is not closed"));
  if (!closers.empty()) Fail(assignment, Cat("'", closers.back(), "' is missing"));
  for (std::string& choice : choices) {
    choice = Trim(choice);
    if (choice.empty() && choices.size() > 1) Fail(assignment, "a choice between commas is empty");
  }
  return choices;
}

}  // namespace

std::vector<std::vector<std::string>> ExpandSweep(const std::vector<std::string>& assignments) {
  std::vector<std::vector<std::string>> runs(1);
  std::set<std::string> keys;
  for (const std::string& assignment : assignments) {
    const auto [path, value] = SplitAssignment(assignment);
    if (!keys.insert(path).second) Fail(assignment, "the key is given twice in one sweep");
    const std::vector<std::string> choices = SplitChoices(assignment, value);
    if (runs.size() * choices.size() > kMaxSweep)
      Fail(assignment, Cat("a sweep may have ", kMaxSweep, " runs at most"));
    std::vector<std::vector<std::string>> product;
    for (const auto& run : runs)
      for (const std::string& choice : choices) {
        product.push_back(run);
        product.back().push_back(path + "=" + choice);
      }
    runs = std::move(product);
  }
  return runs;
}

}  // namespace simscale::config
