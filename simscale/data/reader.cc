#include "simscale/data/reader.h"

#include <algorithm>
#include <map>
#include <optional>

#include "simscale/common/error.h"
#include "simscale/common/text.h"
#include "simscale/data/h5.h"
#include "simscale/data/h5_driver.h"
#include "simscale/data/h5_place.h"
#include "simscale/data/info_json.h"
#include "simscale/data/schema.h"

namespace simscale::data {

namespace fs = std::filesystem;
using h5::H5Error;
using h5::Handle;
using h5::Must;

namespace {

// zlib's deflate can't shrink more than 1032 to 1; room is left for chunk overheads.
constexpr int64_t kMaxDeflateRatio = 1100;

struct StoredArray {
  Handle dataset;
  ArrayInfo info;  // with T
};

std::vector<int64_t> ShapeOf(hid_t dataset, const std::string& name) {
  const Handle space(H5Dget_space(dataset), H5Sclose, "cannot read a shape");
  if (H5Sget_simple_extent_type(space.get()) != H5S_SIMPLE) {
    throw H5Error(Cat(name, " is no array of numbers with a shape"));
  }
  const int rank = H5Sget_simple_extent_ndims(space.get());
  Must(rank, "cannot read a shape");
  std::vector<hsize_t> extent(static_cast<size_t>(rank));
  Must(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr), "cannot read a shape");
  std::vector<int64_t> shape;
  for (const hsize_t n : extent) {
    if (n > static_cast<hsize_t>(INT64_MAX)) throw H5Error(Cat(name, " claims ", n, " rows"));
    shape.push_back(static_cast<int64_t>(n));
  }
  return shape;
}

// Refuses what only a damaged or hostile file asks for: other files' bytes, or more bytes than the
// file can hold. After this the array may be allocated.
void CheckStorage(hid_t dataset, const ArrayInfo& info, int64_t file_bytes) {
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose, "cannot read an array's layout");
  const int64_t elements = NumElements(info.shape, SizeOf(info.dtype));
  const int64_t bytes = elements < 0 ? -1 : elements * static_cast<int64_t>(SizeOf(info.dtype));
  const H5D_layout_t layout = H5Pget_layout(properties.get());
  if (layout == H5D_VIRTUAL || H5Pget_external_count(properties.get()) != 0) {
    throw H5Error(Cat(info.name, " lies in another file, which is not read"));
  }
  const bool filtered = layout == H5D_CHUNKED && H5Pget_nfilters(properties.get()) > 0;
  const int64_t limit = filtered ? file_bytes * kMaxDeflateRatio : file_bytes;
  const auto stored = static_cast<int64_t>(H5Dget_storage_size(dataset));
  if (bytes < 0 || bytes > limit) {
    throw H5Error(Cat(info.name, " claims the shape ", ShapeText(info.shape), " ",
                      NameOf(info.dtype), ", more than this file of ", file_bytes,
                      " bytes can hold"));
  }
  if (filtered ? (bytes > 0 && stored == 0) : stored < bytes) {
    throw H5Error(Cat(info.name, " ", ShapeText(info.shape), " ", NameOf(info.dtype), " needs ",
                      bytes, " bytes, the file holds ", stored, " of them"));
  }
}

StoredArray OpenArray(hid_t where, const std::string& leaf, const std::string& name,
                      int64_t file_bytes) {
  StoredArray array{h5::OpenDataset(where, leaf), {name, DType::kUint8, {}}};
  const Handle type(H5Dget_type(array.dataset.get()), H5Tclose, "cannot read an array's type");
  const std::optional<DType> dtype = h5::DTypeOf(type.get());
  if (!dtype) {
    throw H5Error(Cat(name, " has a type other than uint8, int32, int64, float32, float64"));
  }
  array.info.dtype = *dtype;
  array.info.shape = ShapeOf(array.dataset.get(), name);
  CheckStorage(array.dataset.get(), array.info, file_bytes);
  return array;
}

