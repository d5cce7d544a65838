#include "simscale/data/info_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "simscale/common/text.h"
#include "simscale/data/h5.h"

namespace simscale::data {

using nlohmann::json;

std::string InfosAsJson(const std::vector<EpisodeInfo>& infos) {
  json list = json::array();
  for (const EpisodeInfo& info : infos) {
    list.push_back({{"seed", info.seed},
                    {"index", info.index},
                    {"length", info.length},
                    {"success", info.success},
                    {"return", info.episode_return},  // null where it is not finite
                    {"language", info.language},
                    {"outcome", info.outcome}});
  }
  // Bytes that are no UTF-8 are replaced: a text must not stop a file from being written.
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<EpisodeInfo> InfosFromJson(const std::string& text) {
  std::vector<EpisodeInfo> infos;
  try {
    for (const json& item : json::parse(text)) {
      const json& value = item.at("return");
      infos.push_back({.seed = item.at("seed").get<uint64_t>(),
                       .index = item.at("index").get<uint64_t>(),
                       .length = item.at("length").get<int64_t>(),
                       .success = item.at("success").get<bool>(),
                       .episode_return = value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                                         : value.get<double>(),
                       .language = item.at("language").get<std::string>(),
                       .outcome = item.at("outcome").get<std::string>()});
    }
  } catch (const json::exception& error) {
    throw h5::H5Error(Cat("the attribute 'dropped' is damaged: ", error.what()));
  }
  return infos;
}

}  // namespace simscale::data
