#include "simscale/env/randomization/randomization.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

using Target = RandomizationTerm::Target;
using Operation = Distribution::Operation;

// An interval term's numbers in the memory: which draw is in force, the step of the next one, and
// the step at which a force ends.
enum Schedule { kOccurrence, kNextStep, kEndStep, kScheduleSize };

const char* OperationName(Operation operation) {
  return operation == Operation::kScale ? "scale" : operation == Operation::kAdd ? "add" : "set";
}

std::string Summary(const DistributionConfig& config, const RandomizationTermConfig& term) {
  std::string text = config.distribution;
  auto list = [&](const std::vector<double>& numbers) {
    std::vector<std::string> parts;
    for (double number : numbers) parts.push_back(Cat(number));
    text += Cat(" [", Join(parts, ", "), "]");
  };
  if (config.distribution == "normal") text += Cat(" mean ", config.mean, " std ", config.std);
  if (!config.choices.empty()) list(config.choices);
  if (!config.range.empty()) list(config.range);
  text += Cat(", ", config.operation);
  if (!config.initial_range.empty()) {
    text += ", from";
    list(config.initial_range);
  }
  if (term.when == "interval") {
    text += Cat(", every ", term.interval[0], " .. ", term.interval[1], " s");
  }
  if (!term.group.empty()) text += Cat(", group ", term.group);
  return text;
}

/// Refuses samples that a value could not take.
void CheckBounds(const RandomizationTerm& term, const Distribution& distribution, int i,
                 double nominal) {
  const double low = term.lower_bound(), high = term.upper_bound();
  const double ends[2] = {distribution.Apply(nominal, distribution.least()),
                          distribution.Apply(nominal, distribution.greatest())};
  for (const double end : ends) {
    if (end >= low && end <= high) continue;
    const int components = term.components();
    const std::string element = term.element_label(i / components);
    const std::string component = term.component_label(i % components);
    const std::string of = component.empty() ? element : Cat(element, ".", component);
    if (std::isnan(end) || std::isinf(end)) {
      ThrowUser("range must be given, too: values must be in ", low, " .. ", high,
                ", and a normal has no ends");
    }
    ThrowUser("values must be in ", low, " .. ", high, ", got ", end, " (",
              of.empty() ? "" : Cat("of ", of, ", "), "which is ", nominal,
              "). Change range or operation.");
  }
}

}  // namespace

double RandomizationTerm::lower_bound() const { return -std::numeric_limits<double>::infinity(); }
double RandomizationTerm::upper_bound() const { return std::numeric_limits<double>::infinity(); }

void RandomizationTermConfig::Describe(config::Fields& f) {
  f.Field("term", term, {.help = "term type; `simscale list-envs --terms` lists them"});
  f.Field("params", params, {.help = "the term's own parameters"});
  f.Field("enabled", enabled, {.help = "false: as if it were not there"});
  distribution.Describe(f);
  f.Field("when", when,
          {.help = "drawn once an episode, or again after each interval",
           .choices = {"reset", "interval"}});
  f.Field("interval", interval,
          {.help = "[low, high] of the time between two draws, uniform",
           .unit = "s",
           .min = 1e-6,
           .max = 1e6,
           .size = 2});
  f.Field("group", group,
          {.help = "terms of one group share their draws (correlated); empty: none"});
  f.Field("per", per,
          {.help = "each selected element gets its own draw, or one serves all",
           .choices = {"each", "all"}});
}

void RandomizationTermConfig::Validate() const {
  if (interval[0] > interval[1]) {
    ThrowUser("interval must be [low, high] with low <= high, got [", interval[0], ", ",
              interval[1], "]");
  }
  distribution.Validate();
}

