#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/train/tensorboard.h"

namespace simscale::train {

/// One record: numbers under short names, in order.
using MetricList = std::vector<std::pair<std::string, double>>;

/// The sinks of a run: `metrics.jsonl` and a TensorBoard event file.
///
/// metrics.jsonl holds {"step", "kind", <name>: <number>...} a line and nothing that depends on
/// the clock: the file of a run that was killed and resumed equals that of one that was not.
/// What depends on the clock goes to TensorBoard only.
class Metrics {
 public:
  /// What a resumed run keeps: all records up to `step`; of that step itself only the kinds
  /// "train..." if the rest of it is to be done again. step < 0: a new run, which keeps nothing.
  struct Resume {
    int64_t step = -1;
    bool redo = false;
  };
  Metrics(const std::filesystem::path& run_dir, Resume resume);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Throws IoError when the disk is full and the like.
  void Record(int64_t step, const std::string& kind, const MetricList& values);
  void RecordTiming(int64_t step, const MetricList& values);
  /// fsync: afterwards a checkpoint may say that these records exist.
  void Sync();

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  TensorBoardWriter board_;
};

}  // namespace simscale::train
