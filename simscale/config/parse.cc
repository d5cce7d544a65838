#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/config/scalar.h"

namespace simscale::config {
namespace {

// Far above any configuration, far below what hurts: the limits only stop hostile or broken files.
constexpr size_t kMaxBytes = size_t{8} << 20;
constexpr size_t kMaxNodes = 1'000'000;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxKeyBytes =
    200;  // YAML allows a plain "key:" 1024 characters, escapes included

constexpr std::string_view kStringTag = "tag:yaml.org,2002:str";

// Builds the tree from yaml-cpp's events rather than from its nodes: those hide duplicate keys and
// expand aliases without a limit.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& source) : source_(source) {}

  Node TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      Fail(mark,
           "only one document is allowed, and another starts here. Check the indentation, and "
           "that a space follows each ':' and '-'");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (ExpectsKey()) Fail(mark, "a key must be text, got nothing. Quote it if it is meant");
    Count(mark, 1);
    Node node;
    node.mark = At(mark);
    Place(std::move(node), anchor, 1, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto known = anchors_.find(anchor);
    if (known == anchors_.end())
      Fail(mark, "an alias may not stand inside the value that its anchor names");
    const Anchored& target = known->second;
    if (ExpectsKey()) {
      if (target.node.kind != Node::Kind::kScalar)
        Fail(mark, "a key must be text, not a list or map. Is a bracket left open?");
      SetKey(mark, target.node.scalar);
      return;
    }
    if (static_cast<int>(stack_.size()) + target.height > kMaxDepth) FailDepth(mark);
    Count(mark, target.count);
    Place(target.node, YAML::NullAnchor, target.count, target.height);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool quoted = tag == "!" || tag == kStringTag;
    if (!quoted) CheckTag(mark, tag);
    Node node = Node::Scalar(value, quoted);
    node.mark = At(mark);
    Count(mark, 1);
    if (ExpectsKey()) {
      if (!quoted && value == "<<")
        Fail(mark, "merge keys (<<) are not supported. Use a defaults: list, or repeat the keys");
      SetKey(mark, value);
      if (anchor != YAML::NullAnchor) anchors_[anchor] = {std::move(node), 1, 1};
      return;
    }
    Place(std::move(node), anchor, 1, 1);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Start(mark, tag, anchor, Node::List());
  }
  void OnSequenceEnd() override { End(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Start(mark, tag, anchor, Node::Map());
  }
  void OnMapEnd() override { End(); }

 private:
  struct Anchored {
    Node node;
    size_t count;  // nodes below and with this one
    int height;
  };
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    size_t first_count;  // nodes counted when it opened
    int height = 1;
    std::optional<std::string> key;
    Mark key_mark;
    std::unordered_map<std::string, int> key_lines;
  };

  Mark At(const YAML::Mark& mark) const {
    return mark.is_null() ? Mark{source_} : Mark{source_, mark.line + 1, mark.column + 1};
  }
  [[noreturn]] void Fail(const YAML::Mark& mark, const std::string& what) const {
    ThrowUser(At(mark).ToString(), ": ", what);
  }
  [[noreturn]] void FailDepth(const YAML::Mark& mark) const {
    Fail(mark, Cat("nested deeper than ", kMaxDepth, " levels"));
  }
  void CheckTag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?") return;
    Fail(mark, Cat("tags are not supported, got '", internal::Printable(tag), "'. Leave it out"));
  }
  void Count(const YAML::Mark& mark, size_t more) {
    count_ += more;
    if (count_ > kMaxNodes)
      Fail(mark, Cat("more than ", kMaxNodes, " values (aliases counted in full)"));
  }

  bool ExpectsKey() const {
    return !stack_.empty() && stack_.back().node.kind == Node::Kind::kMap && !stack_.back().key;
  }
  void SetKey(const YAML::Mark& mark, const std::string& key) {
    if (key.size() > kMaxKeyBytes)
      Fail(mark, Cat("a key may have ", kMaxKeyBytes, " bytes at most, got ", key.size(), ": '",
                     internal::Printable(key, 30), "'"));
    Open& top = stack_.back();
    auto [present, is_new] = top.key_lines.emplace(key, mark.line + 1);
    if (!is_new)
      Fail(mark, Cat("duplicate key '", internal::Printable(key), "', first written in line ",
                     present->second));
    top.key = key;
    top.key_mark = At(mark);
  }

  void Start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node node) {
    if (ExpectsKey()) Fail(mark, "a key must be text, not a list or map. Is a bracket left open?");
    CheckTag(mark, tag);
    if (static_cast<int>(stack_.size()) >= kMaxDepth) FailDepth(mark);
    Count(mark, 1);
    node.mark = At(mark);
    stack_.push_back({.node = std::move(node), .anchor = anchor, .first_count = count_ - 1});
  }
  void End() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    Place(std::move(done.node), done.anchor, count_ - done.first_count, done.height);
  }
  void Place(Node node, YAML::anchor_t anchor, size_t count, int height) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, count, height};
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = stack_.back();
    top.height = std::max(top.height, height + 1);
    if (top.node.kind == Node::Kind::kMap) {
      // What is not there has no place; yaml-cpp gives that of whatever comes next.
      if (node.kind == Node::Kind::kNull) node.mark = top.key_mark;
      node.key_mark = std::move(top.key_mark);
      top.node.map.emplace_back(std::move(*top.key), std::move(node));
      top.key.reset();
    } else {
      node.key_mark = {};
      top.node.list.push_back(std::move(node));
    }
  }

  const std::string& source_;
  int documents_ = 0;
  size_t count_ = 0;
  Node root_;
  std::vector<Open> stack_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
};

