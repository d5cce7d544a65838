#include "simscale/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "simscale/cli/app.h"
#include "simscale/common/console.h"
#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale::cli {

Output::Output(std::string json) : json_(std::move(json)) {
  if (json_.empty() || json_ == "-") return;
  const fs::path path(json_);
  if (fs::is_directory(path)) {
    ThrowUser("--json ", json_, ": is a folder. Name a file in it, or - for standard output.");
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  MakeDirs(folder);
  if (!fs::exists(path) && access(folder.c_str(), W_OK) != 0) {
    ThrowIo("--json ", json_, ": can't write in ", folder.string(), " (", std::strerror(errno),
            "). Choose another folder, or - for standard output.");
  }
}

void Output::Text(const std::string& text) const {
  if (json_ == "-") {
    ConsoleWrite(text);
  } else {
    std::cout << text << std::flush;
  }
}

void Output::Json(const std::string& text) const {
  if (json_.empty()) return;
  if (json_ == "-") {
    std::cout << text << std::flush;
  } else {
    WriteFileAtomic(json_, text);
  }
}

void AddJsonFlag(Command& command, std::string& json) {
  command.Flag("--json", json, "FILE", "write the results as JSON; - is standard output");
}

}  // namespace simscale::cli
