#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "simscale/data/h5_driver.h"

namespace simscale::data::h5 {
namespace {

constexpr size_t kMaxKeptArray = 65536;

}  // namespace

Sink::Sink(std::filesystem::path temp, std::filesystem::path shown)
    : temp_(std::move(temp)), shown_(std::move(shown)) {
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
  const Handle access = AccessThrough(*this);
  // Superblock 3, object headers 2: every metadata block but the heap of strings has a checksum, so
  // that a damaged file is told from a good one. HDF5 1.10 (2016) and later read it.
  Must(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), "cannot set up HDF5");
  // Metadata of many episodes lie together: fewer reads to open the file.
  Must(H5Pset_meta_block_size(access.get(), 16384), "cannot set up HDF5");
  // The root group would keep the time it was made.
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "cannot set up HDF5");
  Must(H5Pset_obj_track_times(creation.get(), false), "cannot set up HDF5");
  return Handle(H5Fcreate(temp_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose,
                "cannot make the file");
}

void Sink::ThrowIfFailed() const {
  if (error_ == 0) return;
  const std::string reason = std::generic_category().message(error_);
  if (size_ == 0) ThrowIo(shown_.string(), ": cannot write: ", reason);
  ThrowIo(shown_.string(), ": cannot write: ", reason, " (at ", size_ >> 10,
          " kB). Nothing was left behind; make room or choose another folder");
}

void Sink::Finish() {
  if (error_ == 0 && ::fsync(fd_) != 0) error_ = errno;
  if (::close(std::exchange(fd_, -1)) != 0 && error_ == 0) error_ = errno;
  ThrowIfFailed();
}

bool Sink::Read(H5FD_mem_t, uint64_t offset, size_t size, std::byte* out) noexcept {
  // Space that was allocated but never written reads as zeros.
  std::fill_n(out, size, std::byte{0});
  for (size_t done = 0; done < size;) {
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

bool Sink::Write(H5FD_mem_t kind, uint64_t offset, size_t size, const std::byte* bytes) noexcept {
  size_ = std::max<uint64_t>(size_, offset + size);
  for (size_t done = 0; done < size && error_ == 0;) {
    const ssize_t put = ::pwrite(fd_, bytes + done, size - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      error_ = put == 0 ? ENOSPC : errno;
    } else {
      done += static_cast<size_t>(put);
    }
  }
  // The heap of strings comes as raw data too, so what is small is kept as well.
  if (error_ == 0 || (kind == H5FD_MEM_DRAW && size > kMaxKeptArray)) return true;
  try {
    lost_.emplace_back(offset, std::vector<std::byte>(bytes, bytes + size));
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void Sink::Truncate(uint64_t size) noexcept {
  if (size != size_ && error_ == 0 && ::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
    error_ = errno;
  }
  size_ = size;
}

}  // namespace simscale::data::h5
