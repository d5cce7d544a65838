#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "simscale/dist/communicator.h"

namespace c10d {
class Logger;
class Reducer;
}  // namespace c10d

namespace simscale::dist {

/// Averages gradients over the ranks while backward() still runs, in buckets (Li et al., "PyTorch
/// Distributed", VLDB 2020), by c10d's Reducer.
///
///     parallel.BeginForward();
///     loss = module->Loss(batch);          // once or several times
///     parallel.BeginBackward();            // before the last backward() of a step only: the
///     loss.backward();                     // gradients of the others add up on each rank
class DataParallel {
 public:
  /// Gives every rank the parameters and buffers of rank 0. All parameters that want a gradient
  /// must get one in each step. The module must outlive this.
  DataParallel(torch::nn::Module& module, std::shared_ptr<Communicator> communicator,
               int64_t bucket_bytes = 25 << 20);
  ~DataParallel();
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;

  void BeginForward();
  void BeginBackward();

 private:
  void SettleBuckets();

  std::shared_ptr<Communicator> communicator_;
  std::vector<torch::Tensor> parameters_;
  std::shared_ptr<c10d::Reducer> reducer_;
  std::shared_ptr<c10d::Logger> logger_;
};

}  // namespace simscale::dist
