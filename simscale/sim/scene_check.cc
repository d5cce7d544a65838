#include "simscale/sim/scene_check.h"

#include <mujoco/mjxmacro.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string_view>
#include <type_traits>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::sim {
namespace {

/// Calls visit with each start tag of an XML text, without its brackets: `geom size="1"`. Comments
/// are left out.
template <class F>
void ForEachTag(std::string_view text, F&& visit) {
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const std::string_view rest = text.substr(at + 1);
    if (rest.starts_with("!--")) {
      at = text.find("-->", at);
      if (at == std::string_view::npos) return;
    } else {
      visit(rest.substr(0, rest.find('>')));
    }
  }
}

std::string_view NameOf(std::string_view tag) {
  return tag.substr(0, tag.find_first_of(" \t\r\n/"));
}

/// The value of a tag's attribute; "" if it has none.
std::string Attribute(std::string_view tag, std::string_view name) {
  constexpr std::string_view kSpace = " \t\r\n";
  for (size_t at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    if (at == 0 || kSpace.find(tag[at - 1]) == std::string_view::npos) continue;
    const size_t equals = tag.find_first_not_of(kSpace, at + name.size());
    if (equals == std::string_view::npos || tag[equals] != '=') continue;
    const size_t open = tag.find_first_not_of(kSpace, equals + 1);
    if (open == std::string_view::npos || (tag[open] != '"' && tag[open] != '\'')) continue;
    return std::string(tag.substr(open + 1, tag.find(tag[open], open + 1) - open - 1));
  }
  return "";
}

/// The product of the numbers in the text; 1 of none.
double Product(const std::string& text) {
  double product = 1, x = 0;
  for (std::istringstream in(text); in >> x;) product *= x;
  return product;
}

/// What the parser allocates or repeats before anything can be checked; int overflows make it
/// crash.
void CheckCounts(const fs::path& file, std::string_view tag) {
  struct Rule {
    std::string_view element;
    std::vector<std::string> attributes;
    double most;
  };
  static const std::vector<Rule> rules = {{"hfield", {"nrow", "ncol"}, 1e8},
                                          {"replicate", {"count"}, 1e5},
                                          {"composite", {"count"}, 1e5},
                                          {"flexcomp", {"count"}, 1e6}};
  for (const Rule& rule : rules) {
    if (NameOf(tag) != rule.element) continue;
    double count = 1;
    for (const std::string& attribute : rule.attributes)
      count *= Product(Attribute(tag, attribute));
    if (count < 0 || count > rule.most)
      ThrowUser(file.string(), ": ", Join(rule.attributes, " * "), " of a ", rule.element,
                " must be in 0 .. ", rule.most, ", got ", count);
  }
}

void CheckSize(const fs::path& file) {
  constexpr uintmax_t kMaxBytes = 64U << 20U;  // an XML that large would take minutes to parse
  std::error_code error;
  const uintmax_t bytes = fs::file_size(file, error);
  if (!error && bytes > kMaxBytes)
    ThrowUser(file.string(), ": an MJCF file must not exceed 64 MiB, got ", bytes >> 20U,
              " MiB. Is it a model at all?");
}

/// The file's text and, recursively, what it includes. MuJoCo follows <model file> without end if
/// files name each other in a circle.
void CheckText(const fs::path& file, const fs::path& main_dir, std::vector<fs::path>& chain) {
  std::error_code error;
  const fs::path canonical = fs::weakly_canonical(file, error);
  const auto seen = std::find(chain.begin(), chain.end(), canonical);
  if (seen != chain.end()) {
    std::string names;
    for (auto it = seen; it != chain.end(); ++it) names += it->filename().string() + " -> ";
    ThrowUser(chain[0].string(), ": its files include each other in a circle: ", names,
              canonical.filename().string());
  }
  chain.push_back(canonical);
  CheckSize(file);
  const std::string text = ReadFile(file);
  ForEachTag(text, [&](std::string_view tag) {
    CheckCounts(file, tag);
    if (NameOf(tag) != "include" && NameOf(tag) != "model") return;
    const std::string name = Attribute(tag, "file");
    for (const fs::path& dir : {file.parent_path(), main_dir}) {
      if (name.empty() || !fs::is_regular_file(dir / name, error)) continue;
      CheckText(dir / name, main_dir, chain);
      return;
    }
  });
  chain.pop_back();
}

