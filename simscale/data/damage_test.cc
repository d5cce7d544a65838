// Damaged files: whatever bytes a file has, the reader answers with data or with one UserError. Run
// under the asan preset too.

#include <cstdio>

#include "simscale/common/file.h"
#include "simscale/data/check.h"
#include "simscale/data/reader.h"
#include "simscale/data/test_file.h"

// HDF5 1.10 itself forgets a few hundred bytes for some damaged files (no object of it stays open,
// TestFolder sees to that).
// NOLINTBEGIN(bugprone-reserved-identifier): LeakSanitizer asks for these by name.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
// NOLINTEND(bugprone-reserved-identifier)

namespace simscale::data {
namespace {

using ::testing::HasSubstr;
using testing::MessageOf;

class DamageTest : public testing::TestFolder {
 protected:
  void Put(const std::string& bytes) {
    std::FILE* file = std::fopen(bad_.c_str(), "wb");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    std::fclose(file);
  }
  // Whether the file could be read to its end.
  bool Reads() {
    try {
      const DatasetReader reader(bad_);
      for (int64_t i = 0; i < reader.num_episodes(); ++i) reader.Read(i);
      return true;
    } catch (const UserError& error) {  // anything else fails the test
      const std::string message = error.what();
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      EXPECT_EQ(message.find(bad_.string() + ": "), 0u) << message;
      return false;
    }
  }
  int64_t CountReadable(const std::string& good, size_t first, size_t end, size_t stride,
                        const std::function<char(char)>& damage) {
    Put(good);
    std::FILE* file = std::fopen(bad_.c_str(), "r+b");
    const auto poke = [file](size_t at, char c) {
      std::fseek(file, static_cast<long>(at), SEEK_SET);
      std::fputc(c, file);
      std::fflush(file);
    };
    int64_t readable = 0;
    for (size_t at = first; at < std::min(end, good.size()); at += stride) {
      SCOPED_TRACE(Cat("byte ", at));
      poke(at, damage(good[at]));
      readable += Reads();
      poke(at, good[at]);
    }
    std::fclose(file);
    return readable;
  }

  fs::path bad_ = Path("bad.hdf5");
};

TEST_F(DamageTest, EveryPrefixIsRefused) {
  const std::string good = ReadFile(WriteSample("good.hdf5", 2, true, {.compression = 1}));
  for (size_t size = 0; size < good.size(); size += size < 256 ? 1 : 311) {
    SCOPED_TRACE(size);
    Put(good.substr(0, size));
    EXPECT_FALSE(Reads());
  }
  Put(good.substr(0, good.size() - 1));
  EXPECT_THAT(MessageOf<UserError>([&] { DatasetReader{bad_}; }),
              HasSubstr("bad.hdf5: is a damaged or truncated HDF5 file: truncated file: eof = "));
  Put(good);
  EXPECT_TRUE(Reads());
}

TEST_F(DamageTest, FlippedBytesGiveAnErrorOrData) {
  for (const int compression : {0, 1}) {
    const std::string good =
        ReadFile(WriteSample("good.hdf5", 2, true, {.compression = compression}));
    const size_t n = good.size();
    CountReadable(good, 0, n, 53, [](char c) { return static_cast<char>(~c); });
    CountReadable(good, 7, n, 97, [](char c) { return static_cast<char>(c ^ 4); });
    CountReadable(good, 11, n, 131, [](char) { return '\0'; });
  }
}

TEST_F(DamageTest, EveryByteOfTheFirstBlockMatters) {
  const std::string good = ReadFile(WriteSample("good.hdf5", 2));
  // Superblock 3 is 48 bytes, all under its checksum.
  EXPECT_EQ(CountReadable(good, 0, 48, 1, [](char c) { return static_cast<char>(~c); }), 0);
}

// The heaps of strings have no checksum; HDF5 1.10 itself crashes or hangs on many of these.
TEST_F(DamageTest, HeapsOfStrings) {
  const std::string good = ReadFile(WriteSample("good.hdf5", 2));
  int heaps = 0;
  for (size_t at = good.find("GCOL"); at != std::string::npos; at = good.find("GCOL", at + 1)) {
    ++heaps;
    const int64_t readable =
        CountReadable(good, at, at + 1024, 1, [](char c) { return static_cast<char>(~c); });
    EXPECT_LT(readable, 1024);  // most are letters of a text, which nothing guards
    CountReadable(good, at, at + 1024, 1, [](char c) { return static_cast<char>(c ^ 1); });
    CountReadable(good, at, at + 1024, 1, [](char) { return '\0'; });
  }
  EXPECT_GE(heaps, 1);
  std::string bytes = good;
  bytes[good.find("GCOL") + 24] = '\x7f';  // the size of the first string, lowest byte
  bytes[good.find("GCOL") + 30] = '\x7f';
  Put(bytes);
  EXPECT_THAT(MessageOf<UserError>([&] { DatasetReader{bad_}; }),
              HasSubstr("bad.hdf5: cannot read the attribute '"));
}

TEST_F(DamageTest, AChangedNumberIsFoundByTheCheck) {
  const fs::path path = WriteSample("good.hdf5", 2);
  std::string bytes = ReadFile(path);
  const Episode episode = DatasetReader(path).Read(1);
  const Array& states = *episode.Find("states");
  const std::string_view raw(reinterpret_cast<const char*>(states.bytes.data()),
                             states.bytes.size());
  const size_t at = bytes.find(raw);
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;  // the lowest bit of a number: only the hash can tell
  Put(bytes);
  EXPECT_TRUE(Reads());
  const CheckReport report = CheckDataset(bad_);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_THAT(report.problems[0], HasSubstr("bytes have changed since"));
}

}  // namespace
}  // namespace simscale::data
