#pragma once

// NumPy arrays in and out of the modules.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace simscale::python {

namespace nb = nanobind;

/// A row-major array that is read: of any dtype, or of T alone.
using AnyArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
template <class T>
using ArrayOf = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
std::span<const T> SpanOf(const ArrayOf<T>& array) {
  return {array.data(), array.size()};
}

/// An array over memory that `owner` keeps alive, without a copy.
template <class T, class Owner>
nb::object ViewOf(const T* data, const std::vector<size_t>& shape,
                  const std::shared_ptr<Owner>& owner) {
  static T nothing{};  // NumPy wants an address, even of an empty array
  nb::capsule keeper(new std::shared_ptr<Owner>(owner), [](void* pointer) noexcept {
    delete static_cast<std::shared_ptr<Owner>*>(pointer);
  });
  T* address = data != nullptr ? const_cast<T*>(data) : &nothing;
  nb::ndarray<nb::numpy, T> array(address, shape.size(), shape.data(), keeper);
  return nb::cast(array, nb::rv_policy::automatic);
}

/// An array that owns its numbers.
template <class T>
nb::object ArrayFrom(std::vector<T> values, const std::vector<size_t>& shape) {
  auto owner = std::make_shared<std::vector<T>>(std::move(values));
  return ViewOf(owner->data(), shape, owner);
}

}  // namespace simscale::python
