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
  /// To the operating system.
  virtual void Flush() {}
};

/// The `metrics:` part.
struct MetricsConfig {
  std::vector<std::string> sinks = {"tensorboard"};

  void Describe(config::Fields& f);
  void Validate() const;
};

/// The sink of that name in a run folder. resumed_step: of a run that goes on; -1: a new one.
std::unique_ptr<Sink> MakeSink(const std::string& name, const std::filesystem::path& run_dir,
                               int64_t resumed_step);

}  // namespace simscale::train
