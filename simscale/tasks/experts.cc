#include "simscale/tasks/experts.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/tasks/expert_plans.h"

namespace simscale::tasks {
namespace {

using env::EpisodeKey;
using env::ObservationView;

struct ExpertType {
  std::string task;
  PlanOutput (*plan)(const PlanInput&);
  double gain;  ///< share of the remaining way asked for in one step
};

const std::vector<ExpertType>& ExpertTypes() {
  static const std::vector<ExpertType> types = {
      {"pick_place", PlanPickPlace, 0.5},
      {"reach", PlanReach, 0.6},
  };
  return types;
}

/// One row's noise: an episode's speed, and the burst it is in.
struct RowNoise {
  Rng rng{0, 0, "expert"};
  double speed = 1;
  int burst_left = 0;
  std::array<double, 3> burst{};
};

class Expert : public env::Agent {
 public:
  Expert(const ExpertType& type, const env::Task& task, int num_rows, const ExpertConfig& config)
      : type_(type),
        config_(config),
        has_object_(type.task != "reach"),
        action_dim_(static_cast<size_t>(task.action_dim())),
        scale_(task.config().controller.position_scale),
        rows_(static_cast<size_t>(num_rows)),
        intended_(rows_.size() * action_dim_) {}

  std::string name() const override { return "scripted"; }

  void Reset(int row, const EpisodeKey& key) override {
    RowNoise& noise = rows_.at(static_cast<size_t>(row));
    noise = RowNoise{};
    noise.rng = Rng(key.seed, key.index, "expert");
    noise.speed = noise.rng.Uniform(config_.min_speed, config_.max_speed);
  }

  void Act(const ObservationView& observations, std::span<const uint8_t> active,
           std::span<float> action_NA) override {
    for (size_t row = 0; row < active.size(); ++row) {
      if (!active[row]) continue;
      const auto intended = std::span(intended_).subspan(row * action_dim_, action_dim_);
      const auto action = action_NA.subspan(row * action_dim_, action_dim_);
      Plan(observations, static_cast<int>(row), intended);
      std::ranges::copy(intended, action.begin());
      Disturb(rows_[row], action);
    }
  }

  std::span<const float> intended_action() const override {
    const bool noisy = config_.action_noise > 0 || config_.burst_probability > 0;
    return noisy ? std::span<const float>(intended_) : std::span<const float>();
  }

 private:
  void Plan(const ObservationView& observations, int row, std::span<float> action) const {
    PlanInput input;
    input.ee_pos = observations.row("ee_pos", row);
    input.target_pos = observations.row("target_pos", row);
    if (has_object_) input.object_pos = observations.row("object_pos", row);
    input.opening = observations.row("gripper_state", row)[0];
    const PlanOutput plan = type_.plan(input);
    std::ranges::fill(action, 0.0F);
    // The direction is kept when a long way is cut to the speed limit.
    std::array<double, 3> step;
    double largest = 0;
    for (size_t i = 0; i < 3; ++i) {
      step[i] = type_.gain * plan.motion[i] / scale_;
      largest = std::max(largest, std::abs(step[i]));
    }
    const double limit = rows_[static_cast<size_t>(row)].speed;
    const double shrink = largest > limit ? limit / largest : 1.0;
    for (size_t i = 0; i < 3; ++i) action[i] = static_cast<float>(shrink * step[i]);
    action.back() = static_cast<float>(plan.gripper);
  }

  void Disturb(RowNoise& noise, std::span<float> action) const {
    if (config_.burst_probability > 0) {
      if (noise.burst_left > 0) {
        --noise.burst_left;
      } else if (noise.rng.Uniform() < config_.burst_probability) {
        noise.burst_left = config_.burst_steps - 1;
        for (double& b : noise.burst) b = noise.rng.Uniform(-1, 1) * config_.burst_scale;
      } else {
        noise.burst = {};
      }
    }
    for (size_t i = 0; i < 3; ++i) {
      double a = action[i] + noise.burst[i];
      if (config_.action_noise > 0) a += config_.action_noise * noise.rng.Normal();
      action[i] = static_cast<float>(std::clamp(a, -1.0, 1.0));
    }
  }

  ExpertType type_;
  ExpertConfig config_;
  bool has_object_;
  size_t action_dim_;
  double scale_;
  std::vector<RowNoise> rows_;
  std::vector<float> intended_;
};

}  // namespace

void ExpertConfig::Describe(config::Fields& f) {
  f.Field("action_noise", action_noise,
          {.help = "standard deviation added to each motion component", .min = 0, .max = 2});
  f.Field("burst_probability", burst_probability,
          {.help = "chance that a step starts a push in a random direction", .min = 0, .max = 1});
  f.Field("burst_steps", burst_steps,
          {.help = "length of a push", .unit = "steps", .min = 1, .max = 1000});
  f.Field("burst_scale", burst_scale,
          {.help = "size of a push's action, at most", .min = 0, .max = 2});
  f.Field("min_speed", min_speed,
          {.help = "an episode's speed limit is drawn from min_speed .. max_speed",
           .min = 0.05,
           .max = 1});
  f.Field("max_speed", max_speed,
          {.help = "see min_speed; 1 is a full action", .min = 0.05, .max = 1});
}

void ExpertConfig::Validate() const {
  if (min_speed > max_speed) {
    ThrowUser("expert.min_speed must be at most max_speed, got ", min_speed, " > ", max_speed);
  }
}

std::unique_ptr<env::Agent> MakeExpert(const env::Task& task, int num_rows,
                                       const ExpertConfig& config) {
  config.Validate();
  std::vector<std::string> known;
  for (const ExpertType& type : ExpertTypes()) {
    known.push_back(type.task);
    if (type.task != task.config().expert) continue;
    std::vector<std::string> needed = {"ee_pos", "target_pos", "gripper_state"};
    if (type.task != "reach") needed.push_back("object_pos");
    for (const std::string& name : needed) {
      const auto& specs = task.observation_specs();
      if (std::ranges::none_of(specs, [&](const auto& spec) { return spec.name == name; })) {
        ThrowUser("the scripted expert of ", task.name(), " needs the observation '", name,
                  "', which this task does not have");
      }
    }
    if (task.config().controller.type != "ee_delta") {
      ThrowUser("the scripted expert of ", task.name(), " needs controller.type ee_delta, got ",
                task.config().controller.type);
    }
    if (task.controller().action_names().back() != "gripper") {
      ThrowUser("the scripted expert of ", task.name(),
                " needs a gripper in the action (controller.gripper)");
    }
    return std::make_unique<Expert>(type, task, num_rows, config);
  }
  if (!task.config().expert.empty()) {
    throw UserError(
        Cat("task '", task.name(), "': ", UnknownName("expert", task.config().expert, known)));
  }
  ThrowUser("task '", task.name(), "' has no scripted expert. Name one that can do it in the task ",
            "file (expert: ", Join(known, " or expert: "), "), or choose another --policy.");
}

ExpertConfig DefaultDatagenNoise(const std::string& expert) {
  ExpertConfig config;
  config.action_noise = expert == "reach" ? 0.2 : 0.1;
  config.burst_probability = 0.02;
  config.min_speed = 0.6;
  return config;
}

}  // namespace simscale::tasks
