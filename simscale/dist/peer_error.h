#pragma once

#include <exception>
#include <string>
#include <utility>

#include "simscale/common/error.h"

namespace simscale::dist {

/// A peer died or can't be reached: this process can only end. torchrun starts all of them anew,
/// and they go on from the last checkpoint.
class PeerError : public Error {
 public:
  using Error::Error;
};

/// Throws PeerError if `error` is a broken connection or a time-out of the process group, else
/// returns. doing: "summing gradients".
void ThrowIfPeerLost(const std::exception& error, int rank, const std::string& doing);

/// f(), with the process group's exceptions turned into PeerError.
template <class F>
auto Guarded(int rank, const char* doing, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    ThrowIfPeerLost(error, rank, doing);
    throw;
  }
}

}  // namespace simscale::dist
