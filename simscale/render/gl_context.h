#pragma once

// Internal to render/: headless OpenGL contexts. Does not include OpenGL's headers.

#include <memory>
#include <string>

#include "simscale/render/renderer.h"

namespace simscale::render::internal {

/// One headless OpenGL context. It belongs to no thread; it is current between MakeCurrent and
/// Release, which must come from the same thread.
class GlContext {
 public:
  virtual ~GlContext() = default;
  /// Throws IoError with the library's error code.
  virtual void MakeCurrent() = 0;
  virtual void Release() noexcept = 0;
  virtual const char* backend() const = 0;
  /// Looks up an OpenGL function; null if there is none.
  virtual void* Function(const char* name) const = 0;
};

/// Throw IoError in one line that says what is missing and what to install.
std::unique_ptr<GlContext> MakeEglContext();
std::unique_ptr<GlContext> MakeOsmesaContext();

/// Makes a context of "gl", "egl" or "osmesa" and binds this process to its backend. gl takes
/// the process's backend if it has one, else egl, else osmesa, and logs which it took and why.
std::unique_ptr<GlContext> MakeGlContext(const std::string& backend);

/// Opens a shared library: $`variable` alone if it is set, else the first of `names` that opens.
/// The handle stays open for good: drivers keep threads and thread-local data that outlive any
/// user. Throws IoError: "<what>: can't open <names> (<dlerror>). Install <packages> or ...".
struct LibraryRequest {
  const char* what;                ///< "EGL"
  const char* variable;            ///< "SIMSCALE_EGL_LIBRARY"
  std::vector<const char*> names;  ///< {"libEGL.so.1"}
  const char* way_out;             ///< ends the message
};
void* OpenLibrary(const LibraryRequest& request);
/// A symbol of it; throws IoError naming both if there is none.
void* RequireSymbol(void* library, const char* what, const char* symbol);

/// Makes an opened library's symbols global. MuJoCo looks for eglGetProcAddress and then for
/// OSMesaGetProcAddress among the global symbols, so only the library in use may be there.
void Publish(void* library, const char* symbol);

/// Whether the dynamic linker finds the symbol among the global ones.
bool IsPublished(const char* symbol);

}  // namespace simscale::render::internal
