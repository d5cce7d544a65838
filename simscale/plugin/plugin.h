#pragma once

#include "simscale/common/error.h"
#include "simscale/env/randomization/randomization.h"
#include "simscale/env/term.h"
#include "simscale/env/terms/frame.h"
#include "simscale/env/terms/term_lookup.h"

/// The one header of a plugin: a shared library that adds term types to those a task file may name.
///
///     class Calm : public simscale::env::RewardTerm { ... };
///     SIMSCALE_PLUGIN(library) {
///       simscale::env::AddTerm<Calm>(library.rewards, "calm", "-|qvel|^2");
///     }
///
/// Built with simscale_add_plugin() of find_package(simscale); see docs/plugins.md.
/// Terms follow the rules of env/term.h: built once a task, const, shared by all threads.
/// What a term's constructor throws as simscale::UserError becomes one line for the user.

#define SIMSCALE_PLUGIN_TEXT_OF(x) #x
#define SIMSCALE_PLUGIN_TEXT(x) SIMSCALE_PLUGIN_TEXT_OF(x)
#if defined(_LIBCPP_VERSION)
#define SIMSCALE_PLUGIN_STL "libc++"
#elif !_GLIBCXX_USE_CXX11_ABI
#define SIMSCALE_PLUGIN_STL "libstdc++ with old strings"
#elif defined(_GLIBCXX_DEBUG)
#define SIMSCALE_PLUGIN_STL "libstdc++ in debug mode"
#else
#define SIMSCALE_PLUGIN_STL "libstdc++"
#endif

/// What must be equal for a plugin and the program to share classes: our headers, the C++ library
/// and MuJoCo's structs.
#define SIMSCALE_PLUGIN_ABI       \
  "simscale " SIMSCALE_PLUGIN_API \
  ", MuJoCo " SIMSCALE_PLUGIN_TEXT(mjVERSION_HEADER) ", " SIMSCALE_PLUGIN_STL

namespace simscale {

/// What a plugin shows, as the C symbol `simscale_plugin`. The place of `abi` never changes.
struct PluginEntry {
  const char* abi;                               ///< SIMSCALE_PLUGIN_ABI
  void (*add_terms)(env::TermLibrary& library);  ///< may throw
};

}  // namespace simscale

// NOLINTBEGIN(bugprone-macro-parentheses): a parameter's name can't have any.
/// Begins the function that adds the plugin's terms to `library`; once a plugin.
#define SIMSCALE_PLUGIN(library)                                                                   \
  static void SimscalePluginTerms(::simscale::env::TermLibrary& library);                          \
  extern "C" __attribute__((visibility("default"))) const ::simscale::PluginEntry simscale_plugin; \
  const ::simscale::PluginEntry simscale_plugin = {SIMSCALE_PLUGIN_ABI, &SimscalePluginTerms};     \
  static void SimscalePluginTerms(::simscale::env::TermLibrary& library)
// NOLINTEND(bugprone-macro-parentheses)
