#include "simscale/common/file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "simscale/common/error.h"

namespace simscale {
namespace {

std::string Reason(int error) { return std::generic_category().message(error); }

// A file descriptor, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // Closes and tells whether that went well: network file systems report lost writes here.
  bool Close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// Removes a file unless told to keep it.
class Debris {
 public:
  explicit Debris(fs::path path) : path_(std::move(path)) {}
  ~Debris() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Debris(const Debris&) = delete;
  Debris& operator=(const Debris&) = delete;
  void Keep() { path_.clear(); }

 private:
  fs::path path_;
};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

[[noreturn]] void ThrowWrite(const fs::path& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    ThrowIo(path.string(), ": cannot write: there is no folder ", path.parent_path().string());
  }
  ThrowIo(path.string(), ": cannot write: ", Reason(error));
}

// What a trailing slash hides: the path of the thing itself.
fs::path WithoutSlash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

fs::path Parent(const fs::path& path) {
  const fs::path parent = WithoutSlash(path).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

void SyncTree(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_symlink()) continue;  // is part of the folder's entries
    if (entry.is_directory()) {
      SyncTree(entry.path());
    } else {
      SyncPath(entry.path());
    }
  }
  SyncPath(folder);
}

void Rename(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    ThrowIo(to.string(), ": cannot put ", from.filename().string(),
            " in its place: ", Reason(errno));
  }
}

// Swaps two names in one step where the file system can, which network ones often cannot.
bool ExchangeNames(const fs::path& a, const fs::path& b) {
#ifdef __linux__
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
#else
  (void)a, (void)b;
  return false;
#endif
}

std::atomic<uint64_t> g_next_temp{0};

// Reads "<pid>-<n>".
bool ParseTempSuffix(std::string_view text, pid_t& pid, uint64_t& n) {
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, pid);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-' || pid <= 0) return false;
  const auto second = std::from_chars(first.ptr + 1, end, n);
  return second.ec == std::errc() && second.ptr == end;
}

bool IsAlive(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

// Whether a process now dead had this name, the prefix and "<pid>-<n>", from TempBeside.
bool IsStale(std::string_view name, std::string_view prefix) {
  pid_t pid;
  uint64_t n;
  if (!name.starts_with(prefix)) return false;
  if (!ParseTempSuffix(name.substr(prefix.size()), pid, n)) return false;
  // Our own number on a name that we have not given out yet: an earlier process had it.
  return pid == ::getpid() ? n >= g_next_temp.load() : !IsAlive(pid);
}

void RemoveEntries(const fs::path& folder, const std::function<bool(std::string_view)>& which) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (which(entry.path().filename().string())) found.push_back(entry.path());
  }
  for (const fs::path& path : found) {
    fs::remove_all(path, error);
    if (error)
      ThrowIo(path.string(), ": cannot remove what a dead process left: ", error.message());
  }
}

}  // namespace

std::string ReadFile(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) ThrowUser(path.string(), ": no such file");
    ThrowIo(path.string(), ": cannot read: ", Reason(errno));
  }
  struct stat info;
  if (::fstat(file.get(), &info) != 0) ThrowIo(path.string(), ": cannot read: ", Reason(errno));
  if (S_ISDIR(info.st_mode)) ThrowUser(path.string(), ": is a folder, a file is wanted");
  std::string bytes;
  // The size is only a hint: in /proc it is 0, and a pipe has none.
  bytes.resize(static_cast<size_t>(info.st_size) + 1);
  size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(std::max<size_t>(4096, 2 * bytes.size()));
    const ssize_t got = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) ThrowIo(path.string(), ": cannot read: ", Reason(errno));
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  bytes.resize(used);
  return bytes;
}

void WriteFileAtomic(const fs::path& given, std::string_view bytes) {
  // Through a symbolic link to its file; the link stays.
  std::error_code error;
  fs::path path = given;
  for (int links = 0; fs::is_symlink(path, error) && links < 40; ++links) {
    path = Parent(path) / fs::read_symlink(path, error);
  }
  struct stat old;
  const bool exists = ::stat(path.c_str(), &old) == 0;
  if (exists && S_ISDIR(old.st_mode)) ThrowUser(given.string(), ": is a folder, a file is wanted");
  if (exists && !S_ISREG(old.st_mode)) {  // such as /dev/null or a pipe: never to be replaced
    Descriptor device(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (device.get() < 0 || !WriteAll(device.get(), bytes)) ThrowWrite(given, errno);
    return;
  }

  const fs::path temp = TempBeside(path);
  Descriptor file(::open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) ThrowWrite(given, errno);
  Debris debris(temp);
  if (exists && ::fchmod(file.get(), old.st_mode & 07777) != 0) ThrowWrite(given, errno);
  if (!WriteAll(file.get(), bytes) || ::fsync(file.get()) != 0 || !file.Close() ||
      ::rename(temp.c_str(), path.c_str()) != 0) {
    ThrowWrite(given, errno);
  }
  debris.Keep();
  SyncPath(Parent(path));
}

void MakeDirs(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) ThrowIo(path.string(), ": cannot make the folder: ", error.message());
  if (!fs::is_directory(path, error)) {
    ThrowIo(path.string(), ": cannot make the folder: a file of that name is in the way");
  }
}

