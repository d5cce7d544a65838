#include "simscale/eval/tape.h"

#include "simscale/render/overlay.h"

namespace simscale::eval {

void Tape::OnReset(const env::BatchedEnv& env, int row, const env::EpisodeKey& key) {
  filming_.erase(row);
  if (key.index >= static_cast<uint64_t>(episodes_)) return;
  filming_[row] = key.index;
  takes_[key.index] = {};
  Note(env, row, 0);
}

void Tape::AfterStep(const env::BatchedEnv& env) {
  for (const auto& [row, index] : filming_) {
    Note(env, row, env.result().reward[static_cast<size_t>(row)]);
  }
}

void Tape::OnEpisodeEnd(const env::BatchedEnv&, const env::EpisodeOutcome& outcome) {
  if (filming_.erase(outcome.row) == 0) return;
  Take& take = takes_.at(outcome.key.index);
  take.finished = true;
  take.success = outcome.success;
}

void Tape::Note(const env::BatchedEnv& env, int row, double reward) {
  std::vector<double> state(static_cast<size_t>(env.state_dim()));
  env.GetState(row, state);
  Take& take = takes_.at(filming_.at(row));
  const double before = take.frames.empty() ? 0 : take.frames.back().episode_return;
  take.frames.push_back({std::move(state), before + reward});
}

render::Image FramePainter::Paint(uint64_t episode, const Tape::Take& take, size_t i) {
  const Tape::Frame& frame = take.frames.at(i);
  env_.SetState(0, frame.state, {});
  render::Image image = renderer_.Picture(env_.model(0), env_.data(0), camera_);
  render::EpisodeCaption caption{.title = title_, .episode = episode};
  caption.time = static_cast<double>(i) / env_.task().config().control_rate;
  caption.episode_return = frame.episode_return;
  if (take.finished && i + 1 == take.frames.size()) caption.success = take.success;
  render::DrawCaption(image, caption);
  return image;
}

}  // namespace simscale::eval
