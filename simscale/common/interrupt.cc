#include "simscale/common/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace simscale {
namespace {

static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not lock");
std::atomic<bool> g_requested{false};
int g_guards = 0;
struct sigaction g_old_int, g_old_term;

void OnSignal(int signal) {
  // 130 is what shells report for a process ended by SIGINT.
  if (g_requested.exchange(true) && signal == SIGINT) _exit(130);
}

void Install(int signal, struct sigaction* old) {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;  // or reads and writes under way would fail with EINTR
  sigemptyset(&action.sa_mask);
  sigaction(signal, nullptr, old);
  if (old->sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (g_guards++ > 0) return;
  g_requested = false;
  Install(SIGINT, &g_old_int);
  Install(SIGTERM, &g_old_term);
}

InterruptGuard::~InterruptGuard() {
  if (--g_guards > 0) return;
  sigaction(SIGINT, &g_old_int, nullptr);
  sigaction(SIGTERM, &g_old_term, nullptr);
}

bool InterruptRequested() { return g_requested.load(std::memory_order_relaxed); }

}  // namespace simscale
