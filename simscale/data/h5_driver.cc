#include "simscale/data/h5_driver.h"

#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>
#endif

#include <algorithm>
#include <new>

namespace simscale::data::h5 {
namespace {

// What HDF5 hands from the access properties to the driver's open.
struct DriverInfo {
  Storage* storage;
};

struct OpenFileState {
  H5FD_t base;  // first: HDF5 sees only this
  Storage* storage;
  haddr_t end_allocated;
};

OpenFileState* Of(H5FD_t* file) { return reinterpret_cast<OpenFileState*>(file); }
const OpenFileState* Of(const H5FD_t* file) { return reinterpret_cast<const OpenFileState*>(file); }

H5FD_t* Open(const char*, unsigned flags, hid_t access, haddr_t) {
  const auto* info = static_cast<const DriverInfo*>(H5Pget_driver_info(access));
  if (info == nullptr) return nullptr;
  auto* file = new (std::nothrow) OpenFileState{};
  if (file == nullptr) return nullptr;
  file->storage = info->storage;
  if ((flags & H5F_ACC_TRUNC) != 0) file->storage->Truncate(0);
  return &file->base;
}

herr_t Close(H5FD_t* file) {
  delete Of(file);
  return 0;
}

herr_t Query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
  }
  return 0;
}

haddr_t EndAllocated(const H5FD_t* file, H5FD_mem_t) { return Of(file)->end_allocated; }

herr_t SetEndAllocated(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  Of(file)->end_allocated = address;
  return 0;
}

haddr_t EndOfFile(const H5FD_t* file, H5FD_mem_t) { return Of(file)->storage->size(); }

herr_t Read(H5FD_t* file, H5FD_mem_t kind, hid_t, haddr_t address, size_t size, void* out) {
  return Of(file)->storage->Read(kind, address, size, static_cast<std::byte*>(out)) ? 0 : -1;
}

herr_t Write(H5FD_t* file, H5FD_mem_t kind, hid_t, haddr_t address, size_t size,
             const void* bytes) {
  const auto* from = static_cast<const std::byte*>(bytes);
  return Of(file)->storage->Write(kind, address, size, from) ? 0 : -1;
}

herr_t Truncate(H5FD_t* file, hid_t, hbool_t) {
  Of(file)->storage->Truncate(Of(file)->end_allocated);
  return 0;
}

// Filled by name, since the members differ between HDF5 1.10, 1.12, 1.14 and 2.
H5FD_class_t DriverClass() {
  H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(300);  // 256 to 511: drivers like this one
#endif
  driver.name = "simscale";
  driver.maxaddr = static_cast<haddr_t>(INT64_MAX);
  driver.fc_degree = H5F_CLOSE_STRONG;
  driver.fapl_size = sizeof(DriverInfo);
  driver.open = Open;
  driver.close = Close;
  driver.query = Query;
  driver.get_eoa = EndAllocated;
  driver.set_eoa = SetEndAllocated;
  driver.get_eof = EndOfFile;
  driver.read = Read;
  driver.write = Write;
  driver.truncate = Truncate;
  const H5FD_mem_t map[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(map), std::end(map), std::begin(driver.fl_map));
  return driver;
}

}  // namespace

Handle AccessThrough(Storage& storage) {
  static const H5FD_class_t driver = DriverClass();
  static const hid_t id = H5FDregister(&driver);
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot set up HDF5");
  const DriverInfo info{&storage};
  Must(H5Pset_driver(access.get(), id, &info), "cannot set up HDF5");
  Must(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG), "cannot set up HDF5");
  return access;
}

}  // namespace simscale::data::h5
