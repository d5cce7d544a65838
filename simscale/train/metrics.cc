#include "simscale/train/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"

namespace simscale::train {
namespace {

/// The part of an old metrics.jsonl that a run resumed at `resume` keeps. A half-written last line
/// and what lies past the checkpoint go.
std::string KeptLines(const std::string& text, const Metrics::Resume& resume) {
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) break;
    const auto step = json["step"].get<int64_t>();
    if (step > resume.step) break;
    if (step == resume.step && resume.redo && !json.value("kind", "").starts_with("train"))
      continue;
    kept += line + "\n";
  }
  return kept;
}

std::filesystem::path Prepare(const std::filesystem::path& path, const Metrics::Resume& resume) {
  MakeDirs(path.parent_path());
  std::string kept;
  if (resume.step >= 0 && fs::exists(path)) kept = KeptLines(ReadFile(path), resume);
  WriteFileAtomic(path, kept);
  return path;
}

}  // namespace

Metrics::Metrics(const std::filesystem::path& run_dir, Resume resume, const MetricsConfig& config)
    : path_(Prepare(run_dir / "metrics.jsonl", resume)) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) ThrowIo(path_.string(), ": can't write: ", std::strerror(errno));
  for (const std::string& name : config.sinks) try {
      sinks_.push_back(MakeSink(name, run_dir, resume.step, config));
    } catch (const std::exception& error) {
      LogWarning(name, " is left out: ", error.what());
    }
}

template <class F>
void Metrics::ForEachSink(F&& f) {
  std::erase_if(sinks_, [&](const std::unique_ptr<Sink>& sink) {
    try {
      f(*sink);
      return false;
    } catch (const std::exception& error) {
      LogWarning(sink->name(), " is left out from here on: ", error.what());
      return true;
    }
  });
}

Metrics::~Metrics() { ::close(fd_); }

void Metrics::Record(int64_t step, const std::string& kind, const MetricList& values) {
  nlohmann::ordered_json json = {{"step", step}, {"kind", kind}};
  for (const auto& [name, value] : values) {
    const bool whole = std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e15;
    if (whole)
      json[name] = static_cast<int64_t>(value);
    else
      json[name] = value;
  }
  const std::string line = json.dump() + "\n";
  // One write a line: a kill leaves at most the last line incomplete.
  ssize_t n = 0;
  do n = ::write(fd_, line.data(), line.size());
  while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(line.size()))
    ThrowIo(path_.string(), ": can't write: ", n < 0 ? std::strerror(errno) : "no space left");
  ForEachSink([&](Sink& sink) {
    sink.Record(step, kind, values);
    sink.Flush();
  });
}

void Metrics::RecordTiming(int64_t step, const MetricList& values) {
  ForEachSink([&](Sink& sink) { sink.Record(step, "time", values); });
}

void Metrics::Add(int64_t step, const std::string& tag, const Histogram& histogram) {
  ForEachSink([&](Sink& sink) { sink.Add(step, tag, histogram); });
}

void Metrics::Add(int64_t step, const std::string& tag, const Picture& picture) {
  ForEachSink([&](Sink& sink) { sink.Add(step, tag, picture); });
}

void Metrics::Add(int64_t step, const std::string& tag, const Video& video) {
  ForEachSink([&](Sink& sink) { sink.Add(step, tag, video); });
}

void Metrics::AddCheckpoint(int64_t step, const Checkpoint& checkpoint) {
  ForEachSink([&](Sink& sink) { sink.AddCheckpoint(step, checkpoint); });
}

void Metrics::Finish(bool complete) {
  ForEachSink([&](Sink& sink) {
    sink.Flush();
    sink.Finish(complete);
  });
}

void Metrics::Sync() {
  if (::fsync(fd_) != 0) ThrowIo(path_.string(), ": can't write: ", std::strerror(errno));
}

}  // namespace simscale::train
