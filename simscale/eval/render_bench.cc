#include "simscale/eval/render_bench.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/version.h"
#include "simscale/env/batched_env.h"
#include "simscale/env/simple_agents.h"
#include "simscale/eval/statistics.h"
#include "simscale/sim/model.h"

namespace simscale::eval {
namespace {

constexpr float kSameDepth = 1e-3F;  // m

/// States that random actions lead to, with what MuJoCo derives from them.
std::vector<sim::Data> States(const std::shared_ptr<const env::Task>& task, int count,
                              uint64_t seed) {
  constexpr int kStepsBetween = 5;
  env::BatchedEnv env(task, {.seed = seed, .autoreset = env::AutoresetMode::kSameStep});
  env.Reset(seed);
  Rng rng(seed, 0, "actions");
  std::vector<double> action(static_cast<size_t>(task->action_dim()));
  std::vector<double> state(static_cast<size_t>(sim::StateSize(task->model())));
  std::vector<sim::Data> states;
  for (int i = 0; i < count; ++i) {
    states.emplace_back(task->model());
    sim::GetState(task->model().get(), env.data(0), state);
    sim::SetState(task->model(), states.back(), state, sim::Refresh::kForward);
    for (int k = 0; k < kStepsBetween; ++k) {
      for (size_t a = 0; a < action.size(); ++a) {
        const sim::Controller& controller = task->controller();
        action[a] = rng.Uniform(controller.action_low(static_cast<int>(a)),
                                controller.action_high(static_cast<int>(a)));
      }
      env.Step(std::span<const double>(action));
    }
  }
  return states;
}

/// One side: its renderer and the pictures of every state.
struct Side {
  std::unique_ptr<render::Renderer> renderer;
  std::unique_ptr<render::ViewCache> cache;
  struct Picture {
    std::vector<uint8_t> rgb;
    std::vector<float> depth;
    std::vector<int32_t> segmentation;
  };
  std::vector<Picture> pictures;

  Side(const mjModel* model, const RenderBenchConfig& config, const std::string& backend) {
    render::RenderConfig look;
    look.width = config.width, look.height = config.height;
    look.backend = backend;
    look.samples = backend == "raster" ? config.samples : 0;
    look.shadows = config.shadows;
    look.reflections = false;
    look.levels_of_detail = config.levels_of_detail;
    renderer = render::MakeRenderer(model, look);
    if (config.keep_fixed) cache = renderer->MakeCache();
    const size_t pixels = static_cast<size_t>(config.width) * static_cast<size_t>(config.height);
    const auto wants = [&](const char* kind) {
      return std::find(config.kinds.begin(), config.kinds.end(), kind) != config.kinds.end();
    };
    pictures.resize(static_cast<size_t>(config.states));
    for (Picture& picture : pictures) {
      picture.rgb.resize(wants("rgb") ? pixels * 3 : 0);
      picture.depth.resize(wants("depth") ? pixels : 0);
      picture.segmentation.resize(wants("segmentation") ? pixels * 2 : 0);
    }
  }

