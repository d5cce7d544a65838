#include "simscale/train/wandb_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/text.h"
#include "simscale/dist/launch.h"
#include "simscale/train/png.h"

namespace simscale::train {
namespace {

constexpr size_t kMostPending = size_t{64} << 20;  // what a helper that hangs may cost
constexpr double kInterruptedSeconds = 10;         // clusters give a stopped job half a minute
constexpr int kWaitMilliseconds = 50;
constexpr double kPatience = 5;  // before the wait is explained

/// Starts python with these arguments, its standard input from `in`, its output to the file. -P: a
/// folder called wandb where the training was started is no package.
pid_t StartPython(std::vector<std::string> arguments, int in, const fs::path& output) {
  const std::string python = dist::ProgramBesideTorch("python3").string();
  arguments.insert(arguments.begin(), {python, std::string("-P")});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in, 0);
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Its own session: Ctrl-C is for the training, which then tells.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t process = -1;
  const int code =
      posix_spawnp(&process, python.c_str(), &files, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) ThrowIo(python, ": can't start it: ", std::strerror(code));
  return process;
}

/// As W&B makes them: eight letters and digits, another for each run whatever its seed.
std::string NewId() {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::string id;
  for (int i = 0; i < 8; ++i) id += kDigits[random() % kDigits.size()];
  return id;
}

std::string RunId(const fs::path& folder, bool is_new) {
  const fs::path path = folder / "run_id";
  if (!is_new && fs::exists(path)) return Trim(ReadFile(path));
  const std::string id = NewId();
  WriteFileAtomic(path, id + "\n");
  return id;
}

}  // namespace

void RequireWandb() {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t process = StartPython(
      {"-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('wandb') is None)"},
      nothing, "/dev/null");
  ::close(nothing);
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0)
    ThrowUser("metrics.sinks: wandb needs the Python package of that name, which ",
              dist::ProgramBesideTorch("python3").string(),
              " lacks. `pip install wandb` there, or leave it out of the sinks");
}

WandbSink::WandbSink(const std::filesystem::path& run_dir, int64_t resumed_step,
                     const WandbConfig& config)
    : log_(run_dir / "wandb" / "helper.log"), finish_seconds_(config.finish_seconds) {
  MakeDirs(log_.parent_path());
  const std::string id = RunId(log_.parent_path(), resumed_step < 0);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    ThrowIo("socketpair: ", std::strerror(errno));
  socket_ = ends[0];
  try {
    process_ = StartPython({(ShareDir() / "helpers/wandb_sink.py").string()}, ends[1], log_);
  } catch (...) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);
  Send(nlohmann::json({{"id", id},
                       {"project", config.project},
                       {"checkpoints", config.checkpoints},
                       {"run_dir", fs::absolute(run_dir).string()},
                       {"pid", ::getpid()}})
           .dump());
}

WandbSink::~WandbSink() {
  ::close(socket_);
  ::waitpid(process_, nullptr, WNOHANG);
}

void WandbSink::Record(int64_t step, const std::string& kind, const MetricList& values) {
  nlohmann::json numbers = nlohmann::json::object();
  for (const auto& [name, value] : values) numbers[Cat(kind, "/", name)] = value;
  Send(nlohmann::json({{"do", "metrics"}, {"step", step}, {"values", numbers}}).dump());
}

void WandbSink::Add(int64_t step, const std::string& tag, const Histogram& histogram) {
  Send(nlohmann::json({{"do", "histogram"},
                       {"step", step},
                       {"tag", tag},
                       {"min", histogram.min},
                       {"max", histogram.max},
                       {"counts", histogram.counts}})
           .dump());
}

void WandbSink::Add(int64_t step, const std::string& tag, const Picture& picture) {
  const std::string png = EncodePng(picture);
  Send(nlohmann::json({{"do", "picture"}, {"step", step}, {"tag", tag}, {"bytes", png.size()}})
           .dump());
  pending_ += png;
}

void WandbSink::Add(int64_t step, const std::string& tag, const Video& video) {
  const std::string path = fs::absolute(video.mp4).string();
  Send(nlohmann::json({{"do", "video"}, {"step", step}, {"tag", tag}, {"path", path}}).dump());
}

void WandbSink::AddCheckpoint(int64_t step, const Checkpoint& checkpoint) {
  Send(nlohmann::json({{"do", "checkpoint"},
                       {"step", step},
                       {"path", fs::absolute(checkpoint.dir).string()},
                       {"best", checkpoint.best},
                       {"success_rate", checkpoint.success_rate}})
           .dump());
}

void WandbSink::Flush() {
  if (!Listen()) ThrowEnded();
  Push();
}

void WandbSink::ThrowEnded() const {
  throw Error(Cat("its helper has ended; see ", log_.string()));
}

void WandbSink::Finish(bool complete) {
  Send(nlohmann::json({{"do", "finish"}, {"complete", complete}}).dump());
  const Stopwatch clock;
  const auto left = [&] {
    return InterruptRequested() ? std::min(kInterruptedSeconds, finish_seconds_) : finish_seconds_;
  };
  bool explained = false;
  while (clock.seconds() < left()) {
    const bool all = Push();
    pollfd ready = {
        .fd = socket_, .events = static_cast<short>(all ? POLLIN : POLLIN | POLLOUT), .revents = 0};
    ::poll(&ready, 1, kWaitMilliseconds);
    if (!Listen()) {
      // Its end of the socket closes a moment before it ends.
      int status = 0;
      const bool ended = ::waitpid(process_, &status, WNOHANG) == process_;
      if (ended && all && status == 0) return;
      if (ended || !all) ThrowEnded();
      std::this_thread::sleep_for(std::chrono::milliseconds(kWaitMilliseconds));
    }
    if (explained || clock.seconds() < kPatience) continue;
    LogInfo("wandb: uploads are under way; waiting for them, for ", HumanSeconds(left()),
            " at most");
    explained = true;
  }
  throw Error(Cat("it has not ended ", HumanSeconds(clock.seconds()),
                  " after the training; it goes on by itself, as process ", process_));
}

void WandbSink::Send(const std::string& message) {
  pending_ += message;
  pending_ += '\n';
  if (pending_.size() > kMostPending)
    throw Error(Cat("its helper does not keep up; see ", log_.string()));
}

bool WandbSink::Push() {
  size_t sent = 0;
  while (sent < pending_.size()) {
    const ssize_t n = ::send(socket_, pending_.data() + sent, pending_.size() - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;  // full; that the helper is gone is for Listen to tell
    sent += static_cast<size_t>(n);
  }
  pending_.erase(0, sent);
  return pending_.empty();
}

bool WandbSink::Listen() {
  char buffer[4096];
  while (true) {
    const ssize_t n = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (n <= 0) return false;
    heard_.append(buffer, static_cast<size_t>(n));
    for (size_t end; (end = heard_.find('\n')) != std::string::npos;) {
      const std::string line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      Tell(line);
    }
  }
}

void WandbSink::Tell(const std::string& line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  for (const auto& [kind, text] : json.items()) {
    if (!text.is_string()) continue;
    if (kind == "error") throw Error(text.get<std::string>());
    if (kind == "warning")
      LogWarning("wandb: ", text.get<std::string>());
    else
      LogInfo("wandb: ", text.get<std::string>());
  }
}

}  // namespace simscale::train
