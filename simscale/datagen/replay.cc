#include "simscale/datagen/replay.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "simscale/common/error.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/thread_pool.h"
#include "simscale/data/reader.h"
#include "simscale/env/batched_env.h"
#include "simscale/tasks/registry.h"

namespace simscale::datagen {
namespace {

/// One episode under replay in one row.
struct Playing {
  int64_t number = 0;  ///< in the file
  data::Episode episode;
  int64_t step = 0;
  bool exact = true, ended = false, same_outcome = false;
};

class Replayer {
 public:
  Replayer(const data::DatasetReader& reader, std::shared_ptr<const env::Task> task, int num_envs,
           int threads)
      : reader_(reader),
        env_(task, {.num_envs = num_envs, .num_threads = threads}),
        state_(static_cast<size_t>(env_.state_dim())),
        actions_(static_cast<size_t>(num_envs * env_.action_dim())) {}

  ReplayReport Run() {
    const Stopwatch watch;
    const int64_t total = reader_.num_episodes();
    for (int64_t first = 0; first < total && !InterruptRequested(); first += env_.num_envs()) {
      PlayBlock(first, std::min<int64_t>(total, first + env_.num_envs()));
    }
    report_.seconds = watch.seconds();
    return report_;
  }

 private:
  void PlayBlock(int64_t first, int64_t last) {
    env_.Deactivate();
    rows_.clear();
    for (int64_t i = first; i < last; ++i) {
      Playing row{i, reader_.Read(i), 0};
      const int64_t length = row.episode.length();
      Require(row, "states", data::DType::kFloat64, {length, env_.state_dim()});
      Require(row, "final_state", data::DType::kFloat64, {env_.state_dim()});
      Require(row, "actions", data::DType::kFloat32, {length, env_.action_dim()});
      const data::Array* states = row.episode.Find("states");
      env_.SetState(static_cast<int>(rows_.size()), {states->as<double>(), state_.size()},
                    {row.episode.seed, row.episode.index});
      rows_.push_back(std::move(row));
    }
    const auto dim = static_cast<size_t>(env_.action_dim());
    auto running = [](const Playing& row) { return !row.ended; };
    while (std::ranges::any_of(rows_, running)) {
      for (size_t r = 0; r < rows_.size(); ++r) {
        if (rows_[r].ended) continue;
        Compare(r, "states", rows_[r].step);
        const float* action = rows_[r].episode.Find("actions")->as<float>();
        std::copy_n(action + static_cast<size_t>(rows_[r].step) * dim, dim,
                    actions_.begin() + static_cast<std::ptrdiff_t>(r * dim));
      }
      const env::StepResult& result = env_.Step(actions_);
      for (size_t r = 0; r < rows_.size(); ++r) {
        if (!rows_[r].ended) AfterStep(r, result);
      }
    }
  }

  /// Throws UserError unless the episode has the array as this task needs it.
  void Require(const Playing& row, const char* name, data::DType dtype,
               const std::vector<int64_t>& shape) const {
    const data::Array* array = row.episode.Find(name);
    const std::string where = Cat(reader_.path().string(), ": episode ", row.number);
    if (array == nullptr) ThrowUser(where, " has no array '", name, "' to replay from");
    if (array->dtype == dtype && array->shape == shape) return;
    const auto text = [](data::DType type, const std::vector<int64_t>& extents) {
      std::vector<std::string> numbers;
      for (const int64_t extent : extents) numbers.push_back(Cat(extent));
      return Cat(data::NameOf(type), " [", Join(numbers, ", "), "]");
    };
    ThrowUser(where, ": ", name, " must be ", text(dtype, shape), " for this task, is ",
              text(array->dtype, array->shape));
  }

  void AfterStep(size_t r, const env::StepResult& result) {
    Playing& row = rows_[r];
    ++row.step;
    ++report_.steps;
    const bool over = result.terminated[r] || result.truncated[r];
    const bool last = row.step == row.episode.length();
    if (!over && !last) return;
    Compare(r, "final_state", 0);
    row.ended = true;
    ++report_.episodes;
    report_.exact_episodes += row.exact;
    report_.same_outcomes += over && last && (result.success[r] != 0) == row.episode.success;
    if (!last && report_.first_difference.empty()) {
      report_.first_difference = Cat("episode ", row.number, " ended after ", row.step,
                                     " steps instead of ", row.episode.length());
    }
    // The row steps on where its environment's episode is not over; nobody looks at it any more.
  }

  void Compare(size_t r, const char* name, int64_t step) {
    Playing& row = rows_[r];
    const size_t dim = state_.size();
    const double* stored = row.episode.Find(name)->as<double>() + static_cast<size_t>(step) * dim;
    env_.GetState(static_cast<int>(r), state_);
    if (std::memcmp(stored, state_.data(), dim * sizeof(double)) == 0) {
      report_.exact_steps += std::strcmp(name, "states") == 0;
      return;
    }
    row.exact = false;
    for (size_t i = 0; i < dim; ++i) {
      const double difference = std::abs(stored[i] - state_[i]);
      if (std::memcmp(&stored[i], &state_[i], sizeof(double)) == 0) continue;
      report_.largest_difference = std::max(report_.largest_difference, difference);
      if (report_.first_difference.empty()) {
        report_.first_difference =
            Cat("episode ", row.number, " (index ", row.episode.index, "), step ", row.step,
                ", entry ", i, ": stored ", stored[i], ", replayed ", state_[i]);
      }
    }
  }

  const data::DatasetReader& reader_;
  env::BatchedEnv env_;
  std::vector<double> state_;
  std::vector<float> actions_;
  std::vector<Playing> rows_;
  ReplayReport report_;
};

}  // namespace

ReplayReport Replay(const std::filesystem::path& path, const ReplayOptions& options) {
  const data::DatasetReader reader(path);
  const auto task = tasks::MakeTask(
      tasks::ParseTaskConfig(reader.meta().task_config, path.string(), options.task));
  if (task->model().hash() != reader.meta().model_hash) {
    ThrowUser(path.string(), ": was made with another model (hash ",
              reader.meta().model_hash.substr(0, 12), ", MuJoCo ", reader.meta().mujoco_version,
              ") than this build compiles (hash ", task->model().hash().substr(0, 12), ", MuJoCo ",
              mj_versionString(), "): it can't be replayed bit for bit");
  }
  const int threads = options.threads > 0 ? options.threads : ThreadPool::HardwareThreads();
  const auto rows =
      std::min<int64_t>(options.num_envs, std::max<int64_t>(1, reader.num_episodes()));
  return Replayer(reader, task, static_cast<int>(rows), threads).Run();
}

}  // namespace simscale::datagen
