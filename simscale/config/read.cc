#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/config/field_text.h"
#include "simscale/config/fields.h"
#include "simscale/config/scalar.h"

namespace simscale::config::internal {
namespace {

/// Turns one node into one field's value, or throws with the node's place and the field's path.
class ValueReader {
 public:
  ValueReader(const Node& node, std::string path, const FieldInfo& info)
      : node_(node), path_(std::move(path)), info_(info) {}

  void operator()(Node* value) const {
    if (node_.kind == Node::Kind::kNull) return;
    if (node_.kind != Node::Kind::kMap) Fail(node_, path_, "must be a map of keys to values");
    *value = node_;
  }
  template <class T>
  void operator()(T* value) const {
    *value = One<T>(node_, path_);
  }
  template <class T>
  void operator()(std::vector<T>* values) const {
    if (node_.kind != Node::Kind::kList) Fail(node_, path_, "must be a " + TypeText(values, info_));
    if (info_.size >= 0 && node_.list.size() != static_cast<size_t>(info_.size))
      ThrowUser(node_.mark.ToString(), ": ", path_, " must have ", info_.size, " entries, got ",
                node_.list.size());
    std::vector<T> read;
    for (size_t i = 0; i < node_.list.size(); ++i)
      read.push_back(One<T>(node_.list[i], Cat(path_, ".", i)));
    *values = std::move(read);
  }

 private:
  [[noreturn]] static void Fail(const Node& node, const std::string& path, const std::string& rule,
                                const std::string& hint = "") {
    ThrowUser(node.mark.ToString(), ": ", path, " ", rule, ", got ", Show(node), hint);
  }

  template <class T>
  T One(const Node& node, const std::string& path) const {
    if constexpr (std::is_same_v<T, bool>) {
      return Bool(node, path);
    } else if constexpr (std::is_same_v<T, double>) {
      return Double(node, path);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return Text(node, path);
    } else {
      return Int<T>(node, path);
    }
  }

  static bool Bool(const Node& node, const std::string& path) {
    const std::optional<bool> value = IsBare(node) ? ParseBool(node.scalar) : std::nullopt;
    if (!value) Fail(node, path, "must be true or false");
    return *value;
  }

  double Double(const Node& node, const std::string& path) const {
    if (!IsBare(node)) Fail(node, path, "must be a number", QuoteHint(node));
    double value = 0;
    const NumberStatus status = ParseDouble(node.scalar, &value);
    if (status == NumberStatus::kOutOfRange) Fail(node, path, "must fit a double-precision number");
    if (status != NumberStatus::kOk)
      Fail(node, path, IsNonFiniteText(node.scalar) ? "must be finite" : "must be a number",
           ZeroHint(node));
    CheckRange(node, path, value);
    return value;
  }

  template <class T>
  T Int(const Node& node, const std::string& path) const {
    using Wide = std::conditional_t<std::is_unsigned_v<T>, uint64_t, int64_t>;
    if (!IsBare(node)) Fail(node, path, "must be an integer", QuoteHint(node));
    Wide value = 0;
    NumberStatus status;
    if constexpr (std::is_unsigned_v<T>) {
      status = ParseUint(node.scalar, &value);
    } else {
      status = ParseInt(node.scalar, &value);
    }
    if (status == NumberStatus::kNotANumber)
      Fail(node, path, "must be an integer", IntegerHint(node) + ZeroHint(node));
    using Limits = std::numeric_limits<T>;
    if (status == NumberStatus::kOutOfRange || value > Wide{Limits::max()} ||
        value < Wide{Limits::min()})
      FailRange(node, path, Cat(Limits::min()), Cat(Limits::max()));
    CheckRange(node, path, static_cast<long double>(value));
    return static_cast<T>(value);
  }

  // A plain number or word is text too where text is asked for: names like 007 or on stay as
  // written.
  std::string Text(const Node& node, const std::string& path) const {
    if (node.kind != Node::Kind::kScalar) Fail(node, path, "must be text");
    const auto& choices = info_.choices;
    if (!choices.empty() &&
        std::find(choices.begin(), choices.end(), node.scalar) == choices.end()) {
      const std::string nearest = NearestName(node.scalar, choices);
      std::vector<std::string> named;
      std::copy_if(choices.begin(), choices.end(), std::back_inserter(named),
                   [](const std::string& choice) { return !choice.empty(); });
      Fail(node, path,
           Cat("must be one of ", Join(named, ", "),
               named.size() < choices.size() ? ", or empty" : ""),
           nearest.empty() ? "" : ". Did you mean '" + nearest + "'?");
    }
    return node.scalar;
  }

