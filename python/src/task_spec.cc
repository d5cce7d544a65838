#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "env.h"
#include "simscale/tasks/registry.h"

namespace simscale::python {
namespace {

nb::tuple ShapeOf(const env::ObservationSpec& spec) {
  nb::list shape;
  for (int size : spec.shape) shape.append(size);
  return nb::tuple(shape);
}

// {key: (shape, dtype)}, in the task's order.
nb::dict Observations(const env::Task& task) {
  nb::dict observations;
  for (const env::ObservationSpec& spec : task.observation_specs()) {
    const bool is_picture = spec.shape.size() > 1;
    const char* dtype = spec.element == env::Element::kUint8   ? "uint8"
                        : spec.element == env::Element::kInt32 ? "int32"
                        : task.float64() && !is_picture        ? "float64"
                                                               : "float32";
    observations[spec.name.c_str()] = nb::make_tuple(ShapeOf(spec), dtype);
  }
  return observations;
}

nb::dict Actions(const env::Task& task) {
  const sim::Controller& controller = task.controller();
  const size_t size = static_cast<size_t>(task.action_dim());
  std::vector<double> low(size), high(size);
  for (size_t i = 0; i < size; ++i) {
    low[i] = controller.action_low(static_cast<int>(i));
    high[i] = controller.action_high(static_cast<int>(i));
  }
  nb::dict action;
  action["names"] = nb::cast(controller.action_names());
  action["low"] = ArrayFrom(std::move(low), {size});
  action["high"] = ArrayFrom(std::move(high), {size});
  return action;
}

}  // namespace

nb::dict TaskSpec(const env::Task& task) {
  const env::TaskConfig& config = task.config();
  nb::dict spec;
  spec["name"] = task.name();
  spec["id"] = tasks::GymnasiumId(task.name());
  spec["language"] = config.language;
  spec["yaml"] = task.ResolvedYaml();
  spec["term_table"] = task.TermTable();
  spec["model_hash"] = task.model().hash();
  spec["observations"] = Observations(task);
  spec["box"] = config.observation_space == "box";
  spec["action"] = Actions(task);
  spec["control_dt"] = task.control_dt();
  spec["max_episode_steps"] = config.max_episode_steps;
  spec["curriculum"] = config.curriculum.enabled;

  std::vector<std::string> rewards;
  for (const auto& entry : task.rewards()) rewards.push_back(entry.name);
  spec["rewards"] = nb::cast(rewards);
  nb::list info;
  for (const env::ObservationSpec& entry : task.info_specs()) {
    info.append(nb::make_tuple(entry.name, entry.size()));
  }
  spec["info"] = nb::tuple(info);
  spec["randomization"] = nb::cast(task.randomization().value_names());

  const mjModel* model = task.model().get();
  nb::dict sizes;
  sizes["qpos"] = static_cast<int>(model->nq);
  sizes["qvel"] = static_cast<int>(model->nv);
  sizes["act"] = static_cast<int>(model->na);
  sizes["ctrl"] = static_cast<int>(model->nu);
  spec["state_sizes"] = sizes;
  return spec;
}

}  // namespace simscale::python
