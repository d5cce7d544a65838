// A disk that is full, at every point of a file's writing.

#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>

#include "simscale/common/file.h"
#include "simscale/data/test_file.h"

namespace simscale::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MessageOf;
using ::testing::StartsWith;

// Files of this process can't grow past so many bytes: write() fails as on a full disk (EFBIG).
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_signal_)(int);
};

class NoSpaceTest : public testing::TestFolder {
 protected:
  // "" if it could be written.
  std::string WriteWithin(rlim_t bytes, int64_t episodes, const WriteOptions& options) const {
    const FileSizeLimit limit(bytes);
    try {
      WriteSample("a.hdf5", episodes, true, options);
      return "";
    } catch (const IoError& error) {  // anything else fails the test
      return error.what();
    }
  }
};

TEST_F(NoSpaceTest, WhereverItRunsOutOneErrorIsToldAndNothingIsLeft) {
  for (const int compression : {0, 1}) {
    const WriteOptions options{.compression = compression};
    const auto full = fs::file_size(WriteSample("a.hdf5", 6, true, options));
    fs::remove(Path("a.hdf5"));
    for (uintmax_t limit = 0; limit < full; limit += full / 60 + 1) {
      SCOPED_TRACE(limit);
      const std::string message = WriteWithin(limit, 6, options);
      EXPECT_THAT(message,
                  StartsWith(Path("a.hdf5").string() + ": cannot write: File too large (at "));
      EXPECT_THAT(message, HasSubstr("Nothing was left behind"));
      EXPECT_EQ(message.find('\n'), std::string::npos);
      EXPECT_THAT(Listing(), IsEmpty());
    }
    EXPECT_EQ(WriteWithin(full, 6, options), "");
    EXPECT_THAT(Listing(), ElementsAre("a.hdf5"));
    fs::remove(Path("a.hdf5"));
  }
}

TEST_F(NoSpaceTest, HugeEpisodesStopTheWriterAtOnce) {
  int64_t asked = 0;
  const FileSizeLimit limit(1 << 16);
  EXPECT_THAT(MessageOf<IoError>([&] {
                WriteDataset(Path("a.hdf5"), testing::SampleMeta(), 1000, [&](int64_t) {
                  ++asked;
                  return testing::SampleEpisode({.length = 300, .images = true});
                });
              }),
              HasSubstr("File too large"));
  EXPECT_EQ(asked, 1);
}

TEST_F(NoSpaceTest, TheOldFileStays) {
  WriteSample("a.hdf5", 1);
  const std::string before = ReadFile(Path("a.hdf5"));
  EXPECT_THAT(WriteWithin(30000, 6, {}), HasSubstr("File too large"));
  EXPECT_EQ(ReadFile(Path("a.hdf5")), before);
  EXPECT_THAT(Listing(), ElementsAre("a.hdf5"));
}

// HDF5 tidies up when a process ends: with its own drivers it crashes there after a full disk.
TEST_F(NoSpaceTest, TheProcessEndsAsIfNothingWere) {
  EXPECT_EXIT(
      {
        for (rlim_t limit = 0; limit < 100000; limit += 9973) WriteWithin(limit, 6, {});
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "^$");
}

TEST_F(NoSpaceTest, ASmallDisk) {
  const fs::path disk = Path("disk");
  fs::create_directory(disk);
  if (::mount("simscale_test", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "cannot mount a small tmpfs here";
  }
  const std::string message = MessageOf<IoError>([&] { WriteSample("disk/a.hdf5", 40, true); });
  const bool empty = fs::is_empty(disk);
  WriteSample("disk/b.hdf5", 1);  // the room is there again
  ::umount2(disk.c_str(), MNT_DETACH);
  EXPECT_THAT(message, StartsWith(Path("disk/a.hdf5").string() +
                                  ": cannot write: No space left on device (at "));
  EXPECT_TRUE(empty);
}

}  // namespace
}  // namespace simscale::data
