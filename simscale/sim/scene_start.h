#pragma once

// Where a scene's episodes start: its keyframe "home"; private to sim.

#include <string>
#include <vector>

#include "simscale/sim/scene.h"

namespace simscale::sim {

/// Made from the robot's spec before anything is added to it; afterwards it adds the keyframe to
/// the whole scene's spec and fills it in the compiled model.
class SceneStart {
 public:
  /// Throws UserError if config.keyframe is not one of the file's, whose path `file` is.
  SceneStart(mjSpec* robot, const SceneConfig& config, std::string file);
  /// When the robot has all its attachments and nothing else is there yet.
  void AddKeyframe(mjSpec* spec, const SceneConfig& config);
  /// The robot's joints where they start, and the control that holds them there.
  void Fill(mjModel* model) const;

 private:
  void TakeKeyframe(mjsKey* key);
  void SetQpos(mjModel* model, int key) const;
  void CheckRange(const mjModel* model, int joint, double q) const;
  static void CheckQuaternion(const mjModel* model, int joint, const mjtNum* qpos);

  std::string file_;
  bool keep_ = false;   ///< the file's keyframes stay: they fit, and one of them is the start
  bool given_ = false;  ///< there is a start besides qpos0
  bool from_config_ = false;
  std::vector<double> qpos_, qvel_, act_, ctrl_;  ///< empty: as the compiler has it
  std::vector<mjsElement*> joints_, actuators_;   ///< that these numbers are for
};

}  // namespace simscale::sim
