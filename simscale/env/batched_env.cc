#include "simscale/env/batched_env.h"

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/common/thread_pool.h"
#include "simscale/env/rows.h"

namespace simscale::env {
namespace {

constexpr int kMaxEnvs = 65536;
constexpr int kMaxThreads = 1024;

int CheckRange(const char* name, int value, int max) {
  if (value < 1 || value > max) ThrowUser(name, " must be in 1 .. ", max, ", got ", value);
  return value;
}

size_t Size(int n) { return static_cast<size_t>(n); }

}  // namespace

struct BatchedEnv::Impl {
  Impl(std::shared_ptr<const Task> task, const BatchedEnvConfig& config)
      : num_envs(CheckRange("num_envs", config.num_envs, kMaxEnvs)),
        pool(std::min(CheckRange("num_threads", config.num_threads, kMaxThreads), num_envs)),
        rows(std::move(task), config, pool.num_threads()) {
    const size_t n = Size(num_envs), threads = Size(pool.num_threads());
    for (size_t t = 0; t < threads; ++t) {
      const size_t first = n * t / threads;
      for (size_t i = n * (t + 1) / threads; i-- > first;) backward.push_back(static_cast<int>(i));
    }
    step_float = [this](int i, int thread) { StepRow(i, thread, float_actions); };
    step_double = [this](int i, int thread) { StepRow(i, thread, double_actions); };
    reset_body = [this](int k, int thread) {
      rows.Reset(reset_rows[Size(k)], thread, reset_keys[Size(k)], StateOf(k));
    };
  }

  template <class Real>
  void StepRow(int i, int thread, std::span<const Real> actions) {
    const int row = steps_backward ? backward[Size(i)] : i;
    const size_t r = Size(row), dim = Size(rows.num_actions());
    if (rows.needs_reset[r]) {  // kNextStep
      const EpisodeKey& key = rows.keys[r];
      rows.Reset(row, thread, {key.seed, key.index + 1}, {});
      rows.ClearStep(row);
      return;
    }
    rows.Step(row, thread, actions.subspan(r * dim, dim));
  }

  ResetState StateOf(int k) const {
    const auto stretch = [k, this](std::span<const double> all) {
      const size_t size = all.size() / reset_rows.size();
      return all.subspan(Size(k) * size, size);
    };
    return {stretch(reset_state.qpos), stretch(reset_state.qvel), stretch(reset_state.act),
            stretch(reset_state.ctrl)};
  }

  template <class Real>
  const StepResult& Step(std::span<const Real> action_NA, const std::function<void(int, int)>& body,
                         std::span<const Real>& argument) {
    const size_t dim = Size(rows.num_actions());
    if (action_NA.size() != Size(num_envs) * dim) {
      throw ShapeError(Cat("actions must be [", num_envs, ", ", dim, "] = ", Size(num_envs) * dim,
                           " numbers, got ", action_NA.size()));
    }
    for (size_t i = 0; i < action_NA.size(); ++i) {
      if (!std::isfinite(action_NA[i]) && rows.active[i / dim] && !rows.needs_reset[i / dim]) {
        ThrowUser("actions must be finite, got ", action_NA[i], " in row ", i / dim, ", component ",
                  i % dim, " (", rows.task().controller().action_names()[i % dim],
                  "); no environment has moved");
      }
    }
    argument = action_NA;
    pool.ParallelFor(num_envs, body);
    steps_backward = !steps_backward;
    return rows.result;
  }

