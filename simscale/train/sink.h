#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/config/fields.h"

namespace simscale::train {

/// One record: numbers under short names, in order.
using MetricList = std::vector<std::pair<std::string, double>>;

/// How often numbers lie in even buckets from min to max.
struct Histogram {
  double min = 0, max = 0, sum = 0, sum_of_squares = 0;
  std::vector<double> counts;
};

/// Row by row, red, green, blue.
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;
};

/// An episode as a film: an MP4 file, and an animated PNG of it.
struct Video {
  std::filesystem::path mp4, animation;
  int width = 0, height = 0;  ///< of the animation
};

/// A checkpoint that was written.
struct Checkpoint {
  std::filesystem::path dir;
  bool best = false;
  double success_rate = -1;  ///< -1: not evaluated
};

/// Where a run's metrics go beside metrics.jsonl. Any call may throw: Metrics then says so once and
/// goes on without the sink.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual std::string name() const = 0;
  /// kind: "train", "validation", "eval", "time" (what depends on the clock), ...
  virtual void Record(int64_t step, const std::string& kind, const MetricList& values) = 0;
  virtual void Add(int64_t /*step*/, const std::string& /*tag*/, const Histogram& /*histogram*/) {}
  virtual void Add(int64_t /*step*/, const std::string& /*tag*/, const Picture& /*picture*/) {}
  virtual void Add(int64_t /*step*/, const std::string& /*tag*/, const Video& /*video*/) {}
  virtual void AddCheckpoint(int64_t /*step*/, const Checkpoint& /*checkpoint*/) {}
  /// To the operating system.
  virtual void Flush() {}
  /// The run is over; complete: false: it was interrupted, and may be resumed.
  virtual void Finish(bool /*complete*/) {}
};

/// The `metrics.wandb:` part. What is not here is W&B's own to know: WANDB_MODE, WANDB_ENTITY, ...
struct WandbConfig {
  std::string project;
  std::string checkpoints = "best";
  double finish_seconds = 300;

  void Describe(config::Fields& f);
};

/// The `metrics:` part.
struct MetricsConfig {
  std::vector<std::string> sinks = {"tensorboard"};
  int videos = 0;
  WandbConfig wandb;

  bool Has(const std::string& sink) const;
  void Describe(config::Fields& f);
  void Validate() const;
};

/// The sink of that name in a run folder. resumed_step: of a run that goes on; -1: a new one.
std::unique_ptr<Sink> MakeSink(const std::string& name, const std::filesystem::path& run_dir,
                               int64_t resumed_step, const MetricsConfig& config);

}  // namespace simscale::train
