#include <fcntl.h>
#include <mujoco/mujoco.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "simscale/cli/commands.h"
#include "simscale/cli/doctor_task.h"
#include "simscale/cli/output.h"
#include "simscale/cli/torch_backend.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/stopwatch.h"
#include "simscale/common/thread_pool.h"
#include "simscale/common/version.h"
#include "simscale/data/reader.h"
#include "simscale/data/writer.h"
#include "simscale/render/gl_renderer.h"
#include "simscale/render/renderer.h"
#include "simscale/render/video.h"
#include "simscale/sim/scene.h"
#include "simscale/tasks/registry.h"

namespace simscale::cli {
namespace {

/// Gone with its contents when it ends.
class ScratchDir {
 public:
  ScratchDir() {
    std::string name = (fs::temp_directory_path() / "simscale-doctor-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) ThrowIo(name, ": can't make a temporary folder");
    path_ = name;
  }
  ~ScratchDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string CheckShare() {
  for (const char* part : {"tasks", "presets", "mjcf", "meshes/panda"}) {
    if (!fs::is_directory(ShareDir() / part)) {
      ThrowIo(ShareDir().string(), ": has no ", part, ". Build or install simscale again.");
    }
  }
  return ShareDir().string();
}

std::string CheckTasks() {
  std::string text;
  for (const std::string& name : tasks::TaskNames()) {
    const Stopwatch watch;
    tasks::MakeTask(tasks::LoadTaskConfig(name));
    text += Cat(text.empty() ? "" : ", ", name, " (", HumanSeconds(watch.seconds()), ")");
  }
  return text;
}

/// What draws cameras' observations.
std::string CheckRaster() {
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig("reach"));
  const mjModel* model = task->model().get();
  const sim::Data data(task->model());
  mj_forward(model, data.get());
  render::RenderConfig look;
  look.backend = "raster", look.width = 64, look.height = 64;
  look.samples = 1, look.shadows = false;
  const auto renderer = render::MakeRenderer(model, look);
  const auto draw = [&] {
    renderer->Picture(model, data.get(), render::Camera::Choose(model, ""));
  };
  draw();  // buffers grow
  const Stopwatch watch;
  constexpr int kCount = 20;
  for (int i = 0; i < kCount; ++i) draw();
  return Cat(renderer->Describe(), ", ", Fixed(1e3 * watch.seconds() / kCount, 2),
             " ms a picture of 64x64");
}

std::string CheckDataset() {
  const ScratchDir scratch;
  data::Episode episode;
  episode.seed = 7;
  data::Array rewards{.name = "rewards", .dtype = data::DType::kFloat32, .shape = {3}, .bytes = {}};
  rewards.bytes.resize(3 * sizeof(float));
  data::Array actions{
      .name = "actions", .dtype = data::DType::kFloat32, .shape = {3, 2}, .bytes = {}};
  actions.bytes.resize(6 * sizeof(float));
  data::Array dones{.name = "dones", .dtype = data::DType::kUint8, .shape = {3}, .bytes = {}};
  dones.bytes.resize(3);
  episode.arrays = {actions, dones, rewards};
  const fs::path path = scratch.path() / "doctor.h5";
  data::WriteDataset(path, {}, 1, [&](int64_t) { return episode; });
  if (data::DatasetReader(path).info(0).seed != 7) throw Error("the file does not read back");
  return "written and read back";
}

std::string CheckVideo() {
  const ScratchDir scratch;
  render::VideoWriter video(scratch.path() / "doctor.mp4", {.width = 64, .height = 64, .fps = 20});
  for (int i = 0; i < 3; ++i) video.AddFrame(render::Image(64, 64));
  video.Finish();
  return "H.264 in MP4";
}

std::string CheckThreads() {
  return Cat(ThreadPool::HardwareThreads(), " (", sysconf(_SC_NPROCESSORS_ONLN),
             " processors online)");
}

std::string CheckGl(const std::string& backend) {
  const mjModel* model = nullptr;
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig("reach"));
  model = task->model().get();
  render::RenderConfig config;
  config.width = config.height = 64;
  config.backend = backend;
  render::GlRenderer renderer(model, config);
  const sim::Data data(task->model());
  mj_forward(model, data.get());
  renderer.Picture(model, data.get(), render::Camera::Overview(model));
  return Cat(renderer.info().renderer, ", OpenGL ", renderer.info().version);
}

/// Checks that may crash, hang, or bind the process to one library run in one of their own:
/// `doctor --probe NAME` prints what was found.
std::string Probe(const std::string& executable, const std::string& name) {
  constexpr unsigned kTimeout = 60;  // s; a first OpenGL start on a busy machine takes seconds
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) ThrowIo("can't make a pipe");
  const pid_t child = fork();
  if (child < 0) ThrowIo("can't start a process");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    alarm(kTimeout);  // survives exec and ends it
    execl(executable.c_str(), executable.c_str(), "doctor", "--probe", name.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  text = Trim(text);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return text.substr(text.rfind('\n') + 1);  // the lines before it are the log's
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    throw Error(Cat("no answer within ", kTimeout, " s"));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && text.empty()) {
    throw Error(Cat(executable, ": can't be started. Build or install simscale again."));
  }
  if (WIFSIGNALED(status)) throw Error(Cat("ended by signal ", WTERMSIG(status), " ", text));
  throw Error(text.starts_with("error: ") ? text.substr(7) : text);
}

struct Check {
  std::string name;
  std::function<std::string()> run;
  bool optional = false;
};

int RunChecks(const Output& output) {
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  std::string gl = "none";
  const auto probe_gl = [&](const std::string& backend) {
    const std::string found = Probe(self, backend);
    if (gl == "none") gl = backend;
    return found;
  };
  const std::vector<Check> checks = {
      {"share folder", CheckShare},
      {"threads", CheckThreads},
      {"tasks", CheckTasks},
      {"dataset", CheckDataset},
      {"rasteriser", CheckRaster},
      {"network", [] { return Probe(TorchExecutable(), "torch"); }},
      {"OpenGL egl", [&] { return probe_gl("egl"); }, true},
      {"OpenGL osmesa", [&] { return probe_gl("osmesa"); }, true},
      {"OpenGL",
       [&] {
         if (gl == "none") {
           throw Error(
               "no OpenGL, so no videos. Install libegl1 and libgl1-mesa-dri, or "
               "libosmesa6.");
         }
         return gl + " is used";
       }},
      {"video", [] { return Probe(fs::read_symlink("/proc/self/exe").string(), "video"); }},
  };
  output.Text(Cat("simscale ", kVersion, ", MuJoCo ", mj_versionString(), "\n"));
  nlohmann::ordered_json json = {{"schema", 1}, {"checks", nlohmann::ordered_json::array()}};
  int failures = 0;
  for (const Check& check : checks) {
    std::string status = "OK", text;
    try {
      text = check.run();
    } catch (const std::exception& error) {
      status = check.optional ? "--" : "FAIL";
      text = error.what();
      failures += !check.optional;
    }
    output.Text(Cat(status, std::string(6 - status.size(), ' '), check.name,
                    std::string(15 - check.name.size(), ' '), text, "\n"));
    json["checks"].push_back({{"name", check.name}, {"status", status}, {"text", text}});
  }
  json["failures"] = failures;
  output.Json(json.dump(1) + "\n");
  output.Text(failures == 0 ? "all is well\n" : Cat(failures, " of the checks failed\n"));
  return failures == 0 ? kOk : kFailed;
}

int RunProbe(const std::string& name) {
  std::string text;
  if (name == "torch") {
    NeedTorch();
    text = TorchProbe();
  } else {
    text = name == "video" ? CheckVideo() : CheckGl(name);
  }
  std::fputs((text + "\n").c_str(), stdout);
  return kOk;
}

}  // namespace

