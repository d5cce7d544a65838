#pragma once

// Private to the data layer: what is known of episodes whose arrays were not kept, as JSON.

#include <string>
#include <vector>

#include "simscale/data/reader.h"

namespace simscale::data {

std::string InfosAsJson(const std::vector<EpisodeInfo>& infos);
/// Throws H5Error if the text is something else.
std::vector<EpisodeInfo> InfosFromJson(const std::string& text);

}  // namespace simscale::data
