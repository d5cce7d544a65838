#pragma once

#include <chrono>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace simscale::dist {

/// Gloo of the torch wheel, for tensors on the CPU. Throws c10::Error or gloo's exceptions where
/// the peers can't be met.
c10::intrusive_ptr<c10d::Backend> MakeGlooBackend(const c10::intrusive_ptr<c10d::Store>& store,
                                                  int rank, int size,
                                                  std::chrono::milliseconds timeout);

/// NCCL of a CUDA build of torch, for tensors on the present CUDA device. Null: this build has none
/// (see cmake/Wheels.cmake).
c10::intrusive_ptr<c10d::Backend> MakeNcclBackend(const c10::intrusive_ptr<c10d::Store>& store,
                                                  int rank, int size,
                                                  std::chrono::milliseconds timeout);

}  // namespace simscale::dist
