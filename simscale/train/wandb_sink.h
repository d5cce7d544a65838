#pragma once

#include <filesystem>
#include <string>

#include "simscale/train/sink.h"

namespace simscale::train {

/// Feeds W&B's own client in a process of its own (share folder, helpers/wandb_sink.py) through a
/// socket that never blocks, so that neither a slow network nor a failing client holds a training
/// up. The client's files and the helper's log (helper.log) lie in <run folder>/wandb. The run's
/// id is kept there (run_id): a resumed training goes on with the same run.
class WandbSink : public Sink {
 public:
  /// resumed_step: -1: a new run. Throws IoError if the helper can't be started.
  WandbSink(const std::filesystem::path& run_dir, int64_t resumed_step, const WandbConfig& config);
  /// Without Finish, the run counts as crashed.
  ~WandbSink() override;
  WandbSink(const WandbSink&) = delete;
  WandbSink& operator=(const WandbSink&) = delete;

  std::string name() const override { return "wandb"; }
  void Record(int64_t step, const std::string& kind, const MetricList& values) override;
  void Add(int64_t step, const std::string& tag, const Histogram& histogram) override;
  void Add(int64_t step, const std::string& tag, const Picture& picture) override;
  void Add(int64_t step, const std::string& tag, const Video& video) override;
  void AddCheckpoint(int64_t step, const Checkpoint& checkpoint) override;
  void Flush() override;
  /// Waits for uploads, for config.finish_seconds at most; then the helper goes on alone.
  void Finish(bool complete) override;

 private:
  void Send(const std::string& message);
  /// Writes what the socket takes. Returns whether all is out.
  bool Push();
  /// Tells what the helper has said. Returns whether it is still there; throws Error if it has
  /// failed.
  bool Listen();
  [[noreturn]] void ThrowEnded() const;
  void Tell(const std::string& line);

  std::filesystem::path log_;
  double finish_seconds_;
  int socket_ = -1;
  int process_ = -1;
  std::string pending_, heard_;
};

/// Throws UserError if the Python beside LibTorch has no package wandb.
void RequireWandb();

}  // namespace simscale::train
