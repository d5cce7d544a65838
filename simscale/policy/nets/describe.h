#pragma once

#include <string>
#include <vector>

#include "simscale/config/fields.h"

/// Settings that several policies have, described once.
namespace simscale::policy {

inline void DescribeMlp(config::Fields& f, std::vector<int>& hidden, std::string& activation,
                        bool& layer_norm) {
  f.Field("hidden", hidden, {.help = "sizes of the hidden layers", .min = 1, .max = 16384});
  f.Field("activation", activation,
          {.help = "activation of the hidden layers",
           .choices = {"relu", "gelu", "silu", "tanh", "elu"}});
  f.Field("layer_norm", layer_norm, {.help = "layer normalisation before each activation"});
}

inline void DescribeClip(config::Fields& f, double& obs_clip) {
  f.Field("obs_clip", obs_clip,
          {.help = "normalised observations are clipped here", .unit = "std", .min = 1});
}

inline void DescribeDisplacements(config::Fields& f, double& displacement_scale) {
  f.Field("displacement_scale", displacement_scale,
          {.help = "also sees asinh(d / scale) for each displacement d between two observed "
                   "positions (keys named *_pos with 3 numbers); 0: off",
           .unit = "m",
           .min = 0,
           .max = 10});
}

}  // namespace simscale::policy
