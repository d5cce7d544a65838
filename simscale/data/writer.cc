#include "simscale/data/writer.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/data/h5.h"
#include "simscale/data/h5_driver.h"
#include "simscale/data/hash.h"
#include "simscale/data/info_json.h"
#include "simscale/data/schema.h"

namespace simscale::data {
namespace {

using h5::Handle;
using h5::Must;

// Links and attributes in an object's own header rather than in a heap beside it: an episode has
// more than HDF5's usual eight of them.
constexpr unsigned kCompactEntries = 64;

Handle GroupProperties() {
  Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "cannot set up HDF5");
  Must(H5Pset_obj_track_times(properties.get(), false), "cannot set up HDF5");
  Must(H5Pset_link_phase_change(properties.get(), kCompactEntries, kCompactEntries / 2),
       "cannot set up HDF5");
  Must(H5Pset_attr_phase_change(properties.get(), kCompactEntries, kCompactEntries / 2),
       "cannot set up HDF5");
  return properties;
}

Handle ArrayProperties(const Array& array, int compression) {
  Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "cannot set up HDF5");
  const hid_t id = properties.get();
  Must(H5Pset_obj_track_times(id, false), "cannot set up HDF5");
  Must(H5Pset_fill_time(id, H5D_FILL_TIME_NEVER), "cannot set up HDF5");
  if (!IsImage(array.shape)) return properties;
  std::vector<hsize_t> chunk{1};  // one frame
  chunk.insert(chunk.end(), array.shape.begin() + 1, array.shape.end());
  if (std::find(chunk.begin(), chunk.end(), hsize_t{0}) != chunk.end()) return properties;
  Must(H5Pset_chunk(id, static_cast<int>(chunk.size()), chunk.data()), "cannot set up HDF5");
  if (compression > 0) {
    Must(H5Pset_deflate(id, static_cast<unsigned>(compression)), "cannot set up compression");
  } else {
    // All frames in one piece, which needs no index.
    Must(H5Pset_alloc_time(id, H5D_ALLOC_TIME_EARLY), "cannot set up HDF5");
  }
  return properties;
}

void WriteArray(hid_t group, const std::string& leaf, const Array& array, int compression) {
  const std::vector<hsize_t> extent(array.shape.begin(), array.shape.end());
  const Handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                     H5Sclose, "cannot make a shape");
  const Handle properties = ArrayProperties(array, compression);
  const Handle dataset(H5Dcreate2(group, leaf.c_str(), h5::FileType(array.dtype), space.get(),
                                  H5P_DEFAULT, properties.get(), H5P_DEFAULT),
                       H5Dclose, "cannot make an array");
  Must(H5Dwrite(dataset.get(), h5::MemoryType(array.dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                array.bytes.data()),
       "cannot write an array");
}

// robomimic's form: one row of bytes a name, padded with zeros.
void WriteNames(hid_t group, const char* name, const std::vector<std::string>& names) {
  size_t width = 1;
  for (const std::string& text : names) width = std::max(width, text.size());
  std::string bytes;
  for (const std::string& text : names) bytes += text + std::string(width - text.size(), '\0');
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "cannot make a type");
  Must(H5Tset_size(type.get(), width), "cannot make a type");
  Must(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "cannot make a type");
  const hsize_t extent = names.size();
  const Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose, "cannot make a shape");
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "cannot set up HDF5");
  Must(H5Pset_obj_track_times(properties.get(), false), "cannot set up HDF5");
  const Handle dataset(
      H5Dcreate2(group, name, type.get(), space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
      H5Dclose, "cannot make a mask");
  if (names.empty()) return;
  Must(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()),
       "cannot write a mask");
}

// A file under construction. Every member is to be called with a Guard held.
class FileWriter {
 public:
  FileWriter(h5::Sink& sink, const DatasetMeta& meta, const WriteOptions& options)
      : options_(options), group_properties_(GroupProperties()), file_(sink.CreateFile()) {
    WriteMeta(file_.get(), meta);
    if (!options.dropped.empty()) {
      h5::SetAttribute(file_.get(), "dropped", InfosAsJson(options.dropped));
    }
    data_ = Group(file_.get(), "data");
    h5::SetAttribute(data_.get(), "env_args", meta.env_args);
  }

