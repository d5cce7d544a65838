#include "simscale/train/memory_dataset.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "simscale/common/error.h"

namespace simscale::train {
namespace {

constexpr const char* kObservations = "observations/";
constexpr float kActionSlack = 1e-4F;  // rounding of what an environment clipped to [-1, 1]

const data::ArrayInfo* FindArray(const data::DatasetReader& reader, const std::string& name) {
  for (const data::ArrayInfo& array : reader.arrays())
    if (array.name == name) return &array;
  return nullptr;
}

bool IsState(const data::ArrayInfo& array) {
  return array.dtype == data::DType::kFloat32 && array.shape.size() <= 1;
}

int SizeOfRow(const data::ArrayInfo& array) {
  return array.shape.empty() ? 1 : static_cast<int>(array.shape[0]);
}

std::vector<policy::ObservationKey> ChooseObservations(const data::DatasetReader& reader,
                                                       const std::vector<std::string>& names) {
  const std::string file = reader.path().string();
  std::vector<policy::ObservationKey> keys;
  std::vector<std::string> known;
  for (const data::ArrayInfo& array : reader.arrays()) {
    if (!array.name.starts_with(kObservations)) continue;
    known.push_back(array.name.substr(std::strlen(kObservations)));
    if (names.empty() && IsState(array)) keys.push_back({known.back(), SizeOfRow(array)});
  }
  for (const std::string& name : names) {
    const data::ArrayInfo* array = FindArray(reader, kObservations + name);
    if (!array) ThrowUser(file, ": ", UnknownName("observation", name, known));
    if (!IsState(*array))
      ThrowUser(file, ": observation '", name, "' is no float32 vector but ",
                data::NameOf(array->dtype), " with ", array->shape.size(),
                " dimensions a step; this policy reads state vectors only");
    keys.push_back({name, SizeOfRow(*array)});
  }
  if (keys.empty()) ThrowUser(file, ": has no state observations (float32 vectors) to train on");
  return keys;
}

std::vector<policy::ImageKey> ChooseImages(const data::DatasetReader& reader,
                                           const std::vector<std::string>& names) {
  const std::string file = reader.path().string();
  const auto is_image = [](const data::ArrayInfo& array) {
    return array.dtype == data::DType::kUint8 && array.shape.size() == 3 && array.shape[2] == 3;
  };
  std::vector<std::string> known;
  for (const data::ArrayInfo& array : reader.arrays())
    if (array.name.starts_with(kObservations) && is_image(array))
      known.push_back(array.name.substr(std::strlen(kObservations)));
  std::vector<policy::ImageKey> keys;
  for (const std::string& name : names) {
    const data::ArrayInfo* array = FindArray(reader, kObservations + name);
    if (array == nullptr || !is_image(*array)) {
      if (known.empty())
        ThrowUser(file, ": has no pictures (uint8 [H, W, 3]); `simscale datagen --cameras front` ",
                  "records some");
      ThrowUser(file, ": ", UnknownName("picture", name, known));
    }
    keys.push_back({name, static_cast<int>(array->shape[0]), static_cast<int>(array->shape[1])});
  }
  return keys;
}

/// All files must have the arrays as the first one has them.
void RequireInAll(const Sources& sources, const std::vector<std::string>& names) {
  for (const auto& file : sources.files)
    for (const std::string& name : names) {
      const data::ArrayInfo* array = FindArray(*file, name);
      const data::ArrayInfo& first = *FindArray(sources.main(), name);
      if (array == nullptr || array->dtype != first.dtype || array->shape != first.shape)
        ThrowUser(file->path().string(), ": ",
                  array == nullptr ? Cat("lacks the array '", name, "'")
                                   : Cat("'", name, "' has another type or size"),
                  ", unlike ", sources.main().path().string(), "; mix datasets that have the same");
    }
}

/// Copies [T, D] into columns [column, column + D) of a row-major [T, width] block.
void CopyColumns(const data::Array& array, int64_t width, int64_t column, float* to,
                 const std::string& where) {
  const int64_t length = array.shape.at(0);
  const int64_t dim = length > 0 ? array.size() / length : 0;
  const float* from = array.as<float>();
  for (int64_t t = 0; t < length; ++t)
    for (int64_t d = 0; d < dim; ++d) {
      const float value = from[t * dim + d];
      if (!std::isfinite(value))
        ThrowUser(where, ": '", array.name, "' is not finite at step ", t, ", component ", d);
      to[t * width + column + d] = value;
    }
}

}  // namespace

MemoryDataset LoadDataset(const Sources& sources, const std::vector<std::string>& names,
                          const std::vector<std::string>& images) {
  const data::DatasetReader& reader = sources.main();
  const std::string file = reader.path().string();
  MemoryDataset dataset;
  dataset.observations = ChooseObservations(reader, names);
  dataset.image_keys = ChooseImages(reader, images);
  const std::string label = FindArray(reader, "expert_actions") ? "expert_actions" : "actions";
  const data::ArrayInfo* actions = FindArray(reader, label);
  if (!actions || !IsState(*actions))
    ThrowUser(file, ": has no 'actions' of float32 [T, A] to learn from");
  const int64_t steps = sources.num_steps();
  if (steps < 1) ThrowUser(file, ": holds no steps to train on");
  dataset.action_dim = SizeOfRow(*actions);

  std::vector<std::string> wanted = {label};
  int64_t width = 0;
  for (const auto& key : dataset.observations) {
    wanted.push_back(kObservations + key.name);
    width += key.size;
  }
  RequireInAll(sources, wanted);
  dataset.state = torch::empty({steps, width});
  dataset.action = torch::empty({steps, dataset.action_dim});
  dataset.first = torch::empty({steps}, torch::kInt64);
  dataset.last = torch::empty({steps}, torch::kInt64);
  dataset.episode_begin = {0};
  for (int64_t i = 0, begin = 0; i < sources.num_episodes(); ++i) {
    const data::RowReader::Episode& source = sources.episodes[static_cast<size_t>(i)];
    const data::Episode episode = source.file->Read(source.index, wanted);
    const std::string where = sources.Where(i);
    const int64_t length = source.file->info(source.index).length;
    for (const data::Array& array : episode.arrays)
      if (array.shape.empty() || array.shape[0] != length)
        ThrowUser(where, ": '", array.name, "' does not have the episode's ", length, " steps");
    int64_t column = 0;
    for (const auto& key : dataset.observations) {
      CopyColumns(*episode.Find(kObservations + key.name), width, column,
                  dataset.state.data_ptr<float>() + begin * width, where);
      column += key.size;
    }
    float* action = dataset.action.data_ptr<float>() + begin * dataset.action_dim;
    CopyColumns(*episode.Find(label), dataset.action_dim, 0, action, where);
    for (int64_t k = 0; k < length * dataset.action_dim; ++k)
      if (std::abs(action[k]) > 1 + kActionSlack)
        ThrowUser(where, ": '", label, "' must lie in [-1, 1], got ", action[k], " at step ",
                  k / dataset.action_dim);
    std::fill_n(dataset.first.data_ptr<int64_t>() + begin, length, begin);
    std::fill_n(dataset.last.data_ptr<int64_t>() + begin, length, begin + length - 1);
    begin += length;
    dataset.episode_begin.push_back(begin);
  }
  SIMSCALE_CHECK(dataset.num_steps() == steps);
  return dataset;
}

std::vector<int64_t> MemoryDataset::StepsOf(const std::vector<int64_t>& episodes,
                                            bool others) const {
  std::vector<int64_t> steps;
  for (int64_t e = 0; e < num_episodes(); ++e) {
    const bool listed = std::binary_search(episodes.begin(), episodes.end(), e);
    if (listed == others) continue;
    for (int64_t t = episode_begin[static_cast<size_t>(e)];
         t < episode_begin[static_cast<size_t>(e) + 1]; ++t)
      steps.push_back(t);
  }
  return steps;
}

void MemoryDataset::To(torch::Device device) {
  for (torch::Tensor* tensor : {&state, &action, &first, &last}) *tensor = tensor->to(device);
}

policy::Batch MemoryDataset::Gather(const torch::Tensor& index, int n_obs_steps,
                                    int horizon) const {
  const int64_t batch = index.size(0);
  const auto options = index.options();
  const torch::Tensor present = index.unsqueeze(1);
  policy::Batch result;
  const torch::Tensor past = torch::maximum(present + torch::arange(1 - n_obs_steps, 1, options),
                                            first.index_select(0, index).unsqueeze(1));
  result.observation.state =
      state.index_select(0, past.view(-1)).view({batch, n_obs_steps, state.size(1)});
  const torch::Tensor end = last.index_select(0, index).unsqueeze(1);
  const torch::Tensor future = present + torch::arange(0, horizon, options);
  result.action = action.index_select(0, torch::minimum(future, end).view(-1))
                      .view({batch, horizon, action.size(1)});
  result.mask = future.le(end).to(torch::kFloat32);
  return result;
}

torch::Tensor MemoryDataset::NumLabels(const torch::Tensor& index, int horizon) const {
  return (last.index_select(0, index) - index + 1).clamp_max(horizon).sum().to(torch::kFloat32);
}

policy::StateStatistics MemoryDataset::Statistics(const std::vector<int64_t>& steps) const {
  const torch::Tensor rows = state.to(torch::kCPU)
                                 .index_select(0, torch::tensor(steps, torch::kInt64))
                                 .to(torch::kFloat64);
  const torch::Tensor mean = rows.mean(0).to(torch::kFloat32).contiguous();
  const torch::Tensor std = rows.std(0, /*unbiased=*/false).to(torch::kFloat32).contiguous();
  const auto n = static_cast<size_t>(mean.numel());
  return {.mean = {mean.data_ptr<float>(), mean.data_ptr<float>() + n},
          .std = {std.data_ptr<float>(), std.data_ptr<float>() + n}};
}

}  // namespace simscale::train
