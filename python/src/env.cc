#include "env.h"

#include <algorithm>

#include "simscale/common/error.h"
#include "simscale/common/thread_pool.h"
#include "simscale/tasks/registry.h"

namespace simscale::python {
namespace {

size_t Size(int n) { return static_cast<size_t>(n); }

env::AutoresetMode ParseAutoreset(const std::string& name) {
  if (name == "next_step") return env::AutoresetMode::kNextStep;
  if (name == "same_step") return env::AutoresetMode::kSameStep;
  if (name == "disabled") return env::AutoresetMode::kDisabled;
  const std::vector<std::string> known = {"next_step", "same_step", "disabled"};
  throw UserError(UnknownName("autoreset mode", name, known));
}

std::shared_ptr<env::BatchedEnv> Make(const EnvOptions& options) {
  env::BatchedEnvConfig config;
  config.num_envs = options.num_envs;
  config.num_threads = options.num_threads;
  if (config.num_threads == 0) {
    config.num_threads = std::clamp(config.num_envs, 1, ThreadPool::HardwareThreads());
  }
  config.autoreset = ParseAutoreset(options.autoreset);
  config.curriculum = options.curriculum;
  config.dump_dir = options.dump_dir;
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig(options.task, options.overrides));
  return std::make_shared<env::BatchedEnv>(task, config);
}

}  // namespace

Env::Env(const EnvOptions& options) : autoreset_(ParseAutoreset(options.autoreset)) {
  const nb::gil_scoped_release release;
  env_ = Make(options);
  const size_t n = Size(env_->num_envs());
  marks_ = std::make_shared<Marks>(std::vector<uint8_t>(n), std::vector<uint8_t>(n));
}

nb::dict Env::Spec() const {
  nb::dict spec = TaskSpec(env_->task());
  spec["num_envs"] = env_->num_envs();
  spec["num_threads"] = env_->num_threads();
  spec["state_dim"] = env_->state_dim();
  return spec;
}

nb::dict Env::Buffers() const {
  const env::StepResult& result = env_->result();
  const env::Task& task = env_->task();
  const size_t n = Size(env_->num_envs());
  const auto table = [&](std::span<const double> values, size_t columns) {
    return ViewOf(values.data(), {n, columns}, env_);
  };
  const auto flags = [&](std::span<const uint8_t> values, const auto& owner) {
    static_assert(sizeof(bool) == 1);
    return ViewOf(reinterpret_cast<const bool*>(values.data()), {n}, owner);
  };
  const auto observations = [&](const env::ObservationView& view) {
    nb::dict arrays;
    for (const auto& key : view.keys) {
      std::vector<size_t> shape = {n};
      for (int size : key.spec->shape) shape.push_back(Size(size));
      nb::object array;
      if (key.spec->element == env::Element::kUint8) {
        array = ViewOf(key.image.data(), shape, env_);
      } else if (key.spec->element == env::Element::kInt32) {
        array = ViewOf(key.ids.data(), shape, env_);
      } else if (!key.state64.empty()) {
        array = ViewOf(key.state64.data(), shape, env_);
      } else {
        array = ViewOf(key.state.data(), shape, env_);
      }
      arrays[key.spec->name.c_str()] = array;
    }
    return arrays;
  };

  nb::dict buffers;
  buffers["observations"] = observations(result.observations);
  buffers["reward"] = ViewOf(result.reward.data(), {n}, env_);
  buffers["terminated"] = flags(result.terminated, env_);
  buffers["truncated"] = flags(result.truncated, env_);
  buffers["success"] = flags(result.success, env_);
  buffers["non_finite"] = flags(result.non_finite, env_);
  buffers["active"] = flags(env_->active(), env_);
  buffers["ended"] = flags(marks_->ended, marks_);
  buffers["stepped"] = flags(marks_->stepped, marks_);
  buffers["reward_terms"] = table(result.reward_terms, task.rewards().size());
  buffers["info"] = table(result.info, Size(task.num_info()));
  const size_t num_values = Size(task.randomization().num_values());
  buffers["randomization"] = table(result.randomization, num_values);
  buffers["final_observations"] = observations(env_->final_observation());
  buffers["final_info"] = table(env_->final_info(), Size(task.num_info()));
  buffers["final_randomization"] = table(env_->final_randomization(), num_values);
  return buffers;
}

