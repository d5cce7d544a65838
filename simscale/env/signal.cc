#include "simscale/env/signal.h"

#include <algorithm>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"

namespace simscale::env {
namespace {

constexpr int kMaxDelay = 1000;             // control steps; each costs memory in every environment
constexpr int64_t kMaxMemory = 10'000'000;  // numbers a row (80 MB)
constexpr uint64_t kWordsANumber = 4;       // Rng::Normal draws four words, Uniform two

template <class T>
std::string Show(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(Cat(value));
  return Cat("[", Join(texts, ", "), "]");
}

}  // namespace

void SignalConfig::Describe(config::Fields& f) {
  f.Field("scale", scale, {.help = "factor"});
  f.Field("clip", clip, {.help = "[low, high], before scaling; empty: none"});
  f.Field(
      "noise", noise,
      {.help = "fresh every step: standard deviation (normal) or half width (uniform)", .min = 0});
  f.Field("bias", bias, {.help = "the same, drawn once an episode for each number", .min = 0});
  f.Field("distribution", distribution,
          {.help = "of noise and bias", .choices = {"normal", "uniform"}});
  f.Field("delay", delay,
          {.help = "[least, most] control steps, drawn once an episode; empty: none",
           .min = 0,
           .max = kMaxDelay});
  f.Field(
      "dropout", dropout,
      {.help = "chance that a step's numbers are lost: the last ones stay", .min = 0, .max = 1});
}

void SignalConfig::Validate() const {
  if (!clip.empty() && (clip.size() != 2 || clip[0] > clip[1])) {
    ThrowUser("clip must be [low, high] with low <= high, got ", Show(clip));
  }
  if (!delay.empty() && (delay.size() != 2 || delay[0] > delay[1])) {
    ThrowUser("delay must be [least, most] control steps with least <= most, got ", Show(delay));
  }
}

bool SignalConfig::changes() const {
  return scale != 1 || !clip.empty() || noise > 0 || bias > 0 || (!delay.empty() && delay[1] > 0) ||
         dropout > 0;
}

std::string SignalConfig::Summary() const {
  std::string text;
  if (bias > 0) text += Cat(", bias ", bias);
  if (noise > 0) text += Cat(", noise ", noise);
  if (!clip.empty()) text += Cat(", clip ", clip[0], " .. ", clip[1]);
  if (scale != 1) text += Cat(", scale ", scale);
  if (!delay.empty()) text += Cat(", delay ", delay[0], " .. ", delay[1]);
  if (dropout > 0) text += Cat(", dropout ", dropout);
  return text;
}

Signal::Signal(const SignalConfig& config, int size, std::string name)
    : config_(config),
      name_("signal/" + std::move(name)),
      size_(static_cast<size_t>(size)),
      active_(config.changes()),
      normal_(config.distribution == "normal") {
  config_.Validate();
  if (!config_.delay.empty()) {
    min_delay_ = config_.delay[0];
    max_delay_ = config_.delay[1];
  }
  int64_t numbers = 0;
  if (config_.bias > 0) numbers += size;
  if (max_delay_ > 0) numbers += 1 + (int64_t{max_delay_} + 1) * size;
  if (config_.dropout > 0) numbers += size;
  if (numbers > kMaxMemory) {
    ThrowUser("delay: ", size, " numbers can't be kept for ", max_delay_, " steps: ", kMaxMemory,
              " may be remembered in all");
  }
  memory_size_ = static_cast<int>(numbers);
}

double Signal::Draw(Rng& rng) const { return normal_ ? rng.Normal() : rng.Uniform(-1, 1); }

void Signal::Start(const EpisodeKey& key, std::span<double> memory) const {
  if (memory_size_ == 0) return;
  Rng rng(key.seed, key.index, name_ + "/episode");
  if (config_.bias > 0) {
    for (size_t i = 0; i < size_; ++i) memory[i] = config_.bias * Draw(rng);
    memory = memory.subspan(size_);
  }
  if (max_delay_ > 0) {
    memory[0] = min_delay_ +
                static_cast<double>(rng.Below(static_cast<uint64_t>(max_delay_ - min_delay_ + 1)));
  }
}

void Signal::Process(const EpisodeKey& key, int step, std::span<double> values,
                     std::span<double> memory) const {
  if (config_.bias > 0) {
    for (size_t i = 0; i < size_; ++i) values[i] += memory[i];
    memory = memory.subspan(size_);
  }
  const bool random = config_.noise > 0 || config_.dropout > 0;
  Rng rng = random ? Rng(key.seed, key.index, name_) : Rng(0, 0, {});
  if (random) rng.Seek(static_cast<uint64_t>(step) * kWordsANumber * (size_ + 1));
  const bool lost = config_.dropout > 0 && rng.Uniform() < config_.dropout && step > 0;
  if (config_.noise > 0) {
    for (double& value : values) value += config_.noise * Draw(rng);
  }
  if (!config_.clip.empty()) {
    for (double& value : values) value = std::clamp(value, config_.clip[0], config_.clip[1]);
  }
  if (config_.scale != 1) {
    for (double& value : values) value *= config_.scale;
  }
  if (max_delay_ > 0) {
    // A ring of the last max_delay + 1 steps, one slot a step; before step `delay` what was seen
    // first goes out.
    // A state that someone has tampered with may hold any number.
    const auto delay = static_cast<int>(std::clamp<double>(memory[0], min_delay_, max_delay_));
    const size_t slots = static_cast<size_t>(max_delay_) + 1;
    const std::span<double> ring = memory.subspan(1, slots * size_);
    const auto slot = [&](int s) {
      return ring.subspan(static_cast<size_t>(s) % slots * size_, size_);
    };
    std::ranges::copy(values, slot(step).begin());
    std::ranges::copy(slot(std::max(0, step - delay)), values.begin());
    memory = memory.subspan(1 + ring.size());
  }
  if (config_.dropout > 0) {
    if (lost) {
      std::ranges::copy(memory.first(size_), values.begin());
    } else {
      std::ranges::copy(values, memory.begin());
    }
  }
}

}  // namespace simscale::env
