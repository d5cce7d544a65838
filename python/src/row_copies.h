#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "arrays.h"

namespace simscale::python {

/// Copies one step's results, [N, ...] each, into arrays that can be handed out: those of one step,
/// which are used again once nobody else holds any of them. One call for all: a step of the
/// simulation leaves Python's and NumPy's code out of the caches, and forty small copies through
/// them cost more than what they copy.
class RowCopies {
 public:
  explicit RowCopies(size_t num_rows) : num_rows_(num_rows) {}

  /// target: [N, ...], writable and row-major, its numbers of source's type. source: [N, ...]; of
  /// each row those from `column` on. stepped_only: rows that took no step get zeros.
  void Add(const nb::object& target, const AnyArray& source, size_t column, bool stepped_only);
  /// target: [N] bool, gets which rows hold: all, or those that took a step.
  void AddMask(const nb::object& target, bool stepped_only);
  /// From here on who holds a target besides those that do now is somebody else.
  void Seal();
  /// Nobody else holds a target. (What refers to a part of one, or exports it, holds it.)
  bool IsFree() const;
  /// stepped: [N], which rows took a step; none: all.
  void Run(const std::optional<ArrayOf<bool>>& stepped) const;

 private:
  using Writable = nb::ndarray<nb::c_contig, nb::device::cpu>;
  struct Copy {
    std::byte* target;
    const std::byte* source;  ///< null: a mask
    size_t stride, size;      ///< bytes from one row to the next, and of a row's part
    bool stepped_only;
  };
  struct Target {
    nb::object object;
    Writable array;  ///< keeps the memory in place
    Py_ssize_t references = 0;
  };

  std::byte* Keep(const nb::object& target, size_t* row_size, nb::dlpack::dtype* dtype);

  size_t num_rows_;
  std::vector<Target> targets_;
  std::vector<AnyArray> sources_;
  std::vector<Copy> copies_;
};

}  // namespace simscale::python
