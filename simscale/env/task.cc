#include "simscale/env/task.h"

#include <cmath>
#include <iomanip>
#include <new>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

/// What terms may remember of one row (800 MB): past it a slip is likelier than a wish.
constexpr int64_t kMaxMemory = 100'000'000;
constexpr double kMaxFrameSkip = 10000;

/// Calls build: before what it throws goes the task, and the section unless the message names it.
template <class F>
auto InSection(const std::string& task, const std::string& section, F&& build) {
  try {
    return build();
  } catch (const UserError& error) {
    const std::string what = error.what();
    ThrowUser("task ", task, ": ", what.starts_with(section) ? "" : section + ": ", what);
  } catch (const Error&) {
    throw;  // the machine's refusals
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {  // terms of plugins may throw what they like
    throw Error(Cat("task ", task, ": ", section, ": ", error.what()));
  }
}

TaskConfig Checked(TaskConfig config) {
  InSection(config.name, "", [&] { config.Validate(); });
  return config;
}

}  // namespace

template <class Base, class Config>
std::vector<Task::Entry<Base>> Task::Build(
    const std::string& section, const std::vector<std::pair<std::string, Config>>& configs,
    const std::vector<TermType<Base>>& types) {
  std::vector<Entry<Base>> entries;
  for (const auto& [name, config] : configs) {
    const TermType<Base>* found = nullptr;
    std::vector<std::string> known;
    for (const auto& type : types) {
      known.push_back(type.name);
      if (type.name == config.term) found = &type;
    }
    const std::string place = Cat(section, ".", name);
    Entry<Base> entry;
    entry.name = name;
    entry.term = InSection(config_.name, place, [&] {
      if (config.term.empty()) {
        std::vector<std::string> others;
        for (const auto& other : configs) {
          if (!other.second.term.empty()) others.push_back(other.first);
        }
        ThrowUser("says no `term:`. To add one, name its type (simscale list-envs --terms); ",
                  "to change one of the task's, use its name: ", Join(others, ", "));
      }
      if (found == nullptr) throw UserError(UnknownName("term", config.term, known));
      return found->make(config.params, TermScope(model_, action_dim()));
    });
    needs_contact_forces_ = needs_contact_forces_ || entry.term->needs_contact_forces();
    if constexpr (requires { config.weight; }) entry.weight = config.weight;
    if constexpr (requires { config.outcome; }) entry.success = config.outcome == "success";
    if constexpr (requires { config.signal; }) {
      int size = 1;
      if constexpr (requires { entry.term->size(); }) size = entry.term->size();
      entry.signal = InSection(config_.name, place, [&] {
        return Signal(config.signal, size, Cat(section, "/", name));
      });
      entry.signal_offset = TakeMemory(entry.signal.memory_size());
    }
    entry.memory_offset = TakeMemory(entry.term->memory_size());
    entries.push_back(std::move(entry));
  }
  return entries;
}

int Task::TakeMemory(int size) {
  const int offset = term_memory_size_;
  if (int64_t{offset} + size > kMaxMemory) {
    ThrowUser("task ", name(), ": terms may remember ", kMaxMemory, " numbers in all, got more. ",
              "Delay fewer of them, or by fewer steps.");
  }
  term_memory_size_ += size;
  return offset;
}

Task::Task(TaskConfig config, const TermLibrary& library)
    : config_(Checked(std::move(config))),
      model_(InSection(config_.name, "scene", [this] { return sim::BuildScene(config_.scene); })) {
  controller_ = InSection(config_.name, "controller",
                          [this] { return sim::MakeController(config_.controller, model_); });
  CheckStepping();
  observations_ = Build("observations", config_.observations, library.observations);
  rewards_ = Build("rewards", config_.rewards, library.rewards);
  terminations_ = Build("terminations", config_.terminations, library.terminations);
  resets_ = Build("resets", config_.resets, library.resets);
  info_ = Build("info", config_.info, library.observations);
  action_signal_ = Signal(config_.action, action_dim(), "action");
  action_signal_offset_ = TakeMemory(action_signal_.memory_size());
  cameras_ = InSection(name(), "cameras", [&] {
    return std::make_unique<Cameras>(config_.cameras, config_.rendering, model_,
                                     config_.control_rate);
  });
  PlaceObservations();
  randomization_ = InSection(name(), "randomization", [&] {
    return std::make_unique<Randomization>(config_.randomization, library.randomization, model_);
  });
  if (randomization_->changes_model()) {
    overlay_ = std::make_unique<ModelOverlay>(model_, *randomization_);
  }
}

void Task::CheckStepping() {
  const double timestep = model_->opt.timestep;
  frame_skip_ = config_.frame_skip;
  if (frame_skip_ == 0) {
    const double steps = 1.0 / (config_.control_rate * timestep);
    if (std::abs(steps - std::round(steps)) > 1e-6 || steps < 0.5) {
      ThrowUser("task ", name(),
                ": a control step must be a whole number of physics steps, got 1 / (",
                config_.control_rate, " Hz * ", timestep, " s) = ", steps,
                ". Change control_rate, or say frame_skip.");
    }
    if (steps > kMaxFrameSkip) {
      ThrowUser("task ", name(), ": a control step may have ", kMaxFrameSkip,
                " physics steps at most, got 1 / (", config_.control_rate, " Hz * ", timestep,
                " s) = ", steps, ". Raise control_rate, or the MJCF's timestep.");
    }
    frame_skip_ = static_cast<int>(std::lround(steps));
  } else {
    config_.control_rate = 1.0 / (frame_skip_ * timestep);
  }
  // With stepping: current an environment runs mj_step2, then mj_step1, and mj_step2 would take
  // Euler's step without a word.
  if (model_->opt.integrator == mjINT_RK4 && !steps_like_mujoco()) {
    ThrowUser("task ", name(),
              ": scene.integrator must be euler, implicit or implicitfast, got rk4, which can't be "
              "split as environments split a physics step. Or say stepping: mj_step.");
  }
}

