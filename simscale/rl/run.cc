#include "simscale/rl/run.h"

#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/log.h"
#include "simscale/rl/trainer.h"
#include "simscale/train/run_dir.h"

namespace simscale::rl {

std::string LoopStateToJson(const LoopState& s) {
  nlohmann::ordered_json json = {
      {"step", s.step},           {"update", s.update},           {"lr", s.lr},
      {"bad_steps", s.bad_steps}, {"quarantined", s.quarantined}, {"due_done", s.due_done}};
  train::AppendBest(s, &json);
  json["best_return"] = s.best_return;
  return json.dump(2) + "\n";
}

LoopState LoopStateFromJson(const std::string& text, const std::string& where) {
  LoopState s;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    json.at("step").get_to(s.step);
    json.at("update").get_to(s.update);
    json.at("lr").get_to(s.lr);
    json.at("bad_steps").get_to(s.bad_steps);
    json.at("quarantined").get_to(s.quarantined);
    json.at("due_done").get_to(s.due_done);
    train::ReadBest(json, &s);
    json.at("best_return").get_to(s.best_return);
  } catch (const nlohmann::json::exception& error) {
    ThrowUser(where, ": the state of the run is damaged: ", error.what());
  }
  return s;
}

RlResult RunRl(const RlConfig& config, std::shared_ptr<const env::Task> task,
               const RlOptions& options, const train::TrainHooks& hooks) {
  if (options.resume && options.overwrite) ThrowUser("--resume and --overwrite exclude each other");
  InterruptGuard guard;
  Trainer trainer(config, std::move(task), options, hooks);
  RlResult result = trainer.Run();
  if (!trainer.is_main()) return result;
  if (result.already_done)
    LogInfo(config.save_path, ": all ", config.total_steps, " steps are done already");
  else if (!result.finished)
    LogInfo("interrupted after step ", result.step, " of ", config.total_steps,
            ", all is saved. Go on with: simscale rl --resume --save-path ",
            result.run_dir.string());
  else if (result.best_success >= 0)
    LogInfo("best: step ", result.best_step,
            result.has_success ? Cat(", success ", Fixed(100 * result.best_success, 1), " %") : "",
            ", return ", Fixed(result.best_return, 2), ", ", (result.run_dir / "best").string());
  return result;
}

}  // namespace simscale::rl
