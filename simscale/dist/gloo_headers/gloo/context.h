#pragma once

#include <chrono>

// Stand-in, as gloo/algorithm.h: what ProcessGroupGloo.hpp's inline functions call. The function
// itself is in libtorch_cpu.
namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
