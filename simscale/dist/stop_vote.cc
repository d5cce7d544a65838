#include "simscale/dist/stop_vote.h"

#include <exception>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <utility>

#include "simscale/dist/peer_error.h"

namespace simscale::dist {

StopVote::StopVote(std::shared_ptr<Communicator> communicator)
    : communicator_(std::move(communicator)), ballot_(torch::zeros({1})) {}

StopVote::~StopVote() {
  // The ballot must outlive its journey.
  try {
    if (work_) work_->wait();
  } catch (const std::exception&) {  // the run is over: nobody waits for this answer
    work_.reset();
  }
}

bool StopVote::Next(bool stop) {
  return Guarded(communicator_->rank(), "asking all ranks whether to stop", [&] {
    if (work_) work_->wait();
    const bool any = ballot_.item<float>() > 0;
    ballot_.fill_(stop ? 1 : 0);
    work_ = communicator_->StartMax(ballot_);
    return any;
  });
}

}  // namespace simscale::dist
