#pragma once

#include <string>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/config/fields.h"
#include "simscale/policy/nets/describe.h"
#include "simscale/policy/nets/image_encoder_config.h"

namespace simscale::policy {

/// A Gaussian policy, as policy gradients need one: an MLP gives the mean, and the standard
/// deviation too or a parameter does.
struct GaussianConfig {
  std::vector<int> hidden = {64, 64};
  std::string activation = "tanh";
  bool layer_norm = false;
  int n_obs_steps = 1;
  double obs_clip = 10.0;
  double displacement_scale = 0.0;
  std::string std = "parameter";
  double std_init = 1.0;
  double std_min = 0.01;
  double std_max = 5.0;
  bool squash = false;
  ImageEncoderConfig image;

  void Describe(config::Fields& f) {
    DescribeMlp(f, hidden, activation, layer_norm);
    f.Field("n_obs_steps", n_obs_steps,
            {.help = "observations that are stacked, the present one last", .min = 1, .max = 64});
    DescribeClip(f, obs_clip);
    DescribeDisplacements(f, displacement_scale);
    f.Field("std", std,
            {.help = "standard deviation of actions: parameters, or an output of the network",
             .choices = {"parameter", "network"}});
    f.Field("std_init", std_init,
            {.help = "at the start, of actions in [-1, 1]", .min = 1e-4, .max = 100});
    f.Field("std_min", std_min, {.help = "never below", .min = 1e-6, .max = 100});
    f.Field("std_max", std_max, {.help = "never above", .min = 1e-4, .max = 1000});
    f.Field("squash", squash,
            {.help = "tanh around the Gaussian; else its actions are clipped to [-1, 1]"});
    f.Struct("image", image, "how each picture becomes features");
  }
  void Validate() const {
    if (!(std_min <= std_init && std_init <= std_max))
      ThrowUser("policy.ppo: std_min <= std_init <= std_max must hold, got ", std_min, ", ",
                std_init, " and ", std_max);
    if (hidden.empty() || hidden.size() > 64)
      ThrowUser("policy.ppo.hidden must have 1 to 64 layers, got ", hidden.size());
  }
};

}  // namespace simscale::policy
