#include "simscale/dist/data_parallel.h"

#include <algorithm>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/dist/peer_error.h"

namespace simscale::dist {
namespace {

constexpr size_t kBroadcastBytes = 250 << 20;

}  // namespace

DataParallel::DataParallel(torch::nn::Module& module, std::shared_ptr<Communicator> communicator,
                           int64_t bucket_bytes)
    : communicator_(std::move(communicator)) {
  std::unordered_map<size_t, std::string> names;
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    names[parameters_.size()] = item.key();
    parameters_.push_back(item.value());
  }
  SIMSCALE_CHECK(!parameters_.empty());
  const auto& group = communicator_->group();
  Guarded(communicator_->rank(), "setting up data parallelism", [&] {
    const torch::NoGradGuard no_grad;
    c10d::verify_params_across_processes(group, parameters_, std::nullopt);
    std::vector<torch::Tensor> state;
    for (const torch::Tensor& tensor : module.parameters()) state.push_back(tensor.detach());
    for (const torch::Tensor& tensor : module.buffers()) state.push_back(tensor.detach());
    c10d::broadcast_coalesced(group, state, kBroadcastBytes);
    const auto cap = static_cast<size_t>(bucket_bytes);
    const auto first = std::min(cap, static_cast<size_t>(c10d::kDefaultFirstBucketBytes));
    const std::vector<bool> sparse(parameters_.size(), false);
    auto [buckets, limits] =
        c10d::compute_bucket_assignment_by_size(parameters_, {first, cap}, sparse);
    std::ranges::reverse(buckets);  // gradients come from the last layer first
    reducer_ = std::make_shared<c10d::Reducer>(
        parameters_, std::move(buckets), group, sparse, bucket_bytes,
        /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, std::move(names),
        static_cast<int64_t>(first), /*skip_all_reduce_unused_params=*/false,
        /*use_python_reducer=*/false, std::vector<int64_t>());
    logger_ = std::make_shared<c10d::Logger>(reducer_);
    logger_->set_construction_data_and_log("Policy", {}, -1, true, false, false);
  });
  SettleBuckets();
}

DataParallel::~DataParallel() = default;

/// The Reducer sorts its buckets anew after the first step, and with them the order of sums over
/// more than two ranks. A step of zeros has it do so now: a run that was resumed then adds in the
/// same order as one that was not.
void DataParallel::SettleBuckets() {
  BeginForward();
  torch::Tensor sum = torch::zeros({});
  for (const torch::Tensor& parameter : parameters_)
    sum = sum.to(parameter.device()) + 0 * parameter.sum();
  BeginBackward();
  Guarded(communicator_->rank(), "summing gradients", [&] { sum.backward(); });
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

void DataParallel::BeginForward() {
  Guarded(communicator_->rank(), "sorting gradients", [&] {
    reducer_->prepare_for_forward();
    reducer_->rebuild_buckets();
  });
}

void DataParallel::BeginBackward() { reducer_->prepare_for_backward({}); }

}  // namespace simscale::dist
