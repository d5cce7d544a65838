// simscaleai._env: environments, for the Python classes of the package. No LibTorch in here.

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "env.h"
#include "errors.h"
#include "model_renderer.h"
#include "renderer.h"
#include "row_copies.h"
#include "simscale/common/thread_pool.h"
#include "simscale/common/version.h"
#include "simscale/env/task_config.h"
#include "simscale/sim/robot_files.h"
#include "simscale/tasks/registry.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace simscale::python {
namespace {

// [(name, Gymnasium id)] of the packaged tasks.
std::vector<std::pair<std::string, std::string>> Tasks() {
  std::vector<std::pair<std::string, std::string>> tasks;
  for (const std::string& name : tasks::TaskNames()) {
    tasks.emplace_back(name, tasks::GymnasiumId(name));
  }
  return tasks;
}

}  // namespace

NB_MODULE(_env, m) {
  m.doc() = "The native environments behind simscaleai's classes.";
  TranslateErrors();
  m.attr("version") = kVersion;
  m.attr("mujoco_version") = mj_versionString();
  m.attr("info_keys") =
      nb::cast(std::vector<std::string>(env::kInfoKeys.begin(), env::kInfoKeys.end()));

  nb::class_<Env>(m, "Env")
      .def(
          "__init__",
          [](Env* self, const std::string& task, const std::vector<std::string>& overrides,
             int num_envs, int num_threads, const std::string& autoreset, bool curriculum,
             const std::string& dump_dir) {
            new (self)
                Env({task, overrides, num_envs, num_threads, autoreset, curriculum, dump_dir});
          },
          "task"_a, nb::kw_only(), "overrides"_a, "num_envs"_a, "num_threads"_a, "autoreset"_a,
          "curriculum"_a, "dump_dir"_a)
      .def("spec", &Env::Spec)
      .def("buffers", &Env::Buffers)
      .def("step", &Env::Step, "action"_a)
      .def("reset", &Env::Reset, "rows"_a, "seeds"_a, "indices"_a, "qpos"_a = nb::none(),
           "qvel"_a = nb::none(), "act"_a = nb::none(), "ctrl"_a = nb::none())
      .def("keys", &Env::Keys)
      .def("levels", &Env::Levels)
      .def("model", &Env::Model)
      .def("physics_state", &Env::PhysicsState, "row"_a)
      .def("get_state", &Env::GetState, "row"_a)
      .def("set_state", &Env::SetState, "row"_a, "state"_a, "seed"_a, "index"_a);

  nb::class_<RowCopies>(m, "RowCopies")
      .def(nb::init<size_t>(), "num_rows"_a)
      .def("add", &RowCopies::Add, "target"_a, "source"_a, "column"_a = 0, nb::kw_only(),
           "stepped_only"_a = false)
      .def("add_mask", &RowCopies::AddMask, "target"_a, nb::kw_only(), "stepped_only"_a = false)
      .def("seal", &RowCopies::Seal)
      .def("is_free", &RowCopies::IsFree)
      .def("run", &RowCopies::Run, "stepped"_a = nb::none());

  nb::class_<Renderer>(m, "Renderer")
      .def(nb::init<const Env&, int, int, const std::string&>(), "env"_a, "width"_a, "height"_a,
           "camera"_a)
      .def("render", &Renderer::Render, "row"_a);

  nb::class_<ModelRenderer>(m, "ModelRenderer")
      .def(nb::init<uintptr_t, const std::vector<std::string>&>(), "model"_a, "overrides"_a)
      .def("render", &ModelRenderer::Render, "model"_a, "data"_a, "camera"_a, "free_camera"_a,
           "rgb"_a.none(), "depth"_a.none(), "segmentation"_a.none())
      .def("describe", &ModelRenderer::Describe)
      .def_prop_ro("width", &ModelRenderer::width)
      .def_prop_ro("height", &ModelRenderer::height);

  m.def("tasks", [] {
    nb::list list;
    for (const auto& [name, id] : Tasks()) list.append(nb::make_tuple(name, id));
    return list;
  });
  m.def("hardware_threads", &ThreadPool::HardwareThreads);
  m.def(
      "set_wheel_dirs",
      [](const std::vector<std::string>& dirs) {
        sim::SetWheelDirs(std::vector<std::filesystem::path>(dirs.begin(), dirs.end()));
      },
      "dirs"_a);
}

}  // namespace simscale::python
