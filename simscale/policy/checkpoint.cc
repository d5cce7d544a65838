#include "simscale/policy/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/text.h"
#include "simscale/common/version.h"

namespace simscale::policy {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* kManifest = "manifest.json";

/// A new file that keeps count and hash of what is written to it. Messages name it by the place
/// that it is meant for.
class HashedFile {
 public:
  HashedFile(fs::path path, fs::path place) : path_(std::move(path)), place_(std::move(place)) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd_ < 0) Fail();
  }
  ~HashedFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  HashedFile(const HashedFile&) = delete;
  HashedFile& operator=(const HashedFile&) = delete;

  void Write(std::span<const std::byte> bytes) {
    hash_.Update(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) Fail();
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
  }
  /// Size and hash, after the last Write.
  CheckpointFile Close() {
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) Fail();
    return {.name = place_.filename().string(), .size = size_, .sha256 = hash_.Hex()};
  }

 private:
  [[noreturn]] void Fail() const {
    ThrowIo(place_.string(), ": can't write: ", std::strerror(errno),
            ". Nothing half-written was left behind");
  }
  fs::path path_, place_;
  int fd_ = -1;
  uint64_t size_ = 0;
  Sha256 hash_;
};

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span<const char>(text));
}

CheckpointFile WriteTensors(const fs::path& path, const fs::path& place,
                            const std::vector<TensorBytes>& tensors,
                            std::map<std::string, std::string> metadata = {}) {
  metadata["format"] = "pt";
  const SafetensorsLayout layout = LayoutSafetensors(tensors, metadata);
  HashedFile file(path, place);
  file.Write(BytesOf(layout.header));
  for (std::span<const std::byte> piece : layout.data) file.Write(piece);
  return file.Close();
}

CheckpointFile WriteText(const fs::path& path, const fs::path& place, const std::string& text) {
  HashedFile file(path, place);
  file.Write(BytesOf(text));
  return file.Close();
}

Json ManifestOf(const CheckpointInfo& info, const Json& files) {
  Json spec = Json::parse(SpecToJson(info.spec));
  return {
      {"schema", kCheckpointSchema},
      {"policy", info.spec.policy},
      {"env_name", info.spec.env_name},
      {"spec", spec},
      {"step", info.step},
      {"seed", info.seed},
      {"success_rate", info.success_rate < 0 ? Json(nullptr) : Json(info.success_rate)},
      {"num_parameters", info.num_parameters},
      {"dataset_hash", info.dataset_hash},
      {"model_hash", info.model_hash},
      {"task_config", info.task_config},
      {"versions",
       {{"simscale", kVersion}, {"mujoco", info.mujoco_version}, {"torch", info.torch_version}}},
      {"files", files}};
}

fs::path StepDir(const fs::path& run_dir, int64_t step) { return run_dir / Cat("step_", step); }

/// -1 unless the name is "step_<digits>".
int64_t StepOf(const std::string& name) {
  if (!name.starts_with("step_") || name.size() < 6) return -1;
  int64_t step = -1;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + 5, end, step);
  return error == std::errc() && at == end && step >= 0 ? step : -1;
}

[[noreturn]] void Damaged(const fs::path& dir, const std::string& what) {
  ThrowUser(dir.string(), ": the checkpoint is damaged or half-written: ", what,
            ". Use another step_<n> of the run");
}

/// Of model.safetensors, or of the hashes of its parts.
std::string WeightsHash(const nlohmann::json& files) {
  if (files.contains("model.safetensors"))
    return files["model.safetensors"].at("sha256").get<std::string>();
  std::string hashes;
  for (const auto& [name, entry] : files.items())
    if (name.starts_with("model.")) hashes += entry.at("sha256").get<std::string>();
  return Sha256Hex(hashes);
}

void VerifyFiles(const fs::path& dir, const nlohmann::json& files) {
  for (const auto& [name, entry] : files.items()) {
    if (name.find('/') != std::string::npos)
      Damaged(dir, "manifest.json names a file outside of it");
    const fs::path path = dir / name;
    const auto size = entry.at("size").get<uint64_t>();
    std::error_code error;
    const uint64_t have = fs::file_size(path, error);
    if (error) Damaged(dir, Cat(name, " is missing"));
    if (have != size) Damaged(dir, Cat(name, " has ", have, " bytes, its manifest says ", size));
    if (Sha256Hex(ReadFile(path)) != entry.at("sha256").get<std::string>())
      Damaged(dir, Cat(name, " differs from its SHA-256 in manifest.json"));
  }
}

}  // namespace

fs::path BeginCheckpoint(const fs::path& run_dir, int64_t step) {
  fs::path temp = TempBeside(StepDir(run_dir, step));
  MakeDirs(temp);
  return temp;
}

CheckpointFile WriteCheckpointPart(const fs::path& begun, const std::string& name,
                                   const std::vector<TensorBytes>& tensors,
                                   const std::map<std::string, std::string>& metadata) {
  return WriteTensors(begun / name, begun / name, tensors, metadata);
}