  int num_envs;
  ThreadPool pool;
  Rows rows;
  // Arguments of the bodies below, which are made once so that a step allocates nothing.
  std::span<const float> float_actions;
  std::span<const double> double_actions;
  std::span<const int> reset_rows;
  std::span<const EpisodeKey> reset_keys;
  ResetState reset_state;
  std::function<void(int, int)> step_float, step_double, reset_body;
  // Every other step goes through each thread's rows from the last to the first: what was stepped
  // last still lies in the core's cache (70 kB an environment), which saves 1 % of the time.
  std::vector<int> backward;
  bool steps_backward = false;
};

BatchedEnv::BatchedEnv(std::shared_ptr<const Task> task, const BatchedEnvConfig& config)
    : impl_(std::make_unique<Impl>(std::move(task), config)) {
  if (config.autoreset != AutoresetMode::kDisabled) Reset(config.seed);
}

BatchedEnv::~BatchedEnv() = default;

const Task& BatchedEnv::task() const { return impl_->rows.task(); }
int BatchedEnv::num_envs() const { return impl_->num_envs; }
int BatchedEnv::num_threads() const { return impl_->pool.num_threads(); }
int BatchedEnv::action_dim() const { return impl_->rows.num_actions(); }
const StepResult& BatchedEnv::result() const { return impl_->rows.result; }
std::span<const uint8_t> BatchedEnv::active() const { return impl_->rows.active; }
const EpisodeKey& BatchedEnv::key(int row) const { return impl_->rows.keys.at(Size(row)); }
ObservationView BatchedEnv::final_observation() const { return impl_->rows.final_view; }
std::span<const double> BatchedEnv::final_info() const { return impl_->rows.final_info; }
std::span<const double> BatchedEnv::final_randomization() const {
  return impl_->rows.final_randomization;
}
double BatchedEnv::level(int row) const { return impl_->rows.curriculum.at(Size(row)).level; }
int64_t BatchedEnv::num_quarantined() const { return impl_->rows.num_quarantined(); }
int BatchedEnv::state_dim() const { return impl_->rows.state_dim(); }
const mjData* BatchedEnv::data(int row) const {
  impl_->rows.CheckRow(row);
  return impl_->rows.View(row);
}
const mjModel* BatchedEnv::model(int row) const {
  impl_->rows.CheckRow(row);
  return impl_->rows.ModelOf(row, 0);
}

const StepResult& BatchedEnv::Reset(uint64_t seed) {
  std::vector<int> rows(Size(num_envs()));
  std::vector<EpisodeKey> keys(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<int>(i);
    keys[i] = {seed + i, 0};
  }
  return ResetRows(rows, keys);
}

const StepResult& BatchedEnv::ResetRows(std::span<const int> rows, std::span<const EpisodeKey> keys,
                                        const ResetState& state) {
  if (rows.size() != keys.size()) {
    throw ShapeError(Cat("ResetRows needs one key a row, got ", rows.size(), " rows and ",
                         keys.size(), " keys"));
  }
  for (int row : rows) {
    if (row < 0 || row >= num_envs()) {
      throw ShapeError(Cat("row must be in 0 .. ", num_envs() - 1, ", got ", row));
    }
  }
  const mjModel* model = task().model().get();
  const auto check = [&](const char* name, std::span<const double> values, auto size) {
    if (values.empty()) return;
    if (values.size() != rows.size() * static_cast<size_t>(size)) {
      throw ShapeError(Cat(name, " must have ", size, " numbers a row, got ", values.size(),
                           " for ", rows.size(), " rows"));
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        ThrowUser(name, " must be finite, got ", values[i], " at index ",
                  i % static_cast<size_t>(size), "; no environment has been reset");
      }
    }
  };
  check("qpos", state.qpos, model->nq);
  check("qvel", state.qvel, model->nv);
  check("act", state.act, model->na);
  check("ctrl", state.ctrl, model->nu);
  impl_->reset_rows = rows;
  impl_->reset_keys = keys;
  impl_->reset_state = state;
  impl_->pool.ParallelFor(static_cast<int>(rows.size()), impl_->reset_body);
  for (int row : rows) impl_->rows.ClearStep(row);
  return impl_->rows.result;
}

const StepResult& BatchedEnv::Step(std::span<const float> action_NA) {
  return impl_->Step(action_NA, impl_->step_float, impl_->float_actions);
}

const StepResult& BatchedEnv::Step(std::span<const double> action_NA) {
  return impl_->Step(action_NA, impl_->step_double, impl_->double_actions);
}

void BatchedEnv::Deactivate() {
  std::ranges::fill(impl_->rows.active, uint8_t{0});
  std::ranges::fill(impl_->rows.needs_reset, uint8_t{0});
}

void BatchedEnv::GetState(int row, std::span<double> state) const {
  if (state.size() != Size(state_dim())) {
    throw ShapeError(Cat("a state has ", state_dim(), " numbers, got ", state.size()));
  }
  impl_->rows.CheckRow(row);
  impl_->rows.Save(row, state);
}

void BatchedEnv::SetState(int row, std::span<const double> state, const EpisodeKey& key) {
  if (state.size() != Size(state_dim())) {
    throw ShapeError(
        Cat("a state of ", task().name(), " has ", state_dim(), " numbers, got ", state.size()));
  }
  impl_->rows.CheckRow(row);
  impl_->rows.Load(row, 0, state, key);
}

}  // namespace simscale::env
