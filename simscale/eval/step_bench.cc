#include "simscale/eval/step_bench.h"

#include <mujoco/mujoco.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/rng.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/text.h"
#include "simscale/common/version.h"
#include "simscale/env/batched_env.h"
#include "simscale/eval/evaluator.h"
#include "simscale/eval/statistics.h"

namespace simscale::eval {
namespace {

/// What one environment went through: enough to play it again with mj_step alone.
struct Track {
  std::vector<double> ctrl;          ///< [steps, nu]
  std::vector<int> starts;           ///< control steps before which an episode begins; first is 0
  std::vector<double> start_states;  ///< [starts, state size]
  std::vector<double> end_state;     ///< after the last control step
};

/// An array of doubles as numpy.load reads it (format 1.0).
std::string AsNpy(const std::vector<double>& values, const std::vector<size_t>& shape) {
  std::string dims;
  for (size_t dim : shape) dims += Cat(dim, ",");
  std::string header = Cat("{'descr': '<f8', 'fortran_order': False, 'shape': (", dims, "), }");
  // The values begin at a multiple of 64 bytes; magic, version and length take ten.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string npy("\x93NUMPY\x01\x00", 8);
  npy += static_cast<char>(header.size() % 256);
  npy += static_cast<char>(header.size() / 256);
  npy += header;
  npy.append(reinterpret_cast<const char*>(values.data()), 8 * values.size());
  return npy;
}

class StepBench {
 public:
  StepBench(std::shared_ptr<const env::Task> task, const StepBenchConfig& config)
      : task_(std::move(task)),
        config_(config),
        threads_(ResolveThreads(config.threads, config.num_envs)),
        seed_(DeriveSeed(config.seed, SeedUse::kBench)),
        state_size_(static_cast<size_t>(sim::StateSize(task_->model()))),
        actions_(static_cast<size_t>(config.steps)),
        tracks_(static_cast<size_t>(config.num_envs)) {
    for (size_t t = 0; t < actions_.size(); ++t) {
      Rng rng(seed_, t, "bench_action");
      actions_[t].resize(static_cast<size_t>(config.num_envs * task_->action_dim()));
      for (float& action : actions_[t]) action = static_cast<float>(rng.Uniform(-1, 1));
    }
    for (int i = 0; i < threads_; ++i) raw_data_.emplace_back(task_->model());
  }

  StepBenchReport Run() {
    StepBenchReport report{.repeats = {},
                           .num_envs = config_.num_envs,
                           .threads = threads_,
                           .steps = config_.steps,
                           .frame_skip = task_->frame_skip()};
    Record();
    if (!config_.save_trajectories.empty()) Save(config_.save_trajectories);
    for (const Track& track : tracks_) {
      report.resets += static_cast<int64_t>(track.starts.size()) - 1;
    }
    env::BatchedEnv env(task_, EnvConfig(env::AutoresetMode::kSameStep));
    RunEnv(env);  // warms up
    RunRaw();
    report.same_states = same_states_;
    const double steps = static_cast<double>(config_.num_envs) * config_.steps;
    for (int i = 0; i < config_.repeats; ++i) {
      // Who begins takes turns too: a machine that slows down harms both alike.
      StepBenchReport::Repeat repeat;
      if (i % 2 == 0) repeat.env = steps / RunEnv(env);
      repeat.raw = steps / RunRaw();
      if (i % 2 != 0) repeat.env = steps / RunEnv(env);
      report.repeats.push_back(repeat);
    }
    return report;
  }

 private:
  env::BatchedEnvConfig EnvConfig(env::AutoresetMode mode) const {
    return {.num_envs = config_.num_envs,
            .num_threads = threads_,
            .seed = seed_,
            .autoreset = mode,
            .dump_dir = ""};
  }

  std::vector<double> Physics(const env::BatchedEnv& env, int row) const {
    std::vector<double> state(static_cast<size_t>(env.state_dim()));
    env.GetState(row, state);
    state.resize(state_size_);  // the physics comes first
    return state;
  }

