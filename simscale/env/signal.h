#pragma once

#include <span>
#include <string>
#include <vector>

#include "simscale/common/rng.h"
#include "simscale/config/fields.h"
#include "simscale/env/agent.h"

namespace simscale::env {

/// What happens to numbers between the simulation and whoever reads them, or between an agent and
/// the actuators. In this order, each step off by default:
///   bias, noise, clip, scale, delay, dropout.
/// (Isaac Lab's order; delay and dropout act on what a sensor would send.)
struct SignalConfig {
  double scale = 1;                     ///< factor
  std::vector<double> clip = {};        ///< [low, high], before scaling; []: none
  double noise = 0;                     ///< new every step: standard deviation, or half width
  double bias = 0;                      ///< drawn once an episode, a component: likewise
  std::string distribution = "normal";  ///< of noise and bias: normal or uniform
  std::vector<int> delay = {};          ///< [least, most] control steps, drawn once an episode
  double dropout = 0;  ///< chance that a step's numbers are lost: the last ones stay

  void Describe(config::Fields& f);
  void Validate() const;
  bool changes() const;
  /// ", noise 0.01, delay 0 .. 2": what is on, for the term table.
  std::string Summary() const;
};

/// The compiled form. Const and shared; what it remembers of an environment lies in the caller's
/// memory, which is part of the environment's state. Its random numbers are a function of the
/// episode's key, the step and its name.
class Signal {
 public:
  Signal() = default;
  /// size: numbers a step. name: of its random stream, e.g. "observations/ee_pos".
  Signal(const SignalConfig& config, int size, std::string name);

  bool active() const { return active_; }
  int memory_size() const { return memory_size_; }
  /// An episode starts: draws bias and delay. memory: memory_size() numbers, zeros.
  void Start(const EpisodeKey& key, std::span<double> memory) const;
  /// values: [size], changed in place. step: 0 at reset, then 1, 2, ... Calling it twice for the
  /// same step with the same values gives the same.
  void Process(const EpisodeKey& key, int step, std::span<double> values,
               std::span<double> memory) const;

 private:
  double Draw(Rng& rng) const;

  SignalConfig config_;
  std::string name_;
  size_t size_ = 0;
  int memory_size_ = 0;
  int min_delay_ = 0, max_delay_ = 0;
  bool active_ = false, normal_ = true;
};

}  // namespace simscale::env