  /// ms a picture.
  double Draw(const mjModel* model, const std::vector<sim::Data>& states,
              const render::Camera& camera, int width, int height) {
    const Stopwatch watch;
    for (size_t i = 0; i < states.size(); ++i) {
      Picture& p = pictures[i];
      renderer->Render(model, states[i].get(), camera,
                       {.width = width,
                        .height = height,
                        .rgb = p.rgb,
                        .depth = p.depth,
                        .segmentation = p.segmentation},
                       cache.get());
    }
    return watch.seconds() * 1e3 / static_cast<double>(states.size());
  }
};

void Compare(const Side& ours, const Side& reference, RenderBenchReport& report) {
  int64_t pixels = 0, same_ids = 0, geoms = 0, same_depth = 0, bytes = 0, error = 0;
  for (size_t i = 0; i < ours.pictures.size(); ++i) {
    const Side::Picture& a = ours.pictures[i];
    const Side::Picture& b = reference.pictures[i];
    for (size_t k = 0; k < a.rgb.size(); ++k) error += std::abs(a.rgb[k] - b.rgb[k]);
    bytes += static_cast<int64_t>(a.rgb.size());
    for (size_t k = 0; 2 * k < a.segmentation.size(); ++k) {
      const bool same = a.segmentation[2 * k] == b.segmentation[2 * k] &&
                        a.segmentation[2 * k + 1] == b.segmentation[2 * k + 1];
      ++pixels;
      same_ids += same;
      if (!same || a.segmentation[2 * k] < 0 || a.depth.empty()) continue;
      ++geoms;
      same_depth += std::abs(a.depth[k] - b.depth[k]) < kSameDepth;
    }
  }
  const auto share = [](int64_t part, int64_t all) {
    return all == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(all);
  };
  report.same_ids = share(same_ids, pixels);
  report.same_depth = share(same_depth, geoms);
  report.colour_error = bytes == 0 ? 0 : share(error, bytes);
}

}  // namespace

void RenderBenchConfig::Describe(config::Fields& f) {
  f.Field("camera", camera,
          {.help = "camera of the scene; empty: front, else the first, else a view of all of it"});
  f.Field("width", width, {.help = "picture width", .unit = "pixels", .min = 1, .max = 4096});
  f.Field("height", height, {.help = "picture height", .unit = "pixels", .min = 1, .max = 4096});
  f.Field("kinds", kinds, {.help = "what is drawn", .choices = {"rgb", "depth", "segmentation"}});
  f.Field("samples", samples, {.help = "samples a pixel of ours: 1 or 4", .min = 1, .max = 4});
  f.Field("shadows", shadows, {.help = "shadows, on both sides"});
  f.Field("levels_of_detail", levels_of_detail, {.help = "coarser meshes where they are small"});
  f.Field("keep_fixed", keep_fixed,
          {.help = "let ours keep what stays in front of a camera that does"});
  f.Field("states", states, {.help = "states of the task that are drawn", .min = 1, .max = 10000});
  f.Field("repeats", repeats, {.help = "how often each side is measured", .min = 1, .max = 1000});
  f.Field("seed", seed, {.help = "of the states"});
}

RenderBenchReport BenchRendering(const std::shared_ptr<const env::Task>& task,
                                 const RenderBenchConfig& config) {
  const mjModel* model = task->model().get();
  const render::Camera camera = render::Camera::Choose(model, config.camera);
  const std::vector<sim::Data> states =
      States(task, config.states, DeriveSeed(config.seed, SeedUse::kBench));
  Side ours(model, config, "raster"), reference(model, config, "gl");
  RenderBenchReport report;
  report.ours = ours.renderer->Describe();
  report.reference = reference.renderer->Describe();
  report.camera = camera.name.empty() ? "overview" : camera.name;
  const auto draw = [&](Side& side) {
    return side.Draw(model, states, camera, config.width, config.height);
  };
  draw(ours), draw(reference);  // warm
  for (int i = 0; i < config.repeats; ++i) {
    RenderBenchReport::Repeat repeat;
    // Ours is over in no time: as many rounds as the other side takes.
    if (i % 2 == 0) repeat.reference = draw(reference);
    constexpr int kRounds = 10;
    for (int k = 0; k < kRounds; ++k) repeat.ours += draw(ours) / kRounds;
    if (i % 2 == 1) repeat.reference = draw(reference);
    report.repeats.push_back(repeat);
  }
  Compare(ours, reference, report);
  return report;
}

namespace {

std::vector<double> Column(const RenderBenchReport& report, auto&& value) {
  std::vector<double> values;
  for (const RenderBenchReport::Repeat& repeat : report.repeats) values.push_back(value(repeat));
  return values;
}
const auto kOurs = [](const RenderBenchReport::Repeat& r) { return r.ours; };
const auto kReference = [](const RenderBenchReport::Repeat& r) { return r.reference; };
const auto kRatio = [](const RenderBenchReport::Repeat& r) { return r.ratio(); };

}  // namespace

std::string RenderBenchAsJson(const RenderBenchReport& report, const RenderBenchConfig& config,
                              const std::string& env_name) {
  using nlohmann::ordered_json;
  ordered_json json = {{"schema", 1},
                       {"env", env_name},
                       {"camera", report.camera},
                       {"width", config.width},
                       {"height", config.height},
                       {"kinds", config.kinds},
                       {"samples", config.samples},
                       {"shadows", config.shadows},
                       {"keep_fixed", config.keep_fixed}};
  const auto add = [&](const char* name, const std::vector<double>& values) {
    json[name] = Median(values);
    json[std::string(name) + "_spread"] = {Quantile(values, 0), Quantile(values, 1)};
  };
  add("ours", Column(report, kOurs));
  add("reference", Column(report, kReference));
  add("ratio", Column(report, kRatio));
  json["unit"] = "ms a picture";
  json["ours_is"] = report.ours;
  json["reference_is"] = report.reference;
  json["same_ids"] = report.same_ids;
  json["depth_within_1mm"] = report.same_depth;
  json["colour_error"] = report.colour_error;
  json["versions"] = {{"simscale", kVersion}, {"mujoco", mj_versionString()}};
  return json.dump(1) + "\n";
}

std::string RenderBenchAsText(const RenderBenchReport& report, const RenderBenchConfig& config,
                              const std::string& env_name) {
  const auto line = [](const std::string& name, const std::vector<double>& values, int digits) {
    return Cat(name, Fixed(Median(values), digits), "   (", Fixed(Quantile(values, 0), digits),
               " .. ", Fixed(Quantile(values, 1), digits), ")\n");
  };
  return Cat(env_name, ", camera ", report.camera, ", ", config.width, "x", config.height, ", ",
             config.states, " states, ", report.repeats.size(), " repeats\n", "ours: ", report.ours,
             "; reference: ", report.reference, "\n",
             "                     median   (lowest .. highest)\n",
             line("ours, ms             ", Column(report, kOurs), 3),
             line("reference, ms        ", Column(report, kReference), 3),
             line("ratio                ", Column(report, kRatio), 1), "same ids on ",
             Fixed(100 * report.same_ids, 3), " % of pixels, depth within 1 mm on ",
             Fixed(100 * report.same_depth, 3), " % of those, mean colour error ",
             Fixed(report.colour_error, 3), " of 255\n");
}

}  // namespace simscale::eval
