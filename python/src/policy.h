#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "arrays.h"
#include "simscale/env/agent.h"
#include "simscale/policy/load.h"

namespace simscale::python {

/// A trained policy that acts for N rows, N being what the first call brings.
class Policy {
 public:
  /// Throws UserError for what is no checkpoint, or a damaged one.
  Policy(const std::string& checkpoint, const policy::PolicyAgentOptions& options);

  /// What the checkpoint says of itself.
  nb::dict Info() const;
  using StateArray = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
  using ImageArray = nb::ndarray<const uint8_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
  /// observations: float32 [N, size] each, finite, in the order of Info()["observations"]; images:
  /// uint8 [N, height, width, 3] each, in the order of Info()["images"].
  /// Returns [N, A] float32 in [-1, 1].
  nb::object Act(const std::vector<StateArray>& observations,
                 const std::vector<ImageArray>& images);
  /// What is remembered of these rows is dropped: their next observation is an episode's first.
  void Reset(const ArrayOf<int32_t>& rows);

 private:
  std::vector<env::ObservationSpec> specs_, image_specs_;  // of the keys, in order
  std::mutex mutex_;
  std::vector<uint8_t> active_;
  std::unique_ptr<env::Agent> agent_;
  policy::CheckpointInfo info_;
};

}  // namespace simscale::python
