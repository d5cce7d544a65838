#include "simscale/dist/sharded.h"

#include <torch/csrc/autograd/utils/lambda_post_hook.h>

#include <algorithm>
#include <map>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/dist/peer_error.h"

namespace simscale::dist {
namespace {

constexpr int64_t kAlignment = 16;     // elements: a parameter begins at a cache line
constexpr size_t kMostReductions = 2;  // on their way at once: bounds the memory
constexpr size_t kMostSpare = 2;       // blocks of memory of one size that are kept for reuse

int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

}  // namespace

class Sharded::Pool {
 public:
  explicit Pool(size_t most_spare) : most_spare_(most_spare) {}
  at::DataPtr Take(size_t bytes) {
    auto& spare = spare_[bytes];
    if (spare.empty()) return c10::GetAllocator(c10::DeviceType::CPU)->allocate(bytes);
    at::DataPtr memory = std::move(spare.back());
    spare.pop_back();
    return memory;
  }
  void Give(at::DataPtr memory, size_t bytes) {
    auto& spare = spare_[bytes];
    if (spare.size() < most_spare_) spare.push_back(std::move(memory));
  }

 private:
  size_t most_spare_;
  std::map<size_t, std::vector<at::DataPtr>> spare_;
};

struct Sharded::Unit {
  Parameters parameters;
  std::vector<int64_t> offsets;  // of each in `whole`, in elements
  torch::Tensor shard;           // [n] float32: this rank's part of them
  torch::Tensor gradient;        // [n] float32, of this step so far
  torch::Tensor whole;           // [size * n]; its memory is there while the unit is gathered
  size_t first_leaf = 0, num_leaves = 0;
  std::vector<c10::intrusive_ptr<torch::autograd::Node>> accumulators;  // keeps the hooks alive
  size_t arrived = 0;  // gradients of the backward pass at hand
  bool gathered = false;
  torch::Tensor sent;  // what `gathering` reads
  c10::intrusive_ptr<c10d::Work> gathering;

