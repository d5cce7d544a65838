#include "simscale/data/loader_bench.h"

#include <algorithm>
#include <cstring>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/thread_pool.h"
#include "simscale/data/h5.h"
#include "simscale/data/reader.h"
#include "simscale/data/schema.h"
#include "simscale/data/window_loader.h"

namespace simscale::data {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The windows of one repeat.
std::vector<std::vector<WindowId>> DrawBatches(const RowReader& reader,
                                               const LoaderBenchConfig& config, uint64_t repeat) {
  Rng rng(DeriveSeed(config.seed, SeedUse::kBench), repeat, "windows");
  std::vector<std::vector<WindowId>> batches(static_cast<size_t>(config.batches));
  for (auto& batch : batches)
    for (int i = 0; i < config.batch_size; ++i) {
      const auto episode =
          static_cast<int64_t>(rng.Below(static_cast<uint64_t>(reader.num_episodes())));
      const int64_t last = std::max<int64_t>(reader.length(episode) - config.window, 0);
      batch.push_back({.episode = episode,
                       .step = static_cast<int64_t>(rng.Below(static_cast<uint64_t>(last + 1)))});
    }
  return batches;
}

/// The windows by hyperslabs of the HDF5 library, as h5py reads them.
class Hdf5Reader {
 public:
  Hdf5Reader(const std::string& path, std::vector<std::string> names)
      : names_(std::move(names)),
        file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "cannot open") {}

  void Read(const WindowId& id, size_t array, const ArrayInfo& info, int count, std::byte* out) {
    const h5::Handle dataset =
        h5::OpenDataset(file_.get(), Cat(EpisodeGroup(id.episode), "/", names_[array]));
    std::vector<hsize_t> start(info.shape.size() + 1, 0), size{static_cast<hsize_t>(count)};
    start[0] = static_cast<hsize_t>(id.step);
    size.insert(size.end(), info.shape.begin(), info.shape.end());
    const h5::Handle space(H5Dget_space(dataset.get()), H5Sclose, "cannot read a shape");
    h5::Must(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(),
                                 nullptr),
             "cannot select rows");
    const h5::Handle memory(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr),
                            H5Sclose, "cannot make a shape");
    h5::Must(H5Dread(dataset.get(), h5::MemoryType(info.dtype), memory.get(), space.get(),
                     H5P_DEFAULT, out),
             "cannot read rows");
  }

 private:
  h5::Guard guard_;
  std::vector<std::string> names_;
  h5::Handle file_;
};

class Bench {
 public:
  Bench(const std::string& path, const LoaderBenchConfig& config) : config_(config), path_(path) {
    file_ = std::make_shared<const DatasetReader>(path);
    for (const std::string& name : config.observations) names_.push_back("observations/" + name);
    if (names_.empty())
      for (const ArrayInfo& array : file_->arrays())
        if (array.name.starts_with("observations/")) names_.push_back(array.name);
    names_.emplace_back("actions");
    for (size_t i = 0; i < names_.size(); ++i)
      arrays_.push_back({.array = i, .first = 0, .count = config.window});
    for (int64_t e = 0; e < file_->num_episodes(); ++e) episodes_.push_back({file_, e});
    threads_ = config.threads > 0 ? config.threads : ThreadPool::HardwareThreads();
  }

