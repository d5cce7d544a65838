#include "simscale/data/row_reader.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "simscale/common/error.h"

namespace simscale::data {
namespace {

using Bytes = std::unique_ptr<std::byte[]>;

/// One file, read by offsets.
class RawFile {
 public:
  RawFile(std::shared_ptr<const DatasetReader> reader, bool map) : reader_(std::move(reader)) {
    if (!map) return;
    size_ = static_cast<size_t>(reader_->file_bytes());
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, reader_->descriptor(), 0);
    if (mapped == MAP_FAILED)
      ThrowIo(where(), ": can't map it into memory: ", std::generic_category().message(errno),
              "; do without loader.map_files");
    map_ = static_cast<const std::byte*>(mapped);
  }
  ~RawFile() {
    if (map_ != nullptr) ::munmap(const_cast<std::byte*>(map_), size_);
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  void Read(uint64_t offset, size_t size, std::byte* out) const {
    if (map_ != nullptr) {
      std::memcpy(out, map_ + offset, size);  // places were checked against the file's size
      return;
    }
    for (size_t done = 0; done < size;) {
      const ssize_t got = ::pread(reader_->descriptor(), out + done, size - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) ThrowIo(where(), ": cannot read: ", std::generic_category().message(errno));
      if (got == 0) ThrowUser(where(), ": ends at byte ", offset + done, ", it was cut short");
      done += static_cast<size_t>(got);
    }
  }

  /// For storages that only HDF5 reads.
  data::Episode ReadWhole(int64_t episode, const std::string& array) {
    const std::lock_guard lock(mutex_);
    return reader_->Read(episode, {array});
  }
  std::optional<ArrayPlace> Locate(int64_t episode, const std::string& array) {
    const std::lock_guard lock(mutex_);
    return reader_->Locate(episode, array);
  }
  std::string where() const { return reader_->path().string(); }

 private:
  std::shared_ptr<const DatasetReader> reader_;
  std::mutex mutex_;  // a reader takes one caller at a time
  const std::byte* map_ = nullptr;
  size_t size_ = 0;
};

void Inflate(const std::byte* from, size_t size, std::byte* to, size_t to_size,
             const std::string& where) {
  uLongf got = to_size;
  const int status =
      ::uncompress(reinterpret_cast<Bytef*>(to), &got, reinterpret_cast<const Bytef*>(from), size);
  if (status != Z_OK || got != to_size) ThrowUser(where, ": a compressed chunk is damaged");
}

/// All arrays of one episode.
struct Decoded {
  std::vector<Bytes> arrays;
  int64_t bytes = 0;
};

}  // namespace

struct RowReader::Impl {
  struct State {
    RawFile* file = nullptr;
    int64_t index = 0, length = 0;
    std::once_flag located, decoded;
    std::vector<std::optional<ArrayPlace>> places;
    Decoded kept;  // where all are kept
  };

  std::vector<Episode> episodes;
  std::vector<std::string> names;
  std::vector<ArrayInfo> arrays;
  std::vector<int64_t> row_bytes;
  RowReaderOptions options;
  int64_t total_bytes = 0;
  std::map<const DatasetReader*, std::unique_ptr<RawFile>> files;
  std::unique_ptr<State[]> states;
  bool keeps_all = false;

  // The last used ones: the front is the latest.
  struct Recent {
    std::shared_ptr<const Decoded> decoded;
    std::list<int64_t>::iterator place;
  };
  std::mutex recent_mutex;
  std::list<int64_t> order;
  std::unordered_map<int64_t, Recent> recent;
  std::atomic<int64_t> cached = 0;

  int64_t BytesOf(int64_t episode) const {
    int64_t bytes = 0;
    for (const int64_t row : row_bytes) bytes += row * states[static_cast<size_t>(episode)].length;
    return bytes;
  }

  std::string Where(const State& state, size_t array) const {
    return Cat(state.file->where(), ": episode_", state.index, "/", names[array]);
  }

