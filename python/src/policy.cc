#include "policy.h"

#include <nanobind/stl/string.h>

#include <cmath>
#include <utility>

#include "simscale/common/error.h"

namespace simscale::python {

Policy::Policy(const std::string& checkpoint, const policy::PolicyAgentOptions& options) {
  const nb::gil_scoped_release release;
  agent_ = policy::MakePolicyAgent(checkpoint, options, &info_);
  for (const policy::ObservationKey& key : info_.spec.observations) {
    specs_.push_back({key.name, {key.size}});
  }
  for (const policy::ImageKey& key : info_.spec.images) {
    image_specs_.push_back({key.name, {key.height, key.width, 3}, env::Element::kUint8});
  }
}

nb::dict Policy::Info() const {
  nb::dict observations, images, info;
  for (const auto& key : info_.spec.observations) observations[key.name.c_str()] = key.size;
  for (const auto& key : info_.spec.images)
    images[key.name.c_str()] = nb::make_tuple(key.height, key.width, 3);
  info["path"] = info_.dir.string();
  info["policy"] = info_.spec.policy;
  info["env_name"] = info_.spec.env_name;
  info["observations"] = observations;
  info["images"] = images;
  info["action_dim"] = info_.spec.action_dim;
  info["n_obs_steps"] = info_.spec.n_obs_steps;
  info["horizon"] = info_.spec.horizon;
  info["n_action_steps"] = info_.spec.n_action_steps;
  info["step"] = info_.step;
  info["seed"] = info_.seed;
  info["success_rate"] = info_.success_rate < 0 ? nb::none() : nb::cast(info_.success_rate);
  info["num_parameters"] = info_.num_parameters;
  info["task_config"] = info_.task_config;
  info["dataset_hash"] = info_.dataset_hash;
  info["model_hash"] = info_.model_hash;
  info["weights_hash"] = info_.weights_hash;
  info["simscale_version"] = info_.simscale_version;
  info["mujoco_version"] = info_.mujoco_version;
  info["torch_version"] = info_.torch_version;
  return info;
}

nb::object Policy::Act(const std::vector<StateArray>& observations,
                       const std::vector<ImageArray>& images) {
  if (observations.size() != specs_.size() || images.size() != image_specs_.size()) {
    throw ShapeError(Cat("the policy reads ", specs_.size(), " observations and ",
                         image_specs_.size(), " images, got ", observations.size(), " and ",
                         images.size()));
  }
  const size_t n = observations.empty() ? images.front().shape(0) : observations.front().shape(0);
  env::ObservationView view;
  view.num_rows = static_cast<int>(n);
  for (size_t k = 0; k < specs_.size(); ++k) {
    const auto& array = observations[k];
    const auto size = static_cast<size_t>(specs_[k].size());
    if (array.shape(0) != n || array.shape(1) != size) {
      throw ShapeError(Cat("observation '", specs_[k].name, "' must be [", n, ", ", size,
                           "], got [", array.shape(0), ", ", array.shape(1), "]"));
    }
    for (size_t i = 0; i < array.size(); ++i) {
      if (!std::isfinite(array.data()[i])) {
        ThrowUser("observations must be finite, got ", array.data()[i], " in '", specs_[k].name,
                  "', row ", i / size, ", component ", i % size);
      }
    }
    view.keys.push_back({&specs_[k], {array.data(), array.size()}, {}, {}});
  }
  for (size_t k = 0; k < image_specs_.size(); ++k) {
    const auto& array = images[k];
    const std::vector<int>& shape = image_specs_[k].shape;
    bool fits = array.shape(0) == n;
    for (size_t d = 0; d < shape.size(); ++d)
      fits &= array.shape(d + 1) == static_cast<size_t>(shape[d]);
    if (!fits) {
      throw ShapeError(Cat("image '", image_specs_[k].name, "' must be [", n, ", ", shape[0], ", ",
                           shape[1], ", 3], got [", array.shape(0), ", ", array.shape(1), ", ",
                           array.shape(2), ", ", array.shape(3), "]"));
    }
    view.keys.push_back({&image_specs_[k], {}, {array.data(), array.size()}, {}});
  }
  const auto dim = static_cast<size_t>(info_.spec.action_dim);
  std::vector<float> action(n * dim);
  {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    active_.assign(n, 1);
    agent_->Act(view, active_, action);
  }
  return ArrayFrom(std::move(action), {n, dim});
}

void Policy::Reset(const ArrayOf<int32_t>& rows) {
  const std::lock_guard lock(mutex_);  // whoever has it does not wait for the interpreter
  for (size_t i = 0; i < rows.size(); ++i) agent_->Reset(rows.data()[i], {});
}

}  // namespace simscale::python
