#include <cmath>

#include "simscale/common/error.h"
#include "simscale/config/field_text.h"
#include "simscale/config/fields.h"
#include "simscale/config/scalar.h"

namespace simscale::config::internal {
namespace {

struct ToNode {
  std::string_view name;

  Node operator()(const bool* value) const { return Node::Scalar(*value ? "true" : "false"); }
  Node operator()(const int* value) const { return One(*value); }
  Node operator()(const int64_t* value) const { return One(*value); }
  Node operator()(const uint64_t* value) const { return One(*value); }
  Node operator()(const double* value) const { return One(*value); }
  Node operator()(const std::string* value) const { return One(*value); }
  Node operator()(const Node* value) const { return *value; }
  template <class T>
  Node operator()(const std::vector<T>* values) const {
    Node list = Node::List();
    for (const T& value : *values) list.list.push_back(One(value));
    return list;
  }

 private:
  template <class T>
  Node One(T value) const requires std::is_integral_v<T> {
    return Node::Scalar(std::to_string(value));
  }
  Node One(double value) const {
    // A reader would refuse it, so it must not get into a snapshot.
    if (!std::isfinite(value))
      throw Error(Cat("internal error: the field '", name, "' holds ", FormatDouble(value)));
    return Node::Scalar(FormatDouble(value));
  }
  Node One(const std::string& value) const { return Node::Scalar(value, true); }
};

class Writer : public Fields {
 public:
  Node Take() { return std::move(stack_.front()); }

 protected:
  void VisitField(std::string_view name, FieldRef field, const FieldInfo&) override {
    stack_.back().Set(name, FieldToNode(name, field));
  }
  bool BeginStruct(std::string_view name, std::string_view) override {
    Begin(name, Node::Map());
    return true;
  }
  void EndStruct() override { End(); }
  void AfterStruct(const std::function<void()>&) override {}
  size_t BeginList(std::string_view name, size_t current, std::string_view) override {
    Begin(name, Node::List());
    return current;
  }
  void BeginItem(size_t) override { Begin("", Node::Map()); }
  void EndItem() override { End(); }
  void EndList() override { End(); }
  std::vector<std::string> BeginMap(std::string_view name, const std::vector<std::string>& current,
                                    std::string_view) override {
    Begin(name, Node::Map());
    return current;
  }
  void BeginEntry(const std::string& key) override { Begin(key, Node::Map()); }
  void EndEntry() override { End(); }
  void EndMap() override { End(); }

 private:
  void Begin(std::string_view name, Node node) {
    names_.emplace_back(name);
    stack_.push_back(std::move(node));
  }
  void End() {
    Node done = std::move(stack_.back());
    stack_.pop_back();
    Node& parent = stack_.back();
    if (parent.kind == Node::Kind::kList) {
      parent.list.push_back(std::move(done));
    } else {
      parent.Set(names_.back(), std::move(done));
    }
    names_.pop_back();
  }

  std::vector<Node> stack_ = {Node::Map()};
  std::vector<std::string> names_;
};

}  // namespace

Node FieldToNode(std::string_view name, const FieldRef& field) {
  return std::visit(ToNode{name}, field);
}

Node WriteFrom(const DescribeFn& describe) {
  Writer writer;
  describe(writer);
  return writer.Take();
}

}  // namespace simscale::config::internal