  void Add(int64_t i, const Episode& episode) {
    const Handle mine = Group(file_.get(), EpisodeGroup(i));
    const Handle theirs = Group(data_.get(), DemoGroup(i));
    WriteInfo(mine.get(), InfoOf(episode));
    WriteInfo(theirs.get(), InfoOf(episode));
    Handle observations;
    for (const Array* array : SortedArrays(episode)) {
      const size_t slash = array->name.find('/');
      if (slash != std::string::npos) {
        if (!observations) observations = Group(mine.get(), std::string(kObservations));
        WriteArray(observations.get(), array->name.substr(slash + 1), *array, options_.compression);
      } else {
        WriteArray(mine.get(), array->name, *array, options_.compression);
        Link(mine.get(), array->name, theirs.get(), array->name);
      }
    }
    if (observations) Link(mine.get(), std::string(kObservations), theirs.get(), "obs");
    steps_ += episode.length();
  }

  void Finish(int64_t count, const std::string& content_hash) {
    h5::SetAttribute(data_.get(), "total", steps_);
    h5::SetAttribute(file_.get(), "content_hash", content_hash);
    std::vector<std::string> train, valid;
    for (int64_t i = 0; i < count; ++i) (i % 10 == 9 ? valid : train).push_back(DemoGroup(i));
    const Handle mask = Group(file_.get(), "mask");
    WriteNames(mask.get(), "train", train);
    WriteNames(mask.get(), "valid", valid);
    data_.Close("cannot close a group");
  }

  void Close() { file_.Close("cannot close the file"); }

 private:
  Handle Group(hid_t where, const std::string& name) {
    return Handle(
        H5Gcreate2(where, name.c_str(), H5P_DEFAULT, group_properties_.get(), H5P_DEFAULT),
        H5Gclose, "cannot make a group");
  }
  static void Link(hid_t from, const std::string& name, hid_t to, const std::string& other) {
    Must(H5Lcreate_hard(from, name.c_str(), to, other.c_str(), H5P_DEFAULT, H5P_DEFAULT),
         "cannot link an array");
  }

  const WriteOptions& options_;
  Handle group_properties_, file_, data_;
  int64_t steps_ = 0;
};

// The temporary file, removed unless it got its name.
struct Temp {
  fs::path path;
  ~Temp() {
    std::error_code ignored;
    if (!path.empty()) fs::remove(path, ignored);
  }
};

}  // namespace

std::string WriteDataset(const fs::path& path, const DatasetMeta& meta, int64_t count,
                         const std::function<Episode(int64_t i)>& next,
                         const WriteOptions& options) {
  if (options.compression < 0 || options.compression > 9) {
    ThrowUser("compression must be 0 (off) to 9, got ", options.compression);
  }
  std::error_code error;
  if (path.filename().empty() || fs::is_directory(path, error)) {
    ThrowUser(path.string(), ": is a folder, the name of a dataset file is wanted");
  }
  RemoveStaleTemps(path);
  Temp temp{TempBeside(path)};
  h5::Sink sink(temp.path, path);
  std::string content_hash;
  try {
    ContentHasher hasher;
    std::optional<Signature> first;
    std::optional<FileWriter> file;
    {
      const h5::Guard guard;
      file.emplace(sink, meta, options);
    }
    // However it ends, HDF5's part ends under its lock.
    struct Closer {
      std::optional<FileWriter>& file;
      ~Closer() {
        const h5::Guard guard;
        file.reset();
      }
    } closer{file};
    for (int64_t i = 0; i < count; ++i) {
      const Episode episode = next(i);  // without the lock: it may wait for threads that read
      const std::string where = Cat(path.string(), ": episode ", i, " (seed ", episode.seed,
                                    ", index ", episode.index, ")");
      Signature signature = CheckedSignature(episode, where);
      if (!first)
        first = std::move(signature);
      else
        RequireSame(*first, signature, where);
      hasher.Add(episode);
      const h5::Guard guard;
      file->Add(i, episode);
      sink.ThrowIfFailed();
    }
    content_hash = hasher.Hex();
    const h5::Guard guard;
    file->Finish(count, content_hash);
    file->Close();
  } catch (const h5::H5Error& failure) {
    sink.ThrowIfFailed();  // the cause, where there is one
    ThrowIo(path.string(), ": cannot write: ", failure.what());
  }
  sink.Finish();
  fs::rename(temp.path, path, error);
  if (error) ThrowIo(path.string(), ": cannot write: ", error.message());
  temp.path.clear();
  SyncPath(path.has_parent_path() ? path.parent_path() : ".");
  return content_hash;
}

}  // namespace simscale::data