  std::string RangeWords() const {
    const bool both = std::isfinite(info_.min) && std::isfinite(info_.max);
    return (both ? "in " : "") + RangeText(info_);
  }
  // The type's own limits hold where the field has none.
  [[noreturn]] void FailRange(const Node& node, const std::string& path, std::string low,
                              std::string high) const {
    if (std::isfinite(info_.min)) low = FormatBound(info_.min);
    if (std::isfinite(info_.max)) high = FormatBound(info_.max);
    Fail(node, path, Cat("must be in ", low, " .. ", high));
  }
  void CheckRange(const Node& node, const std::string& path, long double value) const {
    if (value < info_.min || value > info_.max) Fail(node, path, "must be " + RangeWords());
  }

  static bool IsBare(const Node& node) { return node.kind == Node::Kind::kScalar && !node.quoted; }
  static std::string QuoteHint(const Node& node) {
    double ignored;
    const bool number =
        node.kind == Node::Kind::kScalar && ParseDouble(node.scalar, &ignored) == NumberStatus::kOk;
    return number ? " as quoted text. Leave the quotes out" : "";
  }
  // 1e6 and 5.0 are integers to a person; say how to write them.
  static std::string IntegerHint(const Node& node) {
    double value = 0;
    if (ParseDouble(node.scalar, &value) != NumberStatus::kOk) return "";
    if (value != std::floor(value) || std::abs(value) >= 9e15) return "";
    return Cat(". Write ", static_cast<int64_t>(value));
  }
  static std::string ZeroHint(const Node& node) {
    const std::string& text = node.scalar;
    const size_t start = text.find_first_not_of("+-");
    if (start == std::string::npos || start > 1 || text[start] != '0') return "";
    const size_t digits = text.find_first_not_of('0', start);
    if (digits == std::string::npos || digits == start) return "";
    const std::string rest = text.substr(0, start) + text.substr(digits);
    double ignored;
    return ParseDouble(rest, &ignored) == NumberStatus::kOk && rest[start] != '.'
               ? ". Write it without leading zeros"
               : "";
  }

  const Node& node_;
  const std::string path_;
  const FieldInfo& info_;
};

class Reader : public Fields {
 public:
  explicit Reader(const Node& root) {
    const bool empty = root.kind == Node::Kind::kNull;  // an empty file sets nothing
    stack_.push_back({.node = empty ? nullptr : &root, .mark = root.mark});
    if (!empty) RequireKind(root, Node::Kind::kMap, "");
  }
  void Finish(const std::function<void()>& validate) { AfterStruct(validate); }

 protected:
  void VisitField(std::string_view name, FieldRef field, const FieldInfo& info) override {
    if (const Node* node = Know(name)) std::visit(ValueReader(*node, PathOf(name), info), field);
  }

  bool BeginStruct(std::string_view name, std::string_view) override {
    Push(name, Know(name), Node::Kind::kMap);
    return true;
  }
  void EndStruct() override { Pop(); }

  void AfterStruct(const std::function<void()>& validate) override {
    CheckUnknown();
    try {
      validate();
    } catch (const UserError& e) {
      Rethrow(e.what());
    }
  }

  size_t BeginList(std::string_view name, size_t current, std::string_view) override {
    const Node* node = Know(name);
    Push(name, node, Node::Kind::kList);
    return node ? node->list.size() : current;
  }
  void BeginItem(size_t i) override {
    const Node* list = stack_.back().node;
    Push(std::to_string(i), list ? &list->list[i] : nullptr, Node::Kind::kMap);
  }
  void EndItem() override { Pop(); }
  void EndList() override { stack_.pop_back(); }

