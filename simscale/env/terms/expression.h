#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/env/term.h"

namespace simscale::env {

/// A number of an observation term that an expression calls by a name of its own.
struct ExpressionVariable {
  std::string term;                           ///< a type of the observation terms
  config::Node params = config::Node::Map();  ///< of that term
  int index = 0;                              ///< which of its numbers
  void Describe(config::Fields& f);
};

struct ExpressionParams {
  std::string expression;
  std::vector<std::pair<std::string, ExpressionVariable>> variables;
  void Describe(config::Fields& f);
};

/// A formula of muParser (https://beltoforion.de/en/muparser/), compiled once.
///
/// It may name its variables; action_0 .. and previous_action_0 .. (of this step and the one
/// before); time (s) and step (control steps) since the episode's start; pi; and muParser's
/// functions and operators, comparisons and `a ? b : c` included. Threads: any number may evaluate
/// at once. muParser's parsers hold their variables and stack, so that each thread takes a parser
/// of its own out of a lock-free pool, where it lies ready from the thread's first evaluation on:
/// later ones neither allocate nor wait.
class Expression {
 public:
  using Library = std::vector<TermType<ObservationTerm>>;
  /// Throws UserError: an unknown name (with the nearest one), a mistake in the formula (with its
  /// place), a variable's term that can't be built.
  Expression(const ExpressionParams& params, const TermScope& scope, const Library& library);
  ~Expression();
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  int memory_size() const { return memory_size_; }
  bool needs_contact_forces() const;
  void Start(const TermContext& context) const;
  double Evaluate(const TermContext& context) const;

 private:
  struct Parser;  // muParser's, its variables and a scratch array
  enum class Source { kVariable, kAction, kPreviousAction, kTime, kStep };
  struct Name {
    std::string name;
    Source source;
    size_t index;  ///< of the variable, or in the action
  };
  struct Variable {
    std::unique_ptr<ObservationTerm> term;
    size_t index, memory_offset;
  };
  struct alignas(64) Slot {
    std::atomic<Parser*> parser = nullptr;
  };

  void BuildVariables(const ExpressionParams& params, const TermScope& scope,
                      const Library& library);
  void CheckNames(int action_dim);
  std::unique_ptr<Parser> Compile() const;
  Parser* Take() const;
  void Put(Parser* parser) const;
  TermContext ContextOf(const Variable& variable, const TermContext& context) const;

  static constexpr size_t kSlots = 64;  // more threads than that still work, but allocate
  std::string text_;
  std::vector<Variable> variables_;
  std::vector<std::string> variable_names_;
  std::vector<Name> used_;  ///< what the formula names, in the order of a parser's values
  int memory_size_ = 0;
  size_t largest_ = 0;
  mutable std::array<Slot, kSlots> slots_;
};

/// Adds the type "expression" to observations, rewards and terminations. To be called last: its
/// variables may be any observation term that the library has by then.
void AddExpressionTerms(TermLibrary& library);

}  // namespace simscale::env
