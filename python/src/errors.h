#pragma once

#include <nanobind/nanobind.h>

namespace simscale::python {

/// Makes our exceptions Python's: UserError a ValueError, IoError an OSError, others RuntimeError.
/// To be called once a module.
void TranslateErrors();

}  // namespace simscale::python
