#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "simscale/dist/communicator.h"
#include "simscale/dist/stop_vote.h"
#include "simscale/policy/tensor_io.h"

namespace simscale::train {

/// The processes of a training as its loop sees them. A process alone is rank 0 of 1, and nothing
/// here costs it anything. All ranks make the same calls in the same order; all throw
/// dist::PeerError if another rank is gone.
class Ranks {
 public:
  /// communicator: null for a process alone.
  explicit Ranks(std::shared_ptr<dist::Communicator> communicator);

  int rank() const { return communicator_ ? communicator_->rank() : 0; }
  int size() const { return communicator_ ? communicator_->size() : 1; }
  bool is_main() const { return rank() == 0; }
  /// null for a process alone.
  const std::shared_ptr<dist::Communicator>& communicator() const { return communicator_; }

  /// Where this rank computes, if all of them are to on `device`: with CUDA each process of a
  /// machine has a device of its own. Throws UserError if there are more processes than devices.
  torch::Device Place(torch::Device device);

  void Sum(torch::Tensor tensor);
  /// All get rank 0's.
  void Share(torch::Tensor tensor);
  void Share(const policy::NamedTensors& tensors);
  void Share(std::string* text);
  /// tensor [n] of each rank -> [size(), n].
  torch::Tensor Gather(const torch::Tensor& tensor);
  /// All ranks' texts, by rank.
  std::vector<std::string> Gather(const std::string& text);
  /// f() on rank 0 while the others wait for what it returns. If it throws, they do too.
  bool OnMain(const std::function<bool()>& f);
  /// Whether any rank wanted to stop; the same answer on all of them, a call later than asked.
  bool AnyStops(bool stop);

 private:
  std::shared_ptr<dist::Communicator> communicator_;
  std::unique_ptr<dist::StopVote> vote_;
};

}  // namespace simscale::train
