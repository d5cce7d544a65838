#include "simscale/env/terms/expression.h"

#include <muParser.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <mutex>
#include <numbers>
#include <optional>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

bool IsNameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsNameChar(char c) { return IsNameStart(c) || IsDigit(c); }

bool IsName(const std::string& text) {
  return !text.empty() && IsNameStart(text[0]) && std::ranges::all_of(text, IsNameChar);
}

struct Token {
  std::string name;
  size_t place;  // from 1, as people count characters
  bool is_function;
};

/// The names in a formula. Numbers such as 1e-3 hold letters, too.
std::vector<Token> NamesIn(const std::string& text) {
  std::vector<Token> tokens;
  size_t i = 0;
  while (i < text.size()) {
    const size_t start = i;
    if (IsNameStart(text[i])) {
      while (i < text.size() && IsNameChar(text[i])) ++i;
      const size_t next = text.find_first_not_of(' ', i);
      tokens.push_back({text.substr(start, i - start), start + 1,
                        next != std::string::npos && text[next] == '('});
    } else if (IsDigit(text[i]) || text[i] == '.') {
      while (i < text.size() && (IsDigit(text[i]) || text[i] == '.')) ++i;
      if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        size_t digits = i + 1;
        if (digits < text.size() && (text[digits] == '+' || text[digits] == '-')) ++digits;
        if (digits < text.size() && IsDigit(text[digits])) {
          i = digits;
          while (i < text.size() && IsDigit(text[i])) ++i;
        }
      }
    } else {
      ++i;
    }
  }
  return tokens;
}

/// "action_12" with the prefix "action_": 12.
std::optional<size_t> NumberAfter(const std::string& prefix, const std::string& name) {
  if (!name.starts_with(prefix) || name.size() == prefix.size() ||
      name.size() > prefix.size() + 6) {
    return std::nullopt;
  }
  const std::string digits = name.substr(prefix.size());
  if (!std::ranges::all_of(digits, IsDigit)) return std::nullopt;
  return std::stoul(digits);
}

/// muParser's message in our form: its own place counts from 0, and it ends in a full stop.
std::string ParseMessage(const mu::ParserError& error, const std::string& text) {
  std::string what = error.GetMsg();
  for (const char* tail : {" found at position", " at expression position", " at position"}) {
    if (const size_t at = what.find(tail); at != std::string::npos) what.resize(at);
  }
  while (!what.empty() && (what.back() == '.' || what.back() == ' ')) what.pop_back();
  if (!what.empty()) what[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(what[0])));
  const size_t place = std::min(static_cast<size_t>(std::max(0, error.GetPos())), text.size());
  return Cat("expression: ", what, " at character ", place + 1, " of '", Shortened(text), "'");
}

/// A parser's constructor and its compiler touch statics of muParser's.
std::mutex& ParserMutex() {
  static std::mutex mutex;
  return mutex;
}

std::vector<std::string> FunctionNames() {
  const std::lock_guard lock(ParserMutex());
  const mu::Parser parser;
  std::vector<std::string> names;
  for (const auto& [name, callback] : parser.GetFunDef()) names.push_back(name);
  return names;
}

/// Where a thread begins to look for a parser: of the threads of a pool, each elsewhere.
size_t ThreadPlace() {
  static std::atomic<size_t> next = 0;
  thread_local const size_t place = next++;
  return place;
}

}  // namespace

struct Expression::Parser {
  Parser(size_t num_values, size_t num_scratch) : values(num_values), scratch(num_scratch) {}
  mu::Parser parser;
  std::vector<double> values;   // one for each used name; muParser has their addresses
  std::vector<double> scratch;  // a variable's term writes here
};

void ExpressionVariable::Describe(config::Fields& f) {
  f.Field("term", term, {.help = "an observation term's type"});
  f.Field("params", params, {.help = "that term's parameters"});
  f.Field("index", index, {.help = "which of its numbers", .min = 0, .max = 1e6});
}