// The names of an episode's arrays, sorted. Groups that are not ours are left alone.
std::vector<std::string> ArrayNames(hid_t episode) {
  std::vector<std::string> names;
  for (const std::string& name : h5::LinkNames(episode)) {
    if (!h5::IsGroup(episode, name)) {
      names.push_back(name);
    } else if (name == kObservations) {
      const Handle group = h5::OpenGroup(episode, name);
      for (const std::string& key : h5::LinkNames(group.get())) {
        if (!h5::IsGroup(group.get(), key)) names.push_back(Cat(name, "/", key));
      }
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The rules that CheckedSignature has for an episode in memory, for one in a file.
Signature ReadSignature(hid_t episode, const EpisodeInfo& info, int64_t file_bytes) {
  Signature signature;
  for (const std::string& name : ArrayNames(episode)) {
    ArrayInfo array = OpenArray(episode, name, name, file_bytes).info;
    if (IsOnce(name)) {
      signature.once.push_back(std::move(array));
      continue;
    }
    if (array.shape.empty() || array.shape[0] != info.length) {
      throw H5Error(Cat(name, " has the shape ", ShapeText(array.shape), ", num_samples says ",
                        info.length, " rows"));
    }
    array.shape.erase(array.shape.begin());
    signature.arrays.push_back(std::move(array));
  }
  for (const char* needed : {"actions", "rewards", "dones"}) {
    const auto found = std::find_if(signature.arrays.begin(), signature.arrays.end(),
                                    [&](const ArrayInfo& array) { return array.name == needed; });
    if (found == signature.arrays.end()) throw H5Error(Cat("there is no array '", needed, "'"));
    const size_t rank = std::string_view(needed) == "actions" ? 1 : 0;
    if (found->shape.size() != rank) {
      throw H5Error(Cat(needed, " must be ", rank == 1 ? "[T, A]" : "[T]", ", its rows are ",
                        ShapeText(found->shape)));
    }
  }
  return signature;
}

int64_t CountEpisodes(hid_t file) {
  int64_t count = 0, links = 0;
  for (const std::string& name : h5::LinkNames(file)) links += name.starts_with("episode_");
  while (count < links && h5::HasLink(file, EpisodeGroup(count))) ++count;
  if (count != links) {
    throw H5Error(Cat(links, " episodes are there, but not ", EpisodeGroup(count),
                      "; they must be numbered from 0 without a gap"));
  }
  return count;
}

}  // namespace

struct DatasetReader::Impl {
  fs::path path;
  std::unique_ptr<h5::Source> source;
  Handle file;
  int64_t file_bytes = 0, num_steps = 0;
  DatasetMeta meta;
  std::vector<EpisodeInfo> infos, dropped;
  Signature signature;
  std::string noted_hash;

  ~Impl() {
    const h5::Guard guard;
    file = Handle();
  }

  void Open() {
    source = std::make_unique<h5::Source>(path);
    file_bytes = static_cast<int64_t>(source->size());
    std::string where = path.string();
    const h5::Guard guard;
    try {
      file = source->OpenFile();
      meta = ReadMeta(file.get());
      if (h5::HasAttribute(file.get(), "content_hash")) {
        noted_hash = h5::GetString(file.get(), "content_hash");
      }
      if (h5::HasAttribute(file.get(), "dropped")) {
        dropped = InfosFromJson(h5::GetString(file.get(), "dropped"));
      }
      const int64_t count = CountEpisodes(file.get());
      for (int64_t i = 0; i < count; ++i) {
        where = Cat(path.string(), ": ", EpisodeGroup(i));
        OpenEpisode(i, where);
      }
    } catch (const H5Error& error) {
      ThrowUser(where, ": ", error.what());
    }
  }

  void OpenEpisode(int64_t i, const std::string& where) {
    const Handle group = h5::OpenGroup(file.get(), EpisodeGroup(i));
    EpisodeInfo info = ReadInfo(group.get());
    if (info.length < 1) throw H5Error(Cat("num_samples must be at least 1, got ", info.length));
    Signature mine = ReadSignature(group.get(), info, file_bytes);
    if (i == 0) {
      signature = std::move(mine);
    } else {
      RequireSame(signature, mine, where);
    }
    num_steps += info.length;
    infos.push_back(std::move(info));
  }

  void RequireIndex(int64_t i) const {
    if (i < 0 || i >= static_cast<int64_t>(infos.size())) {
      ThrowUser(path.string(), ": there is no episode ", i, ", it has ", infos.size());
    }
  }

  Array ReadArray(hid_t group, const std::string& name) {
    StoredArray stored = OpenArray(group, name, name, file_bytes);
    Array array{name, stored.info.dtype, std::move(stored.info.shape), {}};
    array.bytes.resize(static_cast<size_t>(array.size()) * SizeOf(array.dtype));
    source->set_reading_array(true);
    const herr_t status = H5Dread(stored.dataset.get(), h5::MemoryType(array.dtype), H5S_ALL,
                                  H5S_ALL, H5P_DEFAULT, array.bytes.data());
    source->set_reading_array(false);
    Must(status, "cannot read the array");
    return array;
  }
};

DatasetReader::DatasetReader(const fs::path& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->Open();
}
DatasetReader::~DatasetReader() = default;
DatasetReader::DatasetReader(DatasetReader&&) noexcept = default;
DatasetReader& DatasetReader::operator=(DatasetReader&&) noexcept = default;

const fs::path& DatasetReader::path() const { return impl_->path; }
const DatasetMeta& DatasetReader::meta() const { return impl_->meta; }
int64_t DatasetReader::num_episodes() const { return static_cast<int64_t>(impl_->infos.size()); }
int64_t DatasetReader::num_steps() const { return impl_->num_steps; }
const std::vector<ArrayInfo>& DatasetReader::arrays() const { return impl_->signature.arrays; }
const std::vector<EpisodeInfo>& DatasetReader::dropped() const { return impl_->dropped; }
const std::string& DatasetReader::noted_hash() const { return impl_->noted_hash; }

const EpisodeInfo& DatasetReader::info(int64_t i) const {
  impl_->RequireIndex(i);
  return impl_->infos[static_cast<size_t>(i)];
}

const ArrayInfo* DatasetReader::FindArray(std::string_view name) const {
  for (const ArrayInfo& array : arrays()) {
    if (array.name == name) return &array;
  }
  return nullptr;
}

Episode DatasetReader::Read(int64_t i) const {
  std::vector<std::string> names;
  for (const ArrayInfo& array : arrays()) names.push_back(array.name);
  for (const ArrayInfo& array : impl_->signature.once) names.push_back(array.name);
  std::sort(names.begin(), names.end());
  return Read(i, names);
}

Episode DatasetReader::Read(int64_t i, const std::vector<std::string>& names) const {
  const EpisodeInfo& known = info(i);
  Episode episode{.seed = known.seed,
                  .index = known.index,
                  .success = known.success,
                  .episode_return = known.episode_return,
                  .language = known.language,
                  .outcome = known.outcome,
                  .arrays = {}};
  for (const std::string& name : names) {
    const bool once = std::ranges::any_of(impl_->signature.once,
                                          [&](const ArrayInfo& info) { return info.name == name; });
    if (once || FindArray(name) != nullptr) continue;
    std::vector<std::string> have;
    for (const ArrayInfo& array : arrays()) have.push_back(array.name);
    ThrowUser(path().string(), ": ", UnknownName("array", name, have));
  }
  const h5::Guard guard;
  std::string where = Cat(path().string(), ": ", EpisodeGroup(i));
  try {
    const Handle group = h5::OpenGroup(impl_->file.get(), EpisodeGroup(i));
    for (const std::string& name : names) {
      where = Cat(path().string(), ": ", EpisodeGroup(i), "/", name);
      episode.arrays.push_back(impl_->ReadArray(group.get(), name));
    }
  } catch (const H5Error& error) {
    ThrowUser(where, ": ", error.what());
  }
  return episode;
}

std::vector<int64_t> DatasetReader::Filter(const std::string& key) const {
  const std::string where = Cat(path().string(), ": mask/", key);
  const h5::Guard guard;
  try {
    const hid_t file = impl_->file.get();
    std::vector<std::string> known;
    if (h5::HasLink(file, "mask")) known = h5::LinkNames(h5::OpenGroup(file, "mask").get());
    if (std::ranges::find(known, key) == known.end())
      ThrowUser(path().string(), ": ", UnknownName("filter key", key, known));
    std::map<std::string, int64_t> by_name;
    for (int64_t i = 0; i < num_episodes(); ++i) by_name[DemoGroup(i)] = i;
    std::vector<int64_t> episodes;
    for (const std::string& name : h5::ReadNames(h5::OpenGroup(file, "mask").get(), key)) {
      const auto found = by_name.find(name);
      if (found == by_name.end())
        ThrowUser(where, ": names '", name, "', which is not in the file");
      episodes.push_back(found->second);
    }
    if (episodes.empty()) ThrowUser(where, ": names no episode");
    std::ranges::sort(episodes);
    episodes.erase(std::ranges::unique(episodes).begin(), episodes.end());
    return episodes;
  } catch (const H5Error& error) {
    ThrowUser(where, ": ", error.what());
  }
}

std::optional<ArrayPlace> DatasetReader::Locate(int64_t i, const std::string& name) const {
  impl_->RequireIndex(i);
  const h5::Guard guard;
  try {
    const Handle group = h5::OpenGroup(impl_->file.get(), EpisodeGroup(i));
    const StoredArray array = OpenArray(group.get(), name, name, impl_->file_bytes);
    return h5::PlaceOf(impl_->file.get(), array.dataset.get(), array.info.shape,
                       SizeOf(array.info.dtype), static_cast<uint64_t>(impl_->file_bytes));
  } catch (const H5Error& error) {
    ThrowUser(Cat(path().string(), ": ", EpisodeGroup(i), "/", name), ": ", error.what());
  }
}

int DatasetReader::descriptor() const { return impl_->source->descriptor(); }
int64_t DatasetReader::file_bytes() const { return impl_->file_bytes; }

}  // namespace simscale::data
