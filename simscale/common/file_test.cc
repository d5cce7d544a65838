#include "simscale/common/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <vector>

#include "simscale/common/error.h"

namespace simscale {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

template <class Kind>
std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Kind& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another kind of exception: ") + error.what();
  }
  return "no exception";
}

// Runs the body in a process of its own and returns what it returned.
std::string InChild(const std::function<std::string()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = body();
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

// A pid of a process that has ended.
pid_t DeadPid() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

class File : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "file-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }
  static std::vector<std::string> Names(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path root_;
};

TEST_F(File, WriteThenRead) {
  const std::string bytes("a\0b\n\xff", 5);
  WriteFileAtomic(root_ / "x", bytes);
  EXPECT_EQ(ReadFile(root_ / "x"), bytes);
  WriteFileAtomic(root_ / "x", "");
  EXPECT_EQ(ReadFile(root_ / "x"), "");
  const std::string large(3'000'000, 'z');
  WriteFileAtomic(root_ / "x", large);
  EXPECT_EQ(ReadFile(root_ / "x"), large);
  EXPECT_THAT(Names(root_), ElementsAre("x"));
}

TEST_F(File, ReadsFilesWithoutASize) {
  EXPECT_THAT(ReadFile("/proc/self/status"), HasSubstr("Pid:"));
}

TEST_F(File, ReadErrors) {
  const std::string root = root_.string();
  EXPECT_EQ(MessageOf<UserError>([&] { ReadFile(root_ / "no"); }), root + "/no: no such file");
  EXPECT_EQ(MessageOf<UserError>([&] { ReadFile(root_); }),
            root + ": is a folder, a file is wanted");
  WriteFileAtomic(root_ / "f", "1");
  EXPECT_EQ(MessageOf<UserError>([&] { ReadFile(root_ / "f" / "g"); }),
            root + "/f/g: no such file");
  fs::create_symlink("loop", root_ / "loop");
  EXPECT_THAT(MessageOf<IoError>([&] { ReadFile(root_ / "loop"); }),
              StartsWith(root + "/loop: cannot read: "));
}

TEST_F(File, WriteIntoAMissingFolder) {
  EXPECT_EQ(MessageOf<IoError>([&] { WriteFileAtomic(root_ / "no" / "x", "1"); }),
            (root_ / "no" / "x").string() + ": cannot write: there is no folder " +
                (root_ / "no").string());
}

TEST_F(File, WriteOverAFolderIsRefused) {
  fs::create_directory(root_ / "d");
  EXPECT_EQ(MessageOf<UserError>([&] { WriteFileAtomic(root_ / "d", "1"); }),
            (root_ / "d").string() + ": is a folder, a file is wanted");
  EXPECT_THAT(Names(root_), ElementsAre("d"));
}

TEST_F(File, WriteKeepsModeAndLink) {
  WriteFileAtomic(root_ / "x", "1");
  ASSERT_EQ(chmod((root_ / "x").c_str(), 0640), 0);
  fs::create_symlink("x", root_ / "link");
  WriteFileAtomic(root_ / "link", "2");
  EXPECT_EQ(ReadFile(root_ / "x"), "2");
  EXPECT_TRUE(fs::is_symlink(root_ / "link"));
  struct stat info;
  ASSERT_EQ(stat((root_ / "x").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(File, WriteGoesThroughDevices) {
  const fs::path fifo = root_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  WriteFileAtomic(fifo, "hello");
  char buffer[8] = {};
  EXPECT_EQ(read(reader, buffer, sizeof(buffer)), 5);
  EXPECT_STREQ(buffer, "hello");
  close(reader);
  EXPECT_THAT(Names(root_), ElementsAre("fifo"));
  EXPECT_EQ(MessageOf<IoError>([] { WriteFileAtomic("/dev/full", "1"); }),
            "/dev/full: cannot write: No space left on device");
}

TEST_F(File, AFailedWriteLeavesTheOldFileAndNoDebris) {
  WriteFileAtomic(root_ / "x", "old");
  // A limit on the size of files is a write error that needs no privileges.
  const std::string message = InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    return MessageOf<IoError>([&] { WriteFileAtomic(root_ / "x", std::string(5000, 'n')); });
  });
  EXPECT_EQ(message, (root_ / "x").string() + ": cannot write: File too large");
  EXPECT_EQ(ReadFile(root_ / "x"), "old");
  EXPECT_THAT(Names(root_), ElementsAre("x"));
}

// Mounts a tmpfs of 64 KiB on `where` that only this process sees.
bool MountTmpfs(const fs::path& where, unsigned long flags) {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return mount("tmpfs", where.c_str(), "tmpfs", flags, "size=64k") == 0;
}
constexpr char kNoMount[] = "no mount";

TEST_F(File, NoSpaceLeft) {
  const std::string message = InChild([&]() -> std::string {
    if (!MountTmpfs(root_, 0)) return kNoMount;
    WriteFileAtomic(root_ / "x", "old");
    std::string text =
        MessageOf<IoError>([&] { WriteFileAtomic(root_ / "x", std::string(1'000'000, 'n')); });
    text += "; " + ReadFile(root_ / "x");
    for (const std::string& name : Names(root_)) text += " " + name;
    return text;
  });
  if (message == kNoMount) GTEST_SKIP() << "this process may not mount a tmpfs";
  EXPECT_EQ(message, (root_ / "x").string() + ": cannot write: No space left on device; old x");
}

TEST_F(File, ReadOnlyFolder) {
  const std::string message = InChild([&]() -> std::string {
    if (!MountTmpfs(root_, MS_RDONLY)) return kNoMount;
    return MessageOf<IoError>([&] { WriteFileAtomic(root_ / "x", "1"); }) + "\n" +
           MessageOf<IoError>([&] { MakeDirs(root_ / "a" / "b"); }) + "\n" +
           MessageOf<IoError>([&] { SwapLink(root_ / "l", "x"); });
  });
  if (message == kNoMount) GTEST_SKIP() << "this process may not mount a tmpfs";
  const std::string root = root_.string();
  EXPECT_EQ(message, root + "/x: cannot write: Read-only file system\n" + root +
                         "/a/b: cannot make the folder: Read-only file system\n" + root +
                         "/l: cannot write: Read-only file system");
}

TEST_F(File, MakeDirs) {
  MakeDirs(root_ / "a" / "b" / "c");
  MakeDirs(root_ / "a" / "b" / "c");
  MakeDirs(root_ / "a" / "d" / "");
  EXPECT_THAT(Names(root_ / "a"), ElementsAre("b", "d"));
  WriteFileAtomic(root_ / "f", "1");
  EXPECT_THAT(MessageOf<IoError>([&] { MakeDirs(root_ / "f"); }),
              StartsWith((root_ / "f").string() + ": cannot make the folder: "));
  EXPECT_EQ(MessageOf<IoError>([&] { MakeDirs(root_ / "f" / "g"); }),
            (root_ / "f" / "g").string() + ": cannot make the folder: Not a directory");
}

TEST_F(File, TempNames) {
  const std::string start = ".x.h5.tmp-" + std::to_string(getpid()) + "-";
  const fs::path a = TempBeside(root_ / "x.h5"), b = TempBeside(root_ / "x.h5");
  EXPECT_EQ(a.parent_path(), root_);
  EXPECT_THAT(a.filename().string(), StartsWith(start));
  EXPECT_NE(a, b);
  EXPECT_THAT(TempBeside(root_ / "run" / "").filename().string(), StartsWith(".run.tmp-"));
  EXPECT_EQ(TempBeside("x").parent_path(), ".");
}

TEST_F(File, RemovesOnlyWhatDeadProcessesLeft) {
  const std::string dead = std::to_string(DeadPid()), own = std::to_string(getpid());
  fs::create_directories(root_ / (".x.tmp-" + dead + "-0") / "deep");
  const std::vector<std::string> names = {
      ".x.tmp-" + dead + "-17",
      ".x.tmp-" + own + "-99999999",  // an earlier process's number
      ".x.tmp-1-0",                   // alive
      ".y.tmp-" + dead + "-0",
      ".x.tmp-" + dead,
      ".x.tmp-" + dead + "-0a",
      ".x.tmp--1-0",
      "x",
      "x.tmp-" + dead + "-0"};
  for (const std::string& name : names) {
    WriteFileAtomic(root_ / name, "1");
  }
  const fs::path in_use = TempBeside(root_ / "x");
  WriteFileAtomic(in_use, "1");
  RemoveStaleTemps(root_ / "x");
  std::vector<std::string> expected = {".x.tmp--1-0",
                                       ".x.tmp-1-0",
                                       ".x.tmp-" + dead,
                                       ".x.tmp-" + dead + "-0a",
                                       in_use.filename(),
                                       ".y.tmp-" + dead + "-0",
                                       "x",
                                       "x.tmp-" + dead + "-0"};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Names(root_), expected);
  RemoveStaleTemps(root_ / "no" / "x");  // nothing to do

  MakeDirs(root_ / (".y.h5.tmp-" + dead + "-3") / "sub");
  RemoveStaleTempsIn(root_);  // of every name; what lives or looks otherwise stays
  std::erase(expected, ".y.tmp-" + dead + "-0");
  EXPECT_EQ(Names(root_), expected);
  RemoveStaleTempsIn(root_ / "no");
}

TEST_F(File, CommitDir) {
  const fs::path target = root_ / "step_10";
  fs::path temp = TempBeside(target);
  MakeDirs(temp / "sub");
  WriteFileAtomic(temp / "sub" / "a", "1");
  fs::create_symlink("nowhere", temp / "dangling");
  CommitDir(temp, target);
  EXPECT_EQ(ReadFile(target / "sub" / "a"), "1");
  EXPECT_THAT(Names(root_), ElementsAre("step_10"));

  temp = TempBeside(target);
  MakeDirs(temp);
  WriteFileAtomic(temp / "b", "2");
  EXPECT_EQ(MessageOf<IoError>([&] { CommitDir(temp, target); }),
            target.string() + ": exists already");
  EXPECT_EQ(ReadFile(target / "sub" / "a"), "1");
  CommitDir(temp, target / "", true);
  EXPECT_THAT(Names(target), ElementsAre("b"));
  EXPECT_THAT(Names(root_), ElementsAre("step_10"));
  EXPECT_THAT(MessageOf<IoError>([&] { CommitDir(root_ / "no", root_ / "x"); }),
              StartsWith((root_ / "no").string() + ": cannot sync: "));
}

TEST_F(File, SwapLink) {
  MakeDirs(root_ / "step_1");
  MakeDirs(root_ / "step_2");
  SwapLink(root_ / "latest", "step_1");
  EXPECT_EQ(fs::read_symlink(root_ / "latest"), "step_1");
  SwapLink(root_ / "latest", "step_2");
  EXPECT_EQ(fs::read_symlink(root_ / "latest"), "step_2");
  EXPECT_THAT(MessageOf<IoError>([&] { SwapLink(root_ / "step_1", "step_2"); }),
              StartsWith((root_ / "step_1").string() + ": cannot point the link to step_2: "));
  EXPECT_THAT(Names(root_), ElementsAre("latest", "step_1", "step_2"));
}

TEST_F(File, SyncPath) {
  WriteFileAtomic(root_ / "x", "1");
  SyncPath(root_ / "x");
  SyncPath(root_);
  EXPECT_EQ(MessageOf<IoError>([&] { SyncPath(root_ / "no"); }),
            (root_ / "no").string() + ": cannot sync: No such file or directory");
}

TEST_F(File, OneLockAFolder) {
  const std::string in_use = root_.string() + ": somebody is at it";
  const auto take = [&] { const FolderLock lock(root_, "somebody is at it"); };
  {
    const FolderLock lock(root_, "");
    EXPECT_EQ(MessageOf<UserError>(take), in_use);
    EXPECT_EQ(MessageOf<UserError>(take), in_use) << "the one that failed took nothing with it";
  }
  take();
  EXPECT_THAT(MessageOf<IoError>([&] { FolderLock(root_ / "no", ""); }),
              StartsWith((root_ / "no").string() + ": cannot open: "));
}

TEST_F(File, ShareDir) {
  setenv("SIMSCALE_SHARE_DIR", root_.c_str(), 1);
  EXPECT_EQ(ShareDir(), root_);
  setenv("SIMSCALE_SHARE_DIR", (root_ / "no").c_str(), 1);
  EXPECT_THAT(MessageOf<IoError>([] { ShareDir(); }),
              StartsWith((root_ / "no").string() + ": no such folder (SIMSCALE_SHARE_DIR "));
  unsetenv("SIMSCALE_SHARE_DIR");
  const fs::path beside =
      fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "share" / "simscale";
  if (fs::is_directory(beside)) {
    EXPECT_EQ(ShareDir(), beside);
  } else {
    EXPECT_THAT(MessageOf<IoError>([] { ShareDir(); }),
                StartsWith(beside.string() + ": no such folder: "));
  }
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-2, appendix B
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 million;
  for (int i = 0; i < 1000; ++i) million.Update(std::string(1000, 'a'));
  EXPECT_EQ(million.Hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesAndEnd) {
  Sha256 hash;
  hash.Update("ab");
  hash.Update(std::as_bytes(std::span("c", 1)));
  EXPECT_EQ(hash.Hex(), Sha256Hex("abc"));
  EXPECT_THROW(hash.Update("x"), Error);
  EXPECT_THROW(hash.Hex(), Error);
}

}  // namespace
}  // namespace simscale
