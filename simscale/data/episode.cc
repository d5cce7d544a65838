#include "simscale/data/episode.h"

#include "simscale/common/error.h"

namespace simscale::data {

size_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return 1;
    case DType::kInt32:
      return 4;
    case DType::kInt64:
      return 8;
    case DType::kFloat32:
      return 4;
    case DType::kFloat64:
      return 8;
  }
  throw Error("internal error: an unknown dtype");
}

std::string_view NameOf(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return "uint8";
    case DType::kInt32:
      return "int32";
    case DType::kInt64:
      return "int64";
    case DType::kFloat32:
      return "float32";
    case DType::kFloat64:
      return "float64";
  }
  throw Error("internal error: an unknown dtype");
}

int64_t Array::size() const {
  int64_t n = 1;
  for (const int64_t extent : shape) n *= extent;
  return n;
}

int64_t Episode::length() const {
  const Array* actions = Find("actions");
  return actions == nullptr || actions->shape.empty() ? 0 : actions->shape[0];
}

const Array* Episode::Find(std::string_view name) const {
  for (const Array& array : arrays) {
    if (array.name == name) return &array;
  }
  return nullptr;
}

}  // namespace simscale::data
