#include <algorithm>
#include <unordered_map>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/config/scalar.h"

namespace simscale::config {
namespace {

// A file named twice by two files each, and so on, would be read 2^n times.
constexpr int kMaxFiles = 1000;

// The folder's names that may stand in a defaults: list, for "Did you mean".
void AddNames(const fs::path& folder, std::vector<std::string>& names) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".yaml") names.push_back(it->path().stem().string());
}

class Composer {
 public:
  explicit Composer(const std::vector<fs::path>& search) : search_(search) {}

  Node Compose(const fs::path& path, const Mark& named_at) {
    CheckCycle(path, named_at);
    if (++files_ > kMaxFiles)
      ThrowUser(named_at.ToString(), ": defaults name more than ", kMaxFiles, " files in all");
    Node own = LoadYaml(path);
    if (own.kind != Node::Kind::kMap && own.kind != Node::Kind::kNull)
      ThrowUser(own.mark.ToString(), ": a configuration must be a map of keys to values, got ",
                internal::Show(own));
    chain_.push_back(path);
    Node result = Node::Map();
    result.mark = own.mark;
    if (const Node* defaults = own.Find("defaults")) {
      for (const Node* name : Names(*defaults))
        Merge(result, Compose(Resolve(*name, path.parent_path()), name->mark));
      own.Erase("defaults");
    }
    chain_.pop_back();
    Merge(result, own);
    return result;
  }

 private:
  void CheckCycle(const fs::path& path, const Mark& named_at) const {
    std::error_code error;
    const auto same = [&](const fs::path& other) { return fs::equivalent(path, other, error); };
    const auto first = std::find_if(chain_.begin(), chain_.end(), same);
    if (first == chain_.end()) return;
    std::string chain;
    for (auto it = first; it != chain_.end(); ++it) chain += it->string() + " -> ";
    ThrowUser(named_at.ToString(), ": defaults form a cycle: ", chain, first->string());
  }

  static std::vector<const Node*> Names(const Node& defaults) {
    std::vector<const Node*> names;
    if (defaults.kind == Node::Kind::kScalar) names.push_back(&defaults);
    for (const Node& item : defaults.list) names.push_back(&item);
    for (const Node* name : names)
      if (name->kind != Node::Kind::kScalar || name->scalar.empty())
        ThrowUser(name->mark.ToString(), ": defaults must be a list of file names, got ",
                  internal::Show(*name));
    if (defaults.kind == Node::Kind::kMap)
      ThrowUser(defaults.mark.ToString(), ": defaults must be a list of file names, got ",
                internal::Show(defaults));
    return names;
  }

  fs::path Resolve(const Node& name, const fs::path& beside) const {
    std::vector<fs::path> folders = {beside};
    folders.insert(folders.end(), search_.begin(), search_.end());
    std::error_code error;
    for (const fs::path& folder : folders)
      for (const char* ending : {"", ".yaml"}) {
        const fs::path path = folder / (name.scalar + ending);
        if (fs::exists(path, error) && !fs::is_directory(path, error)) return path;
      }
    std::vector<std::string> known, looked;
    for (const fs::path& folder : folders) {
      AddNames(folder, known);
      looked.push_back(folder.empty() ? "." : folder.string());
    }
    const std::string nearest = NearestName(name.scalar, known);
    ThrowUser(name.mark.ToString(), ": defaults: no file '", internal::Printable(name.scalar),
              "' or '", internal::Printable(name.scalar), ".yaml' in ", Join(looked, ", "),
              nearest.empty() ? "" : ". Did you mean '" + nearest + "'?");
  }

  const std::vector<fs::path>& search_;
  std::vector<fs::path> chain_;
  int files_ = 0;
};

void MergeMap(Node& base, const Node& over) {
  std::unordered_map<std::string_view, size_t> places;
  std::vector<std::string> removed;
  base.map.reserve(base.map.size() + over.map.size());  // so that the views of its keys stay good
  for (size_t i = 0; i < base.map.size(); ++i) places[base.map[i].first] = i;
  for (const auto& [key, value] : over.map) {
    const auto place = places.find(key);
    if (value.kind == Node::Kind::kNull) {
      if (place != places.end()) removed.push_back(key);
      continue;
    }
    if (place == places.end()) {
      base.map.emplace_back(key, Node());
      places[base.map.back().first] = base.map.size() - 1;
    }
    Node& target = place == places.end() ? base.map.back().second : base.map[place->second].second;
    Merge(target, value);
  }
  for (const std::string& key : removed) base.Erase(key);
}

}  // namespace

void Merge(Node& base, const Node& over) {
  if (over.kind == Node::Kind::kNull) return;
  if (over.kind != Node::Kind::kMap) {
    base = over;
    return;
  }
  if (base.kind != Node::Kind::kMap) {
    base = Node::Map();
    base.mark = over.mark;
    base.key_mark = over.key_mark;
  }
  MergeMap(base, over);
}

Node Compose(const fs::path& path, const std::vector<fs::path>& search) {
  return Composer(search).Compose(path, Mark{path.string()});
}

}  // namespace simscale::config
