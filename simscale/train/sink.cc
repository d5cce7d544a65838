#include "simscale/train/sink.h"

#include <algorithm>
#include <fstream>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"
#include "simscale/train/png.h"
#include "simscale/train/tensorboard.h"

namespace simscale::train {
namespace {

const std::vector<std::string> kSinks = {"csv", "tensorboard"};

class TensorBoardSink : public Sink {
 public:
  TensorBoardSink(const std::filesystem::path& run_dir, int64_t resumed_step)
      : writer_(run_dir / "tensorboard", resumed_step) {}
  std::string name() const override { return "tensorboard"; }
  void Record(int64_t step, const std::string& kind, const MetricList& values) override {
    for (const auto& [name, value] : values) writer_.Scalar(kind + "/" + name, step, value);
  }
  void Add(int64_t step, const std::string& tag, const Histogram& histogram) override {
    writer_.AddHistogram(tag, step, histogram);
  }
  void Add(int64_t step, const std::string& tag, const Picture& picture) override {
    writer_.Image(tag, step, picture.width, picture.height, EncodePng(picture));
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

void MetricsConfig::Describe(config::Fields& f) {
  f.Field("sinks", sinks,
          {.help = "where metrics go beside metrics.jsonl: tensorboard, csv (metrics.csv)"});
}

void MetricsConfig::Validate() const {
  for (const std::string& sink : sinks)
    if (std::ranges::find(kSinks, sink) == kSinks.end())
      throw UserError("metrics.sinks: " + UnknownName("sink", sink, kSinks));
}

std::unique_ptr<Sink> MakeSink(const std::string& name, const std::filesystem::path& run_dir,
                               int64_t resumed_step) {
  if (name == "csv") return std::make_unique<CsvSink>(run_dir, resumed_step);
  SIMSCALE_CHECK(name == "tensorboard");
  return std::make_unique<TensorBoardSink>(run_dir, resumed_step);
}

}  // namespace simscale::train
