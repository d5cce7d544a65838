#include "simscale/render/gl_context.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

#include "simscale/common/error.h"
#include "simscale/common/log.h"

namespace simscale::render::internal {

void* OpenLibrary(const LibraryRequest& request) {
  std::vector<std::string> names(request.names.begin(), request.names.end());
  const char* chosen = std::getenv(request.variable);
  if (chosen != nullptr && *chosen != '\0') names = {chosen};
  std::string reason;
  for (const std::string& name : names) {
    // RTLD_LOCAL: an EGL that turns out not to work must not be found by MuJoCo's loader.
    if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    if (reason.empty()) reason = dlerror();
  }
  ThrowIo(request.what, ": can't open ", Join(names, " or "),
          chosen != nullptr && *chosen != '\0' ? Cat(" (from ", request.variable, ")") : "", ": ",
          reason, ". ", request.way_out);
}

void* RequireSymbol(void* library, const char* what, const char* symbol) {
  void* address = dlsym(library, symbol);
  if (address == nullptr) ThrowIo(what, ": the library has no function ", symbol);
  return address;
}

void Publish(void* library, const char* symbol) {
  Dl_info where{};
  // dlopen of a loaded file with RTLD_GLOBAL adds it to the global scope; the handle is kept.
  if (dladdr(RequireSymbol(library, "OpenGL", symbol), &where) == 0 ||
      dlopen(where.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) == nullptr) {
    ThrowIo("OpenGL: can't make ", symbol, " visible to MuJoCo");
  }
}

bool IsPublished(const char* symbol) { return dlsym(RTLD_DEFAULT, symbol) != nullptr; }

namespace {

std::mutex process_backend_mutex;
std::string process_backend;  // "" until the first context was made

std::unique_ptr<GlContext> Make(const std::string& backend) {
  if (backend == "egl") return MakeEglContext();
  // Some other part of the process (a Python package, say) loaded EGL for all: MuJoCo would take
  // it.
  if (IsPublished("eglGetProcAddress")) {
    ThrowIo("OSMesa: this process has EGL loaded already and MuJoCo would bind to that. ",
            "Use backend=egl, or a process of its own");
  }
  return MakeOsmesaContext();
}

std::unique_ptr<GlContext> TryEglThenOsmesa() {
  std::string egl_error;
  try {
    return Make("egl");
  } catch (const IoError& error) {
    egl_error = error.what();
  }
  try {
    auto context = Make("osmesa");
    LogInfo("renderer: took osmesa, as egl doesn't work here (", egl_error, ")");
    return context;
  } catch (const IoError& error) {
    ThrowIo("no headless OpenGL: ", egl_error, "; ", error.what());
  }
}

}  // namespace

std::unique_ptr<GlContext> MakeGlContext(const std::string& backend) {
  std::scoped_lock lock(process_backend_mutex);
  if (process_backend.empty()) {
    auto context = backend == "gl" ? TryEglThenOsmesa() : Make(backend);
    process_backend = context->backend();
    return context;
  }
  if (backend != "gl" && backend != process_backend) {
    ThrowIo("renderer: backend=", backend, " can't be had, as this process draws with ",
            process_backend,
            " already and MuJoCo binds OpenGL once a process. Use backend=", process_backend,
            " or gl, or another process");
  }
  return Make(process_backend);
}

}  // namespace simscale::render::internal
