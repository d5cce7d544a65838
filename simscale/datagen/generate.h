#pragma once

#include <memory>
#include <string>

#include "simscale/datagen/config.h"
#include "simscale/env/agent.h"
#include "simscale/env/episode_runner.h"
#include "simscale/env/task.h"

namespace simscale::datagen {

struct GenerateResult {
  int64_t episodes_kept = 0;    ///< in the output file
  int64_t episodes_tried = 0;   ///< indices 0 .. tried - 1 were played, in this run or before
  double yield = 0;             ///< successes / tried
  int64_t episodes_played = 0;  ///< in this run
  double seconds = 0;           ///< of this run, writing the output included
  double episodes_per_second = 0, env_steps_per_second = 0;  ///< over these seconds
  env::RunTimes times;
  std::string output, content_hash;
  bool interrupted = false;  ///< ended by Ctrl-C; the rest is for --resume
  bool already_complete = false;
};

/// Plays episodes 0, 1, 2, ... of the run's seed with `agent` until the n_episodes successes of
/// lowest index are found, and writes them to config.output (schema 1). What has finished lies in
/// shards beside the output at once, so that a kill loses only the episodes in flight; with
/// config.resume a rerun goes on there and ends with the same file. policy_id goes into the file (a
/// checkpoint's hash).
///
/// Throws UserError if the output exists and neither resume nor overwrite is set, or if the shards
/// are of other settings; Error if max_tries episodes did not give enough successes (without
/// keep_failures).
GenerateResult Generate(const DatagenConfig& config, std::shared_ptr<const env::Task> task,
                        env::Agent& agent, const std::string& policy_id);

}  // namespace simscale::datagen
