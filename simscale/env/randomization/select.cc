#include "simscale/env/randomization/select.h"

#include <algorithm>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

int Count(const mjModel* m, mjtObj type) {
  switch (type) {
    case mjOBJ_BODY:
      return static_cast<int>(m->nbody);
    case mjOBJ_JOINT:
      return static_cast<int>(m->njnt);
    case mjOBJ_GEOM:
      return static_cast<int>(m->ngeom);
    case mjOBJ_ACTUATOR:
      return static_cast<int>(m->nactuator);
    case mjOBJ_CAMERA:
      return static_cast<int>(m->ncam);
    case mjOBJ_LIGHT:
      return static_cast<int>(m->nlight);
    case mjOBJ_MATERIAL:
      return static_cast<int>(m->nmat);
    default:
      SIMSCALE_CHECK(false);
  }
}

std::vector<std::string> Names(const mjModel* model, mjtObj type) {
  std::vector<std::string> names;
  for (int id = 0; id < Count(model, type); ++id) {
    const char* name = mj_id2name(model, type, id);
    names.emplace_back(name != nullptr ? name : "");
  }
  return names;
}

}  // namespace

bool FitsPattern(std::string_view pattern, std::string_view name) {
  // The last star is tried with ever longer texts; stars before it never need another try.
  size_t p = 0, n = 0, star = std::string_view::npos, tried = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      tried = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++tried;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Selection Select(const sim::Model& model, mjtObj type, const std::string& key,
                 const std::vector<std::string>& patterns,
                 const std::function<std::string(int)>& refuse) {
  if (patterns.empty()) ThrowUser(key, ": at least one name or pattern is needed, got none");
  const std::vector<std::string> names = Names(model.get(), type);
  const std::string what = Cat(mju_type2Str(type), " of the model");
  Selection selection;
  auto add = [&](int id) {
    if (std::ranges::find(selection.ids, id) != selection.ids.end()) return;
    const std::string& name = names[static_cast<size_t>(id)];
    selection.ids.push_back(id);
    selection.labels.push_back(name.empty() ? Cat("#", id) : name);
  };
  for (const std::string& pattern : patterns) {
    selection.named |= pattern != "*";
    if (pattern.find_first_of("*?") == std::string::npos) {
      const auto found = std::ranges::find(names, pattern);
      if (pattern.empty() || found == names.end()) {
        std::vector<std::string> known;
        for (const auto& name : names)
          if (!name.empty()) known.push_back(name);
        ThrowUser(key, ": ", UnknownName(what, pattern, known));
      }
      const int id = static_cast<int>(found - names.begin());
      const std::string reason = refuse ? refuse(id) : "";
      if (!reason.empty()) ThrowUser(key, ": '", pattern, "' ", reason);
      add(id);
      continue;
    }
    bool fits = false, selected = false;
    std::string refused;
    for (int id = 0; id < static_cast<int>(names.size()); ++id) {
      const std::string& name = names[static_cast<size_t>(id)];
      if (pattern != "*" && (name.empty() || !FitsPattern(pattern, name))) continue;
      fits = true;
      const std::string reason = refuse ? refuse(id) : "";
      if (reason.empty()) {
        add(id);
        selected = true;
      } else if (refused.empty()) {
        refused = Cat("'", name, "' ", reason);
      }
    }
    if (pattern == "*" || selected) continue;
    if (!fits)
      ThrowUser(key, ": no ", what, " fits '", pattern, "'. There are ", Join(names, ", "));
    ThrowUser(key, ": '", pattern, "' selects nothing: ", refused);
  }
  return selection;
}

std::string PosePlace::Refusal(const mjModel* model, int body) {
  if (model->body_mocapid[body] >= 0) return "";
  const int joint = model->body_jntadr[body];
  if (joint >= 0 && model->jnt_type[joint] == mjJNT_FREE) return "";
  return "can't be placed: it is neither a free body nor a marker";
}

PosePlace::PosePlace(const mjModel* model, int body) {
  mocap = model->body_mocapid[body];
  const int joint = model->body_jntadr[body];
  if (mocap < 0 && joint >= 0 && model->jnt_type[joint] == mjJNT_FREE) {
    qpos = model->jnt_qposadr[joint];
    dof = model->jnt_dofadr[joint];
  }
}

std::vector<int> AxisIndices(const std::string& key, const std::string& text,
                             const std::string& letters) {
  std::vector<int> indices;
  for (const char letter : text) {
    const size_t index = letters.find(letter);
    const bool twice = std::ranges::find(indices, static_cast<int>(index)) != indices.end();
    if (index == std::string::npos || twice) {
      indices.clear();
      break;
    }
    indices.push_back(static_cast<int>(index));
  }
  if (indices.empty()) {
    ThrowUser(key, " must be one or more of the letters ", letters, ", each once, got '", text,
              "'");
  }
  return indices;
}

}  // namespace simscale::env