// yaml-cpp closes a quote that is open at the end of the file by itself if a line break comes last.
// A comment in the first column stops that and changes nothing else.
std::string WithLastComment(const std::string& text) {
  const size_t last = text.find_last_not_of(" \t");
  if (last == std::string::npos || text[last] != '\n') return text;
  return text.substr(0, last + 1) + "#";
}

// What yaml-cpp says, in words of someone who writes the file.
std::string Explain(const std::string& message) {
  static constexpr std::pair<std::string_view, std::string_view> kHints[] = {
      {"illegal map value", "a ':' where no key can be; check the indentation, or quote the text"},
      {"illegal EOF in scalar", "a quote is not closed"},
      {"illegal tab when looking for indentation", "indent with spaces, not tabs"},
      {"unknown token", "text that begins with this character needs quotes"},
      {"end of map not found", "neither a key of this map nor its end; check the indentation"},
      {"end of sequence not found",
       "neither an item of this list nor its end; check the indentation"},
      {"end of map flow not found", "',' or '}' is missing"},
      {"end of sequence flow not found", "',' or ']' is missing"},
      {"illegal flow end", "a closing bracket that nothing opened"},
      {"illegal block entry", "a '-' where no list can be; check the indentation"},
      {"the referenced anchor is not defined", "an alias (*) without its anchor (&)"},
  };
  for (const auto& [theirs, ours] : kHints)
    if (message.compare(0, theirs.size(), theirs) == 0) return std::string(ours);
  return internal::Printable(message, 200);
}

// Whether a tab is part of the line's indentation; lines count from 0.
bool IsIndentedByTab(const std::string& text, int line) {
  size_t at = 0;
  for (; line > 0 && at != std::string::npos; --line) {
    at = text.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  if (at == std::string::npos) return false;
  const size_t end = text.find_first_not_of(" \t", at);
  return text.substr(at, end == std::string::npos ? end : end - at).find('\t') != std::string::npos;
}

// yaml-cpp takes some control characters for the end of the file, and repairs broken UTF-8.
void CheckCharacters(const std::string& text, const std::string& source) {
  const size_t invalid = internal::FindInvalidUtf8(text);
  size_t bad = std::min(invalid, text.size());
  for (size_t i = 0; i < bad; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) bad = i;
  }
  if (bad == text.size()) return;
  const auto start = text.begin(), end = start + static_cast<std::ptrdiff_t>(bad);
  const auto line = static_cast<int>(std::count(start, end, '\n')) + 1;
  const size_t line_start = bad == 0 ? std::string::npos : text.rfind('\n', bad - 1);
  const auto column =
      static_cast<int>(bad - (line_start == std::string::npos ? 0 : line_start + 1)) + 1;
  const std::string where = Mark{source, line, column}.ToString();
  if (bad == invalid) ThrowUser(where, ": not UTF-8 text. Save the file as UTF-8");
  ThrowUser(where, ": control characters are not allowed, got '",
            internal::Printable(text.substr(bad, 1)), "'. Is this a YAML file?");
}

}  // namespace

Node ParseYaml(const std::string& text, const std::string& source) {
  if (text.size() > kMaxBytes)
    ThrowUser(source, ": a configuration may have 8 MiB at most, got ", text.size(), " bytes");
  CheckCharacters(text, source);
  std::istringstream stream(WithLastComment(text));
  Builder builder(source);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    const Mark mark =
        e.mark.is_null() ? Mark{source} : Mark{source, e.mark.line + 1, e.mark.column + 1};
    // yaml-cpp takes a tab for the start of the text behind it, and complains of that text.
    const bool tab = !e.mark.is_null() && IsIndentedByTab(text, e.mark.line);
    ThrowUser(mark.ToString(),
              ": not valid YAML: ", tab ? "indent with spaces, not tabs" : Explain(e.msg));
  }
  Node root = builder.TakeRoot();
  if (root.mark.source.empty()) root.mark = {source, 1, 1};
  return root;
}

Node LoadYaml(const std::filesystem::path& path) {
  std::error_code ignored;
  if (fs::is_character_file(path, ignored)) ThrowUser(path.string(), ": not a file but a device");
  if (fs::is_regular_file(path, ignored)) {
    const auto size = fs::file_size(path, ignored);
    if (!ignored && size > kMaxBytes)
      ThrowUser(path.string(), ": a configuration may have 8 MiB at most, got ", size, " bytes");
  }
  return ParseYaml(ReadFile(path), path.string());
}

}  // namespace simscale::config
