#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "simscale/env/episode_runner.h"
#include "simscale/render/renderer.h"

namespace simscale::eval {

/// Notes the states of the episodes of lowest index while they run, so that pictures can be made
/// afterwards and figures and speed don't depend on rendering.
class Tape : public env::EpisodeObserver {
 public:
  explicit Tape(int episodes) : episodes_(episodes) {}

  struct Frame {
    std::vector<double> state;  ///< BatchedEnv's, randomised values included
    double episode_return = 0;
  };
  struct Take {
    std::vector<Frame> frames;
    bool finished = false, success = false;
  };
  const std::map<uint64_t, Take>& takes() const { return takes_; }  ///< by episode index

  void OnReset(const env::BatchedEnv& env, int row, const env::EpisodeKey& key) override;
  void AfterStep(const env::BatchedEnv& env) override;
  void OnEpisodeEnd(const env::BatchedEnv& env, const env::EpisodeOutcome& outcome) override;

 private:
  void Note(const env::BatchedEnv& env, int row, double reward);

  int episodes_;
  std::map<uint64_t, Take> takes_;
  std::map<int, uint64_t> filming_;  ///< row -> episode index
};

/// Draws frames of takes, with what they tell written in.
class FramePainter {
 public:
  /// title: first line of each caption. The pieces must outlive it.
  FramePainter(render::Renderer& renderer, env::BatchedEnv& env, const render::Camera& camera,
               std::string title)
      : renderer_(renderer), env_(env), camera_(camera), title_(std::move(title)) {}
  /// Frame `i` of the take of an episode; the last one tells how it ended.
  render::Image Paint(uint64_t episode, const Tape::Take& take, size_t i);

 private:
  render::Renderer& renderer_;
  env::BatchedEnv& env_;
  const render::Camera& camera_;
  std::string title_;
};

}  // namespace simscale::eval
