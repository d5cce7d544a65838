#pragma once

#include <vector>

#include "simscale/common/error.h"
#include "simscale/config/fields.h"

namespace simscale::policy {

/// How pictures become features: see nets/image_encoder.h.
struct ImageEncoderConfig {
  std::vector<int> channels = {16, 32, 32};
  std::vector<int> kernels = {5, 3, 3};
  std::vector<int> strides = {2, 2, 1};
  double crop = 0.9;
  int features = 64;

  void Describe(config::Fields& f) {
    f.Field("channels", channels, {.help = "channels of the convolutions", .min = 1, .max = 4096});
    f.Field("kernels", kernels, {.help = "their kernels' sides", .min = 1, .max = 31});
    f.Field("strides", strides, {.help = "their strides", .min = 1, .max = 8});
    f.Field(
        "crop", crop,
        {.help = "side of the part that is seen, of the picture's: a random one while training, "
                 "the middle one else; 1: all of it",
         .min = 0.1,
         .max = 1});
    f.Field("features", features, {.help = "numbers a picture becomes", .min = 1, .max = 65536});
  }
  void Validate() const {
    if (channels.empty() || kernels.size() != channels.size() || strides.size() != channels.size())
      ThrowUser("image: channels, kernels and strides must be as many, and at least one; got ",
                channels.size(), ", ", kernels.size(), " and ", strides.size());
  }
};

}  // namespace simscale::policy
