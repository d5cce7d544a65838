#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/output.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/rng.h"
#include "simscale/common/stopwatch.h"
#include "simscale/eval/statistics.h"
#include "simscale/policy/load.h"

namespace simscale::cli {
namespace {

struct BenchPolicyConfig {
  std::string device = "auto";
  int batch = 1;
  int calls = 2000;
  int warmup = 200;
  uint64_t seed = 0;
  std::string save_call;

  void Describe(config::Fields& f) {
    f.Field("device", device,
            {.help = "where the network runs; auto: cuda if there is one",
             .choices = {"auto", "cpu", "cuda"}});
    f.Field("batch", batch, {.help = "observations in one call", .min = 1, .max = 65536});
    f.Field("calls", calls, {.help = "calls that are measured", .min = 1, .max = 1e7});
    f.Field("warmup", warmup, {.help = "calls before them", .min = 0, .max = 1e7});
    f.Field("seed", seed, {.help = "of the random observations"});
    f.Field("save_call", save_call,
            {.help = "JSON file for a call's observations and actions, for others to compare"});
  }
};

/// Random observations of what the policy reads; the figures don't depend on their values.
struct Observations {
  std::vector<env::ObservationSpec> specs;
  std::vector<std::vector<float>> buffers;
  std::vector<env::ObservationSpec> image_specs;
  std::vector<std::vector<uint8_t>> images;
  env::ObservationView view;

  Observations(const policy::PolicySpec& spec, int rows, uint64_t seed) {
    Rng rng(DeriveSeed(seed, SeedUse::kBench), 0, "observations");
    for (const policy::ObservationKey& key : spec.observations) {
      specs.push_back({.name = key.name, .shape = {key.size}});
      buffers.emplace_back(static_cast<size_t>(rows * key.size));
      for (float& value : buffers.back()) value = static_cast<float>(rng.Normal());
    }
    for (const policy::ImageKey& key : spec.images) {
      image_specs.push_back({key.name, {key.height, key.width, 3}, env::Element::kUint8});
      images.emplace_back(static_cast<size_t>(rows) * static_cast<size_t>(key.size()));
      for (uint8_t& value : images.back()) value = static_cast<uint8_t>(rng.Below(256));
    }
    view.num_rows = rows;
    for (size_t i = 0; i < specs.size(); ++i) view.keys.push_back({&specs[i], buffers[i], {}, {}});
    for (size_t i = 0; i < images.size(); ++i)
      view.keys.push_back({&image_specs[i], {}, images[i], {}});
  }
};

void SaveCall(const std::string& path, const Observations& observations,
              const std::vector<float>& actions) {
  nlohmann::ordered_json json = {{"schema", 1}, {"batch", observations.view.num_rows}};
  for (size_t i = 0; i < observations.images.size(); ++i) {
    json["images"][observations.image_specs[i].name] = observations.images[i];
  }
  for (size_t i = 0; i < observations.specs.size(); ++i) {
    json["observations"][observations.specs[i].name] = observations.buffers[i];
  }
  json["actions"] = actions;
  WriteFileAtomic(path, json.dump(1) + "\n");
}

int Run(const Command& command, const std::string& json) {
  const auto config = command.ReadConfig(BenchPolicyConfig{});
  const std::vector<std::string> arguments = command.Arguments();
  if (arguments.empty()) ThrowUser("bench policy needs a checkpoint. simscale train makes one.");
  const Output output(json);
  policy::CheckpointInfo info;
  // Each call is to run the network: no action of a chunk is kept for the next one.
  const auto agent =
      policy::MakePolicyAgent(arguments[0], {.device = config.device, .n_action_steps = 1}, &info);
  const Observations observations(info.spec, config.batch, config.seed);
  const std::vector<uint8_t> active(static_cast<size_t>(config.batch), 1);
  std::vector<float> actions(static_cast<size_t>(config.batch * info.spec.action_dim));
  for (int row = 0; row < config.batch; ++row) {
    agent->Reset(row, {config.seed, static_cast<uint64_t>(row)});
  }
  std::vector<double> microseconds;
  for (int i = -config.warmup; i < config.calls; ++i) {
    const Stopwatch watch;
    agent->Act(observations.view, active, actions);
    if (i >= 0) microseconds.push_back(1e6 * watch.seconds());
  }
  if (!config.save_call.empty()) SaveCall(config.save_call, observations, actions);
  const double median = eval::Median(microseconds);
  const double low = eval::Quantile(microseconds, 0.1), high = eval::Quantile(microseconds, 0.9);
  output.Text(Cat(info.spec.policy, " (", info.num_parameters, " parameters), batch ", config.batch,
                  ": median ", Fixed(median, 1), " us a call (10 % ", Fixed(low, 1), ", 90 % ",
                  Fixed(high, 1), ")\n"));
  const nlohmann::ordered_json report = {{"schema", 1},
                                         {"policy", info.spec.policy},
                                         {"env", info.spec.env_name},
                                         {"checkpoint", info.dir.string()},
                                         {"num_parameters", info.num_parameters},
                                         {"batch", config.batch},
                                         {"calls", config.calls},
                                         {"median_us", median},
                                         {"p10_us", low},
                                         {"p90_us", high},
                                         {"versions", {{"torch", policy::TorchVersion()}}}};
  output.Json(report.dump(1) + "\n");
  return kOk;
}

}  // namespace

void AddBenchPolicy(Cli& cli, Command& bench) {
  Command& command = cli.Add(&bench, "policy", kBenchPolicyHelp);
  command.Configure(config::Docs<BenchPolicyConfig>());
  command.TakesArgument("CHECKPOINT", "a run folder of train, or a checkpoint in it");
  command.FieldFlag("--batch", "batch", "N");
  command.FieldFlag("--device", "device", "DEVICE");
  command.FieldFlag("--calls", "calls", "N");
  command.FieldFlag("--save-call", "save_call", "FILE");
  auto json = std::make_shared<std::string>();
  AddJsonFlag(command, *json);
  command.Run([&command, json] { return Run(command, *json); });
}

}  // namespace simscale::cli
