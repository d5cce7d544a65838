#include <cmath>
#include <memory>

#include "simscale/common/error.h"
#include "simscale/env/terms/expression.h"

namespace simscale::env {
namespace {

template <class Base>
class ExpressionTerm : public Base {
 public:
  ExpressionTerm(const ExpressionParams& params, const TermScope& scope,
                 const Expression::Library& library)
      : expression_(params, scope, library) {}
  int memory_size() const override { return expression_.memory_size(); }
  bool needs_contact_forces() const override { return expression_.needs_contact_forces(); }
  void Start(const TermContext& context) const override { expression_.Start(context); }

 protected:
  Expression expression_;
};

class ExpressionObservation : public ExpressionTerm<ObservationTerm> {
 public:
  using ExpressionTerm::ExpressionTerm;
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = expression_.Evaluate(context);
  }
};

class ExpressionReward : public ExpressionTerm<RewardTerm> {
 public:
  using ExpressionTerm::ExpressionTerm;
  double Value(const TermContext& context) const override { return expression_.Evaluate(context); }
};

class ExpressionTermination : public ExpressionTerm<TerminationTerm> {
 public:
  using ExpressionTerm::ExpressionTerm;
  bool Holds(const TermContext& context) const override {
    const double value = expression_.Evaluate(context);
    if (!std::isfinite(value)) throw Error(Cat("a termination's expression is ", value));
    return value != 0;
  }
};

template <class T, class Base>
void AddExpression(std::vector<TermType<Base>>& types,
                   const std::shared_ptr<const Expression::Library>& library, std::string help) {
  types.push_back({"expression", std::move(help), config::Docs<ExpressionParams>(),
                   [library](const config::Node& node, const TermScope& scope) {
                     ExpressionParams params;
                     config::Read(node, params);
                     return std::make_unique<T>(params, scope, *library);
                   }});
}

}  // namespace

void AddExpressionTerms(TermLibrary& library) {
  const auto terms = std::make_shared<const Expression::Library>(library.observations);
  AddExpression<ExpressionObservation>(library.observations, terms,
                                       "a formula of other terms' numbers [1]");
  AddExpression<ExpressionReward>(library.rewards, terms, "a formula of observation terms");
  AddExpression<ExpressionTermination>(library.terminations, terms,
                                       "a formula of observation terms is not zero");
}

}  // namespace simscale::env
