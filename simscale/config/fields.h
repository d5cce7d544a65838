#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "simscale/config/node.h"

namespace simscale::config {

/// What a field's one declaration says beside its name and default.
struct FieldInfo {
  std::string_view help;                                  ///< one line
  std::string_view unit = "";                             ///< "m", "s", "Hz", ...
  double min = -std::numeric_limits<double>::infinity();  ///< inclusive; of each entry for lists
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  ///< allowed texts of a string
  int size = -1;                          ///< exact length of a list; -1: any
};

/// Whether a name may be a key of dictionaries and a name in HDF5 files: it is not empty, and has
/// neither a slash, which would begin a group there, nor control characters.
bool IsKey(std::string_view name);

/// A field of one of the types a configuration may hold. Node keeps a map as it is, for parts
/// whose type is known only later (the parameters of a term).
using FieldRef =
    std::variant<bool*, int*, int64_t*, uint64_t*, double*, std::string*, std::vector<int>*,
                 std::vector<double>*, std::vector<std::string>*, Node*>;

/// A configuration declares its fields once, in Describe:
///
///   struct BcConfig {
///     double dropout = 0.0;
///     OptimizerConfig optimizer;                       // nested struct
///     std::vector<CameraConfig> cameras;               // list of structs
///     void Describe(config::Fields& f) {
///       f.Field("dropout", dropout, {.help = "dropout after each layer", .min = 0, .max = 0.9});
///       f.Struct("optimizer", optimizer, "optimiser and schedule");
///       f.StructList("cameras", cameras, "named cameras");
///     }
///   };
///
/// Reading, writing, --help and the docs page are different Fields visitors over that one function.
/// After a struct was read, its `void Validate() const` is called if it has one; it throws
/// UserError for rules across fields. Its message should begin with a field's name ("horizon must
/// be ..."): the reader then puts that field's place and path before it.
class Fields {
 public:
  virtual ~Fields() = default;

  template <class T>
  void Field(std::string_view name, T& value, const FieldInfo& info) {
    VisitField(name, FieldRef(&value), info);
  }
  template <class T>
  void Struct(std::string_view name, T& value, std::string_view help) {
    if (BeginStruct(name, help)) {
      value.Describe(*this);
      if constexpr (requires { value.Validate(); }) AfterStruct([&] { value.Validate(); });
      EndStruct();
    }
  }
  /// A YAML list of maps. Overridden by "name.0.field=...".
  template <class T>
  void StructList(std::string_view name, std::vector<T>& values, std::string_view help) {
    size_t n = BeginList(name, values.size(), help);
    values.resize(n);
    for (size_t i = 0; i < n; ++i) {
      BeginItem(i);
      values[i].Describe(*this);
      if constexpr (requires { values[i].Validate(); }) AfterStruct([&] { values[i].Validate(); });
      EndItem();
    }
    if (n == 0 && DocumentsItems()) {  // the docs show the fields of an empty list's items too
      T item;
      BeginItem(0);
      item.Describe(*this);
      EndItem();
    }
    EndList();
  }
  /// A YAML map from names to structs, in the file's order. The name is the pair's first; IsKey
  /// holds for it.
  template <class T>
  void StructMap(std::string_view name, std::vector<std::pair<std::string, T>>& values,
                 std::string_view help) {
    std::vector<std::string> keys;
    for (const auto& value : values) keys.push_back(value.first);
    keys = BeginMap(name, keys, help);
    std::vector<std::pair<std::string, T>> result;
    for (const std::string& key : keys) {
      T item;
      for (auto& value : values)
        if (value.first == key) item = value.second;
      BeginEntry(key);
      item.Describe(*this);
      if constexpr (requires { item.Validate(); }) AfterStruct([&] { item.Validate(); });
      EndEntry();
      result.emplace_back(key, std::move(item));
    }
    if (keys.empty() && DocumentsItems()) {
      T item;
      BeginEntry("<name>");
      item.Describe(*this);
      EndEntry();
    }
    EndMap();
    values = std::move(result);
  }

 protected:
  virtual void VisitField(std::string_view name, FieldRef field, const FieldInfo& info) = 0;
  /// Returns false to skip the struct.
  virtual bool BeginStruct(std::string_view name, std::string_view help) = 0;
  virtual void EndStruct() = 0;
  virtual void AfterStruct(const std::function<void()>& validate) = 0;
  virtual size_t BeginList(std::string_view name, size_t current, std::string_view help) = 0;
  virtual void BeginItem(size_t i) = 0;
  virtual void EndItem() = 0;
  virtual void EndList() = 0;
  virtual std::vector<std::string> BeginMap(std::string_view name,
                                            const std::vector<std::string>& current,
                                            std::string_view help) = 0;
  virtual void BeginEntry(const std::string& key) = 0;
  virtual void EndEntry() = 0;
  virtual void EndMap() = 0;
  virtual bool DocumentsItems() const { return false; }
};

/// One line of --help and of the docs page.
struct FieldDoc {
  std::string path;     ///< "optimizer.lr", "cameras.<i>.fovy", "rewards.<name>.weight"
  std::string type;     ///< "int", "list of 3 numbers", ...; "section" for a nested struct itself
  std::string initial;  ///< the default, as YAML
  std::string unit;
  std::string range;  ///< ">= 0", "0 .. 1", "one of a, b"; "" if free
  std::string help;
};

namespace internal {
using DescribeFn = std::function<void(Fields&)>;
void ReadInto(const Node& node, const DescribeFn& describe, const std::function<void()>& validate);
Node WriteFrom(const DescribeFn& describe);
std::vector<FieldDoc> DocsOf(const DescribeFn& describe);
template <class T>
void ValidateIfAny(T& value) {
  if constexpr (requires { value.Validate(); }) value.Validate();
}
}  // namespace internal

/// Sets the fields that `node` names; the others keep their value. Strict: an unknown key, a wrong
/// type, a number out of range or not finite, a duplicate: UserError with file:line:column, the
/// rule, the value and the nearest name.
template <class T>
void Read(const Node& node, T& value) {
  internal::ReadInto(
      node, [&](Fields& f) { value.Describe(f); }, [&] { internal::ValidateIfAny(value); });
}
/// Of a tree with overrides ("a.b=value") applied.
template <class T>
T ReadOverridden(Node node, const std::vector<std::string>& overrides) {
  for (const std::string& assignment : overrides) ApplyOverride(node, assignment);
  T value;
  Read(node, value);
  return value;
}
/// Every field with its present value, as a tree that Read takes back.
template <class T>
Node Write(T value) {
  return internal::WriteFrom([&](Fields& f) { value.Describe(f); });
}
template <class T>
std::vector<FieldDoc> Docs(T value = {}) {
  return internal::DocsOf([&](Fields& f) { value.Describe(f); });
}
/// The docs as aligned text for --help, and as a Markdown table.
std::string DocsAsText(const std::vector<FieldDoc>& docs);
std::string DocsAsMarkdown(const std::vector<FieldDoc>& docs);
std::string MarkdownCell(std::string_view text);  ///< for a table's cell
std::string MarkdownCode(std::string_view text);  ///< likewise, in backticks; "" stays so

}  // namespace simscale::config