  void ReadRows(State& state, size_t array, int64_t first, int64_t count, std::byte* out) const {
    std::call_once(state.located, [&] {
      std::vector<std::optional<ArrayPlace>> places;
      for (const std::string& name : names) places.push_back(state.file->Locate(state.index, name));
      state.places = std::move(places);
    });
    const std::optional<ArrayPlace>& found = state.places[array];
    if (!found) {
      const data::Episode episode = state.file->ReadWhole(state.index, names[array]);
      std::memcpy(out, episode.arrays[0].bytes.data() + first * row_bytes[array],
                  static_cast<size_t>(count * row_bytes[array]));
      return;
    }
    const ArrayPlace& place = *found;
    uint64_t run_offset = 0;
    size_t run_size = 0;  // bytes that lie one after the other in the file, to be read at once
    std::byte* run_out = out;
    const auto flush = [&] {
      if (run_size > 0) state.file->Read(run_offset, run_size, run_out);
      run_size = 0;
    };
    for (int64_t row = first; row < first + count;) {
      const int64_t c = row / place.rows_per_chunk, begin = c * place.rows_per_chunk;
      const int64_t end = std::min({begin + place.rows_per_chunk, first + count, place.rows});
      const ArrayPlace::Chunk& chunk = place.chunks[static_cast<size_t>(c)];
      const auto size = static_cast<size_t>((end - row) * place.row_bytes);
      const auto skip = static_cast<uint64_t>((row - begin) * place.row_bytes);
      std::byte* to = out + (row - first) * place.row_bytes;
      if (chunk.deflated) {
        flush();
        ReadDeflated(state, array, chunk, place, skip, size, to);
      } else if (run_size > 0 && run_offset + run_size == chunk.offset + skip) {
        run_size += size;
      } else {
        flush();
        run_offset = chunk.offset + skip;
        run_size = size;
        run_out = to;
      }
      row = end;
    }
    flush();
  }

  void ReadDeflated(const State& state, size_t array, const ArrayPlace::Chunk& chunk,
                    const ArrayPlace& place, uint64_t skip, size_t size, std::byte* out) const {
    thread_local std::vector<std::byte> packed, unpacked;
    packed.resize(chunk.size);
    state.file->Read(chunk.offset, chunk.size, packed.data());
    const auto whole = static_cast<size_t>(place.rows_per_chunk * place.row_bytes);
    if (skip == 0 && size == whole)
      return Inflate(packed.data(), packed.size(), out, whole, Where(state, array));
    unpacked.resize(whole);
    Inflate(packed.data(), packed.size(), unpacked.data(), whole, Where(state, array));
    std::memcpy(out, unpacked.data() + skip, size);
  }

  Decoded Decode(State& state) const {
    Decoded decoded;
    for (size_t a = 0; a < names.size(); ++a) {
      const int64_t bytes = row_bytes[a] * state.length;
      decoded.arrays.push_back(
          std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(bytes)));
      ReadRows(state, a, 0, state.length, decoded.arrays.back().get());
      decoded.bytes += bytes;
    }
    return decoded;
  }

  /// nullptr: larger than the cache.
  std::shared_ptr<const Decoded> TakeRecent(int64_t episode) {
    State& state = states[static_cast<size_t>(episode)];
    const int64_t need = BytesOf(episode);
    if (need > options.cache_bytes) return nullptr;
    std::unique_lock lock(recent_mutex);
    if (const auto found = recent.find(episode); found != recent.end()) {
      order.splice(order.begin(), order, found->second.place);
      return found->second.decoded;
    }
    while (cached + need > options.cache_bytes && !order.empty()) {
      cached -= BytesOf(order.back());
      recent.erase(order.back());
      order.pop_back();
    }
    cached += need;  // before it is there: others must not take its room
    lock.unlock();
    std::shared_ptr<const Decoded> decoded;
    try {
      decoded = std::make_shared<const Decoded>(Decode(state));
    } catch (...) {
      cached -= need;
      throw;
    }
    lock.lock();
    if (const auto found = recent.find(episode); found != recent.end()) {  // another was quicker
      cached -= need;
      return found->second.decoded;
    }
    order.push_front(episode);
    recent[episode] = {decoded, order.begin()};
    return decoded;
  }
};

