#include "simscale/data/schema.h"

#include <algorithm>
#include <cctype>

#include "simscale/common/error.h"
#include "simscale/common/text.h"

namespace simscale::data {

std::string EpisodeGroup(int64_t i) { return Cat("episode_", i); }
std::string DemoGroup(int64_t i) { return Cat("demo_", i); }

bool IsImage(const std::vector<int64_t>& shape) { return shape.size() >= 4; }

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += Cat(i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

int64_t NumElements(const std::vector<int64_t>& shape, size_t item) {
  const int64_t limit = (int64_t{1} << 62) / static_cast<int64_t>(item);
  int64_t n = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && n > limit / extent)) return -1;
    n *= extent;
  }
  return n;
}

std::vector<const Array*> SortedArrays(const Episode& episode) {
  std::vector<const Array*> sorted;
  for (const Array& array : episode.arrays) sorted.push_back(&array);
  std::sort(sorted.begin(), sorted.end(),
            [](const Array* a, const Array* b) { return a->name < b->name; });
  return sorted;
}

std::string NameProblem(std::string_view name) {
  constexpr std::string_view kRule =
      "an array is called <name> or observations/<key>, of letters, digits, '_', '-' and '.'";
  if (name.starts_with(kObservations) && name.substr(kObservations.size()).starts_with('/')) {
    name.remove_prefix(kObservations.size() + 1);
  } else if (name == kObservations || name == "obs") {
    return Cat("'", name, "' is a group; ", kRule);
  }
  const bool sound = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
  if (name.empty() || name[0] == '.' || !sound) return std::string(kRule);
  return "";
}

Signature CheckedSignature(const Episode& episode, const std::string& where) {
  const auto fail = [&](const auto&... what) { throw ShapeError(Cat(where, ": ", what...)); };
  const Array* actions = episode.Find("actions");
  if (actions == nullptr) fail("there is no array 'actions'");
  if (actions->shape.size() != 2) {
    fail("actions must be [T, A], got ", ShapeText(actions->shape));
  }
  const int64_t length = episode.length();
  if (length < 1)
    fail("an episode needs at least one step, actions are ", ShapeText(actions->shape));
  for (const char* needed : {"rewards", "dones"}) {
    const Array* array = episode.Find(needed);
    if (array == nullptr) fail("there is no array '", needed, "'");
    if (array->shape.size() != 1) fail(needed, " must be [T], got ", ShapeText(array->shape));
  }
  Signature signature;
  std::string_view previous;
  for (const Array* array : SortedArrays(episode)) {
    if (const std::string problem = NameProblem(array->name); !problem.empty()) {
      fail("bad array name '", array->name, "': ", problem);
    }
    if (array->name == previous) fail("two arrays are called '", array->name, "'");
    previous = array->name;
    const int64_t n = NumElements(array->shape, SizeOf(array->dtype));
    if (n < 0 || static_cast<size_t>(n) * SizeOf(array->dtype) != array->bytes.size()) {
      fail(array->name, " ", ShapeText(array->shape), " ", NameOf(array->dtype),
           " does not fit its ", array->bytes.size(), " bytes");
    }
    ArrayInfo info{array->name, array->dtype, array->shape};
    if (IsOnce(array->name)) {
      signature.once.push_back(info);
      continue;
    }
    if (array->shape.empty() || array->shape[0] != length) {
      fail(array->name, " must have as many rows as actions, ", length, ", got ",
           ShapeText(array->shape));
    }
    info.shape.erase(info.shape.begin());
    signature.arrays.push_back(std::move(info));
  }
  return signature;
}

namespace {

void RequireSameList(const std::vector<ArrayInfo>& first, const std::vector<ArrayInfo>& other,
                     const std::string& rows, const std::string& where) {
  const auto find = [](const std::vector<ArrayInfo>& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(),
                        [&](const ArrayInfo& info) { return info.name == name; });
  };
  for (const ArrayInfo& info : first) {
    const auto found = find(other, info.name);
    if (found == other.end()) {
      throw ShapeError(
          Cat(where, ": there is no array '", info.name, "', the first episode has it"));
    }
    if (found->dtype != info.dtype || found->shape != info.shape) {
      throw ShapeError(Cat(where, ": ", info.name, " has ", rows, ShapeText(found->shape), " ",
                           NameOf(found->dtype), ", the first episode's have ",
                           ShapeText(info.shape), " ", NameOf(info.dtype)));
    }
  }
  for (const ArrayInfo& info : other) {
    if (find(first, info.name) == first.end()) {
      throw ShapeError(Cat(where, ": has the array '", info.name, "', the first episode has not"));
    }
  }
}

}  // namespace

