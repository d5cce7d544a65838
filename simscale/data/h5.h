#pragma once

// Private to the data layer: the only header that includes HDF5's.

#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/data/episode.h"

namespace simscale::data::h5 {

/// HDF5 said no. The message is "<what>: <HDF5's innermost reason>", without the file's path, which
/// only the caller knows; never leaves the data layer.
class H5Error : public Error {
 public:
  using Error::Error;
};

/// Held around every use of the library: one thread at a time (not every build of HDF5 has a lock
/// of its own), and HDF5's printing of its error stack off. Recursive.
class Guard {
 public:
  Guard();
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  std::lock_guard<std::recursive_mutex> lock_;
  H5E_auto2_t old_print_ = nullptr;
  void* old_data_ = nullptr;
};

/// Throws H5Error with the innermost entry of the error stack.
[[noreturn]] void Fail(const std::string& what);

inline void Must(herr_t status, const char* what) {
  if (status < 0) Fail(what);
}

/// Owns an identifier and the function that closes it.
class Handle {
 public:
  Handle() = default;
  /// Throws H5Error if id is negative.
  Handle(hid_t id, herr_t (*close)(hid_t), const std::string& what) : id_(id), close_(close) {
    if (id < 0) Fail(what);
  }
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// Closes now. Throws H5Error if that fails.
  void Close(const char* what) {
    if (id_ >= 0) Must(close_(std::exchange(id_, H5I_INVALID_HID)), what);
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  herr_t (*close_)(hid_t) = nullptr;
};

/// The file's type for numbers of a dtype: little-endian on every machine.
hid_t FileType(DType dtype);
/// The same in this machine's memory.
hid_t MemoryType(DType dtype);
/// The dtype of a type in a file, if it is one of ours.
std::optional<DType> DTypeOf(hid_t type);

Handle OpenGroup(hid_t where, const std::string& name);
Handle OpenDataset(hid_t where, const std::string& name);
/// In the order of the names. Throws H5Error if one is not a hard link: a dataset of ours holds
/// all.
std::vector<std::string> LinkNames(hid_t group);
/// A one-dimensional array of texts of one size, without the zeros at their ends.
std::vector<std::string> ReadNames(hid_t group, const std::string& name);
bool HasLink(hid_t group, const std::string& name);
bool HasAttribute(hid_t object, const std::string& name);
bool IsGroup(hid_t where, const std::string& name);

/// Attributes as h5py likes them: str, np.bool_, np.int64, np.uint64, np.float64.
void SetAttribute(hid_t object, const char* name, const std::string& value);
void SetAttribute(hid_t object, const char* name, bool value);
void SetAttribute(hid_t object, const char* name, int64_t value);
void SetAttribute(hid_t object, const char* name, uint64_t value);
void SetAttribute(hid_t object, const char* name, double value);

/// Throw H5Error if the attribute is missing, is no scalar or has another kind of type.
std::string GetString(hid_t object, const char* name);
bool GetBool(hid_t object, const char* name);
int64_t GetInt64(hid_t object, const char* name);
uint64_t GetUint64(hid_t object, const char* name);
double GetDouble(hid_t object, const char* name);

}  // namespace simscale::data::h5