RowReader::RowReader(std::vector<Episode> episodes, std::vector<std::string> arrays,
                     const RowReaderOptions& options)
    : impl_(std::make_unique<Impl>()) {
  SIMSCALE_CHECK(!episodes.empty());
  impl_->episodes = std::move(episodes);
  impl_->names = std::move(arrays);
  impl_->options = options;
  for (const std::string& name : impl_->names) {
    const DatasetReader* checked = nullptr;  // the file of the episode before
    for (const Episode& episode : impl_->episodes) {
      const DatasetReader* reader = episode.file.get();
      if (reader == checked) continue;
      checked = reader;
      const ArrayInfo* info = reader->FindArray(name);
      if (info == nullptr) ThrowUser(reader->path().string(), ": has no array '", name, "'");
      if (&episode == &impl_->episodes[0]) impl_->arrays.push_back(*info);
      const ArrayInfo& wanted = impl_->arrays.back();
      if (info->dtype != wanted.dtype || info->shape != wanted.shape)
        ThrowUser(reader->path().string(), ": '", name, "' has other types or sizes than in ",
                  impl_->episodes[0].file->path().string());
    }
    int64_t bytes = static_cast<int64_t>(SizeOf(impl_->arrays.back().dtype));
    for (const int64_t n : impl_->arrays.back().shape) bytes *= n;
    impl_->row_bytes.push_back(bytes);
  }
  impl_->states = std::make_unique<Impl::State[]>(impl_->episodes.size());
  for (size_t e = 0; e < impl_->episodes.size(); ++e) {
    const Episode& episode = impl_->episodes[e];
    auto& file = impl_->files[episode.file.get()];
    if (!file) file = std::make_unique<RawFile>(episode.file, options.map_files);
    impl_->states[e].file = file.get();
    impl_->states[e].index = episode.index;
    impl_->states[e].length = episode.file->info(episode.index).length;
    impl_->total_bytes += impl_->BytesOf(static_cast<int64_t>(e));
  }
  impl_->keeps_all = impl_->total_bytes <= options.cache_bytes;
}

RowReader::~RowReader() = default;

int64_t RowReader::num_episodes() const { return std::ssize(impl_->episodes); }
int64_t RowReader::length(int64_t episode) const {
  return impl_->states[static_cast<size_t>(episode)].length;
}
const ArrayInfo& RowReader::array(size_t i) const { return impl_->arrays.at(i); }
int64_t RowReader::row_bytes(size_t array) const { return impl_->row_bytes.at(array); }
int64_t RowReader::total_bytes() const { return impl_->total_bytes; }
bool RowReader::keeps_all() const { return impl_->keeps_all; }
int64_t RowReader::cached_bytes() const { return impl_->cached; }

void RowReader::Read(int64_t episode, size_t array, int64_t first, int64_t count,
                     std::byte* out) const {
  SIMSCALE_CHECK(episode >= 0 && episode < num_episodes());
  Impl::State& state = impl_->states[static_cast<size_t>(episode)];
  SIMSCALE_CHECK(first >= 0 && count >= 0 && first + count <= state.length);
  const int64_t row = impl_->row_bytes[array];
  const auto copy = [&](const Decoded& decoded) {
    std::memcpy(out, decoded.arrays[array].get() + first * row, static_cast<size_t>(count * row));
  };
  if (impl_->keeps_all) {
    std::call_once(state.decoded, [&] {
      state.kept = impl_->Decode(state);
      impl_->cached += state.kept.bytes;
    });
    return copy(state.kept);
  }
  if (impl_->options.keep_recent)
    if (const auto decoded = impl_->TakeRecent(episode)) return copy(*decoded);
  impl_->ReadRows(state, array, first, count, out);
}

}  // namespace simscale::data
