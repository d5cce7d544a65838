#pragma once

namespace simscale {

/// While it lives, SIGINT and SIGTERM only raise a flag, so that a command can finish the step at
/// hand and save. A SIGINT after that ends the process at once with exit code 130. A signal that
/// was ignored before (nohup, a script's background job) stays ignored. Guards may nest: the
/// outermost counts. Made and ended on one thread.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// Whether SIGINT or SIGTERM came since the last guard was made; still told after its end. Safe
/// from any thread.
bool InterruptRequested();

}  // namespace simscale
