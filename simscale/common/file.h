#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace simscale {

namespace fs = std::filesystem;

/// The whole file. Throws UserError if there is none or it is a folder, IoError if it can't be
/// read.
std::string ReadFile(const fs::path& path);

/// Writes beside the target, fsyncs, renames over it and fsyncs the folder: the file is either the
/// old or the new one, whenever the process dies. Follows symbolic links, keeps the old file's
/// mode, and writes straight into devices and pipes. Throws UserError if `path` is a folder, else
/// IoError (no space, read-only, ...) that names the path, and leaves the old file and no debris.
void WriteFileAtomic(const fs::path& path, std::string_view bytes);

/// Makes the folder and its parents. Throws IoError that names the path and the reason.
void MakeDirs(const fs::path& path);

/// fsync of a file, or of a folder's entries.
void SyncPath(const fs::path& path);

/// A name beside `path` for a file or folder under construction: ".<name>.tmp-<pid>-<n>".
fs::path TempBeside(const fs::path& path);
/// Removes what dead processes left: siblings of `path` that TempBeside named for pids no longer
/// alive (on this machine: not for a folder that several machines write the same name in).
void RemoveStaleTemps(const fs::path& path);
/// The same for whatever lies in `folder`, under any name.
void RemoveStaleTempsIn(const fs::path& folder);

/// fsyncs everything below `temp`, renames it to `target` (which is replaced if `replace`, in one
/// atomic step on Linux file systems that can swap names), fsyncs the parent. Throws IoError, also
/// if there is a target and not `replace`; `temp` then stays, for its owner to judge.
void CommitDir(const fs::path& temp, const fs::path& target, bool replace = false);

/// Points the symbolic link `link` to `target` (a name in the same folder) in one atomic step.
void SwapLink(const fs::path& link, const std::string& target);

/// Keeps other processes out of a folder, for as long as it lives (or its process does).
class FolderLock {
 public:
  /// Throws UserError "<folder>: <in_use>" if another lock holds the folder, IoError if there is no
  /// such folder. On a file system without locks it holds nobody up.
  FolderLock(const fs::path& folder, std::string_view in_use);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

/// SHA-256 as 64 hexadecimal digits, built up piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Update(std::span<const std::byte> bytes);
  void Update(std::string_view text);
  /// Ends the hash; the object may not be updated afterwards.
  std::string Hex();

 private:
  void* context_;
};
std::string Sha256Hex(std::string_view text);

/// The file that this code is in: the executable, or a library such as the Python module.
fs::path OwnFile();

/// The folder with tasks/, presets/, mjcf/ and meshes/: $SIMSCALE_SHARE_DIR, else
/// <folder of OwnFile>/../share/simscale; of a library <its folder>/share/simscale, too. Throws
/// IoError that says so if there is none.
fs::path ShareDir();

}  // namespace simscale