  size_t bytes() const { return static_cast<size_t>(whole.numel()) * whole.element_size(); }
  void SetMemory(at::DataPtr memory, size_t bytes) {
    c10::StorageImpl* storage = whole.storage().unsafeGetStorageImpl();
    storage->set_data_ptr_noswap(std::move(memory));
    storage->set_nbytes(bytes);
  }
};

/// A unit's gradients on their way to the ranks that own them, which add them up: quicker than
/// Gloo's own reduce-scatter, which sums all of them on all ranks.
struct Sharded::Reduction {
  Unit* unit = nullptr;
  torch::Tensor sent, received;
  c10::intrusive_ptr<c10d::Work> work;
};

Sharded::Sharded(std::vector<Parameters> blocks, Parameters root,
                 std::shared_ptr<Communicator> communicator, const ShardingOptions& options)
    : communicator_(std::move(communicator)),
      options_(options),
      pool_(std::make_unique<Pool>(options.shard_parameters ? kMostSpare : blocks.size() + 1)) {
  const torch::NoGradGuard no_grad;
  // Ranks with different networks would wait for each other for ever.
  std::string mine;
  for (const Parameters& block : blocks)
    for (const auto& [name, tensor] : block) mine += Cat(name, " ", tensor.sizes(), "\n");
  for (const auto& [name, tensor] : root) mine += Cat(name, " ", tensor.sizes(), "\n");
  std::string main = mine;
  communicator_->Broadcast(&main);
  if (main != mine)
    throw Error(Cat("rank ", communicator_->rank(), ": its network differs from rank 0's"));
  for (Parameters& block : blocks)
    units_.push_back(MakeUnit(std::move(block), options_.gather_dtype));
  units_.push_back(MakeUnit(std::move(root), at::kFloat));
}

Sharded::~Sharded() {
  // The tensors must outlive their journeys.
  for (Reduction& reduction : reductions_) try {
      reduction.work->wait();
    } catch (const std::exception&) {  // the run is over: nobody waits for these sums
      continue;
    }
  for (auto& unit : units_) try {
      if (unit->gathering) unit->gathering->wait();
    } catch (const std::exception&) {  // as above
      continue;
    }
}

std::unique_ptr<Sharded::Unit> Sharded::MakeUnit(Parameters parameters, at::ScalarType dtype) {
  auto unit = std::make_unique<Unit>();
  std::ranges::stable_partition(parameters, [](const auto& p) { return p.second.dim() >= 2; });
  unit->parameters = std::move(parameters);
  int64_t end = 0, decaying = 0;
  for (const auto& [name, tensor] : unit->parameters) {
    SIMSCALE_CHECK(tensor.is_cpu() && tensor.scalar_type() == at::kFloat);
    unit->offsets.push_back(end);
    end = RoundUp(end + tensor.numel(), kAlignment);
    if (tensor.dim() >= 2) decaying = end;
  }
  const int64_t size = communicator_->size(), rank = communicator_->rank();
  const int64_t n = RoundUp(std::max<int64_t>(end, 1), size * kAlignment) / size;
  torch::Tensor all = torch::zeros({n * size});
  for (size_t i = 0; i < unit->parameters.size(); ++i) {
    const torch::Tensor& from = unit->parameters[i].second;
    all.narrow(0, unit->offsets[i], from.numel()).copy_(from.detach().reshape({-1}));
  }
  communicator_->Broadcast(all);
  unit->shard = all.narrow(0, rank * n, n).clone();
  unit->gradient = torch::zeros({n});

  unit->first_leaf = leaves_.size();
  const int64_t begin = rank * n, middle = std::clamp<int64_t>(decaying - begin, 0, n);
  for (const bool decays : {true, false}) {
    const int64_t from = decays ? 0 : middle, to = decays ? middle : n;
    if (from == to) continue;
    ShardLeaf leaf{.values = unit->shard.narrow(0, from, to - from),
                   .decays = decays,
                   .unit = units_.size(),
                   .pieces = {}};
    for (size_t i = 0; i < unit->parameters.size(); ++i) {
      const auto& [name, tensor] = unit->parameters[i];
      const int64_t at = unit->offsets[i];
      const int64_t first = std::max(at, begin + from);
      const int64_t last = std::min(at + tensor.numel(), begin + to);
      if (first < last)
        leaf.pieces.push_back(
            {.name = name, .begin = first - at, .size = last - first, .at = first - begin - from});
    }
    leaves_.push_back(std::move(leaf));
  }
  unit->num_leaves = leaves_.size() - unit->first_leaf;

  unit->whole = torch::empty({n * size}, dtype);
  for (size_t i = 0; i < unit->parameters.size(); ++i) {
    torch::Tensor& parameter = unit->parameters[i].second;
    parameter.set_data(
        unit->whole.narrow(0, unit->offsets[i], parameter.numel()).view(parameter.sizes()));
  }
  unit->gathered = true;
  Release(*unit);
  WatchGradients(*unit);
  return unit;
}

void Sharded::WatchGradients(Unit& unit) {
  for (const auto& [name, parameter] : unit.parameters) {
    if (!parameter.requires_grad()) continue;
    auto accumulator = torch::autograd::impl::grad_accumulator(parameter);
    accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, &unit](const std::vector<torch::Tensor>& outputs,
                      const std::vector<torch::Tensor>&) {
          GradientArrived(unit);
          return outputs;
        }));
    unit.accumulators.push_back(std::move(accumulator));
  }
}

void Sharded::StartGather(Unit& unit) {
  if (unit.gathered || unit.gathering) return;
  const torch::NoGradGuard no_grad;
  unit.SetMemory(pool_->Take(unit.bytes()), unit.bytes());
  unit.sent = unit.shard;
  if (source_) {
    const auto first = source_->begin() + static_cast<std::ptrdiff_t>(unit.first_leaf);
    unit.sent = torch::cat(
        std::vector<torch::Tensor>(first, first + static_cast<std::ptrdiff_t>(unit.num_leaves)));
  }
  unit.sent = unit.sent.to(unit.whole.scalar_type());
  unit.gathering = communicator_->StartAllGather(unit.whole, unit.sent);
}

void Sharded::FinishGather(Unit& unit) {
  StartGather(unit);
  if (unit.gathered) return;
  Guarded(communicator_->rank(), "gathering parameters", [&] { unit.gathering->wait(); });
  unit.gathering.reset();
  unit.sent.reset();
  unit.gathered = true;
}

void Sharded::Release(Unit& unit) {
  if (unit.gathering) FinishGather(unit);
  if (!unit.gathered) return;
  unit.gathered = false;
  const size_t bytes = unit.bytes();
  c10::StorageImpl* storage = unit.whole.storage().unsafeGetStorageImpl();
  at::DataPtr memory = storage->set_data_ptr(at::DataPtr(nullptr, at::kCPU));
  storage->set_nbytes(0);
  pool_->Give(std::move(memory), bytes);
}

