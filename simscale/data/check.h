#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace simscale::data {

/// What CheckDataset found.
struct CheckReport {
  int64_t episodes = 0, steps = 0;
  std::string content_hash;           ///< computed from the data
  std::vector<std::string> problems;  ///< a line each: "episode_3/actions: ..."
  bool ok() const { return problems.empty(); }
};

/// Reads all of a dataset and tells what breaks the contract of schema 1: a structure that does not
/// open, numbers that are not finite, `dones` other than one 1 on the last step, actions outside
/// [-1, 1], the same (seed, index) twice, a content hash other than the one that the writer noted
/// (bytes changed since). At most one line an array and episode, 20 lines in all, then a count.
/// Throws UserError or IoError only if there is no such file to read.
CheckReport CheckDataset(const std::filesystem::path& path);

/// "ok: 500 episodes, 61234 steps, content hash ..." or one line a problem.
std::string CheckAsText(const CheckReport& report);

}  // namespace simscale::data