/// Of the row that the number belongs to: " of geom 'floor'".
std::string OwnerOf(const mjModel* model, std::string_view array, int row) {
  struct Kind {
    std::string_view prefix;
    mjtObj type;
  };
  for (Kind kind :
       {Kind{"body_", mjOBJ_BODY}, Kind{"jnt_", mjOBJ_JOINT}, Kind{"geom_", mjOBJ_GEOM},
        Kind{"site_", mjOBJ_SITE}, Kind{"cam_", mjOBJ_CAMERA}, Kind{"light_", mjOBJ_LIGHT},
        Kind{"mat_", mjOBJ_MATERIAL}, Kind{"actuator_", mjOBJ_ACTUATOR},
        Kind{"tendon_", mjOBJ_TENDON}, Kind{"sensor_", mjOBJ_SENSOR}, Kind{"eq_", mjOBJ_EQUALITY},
        Kind{"key_", mjOBJ_KEY}, Kind{"mesh_", mjOBJ_MESH}}) {
    if (!array.starts_with(kind.prefix)) continue;
    const char* name = mj_id2name(model, kind.type, row);
    return Cat(" of ", mju_type2Str(kind.type), " ",
               name != nullptr ? Cat("'", name, "'") : Cat(row));
  }
  if (!array.starts_with("dof_")) return "";
  const char* joint = mj_id2name(model, mjOBJ_JOINT, model->dof_jntid[row]);
  return Cat(" of joint ", joint != nullptr ? Cat("'", joint, "'") : Cat(model->dof_jntid[row]));
}

/// The index of the first number that is not finite; -1 if all are.
template <class T>
int64_t FirstBad(const T* values, int64_t n) {
  if constexpr (std::is_floating_point_v<T>)
    for (int64_t i = 0; i < n; ++i)
      if (!std::isfinite(values[i])) return i;
  return -1;
}

[[noreturn]] void ThrowNotFinite(const std::string& file, const std::string& what, double value) {
  ThrowUser(file, ": every number must be finite, but ", what, " is ", value);
}

}  // namespace

void CheckFile(const fs::path& file) {
  std::vector<fs::path> chain;
  CheckText(file, file.parent_path(), chain);
}

void CheckSizes(const mjSpec* spec, const std::string& file) {
  auto check = [&](const std::string& what, double value, double most) {
    if (value < -1 || value > most)
      ThrowUser(file, ": ", what, " must be at most ", most, ", got ", value);
  };
  check("size memory", static_cast<double>(spec->memory), 1e11);
  check("size nuserdata", spec->nuserdata, 1e7);
  check("size nkey", spec->nkey, 1e5);
  for (int n : {spec->nuser_body, spec->nuser_jnt, spec->nuser_geom, spec->nuser_site,
                spec->nuser_cam, spec->nuser_tendon, spec->nuser_actuator, spec->nuser_sensor})
    check("size nuser_*", n, 1e4);
}

void CheckNumbers(const mjModel* model, const std::string& file) {
  if (!(model->opt.timestep > 0) || !std::isfinite(model->opt.timestep))
    ThrowUser(file, ": option timestep must be positive, got ", model->opt.timestep);
#define X(type, name, n)                        \
  if (FirstBad<type>(&model->opt.name, 1) >= 0) \
    ThrowNotFinite(file, "option " #name, static_cast<double>(model->opt.name));
#define XVEC(type, name, n)                                   \
  if (int64_t i = FirstBad<type>(model->opt.name, n); i >= 0) \
    ThrowNotFinite(file, "option " #name, static_cast<double>(model->opt.name[i]));
  MJOPTION_FIELDS
#undef X
#undef XVEC
  MJMODEL_POINTERS_PREAMBLE(model)
#undef MJ_M
#define MJ_M(n) model->n
#define X(type, name, nr, nc)                                                                  \
  if (int64_t i = FirstBad<type>(model->name, static_cast<int64_t>(model->nr) * (nc)); i >= 0) \
    ThrowNotFinite(file, #name + OwnerOf(model, #name, static_cast<int>(i / (nc))),            \
                   static_cast<double>(model->name[i]));
  MJMODEL_POINTERS
#undef X
#undef MJ_M
#define MJ_M(n) n
}

}  // namespace simscale::sim