void Sharded::BeginForward() {
  for (const ShardLeaf& leaf : leaves_)  // a new step, once the optimiser has dropped them
    if (!leaf.values.grad().defined()) GradientOf(leaf).zero_();
  FinishGather(root());
  if (options_.shard_parameters) {
    if (units_.size() > 1) StartGather(*units_[0]);
  } else {
    for (auto& unit : units_) StartGather(*unit);
  }
}

torch::Tensor Sharded::RunBlock(size_t block, const torch::Tensor& x, const Forward& forward) {
  SIMSCALE_CHECK(is_block(block));
  Unit& unit = *units_[block];
  FinishGather(unit);
  if (options_.shard_parameters && is_block(block + 1)) StartGather(*units_[block + 1]);
  torch::Tensor y = forward(x);
  const bool learns = torch::GradMode::is_enabled() && y.requires_grad();
  if (learns)
    y.register_hook([this, block](const torch::Tensor& gradient) {
      Need(block);
      return gradient;
    });
  // backward() begins with the last one.
  if (options_.shard_parameters && !(learns && !is_block(block + 1))) Release(unit);
  return y;
}

void Sharded::Need(size_t block) {
  FinishGather(*units_[block]);
  if (options_.shard_parameters && block > 0) StartGather(*units_[block - 1]);
}

void Sharded::GradientArrived(Unit& unit) {
  if (++unit.arrived < unit.accumulators.size()) return;
  StartReduction(unit);
  // Where parameters stay whole, it is until the optimiser changes them.
  if (options_.shard_parameters && &unit != &root()) Release(unit);
}

void Sharded::StartReduction(Unit& unit) {
  const torch::NoGradGuard no_grad;
  unit.arrived = 0;
  while (reductions_.size() >= kMostReductions) FinishReduction();
  const int64_t n = unit.whole.numel();
  Reduction reduction;
  const auto fitting =
      std::ranges::find_if(idle_, [&](const Reduction& idle) { return idle.sent.numel() == n; });
  if (fitting == idle_.end()) {
    reduction.sent = torch::empty({n});
    reduction.received = torch::empty({n});
  } else {
    reduction = std::move(*fitting);
    idle_.erase(fitting);
  }
  reduction.unit = &unit;
  for (size_t i = 0; i < unit.parameters.size(); ++i) {
    torch::Tensor& parameter = unit.parameters[i].second;
    torch::Tensor& gradient = parameter.mutable_grad();
    const int64_t begin = unit.offsets[i], end = begin + parameter.numel(),
                  next = i + 1 < unit.offsets.size() ? unit.offsets[i + 1] : n;
    torch::Tensor slot = reduction.sent.narrow(0, begin, end - begin);
    if (gradient.defined())
      slot.view(parameter.sizes()).copy_(gradient);
    else
      slot.zero_();
    reduction.sent.narrow(0, end, next - end).zero_();
    gradient.reset();
  }
  reduction.work = communicator_->StartExchange(reduction.received, reduction.sent);
  reductions_.push_back(std::move(reduction));
}

void Sharded::FinishReduction() {
  const torch::NoGradGuard no_grad;
  Reduction& reduction = reductions_.front();
  Guarded(communicator_->rank(), "averaging gradients", [&] { reduction.work->wait(); });
  const int64_t size = communicator_->size();
  reduction.unit->gradient.add_(reduction.received.view({size, -1}).sum(0),
                                1.0 / static_cast<double>(size));
  reduction.work.reset();
  idle_.push_back(std::move(reduction));
  reductions_.pop_front();
}

torch::Tensor Sharded::GradientOf(const ShardLeaf& leaf) const {
  return units_[leaf.unit]->gradient.narrow(0, leaf.values.storage_offset(), leaf.values.numel());
}

void Sharded::EndBackward(bool last) {
  // Units some of whose parameters had no part in the loss.
  for (size_t i = units_.size(); i-- > 0;)
    if (units_[i]->arrived > 0) StartReduction(*units_[i]);
  while (!reductions_.empty()) FinishReduction();
  if (last || options_.shard_parameters) EndForward();
  for (ShardLeaf& leaf : leaves_) leaf.values.mutable_grad() = GradientOf(leaf);
}

void Sharded::EndForward() {
  for (auto& unit : units_) Release(*unit);
}

void Sharded::GatherFrom(const std::vector<torch::Tensor>* values) {
  EndForward();
  source_ = values;
}

void Sharded::Gather(const std::function<void(const std::string&, const torch::Tensor&)>& visit) {
  for (auto& unit : units_) {
    FinishGather(*unit);
    for (const auto& [name, parameter] : unit->parameters) visit(name, parameter.detach());
    Release(*unit);
  }
}

}  // namespace simscale::dist
