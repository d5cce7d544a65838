#include <algorithm>
#include <cmath>

#include "simscale/common/text.h"
#include "simscale/config/field_text.h"
#include "simscale/config/fields.h"
#include "simscale/config/scalar.h"

namespace simscale::config {
namespace internal {
namespace {

struct TypeNames {
  std::string one, many;
};

struct TypeOf {
  TypeNames operator()(const bool*) const { return {"bool", ""}; }
  TypeNames operator()(const int*) const { return {"int", ""}; }
  TypeNames operator()(const int64_t*) const { return {"int", ""}; }
  TypeNames operator()(const uint64_t*) const { return {"int", ""}; }
  TypeNames operator()(const double*) const { return {"number", ""}; }
  TypeNames operator()(const std::string*) const { return {"text", ""}; }
  TypeNames operator()(const std::vector<int>*) const { return {"", "ints"}; }
  TypeNames operator()(const std::vector<double>*) const { return {"", "numbers"}; }
  TypeNames operator()(const std::vector<std::string>*) const { return {"", "texts"}; }
  TypeNames operator()(const Node*) const { return {"any", ""}; }
};

class DocsVisitor : public Fields {
 public:
  std::vector<FieldDoc> Take() { return std::move(docs_); }

 protected:
  void VisitField(std::string_view name, FieldRef field, const FieldInfo& info) override {
    docs_.push_back({.path = PathOf(name),
                     .type = TypeText(field, info),
                     .initial = ToFlow(FieldToNode(name, field)),
                     .unit = std::string(info.unit),
                     .range = RangeText(info),
                     .help = std::string(info.help)});
  }
  bool BeginStruct(std::string_view name, std::string_view help) override {
    Group(name, "section", "", help);
    Push(name);
    return true;
  }
  void EndStruct() override { path_.pop_back(); }
  void AfterStruct(const std::function<void()>&) override {}

  // The items' fields are shown once, with the defaults of a fresh item.
  size_t BeginList(std::string_view name, size_t current, std::string_view help) override {
    Group(name, "list of maps",
          current == 0 ? "[]" : Cat(current, current == 1 ? " item" : " items"), help);
    Push(name);
    return 0;
  }
  void BeginItem(size_t) override { Push("<i>"); }
  void EndItem() override { path_.pop_back(); }
  void EndList() override { path_.pop_back(); }
  std::vector<std::string> BeginMap(std::string_view name, const std::vector<std::string>& current,
                                    std::string_view help) override {
    Group(name, "map of maps", Cat("{", Join(current, ", "), "}"), help);
    Push(name);
    return {};
  }
  void BeginEntry(const std::string& key) override { Push(key); }
  void EndEntry() override { path_.pop_back(); }
  void EndMap() override { path_.pop_back(); }
  bool DocumentsItems() const override { return true; }

 private:
  void Group(std::string_view name, std::string type, std::string initial, std::string_view help) {
    docs_.push_back({.path = PathOf(name),
                     .type = std::move(type),
                     .initial = std::move(initial),
                     .unit = "",
                     .range = "",
                     .help = std::string(help)});
  }
  void Push(std::string_view name) { path_.push_back(PathOf(name)); }
  std::string PathOf(std::string_view name) const {
    return path_.empty() ? std::string(name) : Cat(path_.back(), ".", name);
  }

  std::vector<FieldDoc> docs_;
  std::vector<std::string> path_;
};

}  // namespace

std::string TypeText(const FieldRef& field, const FieldInfo& info) {
  const TypeNames names = std::visit(TypeOf(), field);
  if (names.many.empty()) return names.one;
  return info.size < 0 ? "list of " + names.many : Cat("list of ", info.size, " ", names.many);
}

std::string RangeText(const FieldInfo& info) {
  if (!info.choices.empty()) return "one of " + Join(info.choices, ", ");
  const bool has_min = std::isfinite(info.min), has_max = std::isfinite(info.max);
  if (has_min && has_max) return FormatBound(info.min) + " .. " + FormatBound(info.max);
  if (has_min) return ">= " + FormatBound(info.min);
  return has_max ? "<= " + FormatBound(info.max) : "";
}

std::vector<FieldDoc> DocsOf(const DescribeFn& describe) {
  DocsVisitor visitor;
  describe(visitor);
  return visitor.Take();
}

}  // namespace internal

namespace {

// Columns no wider than this are aligned; a longer entry pushes its own line to the right.
constexpr size_t kMaxColumn = 36;

size_t Width(const std::string& text) {  // in characters
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string DefaultWithUnit(const FieldDoc& doc) {
  return doc.unit.empty() ? doc.initial : doc.initial + " " + doc.unit;
}

/// `text` with `by` in place of each `character`.
std::string Replaced(std::string_view text, char character, std::string_view by) {
  std::string replaced;
  for (char c : text) {
    if (c == character) {
      replaced += by;
    } else {
      replaced += c;
    }
  }
  return replaced;
}

}  // namespace

std::string MarkdownCell(std::string_view text) {
  return Replaced(Replaced(text, '|', "\\|"), '<', "&lt;");
}

std::string MarkdownCode(std::string_view text) {
  return text.empty() ? "" : Cat("`", Replaced(text, '|', "\\|"), "`");
}

std::string DocsAsText(const std::vector<FieldDoc>& docs) {
  std::vector<std::vector<std::string>> rows;
  std::vector<size_t> widths(4, 0);
  for (const FieldDoc& doc : docs) {
    rows.push_back({doc.path, doc.type, DefaultWithUnit(doc), doc.range});
    if (doc.type == "section") continue;
    for (size_t i = 0; i < widths.size(); ++i) {
      const size_t width = Width(rows.back()[i]);
      if (width <= kMaxColumn) widths[i] = std::max(widths[i], width);
    }
  }
  std::string text;
  for (size_t k = 0; k < docs.size(); ++k) {
    if (docs[k].type == "section") {
      text += "  " + docs[k].path + ": " + docs[k].help + "\n";
      continue;
    }
    std::string line = " ";
    for (size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == 0) continue;
      const size_t width = Width(rows[k][i]);
      line += " " + rows[k][i] + std::string(width < widths[i] ? widths[i] - width : 0, ' ') + " ";
    }
    line += " " + docs[k].help;
    text += line.erase(line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string DocsAsMarkdown(const std::vector<FieldDoc>& docs) {
  std::string text =
      "| Field | Type | Default | Unit | Range | Meaning |\n|---|---|---|---|---|---|\n";
  for (const FieldDoc& doc : docs)
    text += "| " +
            Join(std::vector<std::string>{MarkdownCode(doc.path), MarkdownCell(doc.type),
                                          MarkdownCode(doc.initial), MarkdownCell(doc.unit),
                                          MarkdownCell(doc.range), MarkdownCell(doc.help)},
                 " | ") +
            " |\n";
  return text;
}

}  // namespace simscale::config
