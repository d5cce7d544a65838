#include "simscale/train/sink.h"

#include <algorithm>
#include <fstream>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"
#include "simscale/train/png.h"
#include "simscale/train/tensorboard.h"
#include "simscale/train/wandb_sink.h"

namespace simscale::train {
namespace {

const std::vector<std::string> kSinks = {"csv", "tensorboard", "wandb"};

class TensorBoardSink : public Sink {
 public:
  TensorBoardSink(const std::filesystem::path& run_dir, int64_t resumed_step)
      : writer_(run_dir / "tensorboard", resumed_step) {}
  std::string name() const override { return "tensorboard"; }
  void Record(int64_t step, const std::string& kind, const MetricList& values) override {
    for (const auto& [name, value] : values) writer_.Scalar(Cat(kind, "/", name), step, value);
  }
  void Add(int64_t step, const std::string& tag, const Histogram& histogram) override {
    writer_.AddHistogram(tag, step, histogram);
  }
  void Add(int64_t step, const std::string& tag, const Picture& picture) override {
    writer_.Image(tag, step, picture.width, picture.height, EncodePng(picture));
  }
  /// TensorBoard has no videos of its own: an animated picture plays among its pictures.
  void Add(int64_t step, const std::string& tag, const Video& video) override {
    writer_.Image(tag, step, video.width, video.height, ReadFile(video.animation));
  }
  void Flush() override { writer_.Flush(); }

 private:
  TensorBoardWriter writer_;
};

/// metrics.csv: step,kind,name,value, a line each number. A resumed run appends; what it does again
/// stands there twice, the later line counts.
class CsvSink : public Sink {
 public:
  CsvSink(const std::filesystem::path& run_dir, int64_t resumed_step)
      : path_(run_dir / "metrics.csv") {
    file_.open(path_, resumed_step < 0 ? std::ios::trunc : std::ios::app);
    file_.precision(17);
    std::error_code error;
    if (resumed_step < 0 || fs::file_size(path_, error) == 0) file_ << "step,kind,name,value\n";
    Flush();
  }
  std::string name() const override { return "csv"; }
  void Record(int64_t step, const std::string& kind, const MetricList& values) override {
    for (const auto& [name, value] : values)
      file_ << step << ',' << kind << ',' << name << ',' << value << '\n';
  }
  void Flush() override {
    file_.flush();
    if (!file_) ThrowIo(path_.string(), ": can't write");
  }

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace

void WandbConfig::Describe(config::Fields& f) {
  f.Field("project", project, {.help = "empty: $WANDB_PROJECT, else simscale"});
  f.Field("checkpoints", checkpoints,
          {.help = "which become artefacts", .choices = {"best", "all", "none"}});
  f.Field("finish_seconds", finish_seconds,
          {.help = "how long the end of a run waits for uploads", .unit = "s", .min = 0});
}

bool MetricsConfig::Has(const std::string& sink) const {
  return std::ranges::find(sinks, sink) != sinks.end();
}

void MetricsConfig::Describe(config::Fields& f) {
  f.Field("sinks", sinks,
          {.help = "where metrics go beside metrics.jsonl: tensorboard, csv (metrics.csv), wandb"});
  f.Field("videos", videos,
          {.help = "episodes of each evaluation that are filmed, into videos/ and the sinks",
           .min = 0,
           .max = 1000});
  f.Struct("wandb", wandb, "Weights & Biases, where it is among the sinks");
}

void MetricsConfig::Validate() const {
  for (const std::string& sink : sinks)
    if (std::ranges::find(kSinks, sink) == kSinks.end())
      throw UserError("metrics.sinks: " + UnknownName("sink", sink, kSinks));
}

std::unique_ptr<Sink> MakeSink(const std::string& name, const std::filesystem::path& run_dir,
                               int64_t resumed_step, const MetricsConfig& config) {
  if (name == "wandb") return std::make_unique<WandbSink>(run_dir, resumed_step, config.wandb);
  if (name == "csv") return std::make_unique<CsvSink>(run_dir, resumed_step);
  SIMSCALE_CHECK(name == "tensorboard");
  return std::make_unique<TensorBoardSink>(run_dir, resumed_step);
}

}  // namespace simscale::train
