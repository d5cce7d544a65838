#include "simscale/policy/spec.h"

#include <nlohmann/json.hpp>

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {
// Sane limits: they catch damaged or absurd settings before they turn into gigabytes.
constexpr int kMaxSteps = 1024;
constexpr int kMaxDim = 1 << 20;
constexpr int kMaxSide = 4096;

void CheckRange(const char* what, int value, int max) {
  if (value < 1 || value > max)
    ThrowUser("policy: ", what, " must be in 1 .. ", max, ", got ", value);
}
}  // namespace

void ValidateSpec(const PolicySpec& spec) {
  if (spec.observations.empty() && spec.images.empty())
    ThrowUser("policy: needs at least one observation, got none");
  for (const ImageKey& key : spec.images) {
    CheckRange(("the height of picture '" + key.name + "'").c_str(), key.height, kMaxSide);
    CheckRange(("the width of picture '" + key.name + "'").c_str(), key.width, kMaxSide);
  }
  for (const ObservationKey& key : spec.observations)
    CheckRange(("the size of observation '" + key.name + "'").c_str(), key.size, kMaxDim);
  CheckRange("action_dim", spec.action_dim, kMaxDim);
  CheckRange("n_obs_steps", spec.n_obs_steps, kMaxSteps);
  CheckRange("horizon", spec.horizon, kMaxSteps);
  CheckRange("n_action_steps", spec.n_action_steps, kMaxSteps);
  if (spec.n_action_steps > spec.horizon)
    ThrowUser("policy: n_action_steps must be at most horizon (", spec.horizon, "), got ",
              spec.n_action_steps);
}

std::string SpecToJson(const PolicySpec& spec) {
  nlohmann::ordered_json observations = nlohmann::ordered_json::array();
  for (const ObservationKey& key : spec.observations)
    observations.push_back({{"name", key.name}, {"size", key.size}});
  nlohmann::ordered_json json = {{"policy", spec.policy},
                                 {"env_name", spec.env_name},
                                 {"observations", observations},
                                 {"action_dim", spec.action_dim},
                                 {"n_obs_steps", spec.n_obs_steps},
                                 {"horizon", spec.horizon},
                                 {"n_action_steps", spec.n_action_steps}};
  for (const ImageKey& key : spec.images)
    json["images"].push_back({{"name", key.name}, {"height", key.height}, {"width", key.width}});
  return json.dump();
}

PolicySpec SpecFromJson(const std::string& text, const std::string& where) {
  PolicySpec spec;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    spec.policy = json.at("policy").get<std::string>();
    spec.env_name = json.at("env_name").get<std::string>();
    for (const auto& item : json.at("observations"))
      spec.observations.push_back({item.at("name").get<std::string>(), item.at("size").get<int>()});
    for (const auto& item : json.value("images", nlohmann::json::array()))
      spec.images.push_back({item.at("name").get<std::string>(), item.at("height").get<int>(),
                             item.at("width").get<int>()});
    spec.action_dim = json.at("action_dim").get<int>();
    spec.n_obs_steps = json.at("n_obs_steps").get<int>();
    spec.horizon = json.at("horizon").get<int>();
    spec.n_action_steps = json.at("n_action_steps").get<int>();
    ValidateSpec(spec);
  } catch (const nlohmann::json::exception& error) {
    ThrowUser(where, ": the policy's spec is damaged: ", error.what());
  }
  return spec;
}

}  // namespace simscale::policy
