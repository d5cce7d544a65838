#pragma once

#include <string>

namespace simscale::cli {

/// Where a command's results go: text for people, and JSON where --json asks for it.
class Output {
 public:
  /// json: the value of --json; "" for none, "-" for standard output. Checks at once, before the
  /// work, that the file can be made. Throws UserError or IoError that says why not.
  explicit Output(std::string json);

  /// Text goes to standard output, or to standard error where that carries the JSON.
  void Text(const std::string& text) const;
  void Json(const std::string& text) const;
  bool wants_json() const { return !json_.empty(); }

 private:
  std::string json_;
};

class Command;
/// Adds --json FILE.
void AddJsonFlag(Command& command, std::string& json);

}  // namespace simscale::cli