Randomization::Entry Randomization::Build(const std::string& name,
                                          const RandomizationTermConfig& config,
                                          const std::vector<TermType<RandomizationTerm>>& library,
                                          const sim::Model& model) {
  if (config.term.empty()) {
    ThrowUser("says no `term:`; name its type (simscale list-envs --terms)");
  }
  std::vector<std::string> known;
  for (const auto& type : library) known.push_back(type.name);
  const auto found = std::ranges::find(known, config.term);
  if (found == known.end()) throw UserError(UnknownName("term", config.term, known));

  Entry entry;
  entry.name = name;
  entry.type = config.term;
  entry.purpose = config.group.empty() ? Cat("randomization/term/", name)
                                       : Cat("randomization/group/", config.group);
  config.Validate();
  entry.term = library[static_cast<size_t>(found - known.begin())].make(config.params, model);
  const RandomizationTerm& term = *entry.term;

  DistributionConfig distribution = config.distribution;
  const std::vector<Operation> operations = term.operations();
  std::vector<std::string> operation_names;
  for (const Operation operation : operations) {
    operation_names.emplace_back(OperationName(operation));
  }
  if (distribution.operation.empty()) distribution.operation = operation_names.front();
  if (std::ranges::find(operation_names, distribution.operation) == operation_names.end()) {
    ThrowUser("operation must be one of ", Join(operation_names, ", "), " for ", config.term,
              ", got ", distribution.operation);
  }
  if (distribution.distribution == "uniform" && distribution.range.empty()) {
    distribution.range = term.default_range();
  }
  entry.interval = config.when == "interval";
  entry.interval_low = config.interval[0];
  entry.interval_high = config.interval[1];
  if (term.target() == Target::kState && entry.interval) {
    ThrowUser("when must be reset for ", config.term, ", which says how an episode starts");
  }
  if (term.target() == Target::kForce && !entry.interval) {
    ThrowUser("when must be interval for ", config.term,
              ", got reset. Say how often: interval: ", "[1, 3].");
  }
  entry.all = config.per == "all";
  entry.count = entry.all && term.size() > 0 ? term.components() : term.size();
  entry.distributions.emplace_back(distribution, term.integer());
  if (term.size() > 0 && term.own_distribution(term.size() - 1)) {
    if (entry.all) ThrowUser("per must be each for ", config.term, ", got all");
    for (int i = 1; i < term.size(); ++i) {
      entry.distributions.emplace_back(*term.own_distribution(i), false);
    }
  }
  entry.summary = Summary(distribution, config);

  if (term.target() == Target::kModel) {
    std::vector<double> nominal(static_cast<size_t>(term.size()));
    term.Read(model.get(), nullptr, nominal);
    const bool zero = std::ranges::all_of(nominal, [](double value) { return value == 0; });
    if (zero && term.size() > 0 && term.named() && distribution.operation == "scale") {
      ThrowUser(
          "operation must be add or set where all values are 0, got scale, which leaves them "
          "so");
    }
    for (int i = 0; i < term.size() && !term.clips(); ++i) {
      CheckBounds(term, entry.distributions[0], i, nominal[static_cast<size_t>(i)]);
    }
  }
  return entry;
}

Randomization::Randomization(
    const std::vector<std::pair<std::string, RandomizationTermConfig>>& configs,
    const std::vector<TermType<RandomizationTerm>>& library, const sim::Model& model) {
  for (const auto& [name, config] : configs) {
    if (!config.enabled) continue;
    const std::string where = Cat("randomization.", name, ": ");
    Entry entry;
    try {
      entry = Build(name, config, library, model);
    } catch (const UserError& error) {
      throw UserError(where + error.what());
    }
    for (const Entry& other : entries_) {
      const bool together = entry.interval == other.interval &&
                            (!entry.interval || (entry.interval_low == other.interval_low &&
                                                 entry.interval_high == other.interval_high));
      if (!config.group.empty() && other.purpose == entry.purpose && !together) {
        ThrowUser(where, "when and interval must be those of ", other.name,
                  ", which is of the same group, ", config.group);
      }
    }
    const RandomizationTerm& term = *entry.term;
    entry.offset = num_values_;
    num_values_ += entry.count;
    entry.memory = memory_size_;
    if (entry.interval) memory_size_ += kScheduleSize;
    workspace_size_ = std::max(workspace_size_, term.size());
    if (entry.count > 0) {
      changes_model_ |= term.target() == Target::kModel;
      needs_set_const_ |= term.target() == Target::kModel && term.needs_set_const();
      has_forces_ |= term.target() == Target::kForce;
      has_intervals_ |= entry.interval;
    }
    for (int i = 0; i < entry.count; ++i) {
      const std::string element = entry.all ? "" : term.element_label(i / term.components());
      const std::string component = term.component_label(i % term.components());
      const char* dot = element.empty() || component.empty() ? "" : ".";
      const std::string label = Cat(element, dot, component);
      value_names_.push_back(entry.count == 1 || label.empty() ? name : Cat(name, "[", label, "]"));
    }
    entries_.push_back(std::move(entry));
  }
}