void ExpressionParams::Describe(config::Fields& f) {
  f.Field("expression", expression,
          {.help = "a formula of variables, action_0 .., previous_action_0 .., time (s), step, pi "
                   "with + - * / ^, comparisons, && ||, a ? b : c, abs, min, max, exp, sin, ..."});
  f.StructMap("variables", variables, "names for numbers of observation terms");
}

Expression::Expression(const ExpressionParams& params, const TermScope& scope,
                       const Library& library)
    : text_(params.expression) {
  if (Trim(text_).empty()) ThrowUser("expression: must be a formula, got none");
  BuildVariables(params, scope, library);
  CheckNames(scope.action_dim);
  Put(Compile().release());  // finds mistakes now
}

Expression::~Expression() {
  for (Slot& slot : slots_) delete slot.parser.load();
}

void Expression::BuildVariables(const ExpressionParams& params, const TermScope& scope,
                                const Library& library) {
  std::vector<std::string> known;
  for (const auto& type : library) known.push_back(type.name);
  for (const auto& [name, config] : params.variables) {
    const std::string where = Cat("variables.", name, ": ");
    if (!IsName(name)) {
      ThrowUser(where, "a variable's name is made of letters, digits and _, and begins with none ",
                "of the digits");
    }
    const auto type = std::ranges::find(library, config.term, &TermType<ObservationTerm>::name);
    if (type == library.end()) ThrowUser(where, UnknownName("term", config.term, known));
    Variable variable{nullptr, static_cast<size_t>(config.index),
                      static_cast<size_t>(memory_size_)};
    try {
      variable.term = type->make(config.params, scope);
    } catch (const UserError& error) {
      throw UserError(Cat(where, error.what()));
    }
    if (config.index >= variable.term->size()) {
      ThrowUser(where, "index must be below ", variable.term->size(), ", the size of ", config.term,
                ", got ", config.index);
    }
    memory_size_ += variable.term->memory_size();
    largest_ = std::max(largest_, static_cast<size_t>(variable.term->size()));
    variables_.push_back(std::move(variable));
    variable_names_.push_back(name);
  }
}

/// Fills used_: each name of the formula once.
void Expression::CheckNames(int action_dim) {
  std::vector<std::string> known = variable_names_;
  for (const char* name : {"time", "step", "pi", "action_0", "previous_action_0"}) {
    if (std::ranges::find(variable_names_, name) != variable_names_.end()) {
      ThrowUser("variables.", name, ": the name is taken: it means something else here");
    }
    known.emplace_back(name);
  }
  const std::vector<std::string> functions = FunctionNames();
  for (const Token& token : NamesIn(text_)) {
    const std::string at = Cat(" at character ", token.place, " of '", Shortened(text_), "'");
    const std::string& name = token.name;
    if (token.is_function) {
      if (std::ranges::find(functions, name) == functions.end()) {
        ThrowUser("expression:", at, ": ", UnknownName("function", name, functions));
      }
      continue;
    }
    if (name == "pi" || name == "_pi" || name == "_e") continue;
    if (std::ranges::find(used_, name, &Name::name) != used_.end()) continue;
    const auto variable = std::ranges::find(variable_names_, name);
    const auto action = NumberAfter("action_", name);
    const auto previous = NumberAfter("previous_action_", name);
    for (const auto& number : {action, previous}) {
      if (number && *number >= static_cast<size_t>(action_dim)) {
        ThrowUser("expression:", at, ": an action has ", action_dim, " numbers, so that ", name,
                  " does not exist");
      }
    }
    if (variable != variable_names_.end()) {
      used_.push_back(
          {name, Source::kVariable, static_cast<size_t>(variable - variable_names_.begin())});
    } else if (name == "time" || name == "step") {
      used_.push_back({name, name == "time" ? Source::kTime : Source::kStep, 0});
    } else if (action) {
      used_.push_back({name, Source::kAction, *action});
    } else if (previous) {
      used_.push_back({name, Source::kPreviousAction, *previous});
    } else {
      ThrowUser("expression:", at, ": ", UnknownName("name", name, known));
    }
  }
}

