// Contexts from EGL without a surface: MuJoCo draws into framebuffer objects of its own.
// The order of attempts is that of MuJoCo's Python package (EGL_EXT_platform_device over all
// devices), then Mesa's surfaceless platform, which needs no device node.

#define EGL_NO_X11
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <dlfcn.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "simscale/common/error.h"
#include "simscale/render/gl_context.h"

namespace simscale::render::internal {
namespace {

constexpr char kWayOut[] =
    "Install libegl1 and libgl1-mesa-dri (or the GPU's driver), or use backend=osmesa";
constexpr int kMaxDevices = 32;

template <class F>
F Cast(void* address) {
  return reinterpret_cast<F>(address);
}

struct Egl {
  decltype(&eglGetProcAddress) GetProcAddress;
  decltype(&eglQueryString) QueryString;
  decltype(&eglInitialize) Initialize;
  decltype(&eglChooseConfig) ChooseConfig;
  decltype(&eglBindAPI) BindApi;
  decltype(&eglCreateContext) CreateContext;
  decltype(&eglDestroyContext) DestroyContext;
  decltype(&eglMakeCurrent) MakeCurrent;
  decltype(&eglReleaseThread) ReleaseThread;
  decltype(&eglGetError) GetError;
  EGLDisplay display = EGL_NO_DISPLAY;
  EGLConfig config = nullptr;
  void* library = nullptr;

