#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "simscale/train/sink.h"

namespace simscale::train {

/// The metrics of a run: `metrics.jsonl`, and the sinks that were asked for.
///
/// metrics.jsonl holds {"step", "kind", <name>: <number>...} a line and nothing that depends on
/// the clock: the file of a run that was killed and resumed equals that of one that was not. It is
/// what a resumed run knows of the past, so failing to write it is an error; a sink that fails is
/// told of once, and left out from then on.
class Metrics {
 public:
  /// What a resumed run keeps: all records up to `step`; of that step itself only the kinds
  /// "train..." if the rest of it is to be done again. step < 0: a new run, which keeps nothing.
  struct Resume {
    int64_t step = -1;
    bool redo = false;
  };
  Metrics(const std::filesystem::path& run_dir, Resume resume, const MetricsConfig& config = {});
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Throws IoError when the disk is full and the like.
  void Record(int64_t step, const std::string& kind, const MetricList& values);
  /// Kind "time", to the sinks alone.
  void RecordTiming(int64_t step, const MetricList& values);
  void Add(int64_t step, const std::string& tag, const Histogram& histogram);
  void Add(int64_t step, const std::string& tag, const Picture& picture);
  void Add(int64_t step, const std::string& tag, const Video& video);
  void AddCheckpoint(int64_t step, const Checkpoint& checkpoint);
  /// At the end of a run; complete: false: it was interrupted.
  void Finish(bool complete);
  /// fsync: afterwards a checkpoint may say that these records exist.
  void Sync();

 private:
  template <class F>
  void ForEachSink(F&& f);

  std::filesystem::path path_;
  int fd_ = -1;
  std::vector<std::unique_ptr<Sink>> sinks_;
};

}  // namespace simscale::train