  std::vector<std::string> BeginMap(std::string_view name, const std::vector<std::string>& current,
                                    std::string_view) override {
    const Node* node = Know(name);
    Push(name, node, Node::Kind::kMap);
    if (!node) return current;
    std::vector<std::string> keys;
    for (const auto& [key, value] : node->map) {
      if (!IsKey(key))
        ThrowUser(value.key_mark.ToString(), ": ", stack_.back().path,
                  ": a name must not be empty, nor have '/' or control characters in it, got '",
                  Printable(key), "'");
      keys.push_back(key);
    }
    return keys;
  }
  void BeginEntry(const std::string& key) override {
    const Node* map = stack_.back().node;
    Push(Printable(key), map ? map->Find(key) : nullptr, Node::Kind::kMap);
  }
  void EndEntry() override { Pop(); }
  void EndMap() override { stack_.pop_back(); }

 private:
  struct Frame {
    const Node* node = nullptr;  // nullptr: not written, everything keeps its value
    std::string path;
    Mark mark;                       // of the node, or of the nearest one around it
    std::vector<std::string> known;  // the names of the struct's fields so far
  };

  std::string PathOf(std::string_view name) const {
    const std::string& path = stack_.back().path;
    return path.empty() ? std::string(name) : Cat(path, ".", name);
  }

  // Notes the field's name; its node if the file has one.
  const Node* Know(std::string_view name) {
    Frame& frame = stack_.back();
    const bool declared_twice =
        std::find(frame.known.begin(), frame.known.end(), name) != frame.known.end();
    SIMSCALE_CHECK(!declared_twice);
    frame.known.emplace_back(name);
    return frame.node ? frame.node->Find(name) : nullptr;
  }

  static void RequireKind(const Node& node, Node::Kind kind, const std::string& path) {
    if (node.kind == kind) return;
    const std::string_view rule =
        kind == Node::Kind::kMap ? "must be a map of keys to values" : "must be a list of maps";
    ThrowUser(node.mark.ToString(), ": ", path.empty() ? "a configuration" : path, " ", rule,
              ", got ", Show(node));
  }

  void Push(std::string_view name, const Node* node, Node::Kind kind) {
    Frame frame{.node = node, .path = PathOf(name), .mark = stack_.back().mark};
    if (node) {
      RequireKind(*node, kind, frame.path);
      frame.mark = node->mark;
    }
    stack_.push_back(std::move(frame));
  }
  void Pop() {
    CheckUnknown();
    stack_.pop_back();
  }

  void CheckUnknown() const {
    const Frame& frame = stack_.back();
    if (!frame.node) return;
    for (const auto& [key, value] : frame.node->map) {
      if (std::find(frame.known.begin(), frame.known.end(), key) != frame.known.end()) continue;
      const std::string nearest = NearestName(key, frame.known);
      ThrowUser(value.key_mark.ToString(), ": unknown key '", Printable(key), "'",
                frame.path.empty() ? "" : " in " + frame.path, ".",
                nearest.empty() ? "" : " Did you mean '" + nearest + "'?",
                " Known: ", frame.known.empty() ? "none" : Join(frame.known, ", "), ".");
    }
  }

  // A Validate's message begins with the name of the field at fault if there is one: then the
  // error points at that field.
  [[noreturn]] void Rethrow(const std::string& message) const {
    const Frame& frame = stack_.back();
    const std::string first = message.substr(0, message.find_first_of(" .:,"));
    const bool names_field =
        std::find(frame.known.begin(), frame.known.end(), first) != frame.known.end();
    const Node* node = names_field && frame.node ? frame.node->Find(first) : nullptr;
    const Mark& mark = node ? node->mark : frame.mark;
    const std::string where = mark.source.empty() ? "" : mark.ToString() + ": ";
    if (frame.path.empty()) ThrowUser(where, message);
    ThrowUser(where, frame.path, names_field ? "." : ": ", message);
  }

  std::vector<Frame> stack_;
};

}  // namespace

void ReadInto(const Node& node, const DescribeFn& describe, const std::function<void()>& validate) {
  Reader reader(node);
  describe(reader);
  reader.Finish(validate);
}

}  // namespace simscale::config::internal

namespace simscale::config {

bool IsKey(std::string_view name) {
  return !name.empty() && name != "." && std::none_of(name.begin(), name.end(), [](char c) {
    return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

}  // namespace simscale::config
