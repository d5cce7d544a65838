#include "simscale/train/sources.h"

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/data/writer.h"

namespace simscale::train {
namespace {

std::vector<double> WeightsOf(const TrainConfig& config, const Sources& sources) {
  if (config.mix_weights.empty()) {
    std::vector<double> steps;
    for (size_t f = 0; f < sources.files.size(); ++f) {
      double sum = 0;
      for (int64_t e = sources.first_episode[f]; e < sources.first_episode[f + 1]; ++e) {
        const auto& episode = sources.episodes[static_cast<size_t>(e)];
        sum += static_cast<double>(episode.file->info(episode.index).length);
      }
      steps.push_back(sum);
    }
    return steps;
  }
  if (config.mix_weights.size() != sources.files.size())
    ThrowUser("mix_weights: one for each dataset is wanted, ", sources.files.size(), ", got ",
              config.mix_weights.size());
  return config.mix_weights;
}

}  // namespace

int64_t Sources::num_steps() const {
  int64_t steps = 0;
  for (const auto& episode : episodes) steps += episode.file->info(episode.index).length;
  return steps;
}

std::string Sources::Where(int64_t episode) const {
  const auto& source = episodes.at(static_cast<size_t>(episode));
  return Cat(source.file->path().string(), ": episode ", source.index);
}

Sources OpenSources(const TrainConfig& config) {
  if (config.dataset.empty())
    ThrowUser(
        "dataset: no dataset given; make one with `simscale datagen`, name it with --dataset");
  Sources sources;
  sources.first_episode = {0};
  std::vector<std::string> paths = {config.dataset};
  paths.insert(paths.end(), config.mix.begin(), config.mix.end());
  for (const std::string& path : paths) {
    auto file = std::make_shared<const data::DatasetReader>(path);
    if (!sources.files.empty() && file->meta().env_name != sources.main().meta().env_name)
      ThrowUser(path, ": was made in '", file->meta().env_name, "', but ", config.dataset, " in '",
                sources.main().meta().env_name, "'; mix datasets of one task");
    if (config.filter_key.empty()) {
      for (int64_t i = 0; i < file->num_episodes(); ++i) sources.episodes.push_back({file, i});
    } else {
      for (const int64_t i : file->Filter(config.filter_key)) sources.episodes.push_back({file, i});
    }
    sources.first_episode.push_back(sources.num_episodes());
    sources.files.push_back(std::move(file));
  }
  sources.weights = WeightsOf(config, sources);
  return sources;
}

std::string HashOf(const TrainConfig& config, const Sources& sources, bool noted) {
  std::string all;
  for (const auto& file : sources.files) {
    const std::string hash = noted ? file->noted_hash() : data::ContentHash(file->path());
    if (hash.empty()) return "";
    all += (all.empty() ? "" : "\n") + hash;
  }
  if (sources.files.size() == 1 && config.filter_key.empty()) return all;
  return Sha256Hex(Cat(all, "\nfilter_key: ", config.filter_key, "\n"));
}

}  // namespace simscale::train
