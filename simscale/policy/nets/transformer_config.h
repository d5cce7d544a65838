#pragma once

#include "simscale/config/fields.h"

namespace simscale::policy {

/// The size of a transformer. 7 M parameters: 9 layers of 256; 33 M: 10 of 528; 100 M: 14 of 768;
/// 350 M: 28 of 1024.
struct TransformerConfig {
  int layers = 9;
  int width = 256;
  int heads = 8;
  int mlp_ratio = 4;
  double dropout = 0;

  void Describe(config::Fields& f) {
    f.Field("layers", layers, {.help = "blocks", .min = 1, .max = 256});
    f.Field("width", width, {.help = "numbers a token", .min = 8, .max = 16384});
    f.Field("heads", heads, {.help = "attention heads; a divisor of width", .min = 1, .max = 256});
    f.Field("mlp_ratio", mlp_ratio,
            {.help = "hidden numbers of a block's MLP for each of width", .min = 1, .max = 16});
    f.Field("dropout", dropout,
            {.help = "dropout of attention and of what blocks add", .min = 0, .max = 0.9});
  }
};

}  // namespace simscale::policy
