#include "simscale/env/rows.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"
#include "simscale/env/state_dump.h"

namespace simscale::env {

Rows::Rows(std::shared_ptr<const Task> task, const BatchedEnvConfig& config, int num_threads)
    : task_(std::move(task)),
      config_(config),
      num_envs_(config.num_envs),
      physics_dim_(sim::StateSize(task_->model())),
      controller_dim_(task_->controller().state_dim()),
      memory_dim_(task_->term_memory_size()),
      num_actions_(task_->action_dim()),
      num_values_(task_->randomization().num_values()),
      values_memory_dim_(task_->randomization().memory_size()),
      curriculum_dim_(task_->config().curriculum.enabled ? CurriculumState::kSize : 0),
      num_rewards_(static_cast<int>(task_->rewards().size())),
      num_info_(task_->num_info()),
      start_keyframe_(sim::StartKeyframe(task_->model().get())),
      shares_data_(task_->steps_like_mujoco()),
      cameras_(task_->cameras(), task_->model(), num_envs_, num_threads,
               task_->overlay() != nullptr) {
  state_dim_ = physics_dim_ + controller_dim_ + memory_dim_ + num_actions_ + num_values_ +
               values_memory_dim_ + curriculum_dim_ + 1;
  const size_t n = Size(num_envs_);
  if (shares_data_) {
    physics_.resize(n * Size(physics_dim_));
  } else {
    data_.reserve(n);
    for (size_t i = 0; i < n; ++i) data_.emplace_back(task_->model());
  }
  for (auto* bytes : {&active, &needs_reset, &terminated_, &truncated_, &success_, &non_finite_}) {
    bytes->resize(n);
  }
  keys.resize(n);
  curriculum.assign(n, CurriculumState::Start(task_->config().curriculum, config_.curriculum));
  controller_state_.resize(n * Size(controller_dim_));
  term_memory_.resize(n * Size(memory_dim_));
  last_action_.resize(n * Size(num_actions_));
  values_.resize(n * Size(num_values_));
  values_memory_.resize(n * Size(values_memory_dim_));
  version_.resize(n);
  broken_.resize(n);
  length_.resize(n);
  result_length_.resize(n);
  reward_.resize(n);
  reward_terms_.resize(n * Size(num_rewards_));
  info_.resize(n * Size(num_info_));
  final_info.resize(info_.size());
  final_randomization.resize(values_.size());
  const ModelOverlay* overlay = task_->overlay();
  if (overlay != nullptr) overlay_.resize(n * overlay->size());
  size_t largest = 0;
  for (const auto& entry : task_->observations()) {
    largest = std::max(largest, Size(entry.term->size()));
  }
  scratch_.resize(Size(num_threads));
  for (Scratch& scratch : scratch_) {
    scratch.action.resize(Size(num_actions_));
    scratch.executed.resize(Size(num_actions_));
    scratch.controller.resize(Size(task_->controller().scratch_dim()));
    scratch.before.resize(Size(state_dim_));
    scratch.values.resize(largest);
    scratch.workspace.resize(Size(task_->randomization().workspace_size()));
    if (shares_data_) scratch.data = std::make_unique<sim::Data>(task_->model());
    if (overlay != nullptr) scratch.model = std::make_unique<ThreadModel>(task_->model());
  }
  MakeBuffers(observations_, result.observations);
  MakeBuffers(final_, final_view);
  result.reward = reward_;
  result.terminated = terminated_;
  result.truncated = truncated_;
  result.success = success_;
  result.non_finite = non_finite_;
  result.reward_terms = reward_terms_;
  result.info = info_;
  result.randomization = values_;
  result.episode_length = result_length_;
}

void Rows::MakeBuffers(Buffers& buffers, ObservationView& view) const {
  view.num_rows = num_envs_;
  const size_t num_terms = task_->observation_specs().size() - task_->cameras().specs().size();
  for (const ObservationSpec& spec : task_->observation_specs()) {
    const size_t size = Size(num_envs_) * Size(spec.size());
    const bool is_term = buffers.state.size() < num_terms;
    buffers.state.emplace_back(spec.element == Element::kFloat32 ? size : 0);
    buffers.state64.emplace_back(is_term && task_->float64() ? size : 0);
    buffers.image.emplace_back(spec.element == Element::kUint8 ? size : 0);
    buffers.ids.emplace_back(spec.element == Element::kInt32 ? size : 0);
  }
  for (size_t k = 0; k < buffers.state.size(); ++k) {
    view.keys.push_back({&task_->observation_specs()[k], buffers.state[k], buffers.image[k],
                         buffers.state64[k], buffers.ids[k]});
  }
}

void Rows::CheckRow(int row) const {
  if (row < 0 || row >= num_envs_) throw ShapeError(Cat("no row ", row));
}

mjData* Rows::OpenBlank(int row, int thread) {
  return shares_data_ ? scratch_[Size(thread)].data->get() : data_[Size(row)].get();
}

mjData* Rows::Open(int row, int thread) {
  mjData* d = OpenBlank(row, thread);
  if (shares_data_) {
    mj_setState(task_->model().get(), d, Stretch(physics_, row, physics_dim_).data(),
                mjSTATE_INTEGRATION);
  }
  return d;
}

void Rows::Close(int row, const mjData* d) {
  if (shares_data_) {
    sim::GetState(task_->model().get(), d, Stretch(physics_, row, physics_dim_));
  }
}

const mjData* Rows::View(int row) {
  if (!shares_data_) return data_[Size(row)].get();
  if (!view_) view_ = std::make_unique<sim::Data>(task_->model());
  sim::SetState(ModelOf(row, 0), view_->get(), Stretch(physics_, row, physics_dim_),
                sim::Refresh::kForward);
  return view_->get();
}

TermContext Rows::ContextOf(int row, const mjModel* model, const mjData* d) const {
  TermContext context;
  context.model = model;
  context.data = d;
  context.previous_action =
      std::span(last_action_).subspan(Offset(row, num_actions_), Size(num_actions_));
  context.action = context.previous_action;
  context.control_dt = task_->frame_skip() * model->opt.timestep;
  context.step = length_[Size(row)];
  context.level = curriculum[Size(row)].level;
  return context;
}

int Rows::OverlaySize() const { return static_cast<int>(task_->overlay()->size()); }

const mjModel* Rows::ModelOf(int row, int thread) {
  if (task_->overlay() == nullptr) return task_->model().get();
  Scratch& scratch = scratch_[Size(thread)];
  if (scratch.row != row || scratch.version != version_[Size(row)]) {
    task_->overlay()->Load(Stretch(overlay_, row, OverlaySize()), *scratch.model);
    scratch.row = row;
    scratch.version = version_[Size(row)];
  }
  return scratch.model->get();
}

/// The row's sampled values have changed: what they mean for the model follows.
void Rows::DeriveModel(int row, int thread) {
  if (task_->overlay() == nullptr) return;
  Scratch& scratch = scratch_[Size(thread)];
  task_->overlay()->Expand(Stretch(values_, row, num_values_), *scratch.model,
                           Stretch(overlay_, row, OverlaySize()));
  scratch.row = row;
  scratch.version = ++version_[Size(row)];
}

void Rows::Reset(int row, int thread, const EpisodeKey& key, const ResetState& state) {
  const size_t r = Size(row);
  keys[r] = key;
  length_[r] = 0;
  active[r] = 1;
  needs_reset[r] = 0;
  broken_[r].clear();
  std::string what;
  mjData* d = OpenBlank(row, thread);
  try {
    ResetPhysics(row, thread, d, state);
    if (!sim::IsFinite(task_->model().get(), d, &what)) throw Error(what);
    const mjModel* model = ModelOf(row, thread);
    StartTerms(row, model, d);
    const TermContext context = ContextOf(row, model, d);
    Observe(row, thread, context, true);
    ObserveInfo(row, context);
  } catch (const std::exception& error) {
    // The episode can't begin. The row waits in the nominal start state and ends at its first step.
    broken_[r] = Cat("its reset failed: ", error.what());
    mj_resetData(task_->model().get(), d);
    mj_forward(task_->model().get(), d);
  }
  Close(row, d);
}

void Rows::ResetPhysics(int row, int thread, mjData* d, const ResetState& state) {
  const EpisodeKey& key = keys[Size(row)];
  const Randomization& randomization = task_->randomization();
  if (num_values_ > 0) {
    randomization.SampleReset(key, curriculum[Size(row)].level, task_->control_dt(),
                              Stretch(values_, row, num_values_),
                              Stretch(values_memory_, row, values_memory_dim_));
    DeriveModel(row, thread);
  }
  const mjModel* m = ModelOf(row, thread);
  sim::ResetToStart(m, d, start_keyframe_);
  Rng rng(key.seed, key.index, "reset");
  ResetContext context{m, task_->model().get(), d, rng, curriculum[Size(row)].level};
  for (const auto& entry : task_->resets()) entry.term->Apply(context);
  if (num_values_ > 0) {
    randomization.ApplyToState(Stretch(values_, row, num_values_), m, d,
                               scratch_[Size(thread)].workspace);
  }
  const auto set = [](std::span<const double> from, mjtNum* to) { std::ranges::copy(from, to); };
  set(state.qpos, d->qpos);
  set(state.qvel, d->qvel);
  set(state.act, d->act);
  // The row's invariant: what MuJoCo derives from the state is there. With stepping: current
  // mj_step1 has run, so positions, velocities and contacts are of this moment.
  if (task_->steps_like_mujoco()) {
    mj_forward(m, d);
  } else {
    mj_step1(m, d);
  }
  task_->controller().Reset(m, d, Stretch(controller_state_, row, controller_dim_));
  set(state.ctrl, d->ctrl);
}

void Rows::StartTerms(int row, const mjModel* model, const mjData* d) {
  const EpisodeKey& key = keys[Size(row)];
  std::ranges::fill(Stretch(term_memory_, row, memory_dim_), 0.0);
  std::ranges::fill(Stretch(last_action_, row, num_actions_), 0.0);
  TermContext context = ContextOf(row, model, d);
  const auto start = [&](const char* section, const auto& entries) {
    for (const auto& entry : entries) {
      entry.signal.Start(key, Memory(row, entry.signal_offset, entry.signal.memory_size()));
      if (entry.term->memory_size() == 0) continue;
      Rng rng(key.seed, key.index, Cat("start/", section, "/", entry.name));
      context.rng = &rng;
      context.memory = Memory(row, entry.memory_offset, entry.term->memory_size());
      entry.term->Start(context);
    }
  };
  start("observations", task_->observations());
  start("rewards", task_->rewards());
  start("terminations", task_->terminations());
  start("info", task_->info());
  const Signal& action = task_->action_signal();
  action.Start(key, Memory(row, task_->action_signal_offset(), action.memory_size()));
}

void Rows::ClearStep(int row) {
  const size_t r = Size(row);
  reward_[r] = 0;
  terminated_[r] = truncated_[r] = success_[r] = non_finite_[r] = 0;
  std::ranges::fill(Stretch(reward_terms_, row, num_rewards_), 0.0);
  result_length_[r] = length_[r];
}

void Rows::Observe(int row, int thread, const TermContext& base, bool fresh) {
  TermContext context = base;
  for (const auto& entry : task_->observations()) {
    const size_t k = Size(entry.key);
    const size_t width = Size(task_->observation_specs()[k].size());
    const size_t size = Size(entry.term->size());
    const size_t at = Size(row) * width + Size(entry.offset);
    const std::span<double> out = task_->float64()
                                      ? std::span(observations_.state64[k]).subspan(at, size)
                                      : std::span(scratch_[Size(thread)].values).first(size);
    context.memory = Memory(row, entry.memory_offset, entry.term->memory_size());
    entry.term->Write(context, out);
    if (entry.signal.active()) {
      entry.signal.Process(keys[Size(row)], context.step, out,
                           Memory(row, entry.signal_offset, entry.signal.memory_size()));
    }
    float* to = observations_.state[k].data() + at;
    float bad = 0;  // stays 0 unless some number is not finite, or too large for a float
    for (size_t i = 0; i < size; ++i) {
      to[i] = static_cast<float>(out[i]);
      bad += to[i] * 0;
    }
    if (bad != 0) {
      // Learners see the last observation of an episode that ends so, too: NaN would spoil them.
      std::ranges::fill(out, 0.0);
      std::fill_n(to, size, 0.0F);
      throw Error(Cat("observation '", entry.name, "' is not finite"));
    }
  }
  if (task_->cameras().empty()) return;
  const size_t first = task_->observation_specs().size() - task_->cameras().specs().size();
  cameras_.Observe(
      {row, thread, keys[Size(row)], base.step, fresh, base.model, base.data},
      {&observations_.state, &observations_.image, &observations_.ids, static_cast<int>(first)});
}

void Rows::ObserveInfo(int row, TermContext context) {
  for (const auto& entry : task_->info()) {
    context.memory = Memory(row, entry.memory_offset, entry.term->memory_size());
    entry.term->Write(
        context,
        Stretch(info_, row, num_info_).subspan(Size(entry.offset), Size(entry.term->size())));
  }
}

template <class Real>
void Rows::Step(int row, int thread, std::span<const Real> action) {
  const size_t r = Size(row);
  ClearStep(row);
  if (!active[r]) return;
  Scratch& scratch = scratch_[Size(thread)];
  const sim::Controller& controller = task_->controller();
  const bool clips = controller.clips_action();
  for (int a = 0; a < num_actions_; ++a) {
    const double value = action[Size(a)];
    scratch.action[Size(a)] =
        clips ? std::clamp(value, controller.action_low(a), controller.action_high(a)) : value;
  }
  const int32_t length_before = length_[r];
  if (!config_.dump_dir.empty()) Save(row, scratch.before);
  std::string what = broken_[r];
  const bool from_reset = !what.empty();
  bool good = !from_reset;
  mjData* d = Open(row, thread);
  try {
    good = good && Simulate(row, thread, d, &what);
    if (good) {
      ++length_[r];
      TermContext context = ContextOf(row, ModelOf(row, thread), d);
      context.action = scratch.executed;
      context.float32_action = std::is_same_v<Real, float>;
      Judge(row, context);
      if (length_[r] >= task_->config().max_episode_steps && !terminated_[r]) truncated_[r] = 1;
      Observe(row, thread, context, false);
      ObserveInfo(row, context);
      std::ranges::copy(scratch.executed, Stretch(last_action_, row, num_actions_).begin());
    }
  } catch (const std::exception& error) {  // terms of plugins may throw what they like
    good = false;
    what = error.what();
  }
  if (!good) {
    length_[r] = length_before;
    Quarantine(row, thread, d, what, from_reset);
    ++length_[r];
  }
  Close(row, d);
  result_length_[r] = length_[r];
  if (terminated_[r] || truncated_[r]) EndEpisode(row, thread);
}

template void Rows::Step<float>(int, int, std::span<const float>);
template void Rows::Step<double>(int, int, std::span<const double>);

void Rows::Advance(const mjModel* m, mjData* d) const {
  const int n = task_->frame_skip();
  if (task_->steps_like_mujoco()) {
    for (int i = 0; i < n; ++i) mj_step(m, d);
    if (task_->needs_contact_forces()) mj_rnePostConstraint(m, d);
    return;
  }
  // One mj_step is mj_step1 and mj_step2; ending on mj_step1 leaves everything current. Contact
  // forces belong to the solver's last contacts, so they are taken in between.
  for (int i = 0; i < n; ++i) {
    mj_step2(m, d);
    if (i + 1 == n && task_->needs_contact_forces()) mj_rnePostConstraint(m, d);
    mj_step1(m, d);
  }
}

/// What randomisation does before a control step; returns the row's own model.
const mjModel* Rows::Disturb(int row, int thread, mjData* d) {
  const Randomization& randomization = task_->randomization();
  const auto values = Stretch(values_, row, num_values_);
  if (randomization.has_intervals() &&
      randomization.SampleInterval(keys[Size(row)], curriculum[Size(row)].level, length_[Size(row)],
                                   task_->control_dt(), values,
                                   Stretch(values_memory_, row, values_memory_dim_))) {
    DeriveModel(row, thread);
  }
  const mjModel* m = ModelOf(row, thread);
  if (randomization.has_forces() && randomization.BeforeStep(values, m, d) &&
      !task_->steps_like_mujoco()) {
    mj_step1(m, d);
  }
  return m;
}

bool Rows::Simulate(int row, int thread, mjData* d, std::string* what) {
  const mjModel* m = Disturb(row, thread, d);
  Scratch& scratch = scratch_[Size(thread)];
  std::ranges::copy(scratch.action, scratch.executed.begin());
  if (const Signal& signal = task_->action_signal(); signal.active()) {
    signal.Process(keys[Size(row)], length_[Size(row)], scratch.executed,
                   Memory(row, task_->action_signal_offset(), signal.memory_size()));
  }
  task_->controller().Apply(m, d, scratch.executed,
                            Stretch(controller_state_, row, controller_dim_), scratch.controller);
  Advance(m, d);
  return sim::IsFinite(m, d, what);
}

void Rows::Judge(int row, const TermContext& base) {
  const size_t r = Size(row);
  TermContext context = base;
  for (const auto& entry : task_->terminations()) {
    context.memory = Memory(row, entry.memory_offset, entry.term->memory_size());
    if (!entry.term->Holds(context)) continue;
    terminated_[r] = 1;
    if (entry.success) success_[r] = 1;
  }
  context.success = success_[r] != 0;
  context.terminated = terminated_[r] != 0;
  double sum = 0;
  for (size_t k = 0; k < task_->rewards().size(); ++k) {
    const auto& entry = task_->rewards()[k];
    context.memory = Memory(row, entry.memory_offset, entry.term->memory_size());
    double value = entry.term->Value(context);
    if (entry.signal.active()) {
      entry.signal.Process(keys[r], context.step, {&value, 1},
                           Memory(row, entry.signal_offset, entry.signal.memory_size()));
    }
    value *= entry.weight;
    if (!std::isfinite(value)) throw Error(Cat("reward term '", entry.name, "' is ", value));
    reward_terms_[Offset(row, num_rewards_) + k] = value;
    sum += value;
  }
  if (!std::isfinite(sum)) throw Error(Cat("the sum of the reward terms is ", sum));
  reward_[r] = sum;
}

void Rows::Quarantine(int row, int thread, mjData* d, const std::string& what, bool from_reset) {
  const size_t r = Size(row);
  ClearStep(row);
  terminated_[r] = non_finite_[r] = 1;
  const Scratch& scratch = scratch_[Size(thread)];
  // A task in which every episode fails must fill neither the log nor the disk.
  constexpr int64_t kMaxReports = 50;
  const int64_t count = 1 + num_quarantined_.fetch_add(1, std::memory_order_relaxed);
  std::string where;
  if (!config_.dump_dir.empty() && !from_reset && count <= kMaxReports) {
    const auto path = std::filesystem::path(config_.dump_dir) /
                      Cat("non_finite_", keys[r].seed, "_", keys[r].index, ".json");
    try {
      MakeDirs(config_.dump_dir);
      WriteStateDump(
          path, {task_->ResolvedYaml(), what, keys[r], length_[r], scratch.before, scratch.action});
      where = Cat("; state dumped to ", path.string());
    } catch (const Error& error) {
      where = Cat("; no dump: ", error.what());
    }
  }
  if (count == kMaxReports) where += "; further ones are counted, not reported";
  if (count <= kMaxReports) {
    LogWarning("episode ", keys[r].index, " of seed ", keys[r].seed, " (", task_->name(),
               ") ended at step ", length_[r] + 1, ": ", what, where);
  }
  mj_resetData(task_->model().get(), d);
  mj_step1(task_->model().get(), d);
}

void Rows::EndEpisode(int row, int thread) {
  const size_t r = Size(row);
  const CurriculumConfig& course = task_->config().curriculum;
  if (course.enabled && config_.curriculum) curriculum[r].Count(course, success_[r] != 0);
  const auto keep = [&](const auto& from, auto& to, size_t width) {
    const auto at = static_cast<std::ptrdiff_t>(r * width);
    if (!from.empty()) std::copy_n(from.begin() + at, width, to.begin() + at);
  };
  for (size_t k = 0; k < observations_.state.size(); ++k) {
    const size_t width = Size(task_->observation_specs()[k].size());
    keep(observations_.state[k], final_.state[k], width);
    keep(observations_.state64[k], final_.state64[k], width);
    keep(observations_.image[k], final_.image[k], width);
    keep(observations_.ids[k], final_.ids[k], width);
  }
  keep(info_, final_info, Size(num_info_));
  keep(values_, final_randomization, Size(num_values_));
  switch (config_.autoreset) {
    case AutoresetMode::kDisabled:
      active[r] = 0;
      break;
    case AutoresetMode::kNextStep:
      needs_reset[r] = 1;
      break;
    case AutoresetMode::kSameStep:
      Reset(row, thread, {keys[r].seed, keys[r].index + 1}, {});
      break;
  }
}

void Rows::Save(int row, std::span<double> state) const {
  if (shares_data_) {
    std::copy_n(physics_.begin() + static_cast<std::ptrdiff_t>(Offset(row, physics_dim_)),
                physics_dim_, state.begin());
  } else {
    sim::GetState(task_->model(), data_[Size(row)], state.first(Size(physics_dim_)));
  }
  auto out = state.begin() + physics_dim_;
  const auto append = [&](const std::vector<double>& all, int size) {
    out = std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(Offset(row, size)), size, out);
  };
  append(controller_state_, controller_dim_);
  append(term_memory_, memory_dim_);
  append(last_action_, num_actions_);
  append(values_, num_values_);
  append(values_memory_, values_memory_dim_);
  if (curriculum_dim_ > 0) {
    const CurriculumState& level = curriculum[Size(row)];
    *out++ = level.level;
    *out++ = level.episodes;
    *out++ = level.successes;
  }
  *out = length_[Size(row)];
}

