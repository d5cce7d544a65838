#include "simscale/dist/communicator.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cctype>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/common/text.h"
#include "simscale/dist/backends.h"
#include "simscale/dist/keepalive.h"
#include "simscale/dist/peer_error.h"

namespace simscale::dist {
namespace {

using c10d::ProcessGroup;

constexpr std::chrono::seconds kSilence{60};  // a cable may be pulled for a third of it

c10::intrusive_ptr<c10d::Store> MakeStore(const Worker& worker, std::chrono::milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(worker.master_port);
  options.isServer = worker.rank == 0 && !worker.agent_store;
  options.waitWorkers = false;
  options.timeout = timeout;
  auto store = c10::make_intrusive<c10d::TCPStore>(worker.master_address, options);
  // The agent's store outlives a restart: the keys of those who died must not be met.
  return c10::make_intrusive<c10d::PrefixStore>(Cat("simscale/", worker.restart), std::move(store));
}

/// The first line, without a C++ stack and without "[/path/file.cc:12] ".
std::string FirstLine(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.starts_with('['))
    if (const size_t end = line.find("] "); end != std::string::npos) line.erase(0, end + 2);
  // "Read error [10.0.0.2]:4711: Connection reset by peer. This is typically caused by ..."
  return line.substr(0, line.find(". "));
}

c10::intrusive_ptr<c10d::Work> StartAllReduce(ProcessGroup& group, torch::Tensor tensor,
                                              c10d::ReduceOp::RedOpType op) {
  std::vector<torch::Tensor> tensors = {std::move(tensor)};
  c10d::AllreduceOptions options;
  options.reduceOp = op;
  return group.allreduce(tensors, options);
}

}  // namespace

void ThrowIfPeerLost(const std::exception& error, int rank, const std::string& doing) {
  const std::string text = error.what();
  // Its stack may lead through the process group.
  if (text.find("allocate memory") != std::string::npos) return;
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  // Gloo's exceptions have no type that the wheel's headers name.
  const char* signs[] = {
      "gloo", "connection closed", "connection reset", "timed out", "tcpstore", "socket", "nccl"};
  const bool lost = dynamic_cast<const c10::DistError*>(&error) != nullptr ||
                    std::ranges::any_of(signs, [&](const char* sign) {
                      return lower.find(sign) != std::string::npos;
                    });
  if (lost)
    throw PeerError(Cat("rank ", rank, ": another process is gone or out of reach (", doing, ": ",
                        FirstLine(text),
                        "); the run goes on from its last checkpoint when the "
                        "processes are started again"));
}

std::shared_ptr<Communicator> Communicator::Join(const Worker& worker,
                                                 std::chrono::milliseconds timeout) {
  return Guarded(worker.rank, "meeting the others", [&] {
    return std::shared_ptr<Communicator>(
        new Communicator(worker, MakeStore(worker, timeout), timeout));
  });
}

Communicator::Communicator(const Worker& worker, c10::intrusive_ptr<c10d::Store> store,
                           std::chrono::milliseconds timeout)
    : worker_(worker),
      store_(std::move(store)),
      timeout_(timeout),
      group_(c10::make_intrusive<ProcessGroup>(store_, worker.rank, worker.world_size)) {
  group_->setBackend(c10::DeviceType::CPU, ProcessGroup::BackendType::GLOO,
                     MakeGlooBackend(store_, worker.rank, worker.world_size, timeout));
  group_->setDefaultBackend(ProcessGroup::BackendType::GLOO);
  group_->setGroupName("simscale");
  WatchConnections(kSilence);
}

Communicator::~Communicator() = default;

void Communicator::UseCuda(torch::Device device) {
  c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).setDevice(device);
  const auto nccl = Guarded(rank(), "meeting the others on CUDA",
                            [&] { return MakeNcclBackend(store_, rank(), size(), timeout_); });
  if (!nccl)
    ThrowUser(
        "device: several processes on cuda need NCCL, which this build was made without; install "
        "requirements-cuda.txt and build again, or give --device cpu");
  group_->setBackend(c10::DeviceType::CUDA, ProcessGroup::BackendType::NCCL, nccl);
}

void Communicator::Sum(torch::Tensor tensor) {
  Guarded(rank(), "summing over the ranks",
          [&] { StartAllReduce(*group_, std::move(tensor), c10d::ReduceOp::SUM)->wait(); });
}

void Communicator::Max(torch::Tensor tensor) {
  Guarded(rank(), "comparing over the ranks", [&] { StartMax(std::move(tensor))->wait(); });
}

c10::intrusive_ptr<c10d::Work> Communicator::StartMax(torch::Tensor tensor) {
  return Guarded(rank(), "comparing over the ranks",
                 [&] { return StartAllReduce(*group_, std::move(tensor), c10d::ReduceOp::MAX); });
}

void Communicator::Broadcast(torch::Tensor tensor) {
  Guarded(rank(), "sending to all ranks", [&] {
    std::vector<torch::Tensor> tensors = {std::move(tensor)};
    group_->broadcast(tensors)->wait();
  });
}

void Communicator::Broadcast(std::string* text) {
  torch::Tensor size = torch::tensor({static_cast<int64_t>(text->size())});
  Broadcast(size);
  text->resize(static_cast<size_t>(size.item<int64_t>()));
  if (text->empty()) return;
  Broadcast(torch::from_blob(text->data(), {static_cast<int64_t>(text->size())}, torch::kUInt8));
}

void Communicator::AllGather(torch::Tensor whole, torch::Tensor part) {
  Guarded(rank(), "gathering from the ranks",
          [&] { StartAllGather(std::move(whole), std::move(part))->wait(); });
}

c10::intrusive_ptr<c10d::Work> Communicator::StartAllGather(torch::Tensor whole,
                                                            torch::Tensor part) {
  return Guarded(rank(), "gathering from the ranks",
                 [&] { return group_->all_gather_single(whole, part); });
}

c10::intrusive_ptr<c10d::Work> Communicator::StartExchange(torch::Tensor received,
                                                           torch::Tensor sent) {
  return Guarded(rank(), "summing gradients", [&] {
    std::vector<int64_t> even;  // parts
    return group_->all_to_all_single(received, sent, even, even);
  });
}

void Communicator::Barrier() {
  Guarded(rank(), "waiting for the ranks", [&] { group_->barrier()->wait(); });
}

}  // namespace simscale::dist