  LoaderBenchReport Run() {
    const RowReader plain(episodes_, names_, {.map_files = config_.map_files});
    const RowReader kept(episodes_, names_, {.cache_bytes = plain.total_bytes()});
    WindowLoader reading(plain, arrays_, threads_), cached(kept, arrays_, threads_);
    LoaderBenchReport report{.threads = threads_};
    for (size_t i = 0; i < names_.size(); ++i)
      report.bytes_per_window += plain.row_bytes(i) * config_.window;
    report.same_bytes = Compare(plain, reading) && Compare(kept, cached);
    for (int64_t e = 0; e < kept.num_episodes(); ++e) {  // fills the cache, and the page cache
      std::vector<std::byte> row(static_cast<size_t>(kept.row_bytes(0)));
      kept.Read(e, 0, 0, 1, row.data());
    }
    std::vector<double> ours, from_cache, reference;
    for (int repeat = 0; repeat < config_.repeats; ++repeat) {
      const auto batches = DrawBatches(plain, config_, static_cast<uint64_t>(repeat) + 1);
      ours.push_back(WindowsPerSecond(reading, batches));
      reference.push_back(ReferencePerSecond(plain, batches));
      from_cache.push_back(WindowsPerSecond(cached, batches));
    }
    report.read = Median(ours);
    report.cached = Median(from_cache);
    report.reference = Median(reference);
    return report;
  }

 private:
  double NumWindows() const { return static_cast<double>(config_.batches) * config_.batch_size; }

  double WindowsPerSecond(WindowLoader& loader, const std::vector<std::vector<WindowId>>& batches) {
    const Stopwatch watch;
    size_t asked = 0;
    for (size_t i = 0; i < batches.size(); ++i) {
      for (; asked < std::min(batches.size(), i + 1 + static_cast<size_t>(config_.prefetch));
           ++asked)
        loader.Ask(batches[asked]);
      loader.Take();
    }
    return NumWindows() / watch.seconds();
  }

  double ReferencePerSecond(const RowReader& shapes,
                            const std::vector<std::vector<WindowId>>& batches) {
    Hdf5Reader reader(path_, names_);
    const Stopwatch watch;
    for (const auto& batch : batches) ReadReference(reader, shapes, batch);
    return NumWindows() / watch.seconds();
  }

  void ReadReference(Hdf5Reader& reader, const RowReader& shapes,
                     const std::vector<WindowId>& batch) {
    reference_.resize(names_.size());
    for (size_t a = 0; a < names_.size(); ++a) {
      const auto bytes = static_cast<size_t>(shapes.row_bytes(a) * config_.window);
      reference_[a].resize(bytes * batch.size());
      for (size_t i = 0; i < batch.size(); ++i)
        reader.Read(batch[i], a, shapes.array(a), RowsOf(shapes, batch[i]),
                    reference_[a].data() + i * bytes);
    }
  }
  int RowsOf(const RowReader& shapes, const WindowId& id) const {
    return static_cast<int>(std::min<int64_t>(config_.window, shapes.length(id.episode) - id.step));
  }

  /// Whether a batch of ours is what the library reads.
  bool Compare(const RowReader& shapes, WindowLoader& loader) {
    const auto batch = DrawBatches(shapes, config_, 0)[0];
    {
      Hdf5Reader reader(path_, names_);  // holds the library's lock, which the loader needs
      ReadReference(reader, shapes, batch);
    }
    loader.Ask(batch);
    const WindowBatch ours = loader.Take();
    for (size_t a = 0; a < names_.size(); ++a)
      for (size_t i = 0; i < batch.size(); ++i) {
        const auto row = static_cast<size_t>(shapes.row_bytes(a));
        const size_t at = i * row * static_cast<size_t>(config_.window);
        if (std::memcmp(ours.data(a) + at, reference_[a].data() + at,
                        row * static_cast<size_t>(RowsOf(shapes, batch[i]))) != 0)
          return false;
      }
    return true;
  }

  LoaderBenchConfig config_;
  std::string path_;
  std::shared_ptr<const DatasetReader> file_;
  std::vector<std::string> names_;
  std::vector<WindowArray> arrays_;
  std::vector<RowReader::Episode> episodes_;
  int threads_ = 1;
  std::vector<std::vector<std::byte>> reference_;
};

}  // namespace

LoaderBenchReport BenchLoader(const std::string& path, const LoaderBenchConfig& config) {
  return Bench(path, config).Run();
}

}  // namespace simscale::data