  /// Resets by hand what RunEnv's autoreset resets by itself, so that a row's last controls and
  /// state can be read before they are gone.
  void Record() {
    env::BatchedEnv env(task_, EnvConfig(env::AutoresetMode::kDisabled));
    const int nu = task_->model()->nu;
    const auto begin = [&](int row, int step) {
      Track& track = tracks_[static_cast<size_t>(row)];
      const std::vector<double> state = Physics(env, row);
      track.starts.push_back(step);
      track.start_states.insert(track.start_states.end(), state.begin(), state.end());
    };
    env.Reset(seed_);
    for (int row = 0; row < config_.num_envs; ++row) begin(row, 0);
    for (int t = 0; t < config_.steps; ++t) {
      const env::StepResult& result = env.Step(actions_[static_cast<size_t>(t)]);
      std::vector<int> ended;
      std::vector<env::EpisodeKey> keys;
      for (int row = 0; row < config_.num_envs; ++row) {
        const size_t r = static_cast<size_t>(row);
        const double* ctrl = env.data(row)->ctrl;
        tracks_[r].ctrl.insert(tracks_[r].ctrl.end(), ctrl, ctrl + nu);
        if (t + 1 == config_.steps) {
          tracks_[r].end_state = Physics(env, row);
        } else if (result.terminated[r] || result.truncated[r]) {
          ended.push_back(row);
          keys.push_back({env.key(row).seed, env.key(row).index + 1});
        }
      }
      if (ended.empty()) continue;
      env.ResetRows(ended, keys);
      for (int row : ended) begin(row, t + 1);
    }
  }

  /// What another engine needs to play the same, see docs/benchmarks.md.
  void Save(const fs::path& dir) const {
    MakeDirs(dir);
    const mjModel* model = task_->model().get();
    std::string bytes(static_cast<size_t>(mj_sizeModel(model)), '\0');
    mj_saveModel(model, nullptr, bytes.data(), static_cast<int>(bytes.size()));
    WriteFileAtomic(dir / "model.mjb", bytes);
    std::vector<double> controls, starts, ends;
    nlohmann::ordered_json json = {{"schema", 1},
                                   {"env", task_->name()},
                                   {"num_envs", config_.num_envs},
                                   {"steps", config_.steps},
                                   {"frame_skip", task_->frame_skip()},
                                   {"episodes", nlohmann::ordered_json::array()}};
    for (size_t row = 0; row < tracks_.size(); ++row) {
      const Track& track = tracks_[row];
      controls.insert(controls.end(), track.ctrl.begin(), track.ctrl.end());
      starts.insert(starts.end(), track.start_states.begin(), track.start_states.end());
      ends.insert(ends.end(), track.end_state.begin(), track.end_state.end());
      for (int step : track.starts) json["episodes"].push_back({{"env", row}, {"step", step}});
    }
    WriteFileAtomic(dir / "controls.npy",
                    AsNpy(controls, {tracks_.size(), actions_.size(), Index(model->nu)}));
    WriteFileAtomic(dir / "start_states.npy",
                    AsNpy(starts, {json["episodes"].size(), state_size_}));
    WriteFileAtomic(dir / "end_states.npy", AsNpy(ends, {tracks_.size(), state_size_}));
    WriteFileAtomic(dir / "trajectories.json", json.dump(1) + "\n");
  }

  double RunEnv(env::BatchedEnv& env) {
    env.Reset(seed_);
    const Stopwatch watch;
    for (const std::vector<float>& action : actions_) env.Step(action);
    return watch.seconds();
  }

  double RunRaw() {
    std::vector<uint8_t> same(static_cast<size_t>(threads_), 1);
    const Stopwatch watch;
    std::vector<std::thread> threads;
    for (int i = 1; i < threads_; ++i)
      threads.emplace_back([&, i] { same[Index(i)] = RawShare(i); });
    same[0] = RawShare(0);
    for (std::thread& thread : threads) thread.join();
    const double seconds = watch.seconds();
    same_states_ = std::ranges::all_of(same, [](uint8_t value) { return value != 0; });
    return seconds;
  }

  /// Plays thread i's environments; whether all ended as in ours.
  bool RawShare(int i) const {
    const int64_t n = config_.num_envs;
    const int first = static_cast<int>(n * i / threads_);
    const int last = static_cast<int>(n * (i + 1) / threads_);
    const mjModel* model = task_->model().get();
    mjData* data = raw_data_[Index(i)].get();
    std::vector<double> state(state_size_);
    bool same = true;
    for (int row = first; row < last; ++row) {
      const Track& track = tracks_[Index(row)];
      size_t episode = 0;
      for (int t = 0; t < config_.steps; ++t) {
        if (episode < track.starts.size() && track.starts[episode] == t) {
          mj_setState(model, data, &track.start_states[episode * state_size_], mjSTATE_INTEGRATION);
          ++episode;
        }
        mju_copy(data->ctrl, &track.ctrl[Index(t) * Index(model->nu)], model->nu);
        for (int k = 0; k < task_->frame_skip(); ++k) mj_step(model, data);
      }
      mj_getState(model, data, state.data(), mjSTATE_INTEGRATION);
      same &= SamePhysics(state, track.end_state);
    }
    return same;
  }

