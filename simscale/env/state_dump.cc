#include "simscale/env/state_dump.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::env {
namespace {

using nlohmann::json;

json ToJson(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : (value > 0 ? "inf" : "-inf");
}

double FromJson(const json& value) {
  if (value.is_number()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  if (text == "inf") return inf;
  if (text == "-inf") return -inf;
  ThrowUser("'", text, "' is no number");
}

}  // namespace

void WriteStateDump(const std::filesystem::path& path, const StateDump& dump) {
  json state = json::array(), action = json::array();
  for (double x : dump.state) state.push_back(ToJson(x));
  for (double x : dump.action) action.push_back(ToJson(x));
  const json root = {{"schema", 1},
                     {"kind", "simscale_state_dump"},
                     {"reason", dump.reason},
                     {"seed", dump.key.seed},
                     {"index", dump.key.index},
                     {"step", dump.step},
                     {"action", action},
                     {"state", state},
                     {"task_config", dump.task_config}};
  WriteFileAtomic(path, root.dump(1) + "\n");
}

StateDump LoadStateDump(const std::filesystem::path& path) {
  const std::string text = ReadFile(path);
  try {
    const json root = json::parse(text);
    if (root.at("kind") != "simscale_state_dump" || root.at("schema") != 1) {
      ThrowUser("kind or schema differ");
    }
    StateDump dump;
    dump.reason = root.at("reason");
    dump.key = {root.at("seed"), root.at("index")};
    dump.step = root.at("step");
    dump.task_config = root.at("task_config");
    for (const json& x : root.at("state")) dump.state.push_back(FromJson(x));
    for (const json& x : root.at("action")) dump.action.push_back(FromJson(x));
    return dump;
  } catch (const std::exception& error) {
    ThrowUser(path.string(), ": not a state dump of schema 1: ", error.what());
  }
}

}  // namespace simscale::env
