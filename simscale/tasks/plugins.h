#pragma once

#include <string>
#include <vector>

#include "simscale/env/term.h"

namespace simscale::tasks {

/// Adds the term types of plugins (plugin/plugin.h) to the library, in this order. A library that
/// was loaded stays so for as long as the process does: terms live in its code. Returns each file's
/// SHA-256. Throws UserError that begins with "plugins: PATH: " if a file is missing, no plugin,
/// built for another version, fails in its code, or names a term as another is.
std::vector<std::string> AddPlugins(const std::vector<std::string>& paths,
                                    env::TermLibrary& library);

/// Makes relative paths absolute: in the working folder where they exist there, else in `dir`.
void ResolvePlugins(std::vector<std::string>& paths, const std::string& dir);

}  // namespace simscale::tasks
