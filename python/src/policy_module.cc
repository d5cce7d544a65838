// simscaleai._policy: trained policies. It needs LibTorch, which `import simscaleai` alone does not
// load.

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "errors.h"
#include "policy.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace simscale::python {

NB_MODULE(_policy, m) {
  m.doc() = "The native policies behind simscaleai.load_policy.";
  TranslateErrors();
  nb::class_<Policy>(m, "Policy")
      .def(
          "__init__",
          [](Policy* self, const std::string& checkpoint, const std::string& device,
             int n_action_steps) {
            new (self) Policy(checkpoint, {.device = device, .n_action_steps = n_action_steps});
          },
          "checkpoint"_a, nb::kw_only(), "device"_a, "n_action_steps"_a)
      .def("info", &Policy::Info)
      .def("act", &Policy::Act, "observations"_a, "images"_a)
      .def("reset", &Policy::Reset, "rows"_a);
}

}  // namespace simscale::python
