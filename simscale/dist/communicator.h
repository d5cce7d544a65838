#pragma once

#include <torch/torch.h>

#include <chrono>
#include <memory>
#include <string>

#include "simscale/dist/worker.h"

namespace c10d {
class ProcessGroup;
class Store;
class Work;
}  // namespace c10d

namespace simscale::dist {

/// The processes of one training, which sum and gather tensors together. Each rank must make the
/// same calls in the same order. All throw PeerError (peer_error.h), one line, when a peer is gone.
class Communicator {
 public:
  /// Meets the others at the worker's master address. Tensors on the CPU travel by Gloo. Waits for
  /// at most `timeout`, here and in each call.
  static std::shared_ptr<Communicator> Join(const Worker& worker,
                                            std::chrono::milliseconds timeout);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return worker_.rank; }
  int size() const { return worker_.world_size; }
  int local_rank() const { return worker_.local_rank; }
  bool is_main() const { return worker_.rank == 0; }

  /// Tensors on this CUDA device, which becomes the present one, travel by NCCL from now on. Throws
  /// UserError if this build has no NCCL.
  void UseCuda(torch::Device device);

  /// In place, over all ranks.
  void Sum(torch::Tensor tensor);
  void Max(torch::Tensor tensor);
  /// Max that goes on by itself until the result's wait(); the tensor must live as long.
  c10::intrusive_ptr<c10d::Work> StartMax(torch::Tensor tensor);
  /// Everyone gets rank 0's.
  void Broadcast(torch::Tensor tensor);
  void Broadcast(std::string* text);
  /// whole [size() * n]: the ranks' parts [n] one after the other.
  void AllGather(torch::Tensor whole, torch::Tensor part);
  /// The same, going on by itself until the result's wait(); the tensors must live as long.
  c10::intrusive_ptr<c10d::Work> StartAllGather(torch::Tensor whole, torch::Tensor part);
  /// received [size() * n]: rank r's n elements for this rank, at r * n; each rank's `sent`
  /// [size() * n] holds rank r's at r * n. Goes on by itself likewise.
  c10::intrusive_ptr<c10d::Work> StartExchange(torch::Tensor received, torch::Tensor sent);
  void Barrier();

  /// For c10d's own classes.
  const c10::intrusive_ptr<c10d::ProcessGroup>& group() const { return group_; }

 private:
  Communicator(const Worker& worker, c10::intrusive_ptr<c10d::Store> store,
               std::chrono::milliseconds timeout);

  Worker worker_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::chrono::milliseconds timeout_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
};

}  // namespace simscale::dist
