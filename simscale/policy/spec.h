#pragma once

#include <string>
#include <vector>

namespace simscale::policy {

/// One state observation that a policy reads: float32 [size].
struct ObservationKey {
  std::string name;
  int size = 0;
  bool operator==(const ObservationKey&) const = default;
};

/// A camera's picture that a policy reads: uint8 [height, width, 3], of the present step alone.
struct ImageKey {
  std::string name;
  int height = 0, width = 0;
  int size() const { return height * width * 3; }
  bool operator==(const ImageKey&) const = default;
};

/// What a policy reads and gives: its contract with the environment, kept in every checkpoint.
///
/// Shapes used all over this layer: B = batch, T = n_obs_steps, S = state_dim(), H = horizon,
/// A = action_dim.
struct PolicySpec {
  std::string policy;                        ///< registry name: "bc"
  std::string env_name;                      ///< task it was trained on: "pick_place"
  std::vector<ObservationKey> observations;  ///< in the order in which they are concatenated
  std::vector<ImageKey> images;
  int action_dim = 0;
  int n_obs_steps = 1;     ///< observations of the history that it sees, the present one last
  int horizon = 1;         ///< actions it predicts; the first belongs to the present observation
  int n_action_steps = 1;  ///< how many of them are executed before it is asked again

  int state_dim() const {
    int total = 0;
    for (const ObservationKey& key : observations) total += key.size;
    return total;
  }
  bool operator==(const PolicySpec&) const = default;
};

/// Throws UserError that echoes the values unless 1 <= n_action_steps <= horizon, n_obs_steps >= 1,
/// all are within sane limits, and there is at least one observation or picture.
void ValidateSpec(const PolicySpec& spec);

/// The spec as JSON text, and back. `where` begins the message of the UserError for bad text.
std::string SpecToJson(const PolicySpec& spec);
PolicySpec SpecFromJson(const std::string& json, const std::string& where);

}  // namespace simscale::policy
