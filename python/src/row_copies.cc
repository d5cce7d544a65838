#include "row_copies.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "simscale/common/error.h"

namespace simscale::python {

std::byte* RowCopies::Keep(const nb::object& target, size_t* row_size, nb::dlpack::dtype* dtype) {
  auto array = nb::cast<Writable>(target);
  if (array.ndim() == 0 || array.shape(0) != num_rows_) {
    throw ShapeError(Cat("a target must have ", num_rows_, " rows"));
  }
  *row_size = array.nbytes() / num_rows_;
  *dtype = array.dtype();
  auto* memory = static_cast<std::byte*>(array.data());
  targets_.push_back({target, std::move(array)});
  return memory;
}

void RowCopies::Add(const nb::object& target, const AnyArray& source, size_t column,
                    bool stepped_only) {
  size_t size = 0;
  nb::dlpack::dtype dtype;
  std::byte* memory = Keep(target, &size, &dtype);
  if (source.ndim() == 0 || source.shape(0) != num_rows_ || source.dtype() != dtype) {
    throw ShapeError(Cat("a source must have ", num_rows_, " rows of its target's type"));
  }
  const size_t stride = source.nbytes() / num_rows_, first = column * source.itemsize();
  if (first + size > stride) throw ShapeError("a source's rows end before its target's");
  sources_.push_back(source);
  copies_.push_back(
      {memory, static_cast<const std::byte*>(source.data()) + first, stride, size, stepped_only});
}

void RowCopies::AddMask(const nb::object& target, bool stepped_only) {
  size_t size = 0;
  nb::dlpack::dtype dtype;
  std::byte* memory = Keep(target, &size, &dtype);
  if (size != 1) throw ShapeError("a mask must be [N] bool");
  copies_.push_back({memory, nullptr, 0, 1, stepped_only});
}

void RowCopies::Seal() {
  for (Target& target : targets_) target.references = Py_REFCNT(target.object.ptr());
}

bool RowCopies::IsFree() const {
  return std::ranges::all_of(targets_, [](const Target& target) {
    return Py_REFCNT(target.object.ptr()) == target.references;
  });
}

void RowCopies::Run(const std::optional<ArrayOf<bool>>& stepped) const {
  if (stepped && stepped->size() != num_rows_) {
    throw ShapeError(Cat("stepped must be [", num_rows_, "], got ", stepped->size()));
  }
  const bool* took_step = stepped ? stepped->data() : nullptr;
  for (const Copy& copy : copies_) {
    const bool* rows = copy.stepped_only ? took_step : nullptr;
    std::byte* to = copy.target;
    const std::byte* from = copy.source;
    if (from == nullptr) {
      if (rows != nullptr) {
        std::memcpy(to, rows, num_rows_);
      } else {
        std::memset(to, 1, num_rows_);
      }
    } else if (copy.size == copy.stride && rows == nullptr) {
      std::memcpy(to, from, num_rows_ * copy.size);
    } else {
      for (size_t i = 0; i < num_rows_; ++i, to += copy.size, from += copy.stride) {
        if (rows != nullptr && !rows[i]) {
          std::memset(to, 0, copy.size);
        } else if (copy.size == sizeof(double)) {
          std::memcpy(to, from, sizeof(double));
        } else {
          std::memcpy(to, from, copy.size);
        }
      }
    }
  }
}

}  // namespace simscale::python