void Rows::Load(int row, int thread, std::span<const double> state, const EpisodeKey& key) {
  const size_t r = Size(row);
  const double steps = state.back();
  if (!(steps >= 0 && steps <= 1e9)) ThrowUser("a state's step count must be >= 0, got ", steps);
  const auto bad = std::ranges::find_if(state, [](double x) { return !std::isfinite(x); });
  if (bad != state.end()) {
    ThrowUser("a state must be finite, got ", *bad, " as number ", bad - state.begin());
  }
  auto in = state.begin() + physics_dim_;
  const auto take = [&](std::vector<double>& all, int size) {
    std::copy_n(in, size, all.begin() + static_cast<std::ptrdiff_t>(Offset(row, size)));
    in += size;
  };
  take(controller_state_, controller_dim_);
  take(term_memory_, memory_dim_);
  take(last_action_, num_actions_);
  const bool changed =
      !std::equal(in, in + num_values_, Stretch(values_, row, num_values_).begin());
  take(values_, num_values_);
  take(values_memory_, values_memory_dim_);
  if (curriculum_dim_ > 0) curriculum[r] = {in[0], in[1], in[2]};
  if (changed || version_[r] == 0) DeriveModel(row, thread);
  const mjModel* model = ModelOf(row, thread);
  mjData* d = OpenBlank(row, thread);
  sim::SetState(model, d, state.first(Size(physics_dim_)),
                shares_data_ ? sim::Refresh::kForward : sim::Refresh::kStep1);
  Close(row, d);
  length_[r] = static_cast<int32_t>(steps);
  keys[r] = key;
  active[r] = 1;
  needs_reset[r] = 0;
  broken_[r].clear();
  const TermContext context = ContextOf(row, model, d);
  Observe(row, thread, context, true);
  ObserveInfo(row, context);
  ClearStep(row);
}

}  // namespace simscale::env