  std::string ErrorCode() const {
    char digits[16] = {};
    std::to_chars(digits, digits + sizeof(digits) - 1, GetError(), 16);
    return Cat("EGL error 0x", digits);
  }
};

bool HasExtension(const char* list, std::string_view name) {
  for (const std::string& word : Split(list == nullptr ? "" : list, ' '))
    if (word == name) return true;
  return false;
}

/// The index in MUJOCO_EGL_DEVICE_ID, which MuJoCo's own tools read too; -1 if unset.
int WantedDevice(int num_devices) {
  const char* text = std::getenv("MUJOCO_EGL_DEVICE_ID");
  if (text == nullptr || *text == '\0') return -1;
  int index = -1;
  auto [end, error] = std::from_chars(text, text + std::strlen(text), index);
  if (error != std::errc{} || *end != '\0' || index < 0 || index >= num_devices) {
    ThrowUser("MUJOCO_EGL_DEVICE_ID must be a number from 0 to ", num_devices - 1, ", got '", text,
              "'. Unset it to take the first device that works");
  }
  return index;
}

EGLDisplay InitialisedDisplay(const Egl& egl, EGLenum platform, void* device) {
  auto get_display = Cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
      reinterpret_cast<void*>(egl.GetProcAddress("eglGetPlatformDisplayEXT")));
  if (get_display == nullptr) return EGL_NO_DISPLAY;
  EGLDisplay display = get_display(platform, device, nullptr);
  if (display == EGL_NO_DISPLAY || !egl.Initialize(display, nullptr, nullptr))
    return EGL_NO_DISPLAY;
  return display;
}

/// Tries the devices in order; a device chosen by the environment alone.
EGLDisplay DeviceDisplay(const Egl& egl) {
  auto query = Cast<PFNEGLQUERYDEVICESEXTPROC>(
      reinterpret_cast<void*>(egl.GetProcAddress("eglQueryDevicesEXT")));
  std::array<EGLDeviceEXT, kMaxDevices> devices{};
  EGLint num_devices = 0;
  if (query == nullptr || !query(kMaxDevices, devices.data(), &num_devices)) return EGL_NO_DISPLAY;
  const int wanted = WantedDevice(num_devices);
  for (int i = 0; i < num_devices; ++i) {
    if (wanted >= 0 && i != wanted) continue;
    EGLDisplay display =
        InitialisedDisplay(egl, EGL_PLATFORM_DEVICE_EXT, devices[static_cast<size_t>(i)]);
    if (display != EGL_NO_DISPLAY) return display;
  }
  if (wanted >= 0) ThrowIo("EGL: device ", wanted, " of MUJOCO_EGL_DEVICE_ID can't be opened");
  return EGL_NO_DISPLAY;
}

EGLConfig ChooseConfig(const Egl& egl) {
  const EGLint attributes[] = {EGL_RED_SIZE,
                               8,
                               EGL_GREEN_SIZE,
                               8,
                               EGL_BLUE_SIZE,
                               8,
                               EGL_ALPHA_SIZE,
                               8,
                               EGL_DEPTH_SIZE,
                               24,
                               EGL_STENCIL_SIZE,
                               8,
                               EGL_COLOR_BUFFER_TYPE,
                               EGL_RGB_BUFFER,
                               EGL_SURFACE_TYPE,
                               EGL_PBUFFER_BIT,
                               EGL_RENDERABLE_TYPE,
                               EGL_OPENGL_BIT,
                               EGL_NONE};
  EGLConfig config = nullptr;
  EGLint count = 0;
  if (!egl.ChooseConfig(egl.display, attributes, &config, 1, &count) || count < 1)
    ThrowIo("EGL: no OpenGL framebuffer configuration (", egl.ErrorCode(), "). ", kWayOut);
  return config;
}

Egl OpenEgl() {
  // NVIDIA's driver wants libOpenGL loaded before EGL for several threads (MuJoCo's Python package
  // does so too). It is no error if there is none.
  dlopen("libOpenGL.so.0", RTLD_NOW | RTLD_GLOBAL);
  void* library =
      OpenLibrary({"EGL", "SIMSCALE_EGL_LIBRARY", {"libEGL.so.1", "libEGL.so"}, kWayOut});
  Egl egl{};
  auto bind = [&](auto& function, const char* name) {
    function =
        Cast<std::remove_reference_t<decltype(function)>>(RequireSymbol(library, "EGL", name));
  };
  bind(egl.GetProcAddress, "eglGetProcAddress");
  bind(egl.QueryString, "eglQueryString");
  bind(egl.Initialize, "eglInitialize");
  bind(egl.ChooseConfig, "eglChooseConfig");
  bind(egl.BindApi, "eglBindAPI");
  bind(egl.CreateContext, "eglCreateContext");
  bind(egl.DestroyContext, "eglDestroyContext");
  bind(egl.MakeCurrent, "eglMakeCurrent");
  bind(egl.ReleaseThread, "eglReleaseThread");
  bind(egl.GetError, "eglGetError");

  const char* extensions = egl.QueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
  if (HasExtension(extensions, "EGL_EXT_platform_device") ||
      HasExtension(extensions, "EGL_EXT_device_enumeration")) {
    egl.display = DeviceDisplay(egl);
  }
  if (egl.display == EGL_NO_DISPLAY && HasExtension(extensions, "EGL_MESA_platform_surfaceless"))
    egl.display = InitialisedDisplay(egl, EGL_PLATFORM_SURFACELESS_MESA, nullptr);
  if (egl.display == EGL_NO_DISPLAY)
    ThrowIo("EGL: no device gives a display without a screen. ", kWayOut);
  egl.config = ChooseConfig(egl);
  egl.library = library;
  return egl;
}

/// One display a process, never terminated: other users of EGL in the process share it.
const Egl& ProcessEgl() {
  static const Egl egl = OpenEgl();  // tried again if it throws
  return egl;
}

class EglContext : public GlContext {
 public:
  EglContext() : egl_(ProcessEgl()) {
    egl_.BindApi(EGL_OPENGL_API);  // a setting of the thread
    context_ = egl_.CreateContext(egl_.display, egl_.config, EGL_NO_CONTEXT, nullptr);
    if (context_ == EGL_NO_CONTEXT)
      ThrowIo("EGL: can't create an OpenGL context (", egl_.ErrorCode(), "). ", kWayOut);
    Publish(egl_.library, "eglGetProcAddress");  // not before it is known to work: see Publish
  }
  ~EglContext() override { egl_.DestroyContext(egl_.display, context_); }
  EglContext(const EglContext&) = delete;
  EglContext& operator=(const EglContext&) = delete;

  void MakeCurrent() override {
    egl_.BindApi(EGL_OPENGL_API);
    if (!egl_.MakeCurrent(egl_.display, EGL_NO_SURFACE, EGL_NO_SURFACE, context_))
      ThrowIo("EGL: can't make the context current (", egl_.ErrorCode(), ")");
  }
  void Release() noexcept override {
    egl_.MakeCurrent(egl_.display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
  }
  const char* backend() const override { return "egl"; }
  void* Function(const char* name) const override {
    return reinterpret_cast<void*>(egl_.GetProcAddress(name));
  }

 private:
  const Egl& egl_;
  EGLContext context_ = EGL_NO_CONTEXT;
};

}  // namespace

std::unique_ptr<GlContext> MakeEglContext() { return std::make_unique<EglContext>(); }

}  // namespace simscale::render::internal
