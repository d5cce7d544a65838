#pragma once

#include <ATen/record_function.h>

#include <filesystem>

#include "simscale/common/stopwatch.h"

namespace simscale::train {

/// A part of a step: counted in a TimeSplit, and a range in a trace.
class StepPart {
 public:
  /// name: a literal.
  StepPart(TimeSplit* split, const char* name)
      : timed_(split, name), range_(at::RecordScope::USER_SCOPE) {
    if (range_.isActive()) range_.before(name);
  }

 private:
  Timed timed_;
  at::RecordFunction range_;
};

/// Which steps are recorded: caches and the allocator have settled after the first ones.
struct ProfiledSteps {
  int skipped = 5, recorded = 10;
  const char* name = "steps";
};

/// Records some steps of a training with every operation of torch, and writes them as a Chrome
/// trace: chrome://tracing and ui.perfetto.dev show it.
class StepProfiler {
 public:
  /// file: "": nothing is recorded. On several ranks each writes its own: trace.json of rank 1 is
  /// trace.rank1.json. Throws UserError at once if its folder is not there.
  StepProfiler(std::filesystem::path file, int rank, int num_ranks,
               const ProfiledSteps& which = ProfiledSteps());
  /// Writes what was recorded so far.
  ~StepProfiler();
  StepProfiler(const StepProfiler&) = delete;
  StepProfiler& operator=(const StepProfiler&) = delete;

  /// Before each step. Throws IoError if the trace can't be written.
  void BeginStep();

 private:
  void Write();

  std::filesystem::path file_;
  ProfiledSteps which_;
  int steps_ = 0;
  bool running_ = false;
};

}  // namespace simscale::train
