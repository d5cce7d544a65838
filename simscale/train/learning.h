#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "simscale/common/stopwatch.h"
#include "simscale/policy/policy.h"
#include "simscale/policy/tensor_io.h"
#include "simscale/train/metrics.h"
#include "simscale/train/ranks.h"
#include "simscale/train/run.h"

/// What the loops of imitation (train/trainer.h) and of reinforcement learning (rl/trainer.h)
/// share.
namespace simscale::train {

/// Streams of the training's seed that torch's own generators use.
enum class TorchStream : uint64_t { kWeights = 1, kDropout = 2, kRlWeights = 11, kRlActions = 12 };
/// rank: of the process; ranks draw different numbers.
void SeedTorch(uint64_t seed, TorchStream stream, int rank = 0);

/// States of torch's generators: "rng.cpu", and "rng.cuda" on such a device.
policy::NamedTensors GeneratorStates(torch::Device device);
/// Throws UserError if the file lacks the CPU's. CUDA's may be missing: the run began elsewhere.
void RestoreGenerators(const policy::SafetensorsFile& file, torch::Device device);

/// GeneratorStates, and on several processes "rng.ranks": the CPU's of all of them, one after the
/// other. All ranks call it.
policy::NamedTensors GeneratorStatesOfAll(torch::Device device, Ranks* ranks);
/// This rank's of the bytes of "rng.ranks". A rank that the run did not have before goes on with
/// numbers of its own.
void RestoreOwnGenerator(const std::string& all, int rank);

/// states: as GeneratorStates gives them.
void RestoreGenerators(const policy::NamedTensors& states);

/// state: as GeneratorStates gives "rng.cpu".
void RestoreGenerator(const torch::Tensor& state);

/// Plays held-out episodes of the run's seed, which is the request's. torch's CPU generator is left
/// as it was.
EvalResult EvaluateHeldOut(const TrainHooks& hooks, const std::shared_ptr<policy::Policy>& policy,
                           torch::Device device, EvalRequest request);

/// Milliseconds a step of each part of a split, from record to record.
class SplitPerStep {
 public:
  /// "steps_per_second" as given, and "<part>_ms" since the last call; steps: done since then.
  MetricList Next(double steps_per_second, const TimeSplit& now, int64_t steps);
  /// Of that: "1.42 ms: data 1 %, forward 40 %, ..."; "" before the first.
  const std::string& summary() const { return summary_; }

 private:
  std::string summary_;
  std::map<std::string, double> before_;
};

/// Records kinds "eval" and "eval_reward", and the videos.
void RecordEvaluation(int64_t step, const EvalResult& evaluation, Metrics* metrics);

}  // namespace simscale::train
