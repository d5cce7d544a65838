// Contexts from OSMesa: Mesa's software OpenGL that draws into plain memory. Mesa 25.1 dropped it,
// so the few declarations of <GL/osmesa.h> we need stand here and no development package is asked
// for.

#include <array>
#include <type_traits>

#include "simscale/common/error.h"
#include "simscale/render/gl_context.h"

namespace simscale::render::internal {
namespace {

constexpr char kWayOut[] = "Install libosmesa6, or use backend=egl";
// OSMesa wants a window buffer to be current. MuJoCo draws into framebuffer objects of its own, so
// the smallest will do.
constexpr int kWindowSide = 16;

constexpr unsigned kGlRgba = 0x1908;  // GL_RGBA and OSMESA_RGBA
constexpr unsigned kGlUnsignedByte = 0x1401;

struct Osmesa {
  void* (*CreateContextExt)(unsigned format, int depth_bits, int stencil_bits, int accum_bits,
                            void* sharelist);
  void (*DestroyContext)(void* context);
  unsigned char (*MakeCurrent)(void* context, void* buffer, unsigned type, int width, int height);
  void (*(*GetProcAddress)(const char* name))();
  void* library;
};

Osmesa OpenOsmesa() {
  void* library = OpenLibrary({"OSMesa",
                               "SIMSCALE_OSMESA_LIBRARY",
                               {"libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"},
                               kWayOut});
  Osmesa mesa{};
  auto bind = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        RequireSymbol(library, "OSMesa", name));
  };
  bind(mesa.CreateContextExt, "OSMesaCreateContextExt");
  bind(mesa.DestroyContext, "OSMesaDestroyContext");
  bind(mesa.MakeCurrent, "OSMesaMakeCurrent");
  bind(mesa.GetProcAddress, "OSMesaGetProcAddress");
  mesa.library = library;
  return mesa;
}

const Osmesa& ProcessOsmesa() {
  static const Osmesa mesa = OpenOsmesa();  // tried again if it throws
  return mesa;
}

class OsmesaContext : public GlContext {
 public:
  OsmesaContext() : mesa_(ProcessOsmesa()) {
    constexpr int kDepthBits = 24, kStencilBits = 8, kAccumBits = 0;
    context_ = mesa_.CreateContextExt(kGlRgba, kDepthBits, kStencilBits, kAccumBits, nullptr);
    if (context_ == nullptr) ThrowIo("OSMesa: can't create an OpenGL context. ", kWayOut);
    Publish(mesa_.library, "OSMesaGetProcAddress");
  }
  ~OsmesaContext() override { mesa_.DestroyContext(context_); }
  OsmesaContext(const OsmesaContext&) = delete;
  OsmesaContext& operator=(const OsmesaContext&) = delete;

  void MakeCurrent() override {
    if (!mesa_.MakeCurrent(context_, window_.data(), kGlUnsignedByte, kWindowSide, kWindowSide))
      ThrowIo("OSMesa: can't make the context current");
  }
  void Release() noexcept override { mesa_.MakeCurrent(nullptr, nullptr, kGlUnsignedByte, 0, 0); }
  const char* backend() const override { return "osmesa"; }
  void* Function(const char* name) const override {
    return reinterpret_cast<void*>(mesa_.GetProcAddress(name));
  }

 private:
  const Osmesa& mesa_;
  void* context_ = nullptr;
  std::array<unsigned char, kWindowSide * kWindowSide * 4> window_{};
};

}  // namespace

std::unique_ptr<GlContext> MakeOsmesaContext() { return std::make_unique<OsmesaContext>(); }

}  // namespace simscale::render::internal
