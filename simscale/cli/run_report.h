#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "simscale/train/run.h"

/// What `train` and `rl` say of a run at its end.
namespace simscale::cli {

/// The fields that both reports begin with: schema 1, run_dir, step, ..., best_success_ci95.
nlohmann::ordered_json RunAsJson(const train::RunResult& result);

/// speed: after the time that it took; more: after the success rate, which is told if has_success.
std::string RunAsText(const train::RunResult& result, const std::string& speed = "",
                      const std::string& more = "", bool has_success = true);

}  // namespace simscale::cli
