#include "simscale/data/h5_sink.h"

#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>
#endif
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace simscale::data::h5 {
namespace {

// What HDF5 hands from the access properties to the driver's open.
struct DriverInfo {
  Sink* sink;
};

struct SinkFile {
  H5FD_t base;  // first: HDF5 sees only this
  Sink* sink;
  haddr_t end_allocated;
};

SinkFile* Of(H5FD_t* file) { return reinterpret_cast<SinkFile*>(file); }
const SinkFile* Of(const H5FD_t* file) { return reinterpret_cast<const SinkFile*>(file); }

bool PwriteAll(int fd, uint64_t offset, size_t size, const std::byte* bytes) {
  while (size > 0) {
    const ssize_t written = ::pwrite(fd, bytes, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;
    if (written <= 0) return false;
    bytes += written, offset += static_cast<uint64_t>(written),
        size -= static_cast<size_t>(written);
  }
  return true;
}

}  // namespace

// The callbacks, in one place that Sink befriends. None may throw: C code calls them.
struct SinkDriver {
  static H5FD_t* Open(const char*, unsigned, hid_t access, haddr_t) {
    const auto* info = static_cast<const DriverInfo*>(H5Pget_driver_info(access));
    if (info == nullptr) return nullptr;
    auto* file = new (std::nothrow) SinkFile{};
    if (file == nullptr) return nullptr;
    file->sink = info->sink;
    return &file->base;
  }
  static herr_t Close(H5FD_t* file) {
    delete Of(file);
    return 0;
  }
  static herr_t Query(const H5FD_t*, unsigned long* flags) {
    if (flags != nullptr) {
      *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
               H5FD_FEAT_AGGREGATE_SMALLDATA;
    }
    return 0;
  }
  static haddr_t EndAllocated(const H5FD_t* file, H5FD_mem_t) { return Of(file)->end_allocated; }
  static herr_t SetEndAllocated(H5FD_t* file, H5FD_mem_t, haddr_t address) {
    Of(file)->end_allocated = address;
    return 0;
  }
  static haddr_t EndOfFile(const H5FD_t* file, H5FD_mem_t) { return Of(file)->sink->size_; }
  static herr_t Read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* out) {
    return Of(file)->sink->Read(address, size, static_cast<std::byte*>(out)) ? 0 : -1;
  }
  static herr_t Write(H5FD_t* file, H5FD_mem_t type, hid_t, haddr_t address, size_t size,
                      const void* bytes) {
    try {
      Of(file)->sink->Write(address, size, static_cast<const std::byte*>(bytes),
                            type != H5FD_MEM_DRAW);
    } catch (const std::bad_alloc&) {
      return -1;
    }
    return 0;
  }
  static herr_t Truncate(H5FD_t* file, hid_t, hbool_t) {
    Sink& sink = *Of(file)->sink;
    const haddr_t end = Of(file)->end_allocated;
    if (end != sink.size_ && sink.error_ == 0) {
      if (::ftruncate(sink.fd_, static_cast<off_t>(end)) != 0) sink.error_ = errno;
    }
    sink.size_ = end;
    return 0;
  }

  // Filled by name, since the members differ between HDF5 1.10, 1.12, 1.14 and 2.
  static H5FD_class_t Class() {
    H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION
    driver.version = H5FD_CLASS_VERSION;
    driver.value = static_cast<H5FD_class_value_t>(300);  // 256 to 511 are for drivers like this
#endif
    driver.name = "simscale_sink";
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
  static hid_t Id() {
    static const H5FD_class_t driver = Class();
    static const hid_t id = H5FDregister(&driver);
    return id;
  }
};

Sink::Sink(const std::filesystem::path& temp, std::filesystem::path shown)
    : temp_(temp), shown_(std::move(shown)) {
  fd_ = ::open(temp_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) error_ = errno;
  if (error_ == ENOENT || error_ == ENOTDIR) {
    ThrowIo(shown_.string(), ": cannot write: there is no folder ", shown_.parent_path().string());
  }
  ThrowIfFailed();
}

Sink::~Sink() {
  if (fd_ >= 0) ::close(fd_);
}

Handle Sink::CreateFile() {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot set up HDF5");
  const DriverInfo info{this};
  Must(H5Pset_driver(access.get(), SinkDriver::Id(), &info), "cannot set up HDF5");
  // Superblock 3, object headers 2: every metadata block but the heap of strings has a checksum, so
  // that a damaged file is told from a good one. HDF5 1.10 (2016) and later read it.
  Must(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), "cannot set up HDF5");
  // Metadata of many episodes lie together: fewer reads to open the file.
  Must(H5Pset_meta_block_size(access.get(), 16384), "cannot set up HDF5");
  return Handle(H5Fcreate(temp_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose,
                "cannot make the file");
}

void Sink::ThrowIfFailed() const {
  if (error_ == 0) return;
  const std::string reason = std::generic_category().message(error_);
  if (fd_ < 0 && size_ == 0) ThrowIo(shown_.string(), ": cannot write: ", reason);
  ThrowIo(shown_.string(), ": cannot write: ", reason, " after ", size_ >> 20,
          " MB. Nothing was left behind; make room or choose another folder.");
}

void Sink::Finish() {
  if (error_ == 0 && ::fsync(fd_) != 0) error_ = errno;
  if (::close(std::exchange(fd_, -1)) != 0 && error_ == 0) error_ = errno;
  ThrowIfFailed();
}

bool Sink::Read(uint64_t offset, size_t size, std::byte* out) const {
  // Space that was allocated but never written reads as zeros.
  std::fill_n(out, size, std::byte{0});
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd_, out + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  for (const auto& [start, bytes] : lost_) {
    const uint64_t from = std::max<uint64_t>(start, offset);
    const uint64_t to = std::min<uint64_t>(start + bytes.size(), offset + size);
    if (from < to) std::memcpy(out + (from - offset), bytes.data() + (from - start), to - from);
  }
  return true;
}

void Sink::Write(uint64_t offset, size_t size, const std::byte* bytes, bool keep) {
  if (error_ == 0 && !PwriteAll(fd_, offset, size, bytes)) error_ = errno;
  if (error_ != 0 && keep) lost_.emplace_back(offset, std::vector<std::byte>(bytes, bytes + size));
  size_ = std::max<uint64_t>(size_, offset + size);
}

}  // namespace simscale::data::h5