nb::tuple Env::Step(const AnyArray& action) {
  // What is closed meanwhile lives on.
  const std::shared_ptr<env::BatchedEnv> env = env_;
  const std::shared_ptr<Marks> marks = marks_;
  bool any_ended = false;
  int num_stepped = 0;
  const auto step = [&]<class Real>(const Real* values) {
    const nb::gil_scoped_release release;
    const env::StepResult& result = env->Step(std::span(values, action.size()));
    for (size_t i = 0; i < marks->ended.size(); ++i) {
      const bool was_ended = marks->ended[i] != 0;
      const bool ended = result.terminated[i] != 0 || result.truncated[i] != 0;
      bool stepped = true;
      if (autoreset_ == env::AutoresetMode::kNextStep) stepped = !was_ended;
      if (autoreset_ == env::AutoresetMode::kSameStep) stepped = !ended;
      marks->ended[i] = ended ? 1 : 0;
      marks->stepped[i] = stepped ? 1 : 0;
      any_ended = any_ended || ended;
      num_stepped += stepped ? 1 : 0;
    }
  };
  if (action.dtype() == nb::dtype<float>()) {
    step(static_cast<const float*>(action.data()));
  } else if (action.dtype() == nb::dtype<double>()) {
    step(static_cast<const double*>(action.data()));
  } else {
    throw UserError("actions must be float32 or float64");
  }
  return nb::make_tuple(any_ended, num_stepped);
}

void Env::Reset(const ArrayOf<int32_t>& rows, const ArrayOf<uint64_t>& seeds,
                const ArrayOf<uint64_t>& indices, const std::optional<ArrayOf<double>>& qpos,
                const std::optional<ArrayOf<double>>& qvel,
                const std::optional<ArrayOf<double>>& act,
                const std::optional<ArrayOf<double>>& ctrl) {
  if (seeds.size() != rows.size() || indices.size() != rows.size()) {
    throw ShapeError(Cat("a reset needs one seed and index a row, got ", rows.size(), " rows, ",
                         seeds.size(), " seeds and ", indices.size(), " indices"));
  }
  const auto part = [](const std::optional<ArrayOf<double>>& array) {
    return array ? SpanOf(*array) : std::span<const double>();
  };
  const std::shared_ptr<env::BatchedEnv> env = env_;
  std::vector<int> row_list(rows.data(), rows.data() + rows.size());
  std::vector<env::EpisodeKey> keys(rows.size());
  for (size_t k = 0; k < keys.size(); ++k) keys[k] = {seeds.data()[k], indices.data()[k]};
  const env::ResetState state{part(qpos), part(qvel), part(act), part(ctrl)};
  const std::shared_ptr<Marks> marks = marks_;
  const nb::gil_scoped_release release;
  env->ResetRows(row_list, keys, state);
  for (int row : row_list) marks->ended[Size(row)] = 0;
}

nb::tuple Env::Keys() const {
  const size_t n = Size(env_->num_envs());
  std::vector<uint64_t> seeds(n), indices(n);
  for (size_t i = 0; i < n; ++i) {
    const env::EpisodeKey& key = env_->key(static_cast<int>(i));
    seeds[i] = key.seed;
    indices[i] = key.index;
  }
  return nb::make_tuple(ArrayFrom(std::move(seeds), {n}), ArrayFrom(std::move(indices), {n}));
}

nb::object Env::Levels() const {
  const size_t n = Size(env_->num_envs());
  std::vector<double> levels(n);
  for (size_t i = 0; i < n; ++i) levels[i] = env_->level(static_cast<int>(i));
  return ArrayFrom(std::move(levels), {n});
}

nb::bytes Env::Model() const {
  const mjModel* model = env_->model(0);
  std::vector<char> bytes(static_cast<size_t>(mj_sizeModel(model)));
  mj_saveModel(model, nullptr, bytes.data(), static_cast<int>(bytes.size()));
  return nb::bytes(bytes.data(), bytes.size());
}

nb::object Env::PhysicsState(int row) const {
  std::vector<double> state(static_cast<size_t>(sim::StateSize(env_->model(row))));
  sim::GetState(env_->model(row), env_->data(row), state);
  const size_t size = state.size();
  return ArrayFrom(std::move(state), {size});
}

nb::object Env::GetState(int row) const {
  std::vector<double> state(Size(env_->state_dim()));
  env_->GetState(row, state);
  return ArrayFrom(std::move(state), {Size(env_->state_dim())});
}

void Env::SetState(int row, const ArrayOf<double>& state, uint64_t seed, uint64_t index) {
  env_->SetState(row, SpanOf(state), {seed, index});
}

}  // namespace simscale::python
