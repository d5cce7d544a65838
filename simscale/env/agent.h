#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace simscale::env {

/// Which episode: all of its random numbers follow from these two.
struct EpisodeKey {
  uint64_t seed = 0;
  uint64_t index = 0;
  bool operator==(const EpisodeKey&) const = default;
};

enum class Element { kFloat32, kUint8, kInt32 };

/// One observation key: float32 [dim] a row, or what a camera sees: a uint8 image [height, width,
/// 3], depths or points float32, ids int32.
struct ObservationSpec {
  std::string name;
  std::vector<int> shape;  ///< of one row
  Element element = Element::kFloat32;
  int size() const;  ///< elements of one row
};

/// Views of N rows of observations, one contiguous [N, ...] buffer a key, in the spec's order.
struct ObservationView {
  struct Key {
    const ObservationSpec* spec;
    std::span<const float> state;       ///< [N, size] of float32
    std::span<const uint8_t> image;     ///< [N, size] of uint8
    std::span<const double> state64;    ///< as state, unrounded, if the task's dtype is float64
    std::span<const int32_t> ids = {};  ///< [N, size] of int32
  };
  int num_rows = 0;
  std::vector<Key> keys;
  const Key& at(std::string_view name) const;  ///< throws UserError that lists the known keys
  std::span<const float> row(std::string_view name, int row) const;
};

/// Whatever acts in environments: the scripted expert, random, zero, a trained policy. One object
/// acts for N rows; each row plays one episode at a time.
class Agent {
 public:
  virtual ~Agent() = default;
  virtual std::string name() const = 0;
  /// Row `row` starts the episode `key`; whatever was remembered of the row is dropped.
  virtual void Reset(int row, const EpisodeKey& key) = 0;
  /// Chooses an action for every row r with active[r] != 0 and writes it to action_NA[r*A .. ) in
  /// [-1, 1]; other rows are left alone. One row's action depends on that row alone.
  virtual void Act(const ObservationView& observations, std::span<const uint8_t> active,
                   std::span<float> action_NA) = 0;
  /// What the agent meant to do where it executes something else on purpose (an expert with
  /// exploration noise): [N, A], or empty if it always does what it means.
  virtual std::span<const float> intended_action() const { return {}; }
};

}  // namespace simscale::env
