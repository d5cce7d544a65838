#pragma once

namespace simscale {

/// While it lives, SIGINT and SIGTERM only raise a flag, so that a command can finish the step at
/// hand and save. A second SIGINT ends the process at once with exit code 130.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// Whether SIGINT or SIGTERM came since the guard was made. Safe from any thread.
bool InterruptRequested();

}  // namespace simscale