  /// Time, qpos and qvel lead MuJoCo's state vector. The rest is left out: ours has already
  /// prepared the next step, so its warm start is one stage further.
  bool SamePhysics(const std::vector<double>& a, const std::vector<double>& b) const {
    const mjModel* model = task_->model().get();
    return std::equal(a.begin(), a.begin() + 1 + model->nq + model->nv, b.begin());
  }

  template <class T>
  static size_t Index(T i) {
    return static_cast<size_t>(i);
  }

  std::shared_ptr<const env::Task> task_;
  StepBenchConfig config_;
  int threads_;
  uint64_t seed_;
  size_t state_size_;
  std::vector<std::vector<float>> actions_;  ///< [steps][N, A]
  std::vector<Track> tracks_;                ///< one an environment
  std::vector<sim::Data> raw_data_;          ///< one a thread
  bool same_states_ = false;
};

struct Summary {
  double median, min, max;
  explicit Summary(const std::vector<double>& values)
      : median(Median(values)), min(Quantile(values, 0)), max(Quantile(values, 1)) {}
};

}  // namespace

void StepBenchConfig::Describe(config::Fields& f) {
  f.Field("num_envs", num_envs, {.help = "environments in lock-step", .min = 1, .max = 65536});
  f.Field("threads", threads,
          {.help = "threads that step them; 0: all cores", .min = 0, .max = 1024});
  f.Field("steps", steps,
          {.help = "control steps of each environment in one repeat", .min = 1, .max = 1e6});
  f.Field("repeats", repeats, {.help = "how often each side is measured", .min = 1, .max = 1000});
  f.Field("seed", seed, {.help = "the run's seed; actions and episodes derive theirs from it"});
  f.Field("save_trajectories", save_trajectories,
          {.help = "folder for the model, start states and controls, for other engines to play"});
}

std::vector<double> StepBenchReport::Column(double Repeat::*member) const {
  std::vector<double> values;
  for (const Repeat& repeat : repeats) values.push_back(repeat.*member);
  return values;
}

std::vector<double> StepBenchReport::Ratios() const {
  std::vector<double> values;
  for (const Repeat& repeat : repeats) values.push_back(repeat.ratio());
  return values;
}

StepBenchReport BenchSteps(std::shared_ptr<const env::Task> task, const StepBenchConfig& config) {
  return StepBench(std::move(task), config).Run();
}

std::string StepBenchAsJson(const StepBenchReport& report, const std::string& env_name) {
  using nlohmann::ordered_json;
  const Summary env(report.Column(&StepBenchReport::Repeat::env));
  const Summary raw(report.Column(&StepBenchReport::Repeat::raw));
  const Summary ratio(report.Ratios());
  ordered_json json = {{"schema", 1},
                       {"env", env_name},
                       {"num_envs", report.num_envs},
                       {"threads", report.threads},
                       {"frame_skip", report.frame_skip},
                       {"steps", report.steps},
                       {"resets", report.resets},
                       {"same_states", report.same_states},
                       {"env_steps_per_second", env.median},
                       {"env_steps_per_second_spread", {env.min, env.max}},
                       {"raw_steps_per_second", raw.median},
                       {"raw_steps_per_second_spread", {raw.min, raw.max}},
                       {"ratio", ratio.median},
                       {"ratio_spread", {ratio.min, ratio.max}},
                       {"repeats", ordered_json::array()},
                       {"versions", {{"simscale", kVersion}, {"mujoco", mj_versionString()}}}};
  for (const StepBenchReport::Repeat& repeat : report.repeats) {
    json["repeats"].push_back({{"env_steps_per_second", repeat.env},
                               {"raw_steps_per_second", repeat.raw},
                               {"ratio", repeat.ratio()}});
  }
  return json.dump(1) + "\n";
}

std::string StepBenchAsText(const StepBenchReport& report, const std::string& env_name) {
  const auto line = [](const std::string& name, const std::vector<double>& values, int digits) {
    const Summary s(values);
    return Cat(name, Fixed(s.median, digits), "   (", Fixed(s.min, digits), " .. ",
               Fixed(s.max, digits), ")\n");
  };
  return Cat(env_name, ": ", report.num_envs, " environments, ", report.threads, " threads, ",
             report.repeats.size(), " repeats of ", report.steps, " control steps (",
             report.frame_skip, " physics steps each), ", report.resets, " resets\n",
             "                     median   (lowest .. highest)\n",
             line("env steps/s          ", report.Column(&StepBenchReport::Repeat::env), 0),
             line("bare mj_step loop    ", report.Column(&StepBenchReport::Repeat::raw), 0),
             line("ratio                ", report.Ratios(), 3),
             report.same_states ? "both sides end in the same states, bit for bit\n"
                                : "the two sides end in different states: not the same physics\n");
}

}  // namespace simscale::eval