void SyncPath(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) ThrowIo(path.string(), ": cannot sync: ", Reason(errno));
  // EINVAL: the file system has nothing to sync for this kind of file.
  if (::fsync(file.get()) != 0 && errno != EINVAL) {
    ThrowIo(path.string(), ": cannot sync: ", Reason(errno));
  }
}

fs::path TempBeside(const fs::path& path) {
  const std::string name = WithoutSlash(path).filename().string();
  SIMSCALE_CHECK(!name.empty());
  // In containers process numbers repeat, so a dead process may have left this very name.
  for (;;) {
    const fs::path temp =
        Parent(path) / Cat(".", name, ".tmp-", ::getpid(), "-", g_next_temp.fetch_add(1));
    std::error_code error;
    if (!fs::exists(fs::symlink_status(temp, error))) return temp;
  }
}

void RemoveStaleTemps(const fs::path& path) {
  const std::string prefix = Cat(".", WithoutSlash(path).filename().string(), ".tmp-");
  RemoveEntries(Parent(path), [&](std::string_view name) { return IsStale(name, prefix); });
}

void RemoveStaleTempsIn(const fs::path& folder) {
  RemoveEntries(folder, [](std::string_view name) {
    const size_t mark = name.rfind(".tmp-");
    return name.starts_with(".") && mark != std::string_view::npos && mark > 1 &&
           IsStale(name, name.substr(0, mark + 5));
  });
}

void CommitDir(const fs::path& temp, const fs::path& target, bool replace) {
  try {
    SyncTree(temp);
  } catch (const fs::filesystem_error& error) {
    ThrowIo(temp.string(), ": cannot sync: ", error.code().message());
  }
  std::error_code error;
  const fs::path place = WithoutSlash(target);
  if (!fs::exists(fs::symlink_status(place, error))) {
    Rename(temp, place);
    SyncPath(Parent(place));
    return;
  }
  if (!replace) ThrowIo(target.string(), ": exists already");
  fs::path old = WithoutSlash(temp);
  if (!ExchangeNames(old, place)) {
    old = TempBeside(place);
    Rename(place, old);
    try {
      Rename(temp, place);
    } catch (...) {
      ::rename(old.c_str(), place.c_str());
      throw;
    }
  }
  SyncPath(Parent(place));
  fs::remove_all(old, error);
  if (error) ThrowIo(old.string(), ": cannot remove the old version: ", error.message());
}

void SwapLink(const fs::path& link, const std::string& target) {
  const fs::path temp = TempBeside(link);
  if (::symlink(target.c_str(), temp.c_str()) != 0) ThrowWrite(link, errno);
  Debris debris(temp);
  if (::rename(temp.c_str(), WithoutSlash(link).c_str()) != 0) {
    ThrowIo(link.string(), ": cannot point the link to ", target, ": ", Reason(errno));
  }
  debris.Keep();
  SyncPath(Parent(link));
}

FolderLock::FolderLock(const fs::path& folder, std::string_view in_use)
    : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) ThrowIo(folder.string(), ": cannot open: ", Reason(errno));
  // Other errors than this one (ENOLCK, ENOTSUP) mean that there are no locks to be had.
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(fd_);
  ThrowUser(folder.string(), ": ", in_use);
}

FolderLock::~FolderLock() { ::close(fd_); }

fs::path OwnFile() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  Dl_info where;
  link_map* object = nullptr;
  if (dladdr1(reinterpret_cast<void*>(&OwnFile), &where, reinterpret_cast<void**>(&object),
              RTLD_DL_LINKMAP) == 0 ||
      object == nullptr || object->l_name == nullptr || object->l_name[0] == '\0') {
    return executable;  // only libraries have a name
  }
  const fs::path library = fs::canonical(object->l_name, error);
  return error ? executable : library;
}

fs::path ShareDir() {
  std::error_code error;
  if (const char* given = std::getenv("SIMSCALE_SHARE_DIR"); given != nullptr && *given != '\0') {
    if (fs::is_directory(given, error)) return given;
    ThrowIo(given,
            ": no such folder (SIMSCALE_SHARE_DIR names it as the one with SimScaleAI's "
            "tasks/, presets/ and meshes/)");
  }
  const fs::path own = OwnFile();
  std::vector<fs::path> places = {own.parent_path().parent_path() / "share" / "simscale"};
  // A library: the Python module of an installed wheel, or the one of a build folder.
  if (own != fs::read_symlink("/proc/self/exe", error)) {
    places = {own.parent_path() / "share" / "simscale",
              own.parent_path().parent_path().parent_path() / "share" / "simscale"};
  }
  for (const fs::path& place : places) {
    if (fs::is_directory(place, error)) return place;
  }
  ThrowIo(places[0].string(),
          ": no such folder: SimScaleAI's tasks/, presets/ and meshes/ are not "
          "beside this program. Build the assets, or set SIMSCALE_SHARE_DIR to their folder.");
}

}  // namespace simscale
