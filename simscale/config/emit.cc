#include <algorithm>

#include "simscale/config/node.h"
#include "simscale/config/scalar.h"

namespace simscale::config {
namespace internal {
namespace {

constexpr size_t kFlowWidth = 90;

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Whether the text reads back as itself without quotes, in a block and in [a, b] alike. Quotes more
// than YAML asks for, so that no reader's corner cases matter.
bool IsPlainSafe(std::string_view text) {
  if (IsNullText(text) || text == "<<" || text.back() == ' ' || text.back() == ':') return false;
  const char first = text[0], second = text.size() > 1 ? text[1] : ' ';
  const bool number_like = (first == '-' || first == '+') && (IsAlnum(second) || second == '.');
  const bool dotted = first == '.' && (IsAlnum(second) || second == '/');
  if (!IsAlnum(first) && first != '_' && first != '/' && !number_like && !dotted) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':' ? !IsAlnum(text[i + 1]) && text[i + 1] != '/'
                 : !IsAlnum(c) &&
                       std::string_view("_./+-() =@%^~$<>;*!").find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

std::string ScalarText(const Node& node) {
  if (node.kind == Node::Kind::kNull) return "null";
  const bool plain = IsPlainSafe(node.scalar) && !(node.quoted && LooksTyped(node.scalar));
  return plain ? node.scalar : Quote(node.scalar, false);
}

std::string KeyText(const std::string& key) {
  return IsPlainSafe(key) && !LooksTyped(key) ? key : Quote(key, false);
}

bool IsLeaf(const Node& node) {
  return node.kind == Node::Kind::kNull || node.kind == Node::Kind::kScalar;
}

// Text that a literal block ("|") gives back unchanged without an indentation indicator.
bool FitsLiteralBlock(const std::string& text) {
  if (text.find('\n') == std::string::npos || text[0] == '\n' || text[0] == ' ') return false;
  if (text.find(" \n") != std::string::npos || text.back() == ' ') return false;
  if (text.size() > 1 && text.substr(text.size() - 2) == "\n\n") return false;
  return FindInvalidUtf8(text) == std::string::npos &&
         std::none_of(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
         });
}

void Emit(const Node& node, size_t indent, bool after_key, std::string& out);

void EmitLiteralBlock(const std::string& text, size_t indent, std::string& out) {
  out += text.back() == '\n' ? "|" : "|-";
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    out += '\n';
    if (end > start) out.append(indent, ' ').append(text, start, end - start);
    start = end + 1;
  }
  out += '\n';
}

void EmitMap(const Node& node, size_t indent, bool first_in_place, std::string& out) {
  for (const auto& [key, value] : node.map) {
    if (!first_in_place) out.append(indent, ' ');
    first_in_place = false;
    out += KeyText(key) + ":";
    Emit(value, indent + 2, true, out);
  }
}

void EmitList(const Node& node, size_t indent, bool first_in_place, std::string& out) {
  for (const Node& item : node.list) {
    if (!first_in_place) out.append(indent, ' ');
    first_in_place = false;
    out += '-';
    Emit(item, indent + 2, false, out);
  }
}

// Writes what follows "key:" or "-", the line's end included.
void Emit(const Node& node, size_t indent, bool after_key, std::string& out) {
  if (node.kind == Node::Kind::kScalar && FitsLiteralBlock(node.scalar)) {
    out += ' ';
    return EmitLiteralBlock(node.scalar, indent, out);
  }
  const bool flat_list =
      node.kind == Node::Kind::kList && std::all_of(node.list.begin(), node.list.end(), IsLeaf);
  if (IsLeaf(node) || flat_list || (node.kind == Node::Kind::kMap && node.map.empty())) {
    const std::string text = ToFlow(node);
    if (IsLeaf(node) || text.size() <= kFlowWidth || node.list.empty()) {
      out += ' ' + text + '\n';
      return;
    }
  }
  out += after_key ? '\n' : ' ';
  if (node.kind == Node::Kind::kMap) return EmitMap(node, indent, !after_key, out);
  EmitList(node, indent, !after_key, out);
}

void AppendFlow(const Node& node, std::string& out) {
  if (IsLeaf(node)) {
    out += ScalarText(node);
    return;
  }
  const bool is_map = node.kind == Node::Kind::kMap;
  std::string_view separator = "";
  out += is_map ? '{' : '[';
  for (const Node& item : node.list) {
    out += separator;
    AppendFlow(item, out);
    separator = ", ";
  }
  for (const auto& [key, value] : node.map) {
    out.append(separator).append(KeyText(key)).append(": ");
    AppendFlow(value, out);
    separator = ", ";
  }
  out += is_map ? '}' : ']';
}

// JSON wants digits on both sides of the point, and no plus sign.
std::string JsonNumber(std::string_view text) {
  std::string number;
  if (text[0] == '+') text.remove_prefix(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool point = text[i] == '.';
    if (point && (number.empty() || number == "-")) number += '0';
    number += text[i];
    if (point && (i + 1 == text.size() || text[i + 1] == 'e' || text[i + 1] == 'E')) number += '0';
  }
  return number;
}

std::string JsonScalar(const Node& node) {
  const std::string& text = node.scalar;
  if (node.quoted) return Quote(text, true);
  if (text == "true" || text == "True" || text == "TRUE") return "true";
  if (text == "false" || text == "False" || text == "FALSE") return "false";
  double ignored;
  if (ParseDouble(text, &ignored) != NumberStatus::kNotANumber) return JsonNumber(text);
  return Quote(text, true);
}

void AppendJson(const Node& node, std::string& out) {
  std::string_view separator = "";
  switch (node.kind) {
    case Node::Kind::kNull:
      out += "null";
      return;
    case Node::Kind::kScalar:
      out += JsonScalar(node);
      return;
    case Node::Kind::kList:
      out += '[';
      for (const Node& item : node.list) {
        out += separator;
        AppendJson(item, out);
        separator = ",";
      }
      out += ']';
      return;
    case Node::Kind::kMap:
      out += '{';
      for (const auto& [key, value] : node.map) {
        out.append(separator).append(Quote(key, true)).append(":");
        AppendJson(value, out);
        separator = ",";
      }
      out += '}';
  }
}

}  // namespace

std::string ToFlow(const Node& node) {
  std::string out;
  AppendFlow(node, out);
  return out;
}

}  // namespace internal

std::string ToYaml(const Node& node) {
  std::string out;
  if (node.kind == Node::Kind::kMap && !node.map.empty()) {
    internal::EmitMap(node, 0, true, out);
  } else if (node.kind == Node::Kind::kList && !node.list.empty()) {
    internal::EmitList(node, 0, true, out);
  } else {
    out = internal::ToFlow(node) + "\n";
  }
  return out;
}

std::string ToJson(const Node& node) {
  std::string out;
  internal::AppendJson(node, out);
  return out;
}

}  // namespace simscale::config