/// Terms of one key lie side by side in it, in the file's order.
void Task::PlaceObservations() {
  for (size_t i = 0; i < observations_.size(); ++i) {
    auto& entry = observations_[i];
    const std::string& given = config_.observations[i].second.key;
    const std::string& key = given.empty() ? entry.name : given;
    size_t k = 0;
    while (k < observation_specs_.size() && observation_specs_[k].name != key) ++k;
    if (k == observation_specs_.size()) observation_specs_.push_back({key, {0}});
    entry.key = static_cast<int>(k);
    entry.offset = observation_specs_[k].shape[0];
    observation_specs_[k].shape[0] += entry.term->size();
  }
  for (const ObservationSpec& spec : cameras_->specs()) {
    for (const ObservationSpec& other : observation_specs_) {
      if (other.name == spec.name)
        ThrowUser("task ", name(), ": cameras: the key '", spec.name, "' is an observation's too");
    }
    observation_specs_.push_back(spec);
  }
  if (config_.observation_space == "box" && observation_specs_.size() != 1) {
    ThrowUser("task ", name(), ": observation_space: box needs one observation key, got ",
              observation_specs_.size(), ". Give the terms a common `key:`, or say dict.");
  }
  for (auto& entry : info_) {
    entry.offset = num_info_;
    num_info_ += entry.term->size();
    info_specs_.push_back({entry.name, {entry.term->size()}});
  }
}

std::string Task::ResolvedYaml() const { return config::ToYaml(config::Write(config_)); }

namespace {

/// "  {frame: torso}": a term's own parameters as the task file gives them.
std::string Params(const config::Node& params) {
  return params.map.empty() ? "" : "  " + config::ToJson(params);
}

}  // namespace

std::string Task::TermTable() const {
  std::ostringstream out;
  auto row = [&out](const std::string& a, const std::string& b, const std::string& c) {
    out << "  " << std::left << std::setw(16) << a << " " << std::setw(25) << b << " " << c << "\n";
  };
  out << "observations (" << config_.observation_dtype << ")\n";
  for (size_t i = 0; i < observations_.size(); ++i) {
    const auto& config = config_.observations[i].second;
    row(observations_[i].name, config.term,
        Cat("[", observations_[i].term->size(), "]",
            config.key.empty() || config.key == observations_[i].name ? "" : " of " + config.key,
            config.signal.Summary(), Params(config.params)));
  }
  for (const Cameras::Item& item : cameras_->items()) {
    const CameraObservationConfig& config = item.config;
    row(item.name, "camera",
        Cat(config.width, "x", config.height, " ", Join(config.kinds, ", "),
            item.period > 1 ? Cat(", ", config.rate, " Hz") : "",
            config.noise > 0 ? Cat(", noise ", config.noise) : "",
            config.delay.empty() ? "" : Cat(", delay ", config.delay[0], " .. ", config.delay[1]),
            "  (", config_.rendering.backend, ")"));
  }
  const bool unit = controller_->action_dim() == 0 ||
                    (controller_->action_low(0) == -1 && controller_->action_high(0) == 1);
  out << "actions" << (unit ? " in [-1, 1]" : "") << ": " << Join(controller_->action_names(), ", ")
      << " (" << config_.controller.type << ", " << config_.control_rate << " Hz)"
      << config_.action.Summary() << "\n";
  out << "rewards\n";
  for (size_t i = 0; i < rewards_.size(); ++i) {
    const auto& config = config_.rewards[i].second;
    row(rewards_[i].name, config.term,
        Cat("weight ", rewards_[i].weight, config.signal.Summary(), Params(config.params)));
  }
  out << "terminations\n";
  for (size_t i = 0; i < terminations_.size(); ++i) {
    row(terminations_[i].name, config_.terminations[i].second.term,
        Cat(terminations_[i].success ? "success" : "failure",
            Params(config_.terminations[i].second.params)));
  }
  row("time_limit", Cat(config_.max_episode_steps, " steps"), "truncated");
  out << "resets\n";
  for (size_t i = 0; i < resets_.size(); ++i) {
    row(resets_[i].name, config_.resets[i].second.term,
        Trim(Params(config_.resets[i].second.params)));
  }
  if (!info_.empty()) out << "info\n";
  for (size_t i = 0; i < info_.size(); ++i) {
    row(info_[i].name, config_.info[i].second.term,
        Cat("[", info_[i].term->size(), "]", Params(config_.info[i].second.params)));
  }
  out << "randomization (" << config_.randomize << ")\n";
  for (const auto& entry : randomization_->Table()) row(entry.name, entry.term, entry.distribution);
  if (config_.curriculum.enabled) {
    out << "curriculum: level from " << config_.curriculum.start << ", up "
        << config_.curriculum.step << " after " << config_.curriculum.window
        << " episodes with success >= " << config_.curriculum.promote << "\n";
  }
  return out.str();
}

}  // namespace simscale::env
