#include "simscale/train/learning.h"

#include <algorithm>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/policy/runner.h"

namespace simscale::train {

void SeedTorch(uint64_t seed, TorchStream stream, int rank) {
  Rng rng(DeriveSeed(seed, SeedUse::kTraining), static_cast<uint64_t>(stream),
          rank == 0 ? "torch" : Cat("torch/", rank));
  torch::manual_seed(rng.Next64());
}

policy::NamedTensors GeneratorStates(torch::Device device) {
  policy::NamedTensors states;
  states.emplace_back("rng.cpu", at::detail::getDefaultCPUGenerator().get_state());
  if (device.is_cuda())
    states.emplace_back("rng.cuda", at::globalContext().defaultGenerator(device).get_state());
  return states;
}

void RestoreGenerators(const policy::SafetensorsFile& file, torch::Device device) {
  const policy::TensorInfo* cpu = file.Find("rng.cpu");
  if (!cpu) ThrowUser(file.where(), ": lacks the tensor 'rng.cpu'");
  policy::NamedTensors states = {{"rng.cpu", policy::ReadTensor(file, *cpu)}};
  const policy::TensorInfo* cuda = file.Find("rng.cuda");
  if (device.is_cuda() && cuda) states.emplace_back("rng.cuda", policy::ReadTensor(file, *cuda));
  RestoreGenerators(states);
}

policy::NamedTensors GeneratorStatesOfAll(torch::Device device, Ranks* ranks) {
  policy::NamedTensors states = GeneratorStates(device);
  if (ranks->size() > 1) states.emplace_back("rng.ranks", ranks->Gather(states[0].second));
  return states;
}

void RestoreOwnGenerator(const std::string& all, int rank) {
  const int64_t size = GeneratorStates(torch::kCPU)[0].second.numel(), at = rank * size;
  if (std::ssize(all) >= at + size)
    RestoreGenerator(torch::from_blob(const_cast<char*>(all.data()) + at, {size}, torch::kUInt8));
}

void RestoreGenerators(const policy::NamedTensors& states) {
  RestoreGenerator(states.at(0).second);
  if (states.size() < 2) return;
  at::Generator on_device = at::globalContext().defaultGenerator(torch::kCUDA);
  on_device.set_state(states[1].second);
}

void RestoreGenerator(const torch::Tensor& state) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(state.clone());  // it overlooks the offset of a view
}

EvalResult EvaluateHeldOut(const TrainHooks& hooks, const std::shared_ptr<policy::Policy>& policy,
                           torch::Device device, EvalRequest request) {
  const torch::Tensor state = at::detail::getDefaultCPUGenerator().get_state();
  policy::PolicyRunner runner(policy, device);
  // Derived twice: these episodes choose the best checkpoint, so they must not be the ones that
  // `simscale eval --seed` with the same number judges it by.
  request.seed = DeriveSeed(DeriveSeed(request.seed, SeedUse::kTraining), SeedUse::kEvaluation);
  const EvalResult result = hooks.evaluate(runner, request);
  RestoreGenerator(state);
  return result;
}

MetricList SplitPerStep::Next(double steps_per_second, const TimeSplit& now, int64_t steps) {
  MetricList list = {{"steps_per_second", steps_per_second}};
  TimeSplit fresh;
  double sum = 0;
  const auto count = static_cast<double>(std::max<int64_t>(steps, 1));
  for (const auto& [part, seconds] : now.parts()) {
    double& before = before_[part];
    list.emplace_back(part + "_ms", 1e3 * (seconds - before) / count);
    fresh.Add(part, seconds - before);
    sum += seconds - before;
    before = seconds;
  }
  const double ms = 1e3 * sum / count;
  summary_ = Cat(Fixed(ms, ms < 10 ? 2 : 0), " ms: ", fresh.Summary(sum));
  return list;
}

void RecordEvaluation(int64_t step, const EvalResult& evaluation, Metrics* metrics) {
  metrics->Record(step, "eval",
                  {{"success_rate", evaluation.success_rate},
                   {"successes", evaluation.successes},
                   {"n_episodes", evaluation.n_episodes},
                   {"ci95_low", evaluation.ci_low},
                   {"ci95_high", evaluation.ci_high},
                   {"mean_return", evaluation.mean_return},
                   {"mean_length", evaluation.mean_length}});
  if (!evaluation.mean_reward_terms.empty())
    metrics->Record(step, "eval_reward", evaluation.mean_reward_terms);
  for (const Video& video : evaluation.videos)
    metrics->Add(step, "videos/" + video.mp4.stem().string(), video);
}

}  // namespace simscale::train
