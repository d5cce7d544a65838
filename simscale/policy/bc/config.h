#pragma once

#include <string>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/config/fields.h"
#include "simscale/policy/nets/describe.h"
#include "simscale/policy/nets/image_encoder_config.h"
#include "simscale/policy/nets/transformer_config.h"

namespace simscale::policy {

/// Behaviour cloning: the observation history in, an action chunk out.
struct BcConfig {
  std::string trunk = "mlp";
  std::vector<int> hidden = {512, 512, 512};
  std::string activation = "gelu";
  bool layer_norm = true;
  double dropout = 0.0;
  std::string loss = "l1";
  double huber_delta = 0.1;
  int n_obs_steps = 2;
  int horizon = 8;
  int n_action_steps = 4;
  double obs_noise = 0.0;
  double obs_clip = 10.0;
  double std_floor = 1e-2;
  double displacement_scale = 0.01;
  ImageEncoderConfig image;
  TransformerConfig transformer;

  void Describe(config::Fields& f) {
    f.Field("trunk", trunk,
            {.help = "mlp (hidden, activation, layer_norm, dropout), or the transformer below",
             .choices = {"mlp", "transformer"}});
    DescribeMlp(f, hidden, activation, layer_norm);
    f.Field("dropout", dropout, {.help = "dropout after each activation", .min = 0, .max = 0.9});
    f.Field("loss", loss, {.help = "imitation loss", .choices = {"l1", "mse", "huber"}});
    f.Field("huber_delta", huber_delta,
            {.help = "where the huber loss turns linear", .min = 1e-6, .max = 2});
    f.Field("n_obs_steps", n_obs_steps,
            {.help = "observations in the history, the present one last", .min = 1, .max = 64});
    f.Field("horizon", horizon, {.help = "actions predicted at once", .min = 1, .max = 256});
    f.Field("n_action_steps", n_action_steps,
            {.help = "predicted actions that are executed before the next prediction",
             .min = 1,
             .max = 256});
    f.Field("obs_noise", obs_noise,
            {.help = "noise added to normalised observations while training",
             .unit = "std",
             .min = 0,
             .max = 1});
    DescribeClip(f, obs_clip);
    f.Field("std_floor", std_floor,
            {.help = "smallest standard deviation used to normalise an observation",
             .min = 1e-6,
             .max = 1});
    DescribeDisplacements(f, displacement_scale);
    f.Struct("image", image, "how each picture becomes features");
    f.Struct("transformer", transformer, "the transformer, if trunk names it");
  }
  void Validate() const {
    if (n_action_steps > horizon)
      ThrowUser("policy.bc.n_action_steps must be at most horizon (", horizon, "), got ",
                n_action_steps);
    if (hidden.size() > 64)
      ThrowUser("policy.bc.hidden must have at most 64 layers, got ", hidden.size());
  }
};

}  // namespace simscale::policy
