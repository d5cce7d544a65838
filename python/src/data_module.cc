// simscaleai._data: dataset files, for simscaleai.Dataset. No LibTorch, no MuJoCo.

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <string>

#include "arrays.h"
#include "errors.h"
#include "simscale/common/error.h"
#include "simscale/data/reader.h"
#include "simscale/data/stats.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace simscale::python {
namespace {

/// A reader for any number of threads, one at a time.
class Reader {
 public:
  explicit Reader(const std::string& path) : reader_(path) {}

  template <class Function>
  auto Use(const Function& function) const {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    return function(reader_);
  }
  /// For what it knows since it was opened.
  const data::DatasetReader& reader() const { return reader_; }

 private:
  data::DatasetReader reader_;
  mutable std::mutex mutex_;
};

template <class T>
nb::object Take(std::shared_ptr<data::Array> array) {
  std::vector<size_t> shape;
  for (int64_t size : array->shape) shape.push_back(static_cast<size_t>(size));
  const T* values = array->as<T>();
  return ViewOf(values, shape, array);
}

nb::object Take(data::Array&& moved) {
  auto array = std::make_shared<data::Array>(std::move(moved));
  switch (array->dtype) {
    case data::DType::kUint8:
      return Take<uint8_t>(std::move(array));
    case data::DType::kInt32:
      return Take<int32_t>(std::move(array));
    case data::DType::kInt64:
      return Take<int64_t>(std::move(array));
    case data::DType::kFloat32:
      return Take<float>(std::move(array));
    case data::DType::kFloat64:
      return Take<double>(std::move(array));
  }
  throw Error("internal error: an array of an unknown type");
}

nb::dict InfoOf(const data::EpisodeInfo& episode) {
  nb::dict info;
  info["seed"] = episode.seed;
  info["index"] = episode.index;
  info["length"] = episode.length;
  info["success"] = episode.success;
  info["return"] = episode.episode_return;
  info["language"] = episode.language;
  info["outcome"] = episode.outcome;
  return info;
}

nb::dict MetaOf(const data::DatasetReader& reader) {
  const data::DatasetMeta& meta = reader.meta();
  nb::dict dict;
  dict["schema"] = meta.schema;
  dict["env_name"] = meta.env_name;
  dict["task_config"] = meta.task_config;
  dict["generator"] = meta.generator;
  dict["policy"] = meta.policy;
  dict["seed"] = meta.seed;
  dict["model_hash"] = meta.model_hash;
  dict["content_hash"] = reader.noted_hash();
  dict["mujoco_version"] = meta.mujoco_version;
  dict["simscale_version"] = meta.simscale_version;
  dict["randomization"] = meta.randomization;
  return dict;
}

}  // namespace

NB_MODULE(_data, m) {
  m.doc() = "The native reader behind simscaleai.Dataset.";
  TranslateErrors();
  nb::class_<Reader>(m, "Reader")
      .def(
          "__init__",
          [](Reader* self, const std::string& path) {
            const nb::gil_scoped_release release;
            new (self) Reader(path);
          },
          "path"_a)
      .def("meta", [](const Reader& self) { return MetaOf(self.reader()); })
      .def("episodes",
           [](const Reader& self) {
             nb::list infos;
             for (int64_t i = 0; i < self.reader().num_episodes(); ++i) {
               infos.append(InfoOf(self.reader().info(i)));
             }
             return infos;
           })
      .def("arrays",
           [](const Reader& self) {
             nb::list names;
             for (const data::ArrayInfo& array : self.reader().arrays()) names.append(array.name);
             return names;
           })
      .def(
          "read",
          [](const Reader& self, int64_t number, const std::vector<std::string>& names) {
            data::Episode episode = self.Use(
                [&](const data::DatasetReader& reader) { return reader.Read(number, names); });
            nb::dict arrays;
            for (data::Array& array : episode.arrays) {
              const std::string name = array.name;
              arrays[name.c_str()] = Take(std::move(array));
            }
            return arrays;
          },
          "episode"_a, "names"_a)
      .def("stats_json", [](const Reader& self) {
        return self.Use([](const data::DatasetReader& reader) {
          return data::StatsAsJson(data::ComputeStats(reader));
        });
      });
}

}  // namespace simscale::python
