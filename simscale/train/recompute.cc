#include "simscale/train/recompute.h"

#include <optional>
#include <utility>

#include "simscale/train/learning.h"
#include "simscale/train/precision.h"

namespace simscale::train {
namespace {

using Forward = std::function<torch::Tensor(const torch::Tensor&)>;

/// What the second computation needs of the first.
struct FirstTime : torch::CustomClassHolder {
  Forward forward;
  policy::NamedTensors generators;
  std::optional<at::ScalarType> autocast;
};

struct Function : torch::autograd::Function<Function> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const Forward& forward) {
    auto first = c10::make_intrusive<FirstTime>();
    first->forward = forward;
    first->generators = GeneratorStates(x.device());
    first->autocast = AutocastDtype(x.device().type());
    context->saved_data["first"] = c10::IValue::make_capsule(first);
    context->save_for_backward({x});
    const torch::NoGradGuard no_grad;
    return forward(x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto first =
        c10::static_intrusive_pointer_cast<FirstTime>(context->saved_data["first"].toCapsule());
    const torch::Tensor x = context->get_saved_variables()[0].detach().requires_grad_();
    const policy::NamedTensors now = GeneratorStates(x.device());
    RestoreGenerators(first->generators);
    torch::Tensor y;
    {
      const torch::AutoGradMode grad(true);
      const AutocastGuard autocast(x.device().type(), first->autocast);
      y = first->forward(x);
    }
    RestoreGenerators(now);
    torch::autograd::backward({y}, {gradients[0]});
    return {x.grad(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor Recomputed(const torch::Tensor& x, const Forward& forward) {
  // Without a gradient to x this node of the graph would never be reached.
  if (!torch::GradMode::is_enabled() || !x.requires_grad()) return forward(x);
  return Function::apply(x, forward);
}

}  // namespace simscale::train
