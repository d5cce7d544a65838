#include "simscale/eval/show.h"

#include <algorithm>
#include <cctype>

#include "simscale/common/error.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/progress.h"
#include "simscale/env/batched_env.h"
#include "simscale/render/overlay.h"
#include "simscale/render/png.h"
#include "simscale/render/video.h"

namespace simscale::eval {
namespace {

namespace fs = std::filesystem;

std::string Ending(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending;
}

std::vector<std::pair<uint64_t, const Tape::Take*>> Finished(const Tape& tape) {
  std::vector<std::pair<uint64_t, const Tape::Take*>> takes;
  for (const auto& [index, take] : tape.takes())
    if (take.finished) takes.emplace_back(index, &take);
  if (takes.empty()) ThrowUser("nothing to draw: no episode has ended");
  return takes;
}

}  // namespace

void ShowConfig::Describe(config::Fields& f) {
  f.Field("columns", columns,
          {.help = "tiles side by side; 0: the frames of an episode in a PNG, as square as it gets "
                   "in a video",
           .min = 0,
           .max = 1000});
  f.Field("frames", frames,
          {.help = "frames of each episode in a PNG, spread over it; 1: its start",
           .min = 1,
           .max = 1000});
  f.Field("camera", camera,
          {.help = "camera of the scene; empty: front, else the first, else a view of all of it"});
  f.Struct("picture", picture, "how each tile is made");
}

void CheckShowPath(const fs::path& path) {
  if (path.empty()) ThrowUser("nowhere to draw to: give --out FILE.png or FILE.mp4");
  const std::string ending = Ending(path);
  if (ending != ".png" && ending != ".mp4")
    ThrowUser("--out must end in .png or .mp4, got ", path.string());
}

void WriteShow(const std::shared_ptr<const env::Task>& task, const Tape& tape,
               const ShowConfig& config, const std::string& title, const fs::path& path) {
  CheckShowPath(path);
  const auto takes = Finished(tape);
  const render::Camera camera = render::Camera::Choose(task->model().get(), config.camera);
  const auto renderer = render::MakeRenderer(task->model().get(), config.picture);
  env::BatchedEnv env(task, {});
  FramePainter painter(*renderer, env, camera, title);
  render::GridStyle grid{.columns = config.columns};
  if (Ending(path) == ".png") {
    std::vector<render::Image> tiles;
    for (const auto& [index, take] : takes) {
      const int length = static_cast<int>(take->frames.size());
      for (const int i :
           config.frames == 1 ? std::vector<int>{0} : render::SpreadIndices(length, config.frames))
        tiles.push_back(painter.Paint(index, *take, static_cast<size_t>(i)));
    }
    if (grid.columns == 0 && config.frames > 1) grid.columns = config.frames;
    render::WritePng(path, render::TileImages(tiles, grid));
    return;
  }
  size_t length = 0;
  for (const auto& [index, take] : takes) length = std::max(length, take->frames.size());
  std::vector<render::Image> tiles(takes.size());
  std::unique_ptr<render::VideoWriter> video;
  Progress progress("video", static_cast<int64_t>(length), "frames");
  for (size_t i = 0; i < length; ++i) {
    if (InterruptRequested()) return;  // the writer leaves nothing behind
    for (size_t k = 0; k < takes.size(); ++k) {
      const auto& [index, take] = takes[k];
      if (i < take->frames.size()) tiles[k] = painter.Paint(index, *take, i);
    }
    const render::Image sheet = render::TileImages(tiles, grid);
    if (!video) {
      video = std::make_unique<render::VideoWriter>(
          path, render::VideoConfig{sheet.width, sheet.height, task->config().control_rate});
    }
    video->AddFrame(sheet);
    progress.Update(static_cast<int64_t>(i + 1));
  }
  video->Finish();
}

}  // namespace simscale::eval
