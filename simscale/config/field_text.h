#pragma once

#include <string_view>

#include "simscale/config/fields.h"

namespace simscale::config::internal {

/// A field's present value as YAML would hold it.
Node FieldToNode(std::string_view name, const FieldRef& field);
/// ">= 0", "0 .. 1", "one of a, b", "" if the field is free.
std::string RangeText(const FieldInfo& info);
/// "int", "list of 3 numbers", ...; what messages and the docs call the field's type.
std::string TypeText(const FieldRef& field, const FieldInfo& info);

}  // namespace simscale::config::internal
