#pragma once

#include <functional>
#include <string>

#include "simscale/common/error.h"

namespace simscale::config {

/// The message of the UserError that the function throws, or "no error".
inline std::string MessageOf(const std::function<void()>& function) {
  try {
    function();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace simscale::config