fs::path WriteCheckpoint(const fs::path& run_dir, const CheckpointContent& content) {
  const fs::path target = StepDir(run_dir, content.info.step);
  const fs::path temp =
      content.begun.empty() ? BeginCheckpoint(run_dir, content.info.step) : content.begun;
  try {
    Json files = Json::object();
    const auto note = [&](const CheckpointFile& file) {
      files[file.name] = {{"size", file.size}, {"sha256", file.sha256}};
    };
    for (const CheckpointFile& part : content.parts) note(part);
    for (const auto& [name, tensors] : content.tensors)
      note(WriteTensors(temp / name, target / name, tensors));
    for (const auto& [name, text] : content.texts)
      note(WriteText(temp / name, target / name, text));
    WriteText(temp / kManifest, target / kManifest, ManifestOf(content.info, files).dump(2) + "\n");
    CommitDir(temp, target, true);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temp, ignored);
    throw;
  }
  return target;
}

fs::path ResolveCheckpoint(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status) && fs::is_symlink(path, error)) Damaged(path, "the link leads nowhere");
  if (!fs::exists(status)) ThrowUser(path.string(), ": no such checkpoint or run folder");
  if (!fs::is_directory(status))
    ThrowUser(path.string(), ": is a file; a checkpoint is a folder with ", kManifest,
              ": give that folder or the run folder");
  for (const char* link : {"", "best", "latest"}) {
    const fs::path dir = *link ? path / link : path;
    if (fs::exists(dir / kManifest, error)) return fs::canonical(dir);
  }
  for (const char* name : {"model.safetensors", "state.json"})
    if (fs::exists(path / name, error)) Damaged(path, "manifest.json is missing");
  for (const char* link : {"best", "latest"})
    if (fs::is_symlink(path / link, error))
      Damaged(path / link, fs::exists(path / link, error) ? "manifest.json is missing"
                                                          : "the link leads nowhere");
  ThrowUser(path.string(), ": holds no checkpoint: neither ", kManifest,
            " nor best/ nor latest/ is there");
}

CheckpointInfo ReadCheckpointInfo(const fs::path& path, bool verify) {
  CheckpointInfo info;
  info.dir = ResolveCheckpoint(path);
  const std::string where = (info.dir / kManifest).string();
  try {
    const nlohmann::json json = nlohmann::json::parse(ReadFile(info.dir / kManifest));
    const int schema = json.at("schema").get<int>();
    if (schema != kCheckpointSchema)
      ThrowUser(where, ": checkpoint schema ", schema, " is not known to this version (it reads ",
                kCheckpointSchema, "). Use the simscale that wrote it");
    info.spec = SpecFromJson(json.at("spec").dump(), where);
    info.step = json.at("step").get<int64_t>();
    info.seed = json.at("seed").get<uint64_t>();
    if (json.at("success_rate").is_number()) info.success_rate = json["success_rate"].get<double>();
    info.num_parameters = json.at("num_parameters").get<int64_t>();
    info.dataset_hash = json.at("dataset_hash").get<std::string>();
    info.model_hash = json.at("model_hash").get<std::string>();
    info.task_config = json.value("task_config", "");
    info.simscale_version = json.at("versions").at("simscale").get<std::string>();
    info.mujoco_version = json.at("versions").at("mujoco").get<std::string>();
    info.torch_version = json.at("versions").at("torch").get<std::string>();
    info.weights_hash = WeightsHash(json.at("files"));
    if (verify) VerifyFiles(info.dir, json.at("files"));
  } catch (const nlohmann::json::exception&) {
    Damaged(info.dir, "manifest.json is not the JSON that it should be");
  }
  return info;
}

std::vector<std::pair<int64_t, fs::path>> ListCheckpoints(const fs::path& run_dir) {
  std::vector<std::pair<int64_t, fs::path>> list;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_dir, error)) {
    const int64_t step = StepOf(entry.path().filename().string());
    if (step >= 0 && entry.is_directory()) list.emplace_back(step, entry.path());
  }
  std::sort(list.begin(), list.end());
  return list;
}

void PruneCheckpoints(const fs::path& run_dir, int keep_last) {
  std::vector<std::string> pinned;
  for (const char* link : {"latest", "best"}) {
    std::error_code error;
    const fs::path target = fs::read_symlink(run_dir / link, error);
    if (!error) pinned.push_back(target.filename().string());
  }
  const auto list = ListCheckpoints(run_dir);
  const size_t keep = static_cast<size_t>(std::max(keep_last, 1));
  for (size_t i = 0; i + keep < list.size(); ++i) {
    const std::string name = list[i].second.filename().string();
    if (std::find(pinned.begin(), pinned.end(), name) != pinned.end()) continue;
    // First out of sight, then away: a kill half-way leaves debris, never half a checkpoint.
    const fs::path trash = TempBeside(list[i].second);
    std::error_code error;
    fs::rename(list[i].second, trash, error);
    if (!error) fs::remove_all(trash, error);
  }
}

}  // namespace simscale::policy
