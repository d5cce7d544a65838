#include "simscale/env/task.h"

#include <cmath>
#include <iomanip>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

void DescribeTerm(config::Fields& f, TermConfig& config) {
  f.Field("term", config.term, {.help = "term type; `simscale list-envs --terms` lists them"});
  f.Field("params", config.params, {.help = "the term's own parameters"});
}

}  // namespace

void ObservationTermConfig::Describe(config::Fields& f) { DescribeTerm(f, *this); }

void RewardTermConfig::Describe(config::Fields& f) {
  DescribeTerm(f, *this);
  f.Field("weight", weight, {.help = "factor of the term's value in the reward of a step"});
}

void TerminationTermConfig::Describe(config::Fields& f) {
  DescribeTerm(f, *this);
  f.Field(
      "outcome", outcome,
      {.help = "what it means when the term ends the episode", .choices = {"success", "failure"}});
}

void ResetTermConfig::Describe(config::Fields& f) { DescribeTerm(f, *this); }

void TaskConfig::Describe(config::Fields& f) {
  f.Field("name", name, {.help = "the task's name"});
  f.Field("language", language, {.help = "instruction in words, stored with each episode"});
  f.Field("description", description, {.help = "one line for `simscale list-envs`"});
  f.Field("expert", expert,
          {.help = "the scripted expert that can do it, such as pick_place; empty: none"});
  f.Field("control_rate", control_rate,
          {.help = "actions a second", .unit = "Hz", .min = 0.1, .max = 10000});
  f.Field("max_episode_steps", max_episode_steps,
          {.help = "control steps after which an episode is truncated", .min = 1, .max = 1e7});
  f.Struct("scene", scene, "robot, table, objects, cameras and physics");
  f.Struct("controller", controller, "how actions move the robot");
  f.StructMap("observations", observations, "observation keys");
  f.StructMap("rewards", rewards, "reward terms, summed with their weights");
  f.StructMap("terminations", terminations, "what ends an episode before its time");
  f.StructMap("resets", resets, "how an episode starts, in this order");
}

void TaskConfig::Validate() const {
  if (name.empty()) ThrowUser("a task needs a name, got an empty one");
  if (observations.empty()) ThrowUser("task ", name, ": observations must have at least one key");
  const double steps = 1.0 / (control_rate * scene.timestep);
  if (std::abs(steps - std::round(steps)) > 1e-6 || steps < 0.5) {
    ThrowUser("task ", name, ": a control step must be a whole number of physics steps, got 1 / (",
              control_rate, " Hz * ", scene.timestep, " s) = ", steps,
              ". Change control_rate or scene.timestep.");
  }
  // An environment runs mj_step2, then mj_step1, and mj_step2 would take Euler's step without a
  // word.
  if (scene.integrator == "rk4") {
    ThrowUser("task ", name,
              ": scene.integrator must be euler, implicit or implicitfast, got rk4, which can't be "
              "split as environments split a physics step");
  }
}

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
    const std::string where = Cat("task ", config_.name, ": ", section, ".", name);
    if (config.term.empty()) {
      std::vector<std::string> others;
      for (const auto& other : configs) {
        if (!other.second.term.empty()) others.push_back(other.first);
      }
      ThrowUser(where,
                ": says no `term:`. To add one, name its type (simscale list-envs --terms); ",
                "to change one of the task's, use its name: ", Join(others, ", "));
    }
    if (found == nullptr) ThrowUser(where, ": ", UnknownName("term", config.term, known));
    Entry<Base> entry;
    entry.name = name;
    try {
      entry.term = found->make(config.params, model_);
    } catch (const UserError& error) {
      throw UserError(Cat(where, ": ", error.what()));
    }
    entry.weight = config.weight;
    entry.success = config.outcome == "success";
    entry.memory_offset = term_memory_size_;
    term_memory_size_ += entry.term->memory_size();
    entries.push_back(std::move(entry));
  }
  return entries;
}

Task::Task(TaskConfig config, const TermLibrary& library)
    : config_((config.Validate(), std::move(config))), model_(sim::BuildScene(config_.scene)) {
  controller_ = sim::MakeController(config_.controller, model_);
  frame_skip_ = static_cast<int>(std::lround(1.0 / (config_.control_rate * model_->opt.timestep)));
  observations_ = Build("observations", config_.observations, library.observations);
  rewards_ = Build("rewards", config_.rewards, library.rewards);
  terminations_ = Build("terminations", config_.terminations, library.terminations);
  resets_ = Build("resets", config_.resets, library.resets);
  for (const auto& entry : observations_) {
    observation_specs_.push_back({entry.name, {entry.term->size()}, false});
  }
}

std::string Task::ResolvedYaml() const { return config::ToYaml(config::Write(config_)); }

std::string Task::TermTable() const {
  std::ostringstream out;
  auto row = [&out](const std::string& a, const std::string& b, const std::string& c) {
    out << "  " << std::left << std::setw(16) << a << std::setw(26) << b << c << "\n";
  };
  out << "observations (float32)\n";
  for (size_t i = 0; i < observations_.size(); ++i) {
    row(observations_[i].name, config_.observations[i].second.term,
        Cat("[", observations_[i].term->size(), "]"));
  }
  out << "actions in [-1, 1]: " << Join(controller_->action_names(), ", ") << " ("
      << config_.controller.type << ", " << config_.control_rate << " Hz)\n";
  out << "rewards\n";
  for (size_t i = 0; i < rewards_.size(); ++i) {
    row(rewards_[i].name, config_.rewards[i].second.term, Cat("weight ", rewards_[i].weight));
  }
  out << "terminations\n";
  for (size_t i = 0; i < terminations_.size(); ++i) {
    row(terminations_[i].name, config_.terminations[i].second.term,
        terminations_[i].success ? "success" : "failure");
  }
  row("time_limit", Cat(config_.max_episode_steps, " steps"), "truncated");
  out << "resets\n";
  for (size_t i = 0; i < resets_.size(); ++i) {
    row(resets_[i].name, config_.resets[i].second.term, "");
  }
  return out.str();
}

}  // namespace simscale::env