std::unique_ptr<Expression::Parser> Expression::Compile() const {
  const std::lock_guard lock(ParserMutex());
  auto parser = std::make_unique<Parser>(used_.size(), largest_);
  try {
    parser->parser.DefineConst("pi", std::numbers::pi);
    for (size_t i = 0; i < used_.size(); ++i) {
      parser->parser.DefineVar(used_[i].name, &parser->values[i]);
    }
    parser->parser.SetExpr(text_);
    parser->parser.Eval();  // compiles
    const mu::SToken* token = parser->parser.GetByteCode().GetBase();
    for (; token->Cmd != mu::cmEND; ++token) {
      if (token->Cmd == mu::cmASSIGN) {
        ThrowUser("expression: must not assign (=); == compares. Got '", Shortened(text_), "'");
      }
    }
    if (const int results = parser->parser.GetNumResults(); results != 1) {
      ThrowUser("expression: must be one formula, got ", results, " with commas between them: '",
                Shortened(text_), "'");
    }
  } catch (const mu::ParserError& error) {
    throw UserError(ParseMessage(error, text_));
  }
  return parser;
}

Expression::Parser* Expression::Take() const {
  const size_t place = ThreadPlace();
  for (size_t k = 0; k < kSlots; ++k) {
    auto& slot = slots_[(place + k) % kSlots].parser;
    // Looking first keeps the cache lines of empty slots shared.
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    if (Parser* parser = slot.exchange(nullptr, std::memory_order_acquire)) return parser;
  }
  return Compile().release();
}

void Expression::Put(Parser* parser) const {
  const size_t place = ThreadPlace();
  for (size_t k = 0; k < kSlots; ++k) {
    Parser* empty = nullptr;
    if (slots_[(place + k) % kSlots].parser.compare_exchange_strong(
            empty, parser, std::memory_order_release, std::memory_order_relaxed)) {
      return;
    }
  }
  delete parser;
}

bool Expression::needs_contact_forces() const {
  return std::ranges::any_of(
      variables_, [](const Variable& variable) { return variable.term->needs_contact_forces(); });
}

TermContext Expression::ContextOf(const Variable& variable, const TermContext& context) const {
  TermContext own = context;
  own.memory = context.memory.subspan(variable.memory_offset,
                                      static_cast<size_t>(variable.term->memory_size()));
  return own;
}

void Expression::Start(const TermContext& context) const {
  for (const Variable& variable : variables_) variable.term->Start(ContextOf(variable, context));
}

double Expression::Evaluate(const TermContext& context) const {
  struct Lease {  // back in the pool whatever a variable's term throws
    explicit Lease(const Expression& the_pool) : pool(the_pool), parser(the_pool.Take()) {}
    ~Lease() { pool.Put(parser); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    const Expression& pool;
    Parser* const parser;
  };
  const Lease lease(*this);
  Parser* const parser = lease.parser;
  for (size_t i = 0; i < used_.size(); ++i) {
    double& value = parser->values[i];
    switch (used_[i].source) {
      case Source::kVariable: {
        const Variable& variable = variables_[used_[i].index];
        const auto out =
            std::span(parser->scratch).first(static_cast<size_t>(variable.term->size()));
        variable.term->Write(ContextOf(variable, context), out);
        value = out[variable.index];
        break;
      }
      case Source::kAction:
        value = context.action[used_[i].index];
        break;
      case Source::kPreviousAction:
        value = context.previous_action[used_[i].index];
        break;
      case Source::kTime:
        value = context.step * context.control_dt;
        break;
      case Source::kStep:
        value = context.step;
        break;
    }
  }
  try {
    return parser->parser.Eval();
  } catch (const mu::ParserError& error) {
    throw Error(ParseMessage(error, text_));
  }
}

}  // namespace simscale::env