void Randomization::Draw(const Entry& entry, const EpisodeKey& key, double level, int occurrence,
                         double control_dt, int step, std::span<double> values,
                         std::span<double> memory) const {
  Rng rng(key.seed, key.index, entry.purpose);
  // Each draw has its own stretch of the stream, so that it does not depend on those before.
  rng.Seek(static_cast<uint64_t>(occurrence) << 24);
  const double gap = rng.Uniform(entry.interval_low, entry.interval_high);
  const bool force = entry.term->target() == Target::kForce;
  for (int i = 0; i < entry.count; ++i) {
    const double u = rng.Uniform();
    const size_t d = entry.distributions.size() == 1 ? 0 : static_cast<size_t>(i);
    // A push waits for its first interval.
    const bool rest = force && occurrence == 0;
    values[static_cast<size_t>(entry.offset + i)] =
        rest ? 0 : entry.distributions[d].Sample(u, level);
  }
  if (!entry.interval) return;
  const auto steps = [&](double seconds) {
    return std::max(1.0, std::round(seconds / control_dt));
  };
  double* schedule = memory.data() + entry.memory;
  schedule[kOccurrence] = occurrence;
  schedule[kNextStep] = step + steps(gap);
  schedule[kEndStep] = force ? step + steps(entry.term->hold_seconds()) : 0;
}

void Randomization::SampleReset(const EpisodeKey& key, double level, double control_dt,
                                std::span<double> values, std::span<double> memory) const {
  for (const Entry& entry : entries_) Draw(entry, key, level, 0, control_dt, 0, values, memory);
}

bool Randomization::SampleInterval(const EpisodeKey& key, double level, int step, double control_dt,
                                   std::span<double> values, std::span<double> memory) const {
  bool model_changed = false;
  for (const Entry& entry : entries_) {
    if (!entry.interval) continue;
    const double* schedule = memory.data() + entry.memory;
    const bool force = entry.term->target() == Target::kForce;
    if (step >= schedule[kNextStep]) {
      const int occurrence = static_cast<int>(std::clamp(schedule[kOccurrence], 0.0, 1e9)) + 1;
      Draw(entry, key, level, occurrence, control_dt, step, values, memory);
      model_changed |= !force && entry.count > 0;
    } else if (force && step >= schedule[kEndStep]) {
      std::ranges::fill(
          values.subspan(static_cast<size_t>(entry.offset), static_cast<size_t>(entry.count)), 0.0);
    }
  }
  return model_changed;
}

std::span<const double> Randomization::Combine(const Entry& entry, std::span<const double> values,
                                               const mjModel* model, const mjData* data,
                                               std::span<double> workspace) const {
  const RandomizationTerm& term = *entry.term;
  const std::span<double> combined = workspace.first(static_cast<size_t>(term.size()));
  term.Read(model, data, combined);
  const double low = term.lower_bound(), high = term.upper_bound();
  for (int i = 0; i < term.size(); ++i) {
    const int sample = entry.offset + (entry.all ? i % term.components() : i);
    const size_t d = entry.distributions.size() == 1 ? 0 : static_cast<size_t>(i);
    double& value = combined[static_cast<size_t>(i)];
    value = entry.distributions[d].Apply(value, values[static_cast<size_t>(sample)]);
    value = std::clamp(value, low, high);
  }
  return combined;
}

void Randomization::ApplyToState(std::span<const double> values, const mjModel* model, mjData* data,
                                 std::span<double> workspace) const {
  for (const Entry& entry : entries_) {
    if (entry.term->target() != Target::kState || entry.count == 0) continue;
    entry.term->WriteState(Combine(entry, values, model, data, workspace), model, data);
  }
}

bool Randomization::BeforeStep(std::span<const double> values, const mjModel* model,
                               mjData* data) const {
  if (!has_forces_) return false;
  for (const Entry& entry : entries_) {
    if (entry.term->target() == Target::kForce) entry.term->ClearForces(data);
  }
  bool kicked = false;
  for (const Entry& entry : entries_) {
    if (entry.term->target() != Target::kForce || entry.count == 0) continue;
    const auto samples =
        values.subspan(static_cast<size_t>(entry.offset), static_cast<size_t>(entry.count));
    if (std::ranges::all_of(samples, [](double sample) { return sample == 0; })) continue;
    kicked |= entry.term->AddForces(samples, entry.all, model, data);
  }
  return kicked;
}

void Randomization::ApplyToModel(std::span<const double> values, mjModel* model,
                                 std::span<double> workspace) const {
  for (const Entry& entry : entries_) {
    if (entry.term->target() != Target::kModel || entry.count == 0) continue;
    entry.term->WriteModel(Combine(entry, values, model, nullptr, workspace), model);
  }
}

void Randomization::Touch(const mjModel* model, ModelPieces& pieces) const {
  for (const Entry& entry : entries_) {
    if (entry.term->target() == Target::kModel) entry.term->Touch(model, pieces);
  }
}

std::vector<Randomization::Row> Randomization::Table() const {
  std::vector<Row> rows;
  for (const Entry& entry : entries_) {
    rows.push_back({entry.name, entry.type, entry.summary, entry.count});
  }
  return rows;
}

}  // namespace simscale::env
