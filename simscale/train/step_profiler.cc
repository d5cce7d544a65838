#include "simscale/train/step_profiler.h"

#include <torch/csrc/autograd/profiler_kineto.h>

#include <set>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"

namespace simscale::train {
namespace {

namespace profiler = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;

std::set<ActivityType> Activities() {
  std::set<ActivityType> activities = {ActivityType::CPU};
  if (at::hasCUDA()) activities.insert(ActivityType::CUDA);
  return activities;
}

}  // namespace

StepProfiler::StepProfiler(std::filesystem::path file, int rank, int num_ranks,
                           const ProfiledSteps& which)
    : file_(std::move(file)), which_(which) {
  if (file_.empty()) return;
  if (fs::is_directory(file_)) ThrowUser(file_.string(), ": is a folder, --profile wants a file");
  const fs::path folder = file_.has_parent_path() ? file_.parent_path() : fs::path(".");
  if (!fs::is_directory(folder))
    ThrowUser(file_.string(), ": there is no folder ", folder.string(), " for the trace");
  if (num_ranks > 1 && rank > 0)
    file_.replace_extension(Cat(".rank", rank, file_.extension().string()));
}

StepProfiler::~StepProfiler() {
  try {
    if (running_) Write();
  } catch (const std::exception& error) {
    LogWarning("profile: ", error.what());
  }
}

void StepProfiler::BeginStep() {
  if (file_.empty()) return;
  ++steps_;
  if (steps_ == which_.skipped + 1) {
    torch::profiler::impl::ExperimentalConfig more;
    more.profile_all_threads = true;  // PPO's learner has several
    const torch::profiler::impl::ProfilerConfig config(
        torch::profiler::impl::ProfilerState::KINETO, /*report_input_shapes=*/false,
        /*profile_memory=*/false, /*with_stack=*/false, /*with_flops=*/false,
        /*with_modules=*/false, more);
    profiler::prepareProfiler(config, Activities());
    profiler::enableProfiler(config, Activities());
    running_ = true;
  } else if (steps_ == which_.skipped + which_.recorded + 1) {
    Write();
  }
}

void StepProfiler::Write() {
  running_ = false;
  const auto result = profiler::disableProfiler();
  const fs::path temp = TempBeside(file_);
  result->save(temp.string());
  std::error_code error;
  fs::rename(temp, file_, error);
  if (error) {
    std::error_code ignored;
    fs::remove(temp, ignored);
    ThrowIo(file_.string(), ": can't write the trace: ", error.message());
  }
  LogInfo("profile: ", file_.string(), " holds ", which_.name, " ", which_.skipped + 1, " to ",
          std::min(steps_, which_.skipped + which_.recorded), "; open it in ui.perfetto.dev");
}

}  // namespace simscale::train