void RequireSame(const Signature& first, const Signature& other, const std::string& where) {
  RequireSameList(first.arrays, other.arrays, "rows of ", where);
  RequireSameList(first.once, other.once, "the shape ", where);
}

void WriteMeta(hid_t root, const DatasetMeta& meta) {
  h5::SetAttribute(root, "format", std::string(kFormatName));
  h5::SetAttribute(root, "schema", int64_t{meta.schema});
  h5::SetAttribute(root, "env_name", meta.env_name);
  h5::SetAttribute(root, "task_config", meta.task_config);
  h5::SetAttribute(root, "generator", meta.generator);
  h5::SetAttribute(root, "model_hash", meta.model_hash);
  h5::SetAttribute(root, "mujoco_version", meta.mujoco_version);
  h5::SetAttribute(root, "simscale_version", meta.simscale_version);
  h5::SetAttribute(root, "policy", meta.policy);
  h5::SetAttribute(root, "seed", meta.seed);
  h5::SetAttribute(root, "env_args", meta.env_args);
  if (!meta.randomization.empty()) {
    h5::SetAttribute(root, "randomization", Join(meta.randomization, "\n"));
  }
}

DatasetMeta ReadMeta(hid_t root) {
  DatasetMeta meta;
  if (!h5::HasAttribute(root, "schema") || !h5::HasAttribute(root, "format") ||
      h5::GetString(root, "format") != kFormatName) {
    throw h5::H5Error(
        "is an HDF5 file but not a SimScaleAI dataset (it lacks the root attributes 'format' and "
        "'schema'). Make one with 'simscale datagen'");
  }
  const int64_t schema = h5::GetInt64(root, "schema");
  if (schema > kSchema) {
    throw h5::H5Error(Cat("has dataset schema ", schema, ", this version reads up to ", kSchema,
                          ". Update SimScaleAI to read it"));
  }
  if (schema < 1) throw h5::H5Error(Cat("has dataset schema ", schema, ", schemas begin at 1"));
  meta.schema = static_cast<int>(schema);
  meta.env_name = h5::GetString(root, "env_name");
  meta.task_config = h5::GetString(root, "task_config");
  meta.generator = h5::GetString(root, "generator");
  meta.model_hash = h5::GetString(root, "model_hash");
  meta.mujoco_version = h5::GetString(root, "mujoco_version");
  meta.simscale_version = h5::GetString(root, "simscale_version");
  meta.policy = h5::GetString(root, "policy");
  meta.seed = h5::GetUint64(root, "seed");
  meta.env_args = h5::GetString(root, "env_args");
  if (h5::HasAttribute(root, "randomization")) {
    meta.randomization = Split(h5::GetString(root, "randomization"), '\n');
  }
  return meta;
}

void WriteInfo(hid_t group, const EpisodeInfo& info) {
  h5::SetAttribute(group, "num_samples", info.length);
  h5::SetAttribute(group, "seed", info.seed);
  h5::SetAttribute(group, "index", info.index);
  h5::SetAttribute(group, "success", info.success);
  h5::SetAttribute(group, "return", info.episode_return);
  h5::SetAttribute(group, "language", info.language);
  h5::SetAttribute(group, "outcome", info.outcome);
}

EpisodeInfo ReadInfo(hid_t group) {
  EpisodeInfo info;
  info.length = h5::GetInt64(group, "num_samples");
  info.seed = h5::GetUint64(group, "seed");
  info.index = h5::GetUint64(group, "index");
  info.success = h5::GetBool(group, "success");
  info.episode_return = h5::GetDouble(group, "return");
  info.language = h5::GetString(group, "language");
  info.outcome = h5::GetString(group, "outcome");
  return info;
}

EpisodeInfo InfoOf(const Episode& episode) {
  return {.seed = episode.seed,
          .index = episode.index,
          .length = episode.length(),
          .success = episode.success,
          .episode_return = episode.episode_return,
          .language = episode.language,
          .outcome = episode.outcome};
}

}  // namespace simscale::data
