#include "simscale/config/node.h"

#include <algorithm>

#include "simscale/common/text.h"
#include "simscale/config/scalar.h"

namespace simscale::config {

std::string Mark::ToString() const {
  return line > 0 ? Cat(source, ":", line, ":", column) : source;
}

const Node* Node::Find(std::string_view key) const {
  for (const auto& [name, value] : map)
    if (name == key) return &value;
  return nullptr;
}

Node* Node::Find(std::string_view key) {
  for (auto& [name, value] : map)
    if (name == key) return &value;
  return nullptr;
}

Node& Node::Set(std::string_view key, Node value) {
  kind = Kind::kMap;
  if (Node* present = Find(key)) return *present = std::move(value);
  return map.emplace_back(std::string(key), std::move(value)).second;
}

bool Node::Erase(std::string_view key) {
  return std::erase_if(map, [&](const auto& entry) { return entry.first == key; }) > 0;
}

Node Node::Scalar(std::string text, bool quoted) {
  Node node;
  node.kind = Kind::kScalar;
  // Quotes around text that can be nothing but text say nothing; without them equal trees are
  // equal.
  node.quoted = quoted && internal::LooksTyped(text);
  node.scalar = std::move(text);
  return node;
}

Node Node::Map() {
  Node node;
  node.kind = Kind::kMap;
  return node;
}

Node Node::List() {
  Node node;
  node.kind = Kind::kList;
  return node;
}

}  // namespace simscale::config
