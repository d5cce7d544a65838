#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simscale/data/row_reader.h"
#include "simscale/train/config.h"

namespace simscale::train {

/// The episodes that a training learns from: of config.dataset and config.mix, those that
/// config.filter_key names.
struct Sources {
  std::vector<std::shared_ptr<const data::DatasetReader>> files;
  std::vector<data::RowReader::Episode> episodes;  ///< file by file
  std::vector<int64_t> first_episode;              ///< [files + 1] into episodes
  std::vector<double> weights;                     ///< of the files' shares of the draws

  const data::DatasetReader& main() const { return *files.at(0); }
  int64_t num_episodes() const { return static_cast<int64_t>(episodes.size()); }
  int64_t num_steps() const;
  /// "demos.h5: episode 3"
  std::string Where(int64_t episode) const;
};

/// Throws UserError for no dataset, one that can't be read, datasets of different tasks, weights
/// that don't fit, a filter key that a file lacks or that names no episode.
Sources OpenSources(const TrainConfig& config);

/// Names what is learned from: the content hash of the one dataset, or a hash of all of them and of
/// the filter. noted: as the files note it, "" if one does not; else computed from the data.
std::string HashOf(const TrainConfig& config, const Sources& sources, bool noted);

}  // namespace simscale::train
