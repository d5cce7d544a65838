#pragma once

#include <stdexcept>
#include <string>

#include "simscale/common/text.h"

namespace simscale {

/// What went wrong, told in one line: where, what, the rule, the value, the way out.
/// The command line prints it without a stack trace and exits 2 for UserError, 1 for the others.
/// What a user wrote may hold line breaks and the like; here they are escaped.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(Escaped(message)) {}
};

/// The user's mistake: a file, a key, a value or an argument that does not hold (Python:
/// ValueError).
class UserError : public Error {
 public:
  using Error::Error;
};

/// An array whose shape or size does not fit (Python: ValueError).
class ShapeError : public UserError {
 public:
  using UserError::UserError;
};

/// The machine's refusal: no space, no permission, a missing device (Python: OSError /
/// RuntimeError).
class IoError : public Error {
 public:
  using Error::Error;
};

/// Throws UserError with the pieces joined: `ThrowUser(path, ": no such file")`.
template <class... Args>
[[noreturn]] void ThrowUser(const Args&... args) {
  throw UserError(Cat(args...));
}
template <class... Args>
[[noreturn]] void ThrowIo(const Args&... args) {
  throw IoError(Cat(args...));
}

/// An invariant of ours (not of the user's input). Throws Error with file and line.
#define SIMSCALE_CHECK(condition)                                                               \
  do {                                                                                          \
    if (!(condition))                                                                           \
      throw ::simscale::Error(::simscale::Cat("internal error: ", #condition, " does not hold", \
                                              " (", __FILE__, ":", __LINE__, ")"));             \
  } while (false)

}  // namespace simscale
