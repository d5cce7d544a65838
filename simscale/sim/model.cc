#include "simscale/sim/model.h"

#include <mutex>
#include <set>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"

namespace simscale::sim {
namespace {

// MuJoCo's error function must not return. An exception may pass through its C frames: they carry
// unwind tables on every platform we build for, and the test throws through several of them.
// NOLINTNEXTLINE(bugprone-exception-escape)
[[noreturn]] void OnMujocoError(const char* message) {
  std::string text = Trim(message);
  for (char& c : text)
    if (c == '\n') c = ' ';
  throw Error("MuJoCo: " + text);
}

thread_local std::vector<std::string>* captured_warnings = nullptr;

// MuJoCo warns each time; one message of a kind is enough. The kind is the text before its numbers.
void OnMujocoWarning(const char* message) {
  static std::mutex mutex;
  static std::set<std::string> seen;
  std::string text = message;
  if (captured_warnings != nullptr) {
    captured_warnings->push_back(Trim(text));
    return;
  }
  std::string kind = text.substr(0, text.find_first_of("0123456789"));
  {
    std::lock_guard lock(mutex);
    if (!seen.insert(kind).second) return;
  }
  LogWarning("MuJoCo: ", Trim(text));
}

std::string HashOf(const mjModel* model) {
  std::vector<char> bytes(static_cast<size_t>(mj_sizeModel(model)));
  mj_saveModel(model, nullptr, bytes.data(), static_cast<int>(bytes.size()));
  return Sha256Hex(std::string_view(bytes.data(), bytes.size()));
}

}  // namespace

void InstallMujocoHandlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    mju_user_error = OnMujocoError;
    mju_user_warning = OnMujocoWarning;
  });
}

CapturedWarnings::CapturedWarnings() { captured_warnings = &messages_; }
CapturedWarnings::~CapturedWarnings() { captured_warnings = nullptr; }

Model::Model(mjModel* model) {
  InstallMujocoHandlers();
  if (model == nullptr) ThrowUser("the MuJoCo model is null: it was not compiled or loaded");
  model->opt.disableflags |= mjDSBL_AUTORESET;
  model_ = std::shared_ptr<const mjModel>(
      model, [](const mjModel* m) { mj_deleteModel(const_cast<mjModel*>(m)); });
  hash_ = HashOf(model);
}

}  // namespace simscale::sim
