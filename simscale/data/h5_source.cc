#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "simscale/data/h5_driver.h"

namespace simscale::data::h5 {
namespace {

bool PreadAll(int fd, uint64_t offset, size_t size, std::byte* out) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = ::pread(fd, out + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

uint64_t LittleEndian(const std::byte* bytes, int count) {
  uint64_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | std::to_integer<uint64_t>(bytes[i]);
  return value;
}

constexpr uint64_t kMaxHeapBytes = uint64_t{1} << 30;

// HDF5 file format specification 3.0, III.E "Disk format: level 1E - Global heap". Our files and
// any others with 8-byte lengths; one with others is refused.
bool IsSoundCollection(const std::vector<std::byte>& heap) {
  constexpr size_t kHeader = 16;
  std::set<uint64_t> seen;
  for (size_t at = kHeader; at < heap.size();) {
    const size_t left = heap.size() - at;
    if (left < kHeader) return true;  // too small a rest for another object
    const uint64_t index = LittleEndian(heap.data() + at, 2);
    const uint64_t size = LittleEndian(heap.data() + at + 8, 8);
    if (size > left) return false;
    if (index == 0) return size == left;  // the free space, up to the end
    const uint64_t padded = kHeader + (size + 7) / 8 * 8;
    if (padded > left || !seen.insert(index).second) return false;
    at += padded;
  }
  return true;
}

}  // namespace

Source::Source(std::filesystem::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block
  struct stat info {};
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) ThrowUser(path_.string(), ": no such file");
    ThrowIo(path_.string(), ": cannot read: ", std::generic_category().message(errno));
  }
  size_ = static_cast<uint64_t>(info.st_size);
  std::string problem;
  if (S_ISDIR(info.st_mode)) {
    problem = "is a folder, a dataset file is wanted";
  } else if (!S_ISREG(info.st_mode)) {
    problem = "is no regular file, a dataset file is wanted";
  } else if (size_ == 0) {
    problem = "is empty, a dataset (HDF5) is wanted";
  }
  if (problem.empty()) return;
  ::close(fd_);  // the destructor does not run
  ThrowUser(path_.string(), ": ", problem);
}

Source::~Source() {
  if (fd_ >= 0) ::close(fd_);
}

Handle Source::OpenFile() {
  // A user block may precede it: the signature is at 0, 512, 1024, 2048, ...
  constexpr char kSignature[] = "\x89HDF\r\n\x1a\n";
  bool found = false;
  for (uint64_t at = 0; !found && at + 8 <= size_; at = at == 0 ? 512 : 2 * at) {
    std::byte bytes[8];
    found = PreadAll(fd_, at, 8, bytes) && std::memcmp(bytes, kSignature, 8) == 0;
  }
  if (!found) {
    throw H5Error("is not an HDF5 file, a dataset written by 'simscale datagen' is wanted");
  }
  const Handle access = AccessThrough(*this);
  return Handle(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose,
                "is a damaged or truncated HDF5 file");
}

bool Source::IsSoundHeap(uint64_t offset) noexcept try {
  if (sound_heaps_.contains(offset)) return true;
  std::byte header[16];
  if (!PreadAll(fd_, offset, sizeof header, header)) return false;
  const uint64_t size = LittleEndian(header + 8, 8);
  if (std::memcmp(header, "GCOL", 4) != 0 || header[4] != std::byte{1}) return false;
  if (size < sizeof header || size > kMaxHeapBytes || offset + size > size_) return false;
  std::vector<std::byte> heap(size);
  if (!PreadAll(fd_, offset, heap.size(), heap.data())) return false;
  if (!IsSoundCollection(heap)) return false;
  sound_heaps_.insert(offset);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

bool Source::Read(H5FD_mem_t, uint64_t offset, size_t size, std::byte* out) noexcept {
  if (offset > size_ || size > size_ - offset || !PreadAll(fd_, offset, size, out)) return false;
  if (reading_array_ || size < 16 || std::memcmp(out, "GCOL", 4) != 0) return true;
  return IsSoundHeap(offset);
}

}  // namespace simscale::data::h5
