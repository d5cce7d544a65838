#include "gl_process.h"

#include <unistd.h>

#include <atomic>

#include "simscale/common/error.h"

namespace simscale::python {
namespace {

std::atomic<pid_t> g_drawing_process{0};  // the one that first used OpenGL here

}  // namespace

void ClaimOpenGl() {
  pid_t nobody = 0;
  if (g_drawing_process.compare_exchange_strong(nobody, getpid()) || nobody == getpid()) return;
  throw Error(
      "can't render in a forked process whose parent has rendered: OpenGL does not survive a fork. "
      "Start the process with multiprocessing's 'spawn' or 'forkserver', or render in the child "
      "only");
}

}  // namespace simscale::python