void AddDoctor(Cli& cli) {
  Command& command =
      cli.Add(nullptr, "doctor", "check that everything simscale needs is there and works");
  struct Flags {
    std::string json, probe;
    TaskCheckFlags check;
  };
  auto flags = std::make_shared<Flags>();
  AddJsonFlag(command, flags->json);
  command.Flag("--probe", flags->probe, "NAME", "run one check in this process");
  command.Hide("--probe");
  command.Flag("--task", flags->check.task, "FILE",
               "play a new task with the zero and the random agent, and tell what looks wrong");
  AddTaskFlags(command);
  command.Flag("--episodes", flags->check.episodes, "N",
               "with --task: episodes of each agent (20)");
  command.Flag("--dump", flags->check.dump, "FILE",
               "open the dump of a state that went bad, and take the fatal step again");
  command.Flag("--save", flags->check.save, "PNG", "with --dump: a picture of the last good state");
  command.Run([&command, flags] {
    flags->check.overrides = command.TaskOverrides();
    if (!flags->check.task.empty()) return CheckTaskFile(flags->check, Output(flags->json));
    if (!flags->check.dump.empty()) return OpenDump(flags->check, Output(flags->json));
    if (!flags->check.overrides.empty()) {
      ThrowUser("--randomize and --plugin go with --task FILE or --dump FILE, got neither");
    }
    return flags->probe.empty() ? RunChecks(Output(flags->json)) : RunProbe(flags->probe);
  });
}

}  // namespace simscale::cli
