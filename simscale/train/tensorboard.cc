#include "simscale/train/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::train {
namespace {

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit)
      c = (c >> 1) ^ ((c & 1) ? 0x82F63B78U : 0U);  // reflected polynomial
    table[i] = c;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

/// TFRecord stores checksums of data that itself holds checksums, so they are rotated and shifted.
uint32_t MaskedCrc(std::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return std::rotr(crc, 15) + 0xa282ead8U;
}

template <class T>
void PutLittleEndian(std::string* out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out->push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

// Protobuf wire format: a key (field << 3 | wire type), then the value.
void PutVarint(std::string* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}
void PutInt(std::string* out, int field, int64_t value) {
  PutVarint(out, static_cast<uint64_t>(field) << 3);
  PutVarint(out, static_cast<uint64_t>(value));
}
void PutDouble(std::string* out, int field, double value) {
  PutVarint(out, static_cast<uint64_t>(field) << 3 | 1);
  PutLittleEndian(out, std::bit_cast<uint64_t>(value));
}
void PutFloat(std::string* out, int field, float value) {
  PutVarint(out, static_cast<uint64_t>(field) << 3 | 5);
  PutLittleEndian(out, std::bit_cast<uint32_t>(value));
}
void PutBytes(std::string* out, int field, std::string_view bytes) {
  PutVarint(out, static_cast<uint64_t>(field) << 3 | 2);
  PutVarint(out, bytes.size());
  out->append(bytes);
}

double WallTime() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5;
/// SessionLog session_log = 7; }
std::string Event(int64_t step) {
  std::string event;
  PutDouble(&event, 1, WallTime());
  PutInt(&event, 2, step);
  return event;
}

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffffU;
  for (char c : bytes) crc = kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& dir, int64_t resumed_step) {
  MakeDirs(dir);
  // TensorBoard reads the files of a folder in the order of their names: seconds first, then a
  // counter.
  const auto seconds = static_cast<int64_t>(WallTime());
  for (int n = 0; fd_ < 0; ++n) {
    path_ = dir / Cat("events.out.tfevents.", seconds, ".", n, ".simscale");
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd_ < 0 && errno != EEXIST)
      ThrowIo(path_.string(), ": can't write: ", std::strerror(errno));
  }
  std::string version = Event(0);
  PutBytes(&version, 3, "brain.Event:2");
  Record(version);
  if (resumed_step >= 0) {
    std::string session;  // SessionLog { SessionStatus status = 1; }, START = 1
    PutInt(&session, 1, 1);
    std::string start = Event(resumed_step + 1);
    PutBytes(&start, 7, session);
    Record(start);
  }
  Flush();
}

TensorBoardWriter::~TensorBoardWriter() {
  try {
    Flush();
  } catch (const Error&) {
    // Metrics for the eye: not worth ending the process for, and Flush has told before if it
    // matters.
  }
  ::close(fd_);
}

// Summary { repeated Value value = 1; }, Value { string tag = 1; float simple_value = 2; Image
// image = 4; HistogramProto histo = 5; }
void TensorBoardWriter::Value(std::string_view tag, int64_t step, const std::string& fields) {
  std::string item;
  PutBytes(&item, 1, tag);
  item += fields;
  std::string summary;
  PutBytes(&summary, 1, item);
  std::string event = Event(step);
  PutBytes(&event, 5, summary);
  Record(event);
}

void TensorBoardWriter::Scalar(std::string_view tag, int64_t step, double value) {
  std::string fields;
  PutFloat(&fields, 2, static_cast<float>(value));
  Value(tag, step, fields);
}

// HistogramProto { double min = 1, max = 2, num = 3, sum = 4, sum_squares = 5; repeated double
// bucket_limit = 6, bucket = 7, packed; }
void TensorBoardWriter::AddHistogram(std::string_view tag, int64_t step,
                                     const Histogram& histogram) {
  const double width =
      (histogram.max - histogram.min) / static_cast<double>(histogram.counts.size());
  double number = 0;
  std::string limits, counts;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    const double limit = histogram.min + static_cast<double>(i + 1) * width;
    PutLittleEndian(&limits, std::bit_cast<uint64_t>(limit));
    PutLittleEndian(&counts, std::bit_cast<uint64_t>(histogram.counts[i]));
    number += histogram.counts[i];
  }
  std::string proto;
  PutDouble(&proto, 1, histogram.min);
  PutDouble(&proto, 2, histogram.max);
  PutDouble(&proto, 3, number);
  PutDouble(&proto, 4, histogram.sum);
  PutDouble(&proto, 5, histogram.sum_of_squares);
  PutBytes(&proto, 6, limits);
  PutBytes(&proto, 7, counts);
  std::string fields;
  PutBytes(&fields, 5, proto);
  Value(tag, step, fields);
}

// Image { int32 height = 1, width = 2, colorspace = 3 (3: RGB); bytes encoded_image_string = 4; }
void TensorBoardWriter::Image(std::string_view tag, int64_t step, int width, int height,
                              std::string_view encoded) {
  std::string image;
  PutInt(&image, 1, height);
  PutInt(&image, 2, width);
  PutInt(&image, 3, 3);
  PutBytes(&image, 4, encoded);
  std::string fields;
  PutBytes(&fields, 4, image);
  Value(tag, step, fields);
}

void TensorBoardWriter::Record(const std::string& payload) {
  std::string length;
  PutLittleEndian(&length, static_cast<uint64_t>(payload.size()));
  pending_ += length;
  PutLittleEndian(&pending_, MaskedCrc(length));
  pending_ += payload;
  PutLittleEndian(&pending_, MaskedCrc(payload));
}

void TensorBoardWriter::Flush() {
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      pending_.clear();
      ThrowIo(path_.string(), ": can't write: ", std::strerror(errno));
    }
    rest.remove_prefix(static_cast<size_t>(n));
  }
  pending_.clear();
}

}  // namespace simscale::train
