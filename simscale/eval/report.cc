#include <algorithm>
#include <nlohmann/json.hpp>

#include "simscale/common/stopwatch.h"
#include "simscale/common/text.h"
#include "simscale/eval/evaluator.h"

namespace simscale::eval {
namespace {

using nlohmann::ordered_json;

TimeSplit SplitOf(const env::RunTimes& times) {
  TimeSplit split;
  split.Add("simulate", times.simulate);
  split.Add("policy", times.policy);
  split.Add("observe", times.observe);
  return split;
}

}  // namespace

std::string ReportAsJson(const EvalReport& report) {
  ordered_json json = {
      {"schema", 1},
      {"env", report.env},
      {"policy", report.policy},
      {"seed", report.seed},
      {"n_episodes", report.episodes.size()},
      {"interrupted", report.interrupted},
      {"successes", report.successes},
      {"success_rate", report.success_rate},
      {"success_ci95", {report.success_ci95.low, report.success_ci95.high}},
      {"mean_return", report.mean_return},
      {"std_return", report.std_return},
      {"mean_length", report.mean_length},
      {"mean_reward_terms", ordered_json::object()},
      {"seconds", report.times.seconds},
      {"env_steps", report.times.env_steps},
      {"env_steps_per_second", report.env_steps_per_second()},
      {"seconds_by_part",
       {{"simulate", report.times.simulate},
        {"policy", report.times.policy},
        {"observe", report.times.observe}}},
      {"versions", ordered_json::object()},
      {"model_hash", report.model_hash},
      {"task_config", report.task_config},
      {"episodes", ordered_json::array()},
  };
  if (!report.checkpoint.empty()) {
    json["checkpoint"] = {{"path", report.checkpoint},
                          {"step", report.checkpoint_step},
                          {"weights_hash", report.weights_hash}};
  }
  for (const auto& [name, mean] : report.mean_reward_terms) {
    json["mean_reward_terms"][name] = mean;
  }
  for (const auto& [name, version] : report.versions) json["versions"][name] = version;
  for (const EpisodeResult& episode : report.episodes) {
    json["episodes"].push_back({{"index", episode.key.index},
                                {"seed", episode.key.seed},
                                {"success", episode.success},
                                {"return", episode.episode_return},
                                {"length", episode.length},
                                {"non_finite", episode.non_finite}});
  }
  return json.dump(1) + "\n";
}

std::string ReportAsText(const EvalReport& report) {
  const auto percent = [](double rate) { return Fixed(100 * rate, 1); };
  std::string text =
      Cat(report.env, ", ", report.policy, ": ", report.successes, " of ", report.episodes.size(),
          " episodes succeed, ", percent(report.success_rate), " % (95 % interval ",
          percent(report.success_ci95.low), "-", percent(report.success_ci95.high), " %)\n",
          "return ", Fixed(report.mean_return, 3), " +- ", Fixed(report.std_return, 3), ", length ",
          Fixed(report.mean_length, 1), " steps\n", HumanSeconds(report.times.seconds), ", ",
          Fixed(report.env_steps_per_second(), 0),
          " env steps/s: ", SplitOf(report.times).Summary(report.times.seconds), "\n");
  const auto bad = std::count_if(report.episodes.begin(), report.episodes.end(),
                                 [](const EpisodeResult& episode) { return episode.non_finite; });
  if (bad > 0) text += Cat(bad, " of the episodes ended because the state went non-finite\n");
  return text;
}

}  // namespace simscale::eval
