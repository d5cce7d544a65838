#include "simscale/cli/run_report.h"

#include <nlohmann/json.hpp>

#include "simscale/common/text.h"

namespace simscale::cli {

nlohmann::ordered_json RunAsJson(const train::RunResult& result) {
  return {{"schema", 1},
          {"run_dir", result.run_dir.string()},
          {"step", result.step},
          {"finished", result.finished},
          {"already_done", result.already_done},
          {"best_step", result.best_step},
          {"best_success_rate", result.best_success},
          {"best_success_ci95", {result.best_ci_low, result.best_ci_high}}};
}

std::string RunAsText(const train::RunResult& result, const std::string& speed,
                      const std::string& more, bool has_success) {
  const std::string run = result.run_dir.string();
  if (result.already_done) return Cat(run, ": done already, ", result.step, " steps\n");
  std::string text = Cat(run, ": ", result.step, " steps in ", HumanSeconds(result.seconds), speed,
                         ", best at step ", result.best_step);
  if (result.best_success >= 0 && has_success)
    text +=
        Cat(": success ", Fixed(100 * result.best_success, 1), " % (95 % interval ",
            Fixed(100 * result.best_ci_low, 1), "-", Fixed(100 * result.best_ci_high, 1), " %)");
  return Cat(text, more, "\nsimscale eval ", run, " evaluates it\n");
}

}  // namespace simscale::cli
