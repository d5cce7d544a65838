#pragma once

#include <torch/torch.h>

#include <memory>

#include "simscale/dist/communicator.h"

namespace c10d {
class Work;
}

namespace simscale::dist {

/// Lets the ranks stop at the same step without waiting for each other: an answer comes one call
/// later, while the step between hides the time that it takes.
class StopVote {
 public:
  explicit StopVote(std::shared_ptr<Communicator> communicator);
  ~StopVote();
  StopVote(const StopVote&) = delete;
  StopVote& operator=(const StopVote&) = delete;

  /// Whether any rank wanted to stop at the call before this one; the same on all ranks. Takes this
  /// rank's vote for the next call. Throws PeerError.
  bool Next(bool stop);

 private:
  std::shared_ptr<Communicator> communicator_;
  torch::Tensor ballot_;  ///< [1]
  c10::intrusive_ptr<c10d::Work> work_;
};

}  // namespace simscale::dist
