#include "simscale/train/ranks.h"

#include <limits>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/dist/peer_error.h"

namespace simscale::train {

Ranks::Ranks(std::shared_ptr<dist::Communicator> communicator)
    : communicator_(std::move(communicator)) {}

void Ranks::Wrap(torch::nn::Module& module) {
  if (communicator_) parallel_ = std::make_unique<dist::DataParallel>(module, communicator_);
}

void Ranks::BeginForward() {
  if (parallel_) parallel_->BeginForward();
}

void Ranks::Backward(const torch::Tensor& loss) {
  if (!parallel_) return loss.backward();
  dist::Guarded(rank(), "averaging gradients", [&] {
    parallel_->BeginBackward();
    const torch::Tensor one = torch::ones_like(loss);
    loss.backward(torch::where(torch::isfinite(loss.detach()), one,
                               one * std::numeric_limits<double>::quiet_NaN()));
  });
}

void Ranks::Sum(torch::Tensor tensor) {
  if (communicator_) communicator_->Sum(std::move(tensor));
}

void Ranks::Share(torch::Tensor tensor) {
  if (communicator_) communicator_->Broadcast(std::move(tensor));
}

void Ranks::Share(const policy::NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) Share(tensor.detach());
}

void Ranks::Share(std::string* text) {
  if (communicator_) communicator_->Broadcast(text);
}

torch::Tensor Ranks::Gather(const torch::Tensor& tensor) {
  if (!communicator_) return tensor.unsqueeze(0);
  torch::Tensor all = torch::empty({size() * tensor.numel()}, tensor.options());
  communicator_->AllGather(all, tensor.contiguous());
  return all.view({size(), -1});
}

bool Ranks::OnMain(const std::function<bool()>& f) {
  if (!communicator_) return f();
  // "1", "0", or "!" and what went wrong.
  std::string outcome;
  std::exception_ptr failure;
  if (is_main()) {
    try {
      outcome = f() ? "1" : "0";
    } catch (const std::exception& error) {
      failure = std::current_exception();
      outcome = Cat("!", error.what());
    }
  }
  Share(&outcome);
  if (failure) std::rethrow_exception(failure);
  if (outcome.starts_with('!'))
    throw dist::PeerError(Cat("rank ", rank(), ": rank 0 stopped: ", outcome.substr(1)));
  return outcome == "1";
}

bool Ranks::AnyStops(bool stop) {
  if (!communicator_) return stop;
  if (!vote_) vote_ = std::make_unique<dist::StopVote>(communicator_);
  return vote_->Next(stop);
}

}  // namespace simscale::train
