#include "simscale/train/ranks.h"

#include <utility>

#include "simscale/common/error.h"
#include "simscale/dist/peer_error.h"

namespace simscale::train {

Ranks::Ranks(std::shared_ptr<dist::Communicator> communicator)
    : communicator_(std::move(communicator)) {}

torch::Device Ranks::Place(torch::Device device) {
  if (!communicator_ || !device.is_cuda()) return device;
  const int mine = communicator_->local_rank();
  const auto devices = static_cast<int>(torch::cuda::device_count());
  if (mine >= devices)
    ThrowUser("device: rank ", rank(), " is process ", mine + 1, " of its machine, which has ",
              devices, " CUDA devices; start one process a device, or give --device cpu");
  const torch::Device own(torch::kCUDA, static_cast<c10::DeviceIndex>(mine));
  communicator_->UseCuda(own);
  return own;
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

std::vector<std::string> Ranks::Gather(const std::string& text) {
  if (!communicator_) return {text};
  const torch::Tensor mine = torch::tensor({static_cast<int64_t>(text.size())});
  const torch::Tensor sizes = Gather(mine);
  const auto longest = static_cast<size_t>(sizes.max().item<int64_t>());
  std::string padded = text;
  padded.resize(longest + 1);
  const torch::Tensor all =
      Gather(torch::from_blob(padded.data(), {std::ssize(padded)}, torch::kUInt8));
  std::vector<std::string> texts;
  for (int r = 0; r < size(); ++r)
    texts.emplace_back(reinterpret_cast<const char*>(all[r].const_data_ptr<uint8_t>()),
                       static_cast<size_t>(sizes[r].item<int64_t>()));
  return texts;
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
