// What a user may get wrong in a task file: each is one line that names the file or the task and
// the section, and says what is wrong; never a crash. Terms: malformed_term_test.cc.

#include "simscale/tasks/malformed_task_test_util.h"

namespace simscale::tasks {
namespace {

/// A term of randomization.
std::string Random(const std::string& term) { return "randomization: {x: {" + term + "}}"; }

std::vector<Malformed> Files() {
  return {
      {"Empty", "<>", "task.yaml:1:1: name: a task needs a name, got none"},
      {"OnlyComments", "<># a task\n", "task.yaml:1:1: name: a task needs a name, got none"},
      {"ListAtTheRoot", "<>- name: arm\n",
       "task.yaml:1:1: a configuration must be a map of keys to values, got [{name: arm}]"},
      {"ScalarAtTheRoot", "<>arm\n",
       "task.yaml:1:1: a configuration must be a map of keys to values, got 'arm'"},
      {"Binary", std::string("<>\x7f\x45LF\0\1\2\0\0", 11),
       "task.yaml:1:1: control characters are not allowed, got '\\x7f'. Is this a YAML file?"},
      {"Utf16", "<>\xff\xfe\x6e", "task.yaml:1:1: not UTF-8 text. Save the file as UTF-8"},
      {"Tab", "<>name: arm\nscene:\n\trobot: panda\n",
       "task.yaml:3:7: not valid YAML: indent with spaces, not tabs"},
      {"DuplicateKey", "<>name: arm\nname: leg\n",
       "task.yaml:2:1: duplicate key 'name', first written in line 1"},
      {"DuplicateTerm", "rewards:\n  a: {term: constant}\n  a: {term: constant}\n",
       "task.yaml:4:3: duplicate key 'a', first written in line 3"},
      {"UnclosedBracket", "scene: {robot: robot.xml\n",
       "task.yaml:4:1: not valid YAML: ',' or '}' is missing"},
      {"UnknownAnchor", "scene: *robot\n",
       "task.yaml:2:8: not valid YAML: an alias (*) without its anchor (&)"},
      {"CyclicAnchor", "scene: &s {table: *s}\n",
       "task.yaml:2:19: an alias may not stand inside the value that its anchor names"},
      {"Tag", "name: !!python/object:os.system x\n",
       "task.yaml:2:7: tags are not supported, got 'tag:yaml.org,2002:python/object:os.system'. "
       "Leave it out"},
      {"TwoDocuments", "name: a\n---\nname: b\n",
       "task.yaml:3:1: only one document is allowed, and another starts here. Check the "
       "indentation, and that a space"},
      {"DeepNesting", "presets: " + Repeat("{a: ", 70) + "1" + Repeat("}", 70),
       "task.yaml:2:262: nested deeper than 64 levels"},
      {"Huge", "<>" + std::string(9U << 20U, '#'),
       "task.yaml: a configuration may have 8 MiB at most, got 9437184 bytes"},
      {"Json", "<>{\"name\": \"arm\", }",
       "task.yaml:1:1: observations must have at least one key, got none"},
      {"UnknownKey", "reward: {}", "task.yaml:2:1: unknown key 'reward'. Did you mean 'rewards'?"},
      {"SectionIsAList", "rewards: [constant]",
       "task.yaml:2:10: rewards must be a map of keys to values, got [constant]"},
      {"SectionIsAScalar", "observations: qpos",
       "task.yaml:2:15: observations must be a map of keys to values, got 'qpos'"},
      {"SectionIsANumber", "scene: 3",
       "task.yaml:2:8: scene must be a map of keys to values, got 3"},
      {"TermIsAScalar", "rewards: {x: constant}",
       "task.yaml:2:14: rewards.x must be a map of keys to values, got 'constant'"},
  };
}

std::vector<Malformed> Defaults() {
  return {
      {"CyclicDefaults", "<>defaults: [task]\n",
       "task.yaml:1:12: defaults form a cycle: task.yaml -> task.yaml"},
      {"CycleOfTwo", "<>defaults: [circle]\n",
       "circle.yaml:1:12: defaults form a cycle: task.yaml -> circle.yaml -> task.yaml"},
      {"MissingDefaults", "<>defaults: [reech]\n",
       "task.yaml:1:12: defaults: no file 'reech' or 'reech.yaml' in"},
      {"DefaultsAreAMap", "<>defaults: {base: 1}\n",
       "task.yaml:1:11: defaults must be a list of file names, got {base: 1}"},
      {"DefaultsHoldAList", "<>defaults: [[base]]\n",
       "task.yaml:1:12: defaults must be a list of file names, got [base]"},
      {"DefaultsAreAFolder", "<>defaults: [folder.yaml]\n",
       "task.yaml:1:12: defaults: no file 'folder.yaml' or 'folder.yaml.yaml' in"},
      {"DefaultsAreEmpty", "<>defaults: ['']\n",
       "task.yaml:1:12: defaults must be a list of file names, got ''"},
      {"DefaultsAreABrokenFile", "<>defaults: [broken]\n",
       "broken.yaml:2:1: not valid YAML: ',' or ']' is missing"},
      {"DefaultsHaveAnUnknownKey", "<>defaults: [base, unknown]\n",
       "unknown.yaml:1:1: unknown key 'resetts'. Did you mean 'resets'?"},
  };
}

std::vector<Malformed> TopLevel() {
  return {
      {"NoName", "name:\n", "task.yaml:1:1: name: a task needs a name, got none"},
      {"EmptyName", "name: ''", "task.yaml:2:7: name: a task needs a name, got none"},
      {"NameIsAList", "name: [arm]", "task.yaml:2:7: name must be text, got [arm]"},
      {"NoObservations", "observations:\n",
       "task.yaml:1:1: observations must have at least one key, got none"},
      {"ZeroSteps", "max_episode_steps: 0",
       "task.yaml:2:20: max_episode_steps must be in 1 .. 10000000, got 0"},
      {"FractionalSteps", "max_episode_steps: 1.5",
       "task.yaml:2:20: max_episode_steps must be an integer, got 1.5"},
      {"NanRate", "control_rate: .nan", "task.yaml:2:15: control_rate must be finite, got .nan"},
      {"NegativeFrameSkip", "frame_skip: -1",
       "task.yaml:2:13: frame_skip must be in 0 .. 10000, got -1"},
      {"RateThatDoesNotDivide", "frame_skip: 0\ncontrol_rate: 30",
       "a control step must be a whole number of physics steps, got 1 / (30 Hz * 0.01 s) = "
       "3.333333333. Change"},
      {"RateAbovePhysics", "frame_skip: 0\ncontrol_rate: 200",
       "a control step must be a whole number of physics steps, got 1 / (200 Hz * 0.01 s) = 0.5. "
       "Change control_rate,"},
      {"RateThatTakesForever", "frame_skip: 0\ncontrol_rate: 0.1\nscene: {timestep: 1e-5}",
       "a control step may have 10000 physics steps at most, got 1 / (0.1 Hz * 1e-05 s) = 1000000. "
       "Raise"},
      {"UnknownStepping", "stepping: mj_stepp",
       "task.yaml:2:11: stepping must be one of current, mj_step, got 'mj_stepp'. Did you mean "
       "'mj_step'?"},
      {"Rk4", "scene: {integrator: rk4}",
       "scene.integrator must be euler, implicit or implicitfast, got rk4, which can't be split as "
       "environments split"},
      {"UnknownDtype", "observation_dtype: float16",
       "task.yaml:2:20: observation_dtype must be one of float32, float64, got 'float16'. Did you "
       "mean 'float32'?"},
      {"UnknownSpace", "observation_space: boxx",
       "task.yaml:2:20: observation_space must be one of dict, box, got 'boxx'. Did you mean "
       "'box'?"},
      {"BoxOfTwoKeys", "observation_space: box",
       "observation_space: box needs one observation key, got 2. Give the terms a common `key:`, "
       "or say dict."},
      {"NegativeActionNoise", "action: {noise: -1}",
       "task.yaml:2:17: action.noise must be >= 0, got -1"},
      {"ActionClipReversed", "action: {clip: [1, -1]}",
       "task.yaml:2:16: action.clip must be [low, high] with low <= high, got [1, -1]"},
      {"UnknownActionKey", "action: {nose: 1}",
       "task.yaml:2:10: unknown key 'nose' in action. Did you mean 'noise'?"},
  };
}

std::vector<Malformed> Scenes() {
  return {
      {"NoRobot", "scene: {robot: ''}", "scene: no robot is named."},
      {"UnknownRobot", "scene: {robot: pnda}",
       "scene: unknown robot 'pnda'. Did you mean 'panda'?"},
      {"AbsentFile", "scene: {robot: gone.xml}", "scene: robot gone.xml: no such file"},
      {"RobotIsAFolder", "scene: {robot: folder.yaml}",
       "scene: robot folder.yaml: is a folder. Give the MJCF file in it."},
      {"RobotIsATask", "scene: {robot: base.yaml}",
       "scene: base.yaml: not valid MJCF: XML parse error 8: Error=XML_ERROR_PARSING_TEXT "
       "ErrorID=8 (0x8) Line"},
      {"RobotIsADevice", "scene: {robot: /dev/null}",
       "scene: robot /dev/null: is a device or a pipe. Give an MJCF file."},
      {"RobotIsAList", "scene: {robot: [panda]}",
       "task.yaml:2:16: scene.robot must be text, got [panda]"},
      {"BrokenMjcf", "scene: {robot: broken.xml}",
       "scene: broken.xml: not valid MJCF: XML parse error 6: Error=XML_ERROR_PARSING_ELEMENT "
       "ErrorID=6 (0x6) Line"},
      {"NanMjcf", "scene: {robot: nan.xml}",
       "scene: nan.xml: every number must be finite, but one in the file is NaN"},
      {"TinyMemory", "scene: {robot: tiny.xml}",
       "scene: tiny.xml: does not compile: Error: engine error: mj_stackAlloc: out of memory, "
       "stack overflow at set0,"},
      {"NoPackage", "scene: {robot: 'wheel:no_such_package/a.xml'}",
       "scene: robot wheel:no_such_package/a.xml: no package no_such_package"},
      {"NoFileInThePackage", "scene: {robot: 'wheel:mujoco/gone.xml'}",
       "scene: robot wheel:mujoco/gone.xml"},
      {"WheelLeavesItsFolder", "scene: {robot: 'wheel:../../etc/passwd'}",
       "scene: robot wheel:../../etc/passwd: must be wheel:PACKAGE/.../FILE.xml, a path below "
       "site-packages, such as"},
      {"EmptyWheel", "scene: {robot: 'wheel:'}",
       "scene: robot wheel:: must be wheel:PACKAGE/.../FILE.xml, a path below site-packages, such "
       "as"},
      {"UnknownMenagerie", "scene: {robot: 'menagerie:no_such_robot'}",
       "scene: robot menagerie:no_such_robot: is not"},
      {"MenagerieLeavesItsFolder", "scene: {robot: 'menagerie:../x'}",
       "scene: robot menagerie:../x: must be menagerie:NAME or menagerie:NAME/ENTRY, such as "
       "menagerie:unitree_go1 or"},
      {"NegativeTimestep", "scene: {timestep: -0.01}",
       "task.yaml:2:19: scene.timestep must be in 0 .. 0.1, got -0.01"},
      {"TinyTimestep", "scene: {timestep: 1e-9}",
       "task.yaml:2:19: scene.timestep must be at least 1e-05 s, or 0 for the MJCF's, got 1e-09"},
      {"UnknownSolver", "scene: {solver: newtn}",
       "task.yaml:2:17: scene.solver must be one of pgs, cg, newton, or empty for the MJCF's, got "
       "'newtn'. Did you"},
      {"UnknownMeshes", "scene: {meshes: all}",
       "task.yaml:2:17: scene.meshes must be one of prepared, full, none, got 'all'. Did you mean "
       "'full'?"},
      {"UnknownKeyframe", "scene: {keyframe: hme}",
       "scene.keyframe: robot.xml has unknown keyframe 'hme'. There are none."},
      {"HomeOfAnotherSize", "scene: {home_qpos: [0, 0]}",
       "scene.home_qpos must have 13 numbers for robot.xml, got 2. Give one a joint, or [] for the "
       "robot's own."},
      {"HomeOutOfRange", "scene: {home_qpos: [5, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0]}",
       "scene.home_qpos[0] must be in the range of hinge, -2 .. 2, got 5"},
      {"ZeroHomeQuaternion", "scene: {home_qpos: [0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]}",
       "scene.home_qpos[2] .. [5] must be a quaternion, that of ball, got [0, 0, 0, 0]. Say [1, 0, "
       "0, 0]."},
      {"NanHome", "scene: {home_qpos: [.nan]}",
       "task.yaml:2:21: scene.home_qpos.0 must be finite, got .nan"},
      {"HugeUserdata", "scene: {userdata: 1e9}",
       "task.yaml:2:19: scene.userdata must be an integer, got 1e9. Write 1000000000"},
      {"ObjectWithoutName", "scene: {objects: [{shape: box}]}",
       "task.yaml:2:19: scene.objects.0: an object needs a name: set name:"},
      {"ObjectOfAnotherShape", "scene: {objects: [{name: o, shape: cube}]}",
       "task.yaml:2:36: scene.objects.0.shape must be one of box, sphere, cylinder, capsule, "
       "ellipsoid, mesh, got"},
      {"ObjectOfAnotherSize", "scene: {objects: [{name: o, shape: sphere, size: [1, 1]}]}",
       "task.yaml:2:19: scene.objects.0: object 'o': size of a sphere has 1 number, got 2"},
      {"ObjectTwice", "scene: {objects: [{name: o}, {name: o}]}",
       "task.yaml:2:18: scene.objects: the name 'o' is used twice among floor, table, objects and "
       "markers"},
      {"ObjectNamedAsTheRobots", "scene: {objects: [{name: pole}]}",
       "scene: the name 'pole' is taken: the robot's MJCF has a body of that name, too. Choose "
       "another."},
      {"ObjectWithoutMass", "scene: {objects: [{name: o, mass: 0}]}",
       "task.yaml:2:35: scene.objects.0.mass must be in 1e-06 .. 10000, got 0"},
      {"ObjectsAreAMap", "scene: {objects: {o: {}}}",
       "task.yaml:2:18: scene.objects must be a list of maps, got {o: {}}"},
      {"ObjectWithoutMesh", "scene: {objects: [{name: o, shape: mesh}]}",
       "task.yaml:2:19: scene.objects.0: object 'o': shape mesh and mesh: FILE go together, got "
       "shape mesh without a"},
      {"ObjectOfAnAbsentMesh",
       "scene: {objects: [{name: o, shape: mesh, size: [1, 1, 1], mesh: gone.obj}]}",
       "scene: object 'o': mesh gone.obj: no such file"},
      {"ObjectOfAnAbsentMjcf", "scene: {objects: [{name: o, mjcf: gone.xml}]}",
       "scene: object 'o': robot gone.xml: no such file"},
      {"ObjectTurnedByNothing", "scene: {objects: [{name: o, quat: [0, 0, 0, 0]}]}",
       "task.yaml:2:19: scene.objects.0: object 'o': a quaternion or direction must not be zero"},
      {"MarkerSize", "scene: {markers: [{name: m, shape: box, size: [1]}]}",
       "task.yaml:2:19: scene.markers.0: marker 'm': size of a box has 3 numbers, got 1"},
      {"MarkerColour", "scene: {markers: [{name: m, rgba: [1, 1, 1, 2]}]}",
       "task.yaml:2:45: scene.markers.0.rgba.3 must be in 0 .. 1, got 2"},
      {"CameraOnNoBody", "scene: {cameras: [{name: c, body: hnd, target: [1, 0, 0]}]}",
       "scene: camera 'c': unknown body 'hnd'."},
      {"CameraLooksNowhere", "scene: {cameras: [{name: c}]}",
       "task.yaml:2:19: scene.cameras.0: camera 'c' needs exactly one of target, quat and xyaxes, "
       "got 0"},
      {"CameraOfTheRobot", "scene: {cameras: [{name: fixed, target: [1, 0, 0]}]}",
       "scene: the name 'fixed' is taken: the robot's MJCF has a camera of that name, too. Choose "
       "another."},
      {"CameraAxesParallel", "scene: {cameras: [{name: c, xyaxes: [1, 0, 0, 1, 0, 0]}]}",
       "scene: robot.xml: does not compile: Error: orientation specification error 'yaxis too "
       "small' in camera 1"},
      {"CameraFovy", "scene: {cameras: [{name: c, target: [1, 0, 0], fovy: 0}]}",
       "task.yaml:2:54: scene.cameras.0.fovy must be in 1 .. 170, got 0"},
      {"LightAtItsTarget", "scene: {lights: [{name: l, pos: [0, 0, 1], target: [0, 0, 1]}]}",
       "task.yaml:2:18: scene.lights.0: light 'l': target must differ from pos"},
      {"AttachmentNowhere", "scene: {attachments: [{name: a, mjcf: hand.xml}]}",
       "task.yaml:2:23: scene.attachments.0: attachment 'a' needs either a site or a body to go "
       "to, got neither"},
      {"AttachmentOnNoSite", "scene: {attachments: [{name: a, mjcf: hand.xml, site: tp}]}",
       "scene: attachment 'a': unknown site 'tp'. Did you mean 'tip'?"},
      {"AttachmentWithoutFile", "scene: {attachments: [{name: a, site: tip}]}",
       "task.yaml:2:23: scene.attachments.0: attachment 'a' needs a file: set mjcf:"},
      {"AttachmentOfTwoBodies", "scene: {attachments: [{name: a, mjcf: robot.xml, site: tip}]}",
       "scene: attachment 'a': robot.xml must have one body at the top of its worldbody, got 3. "
       "Put one around them."},
      {"AttachmentNamesClash",
       "scene: {attachments: [{name: a, mjcf: hand.xml, site: tip, prefix: false}]}",
       "scene: robot.xml with hand.xml: does not compile: Error: repeated name 'pole' in body"},
  };
}

std::vector<Malformed> Controllers() {
  return {
      {"UnknownController", "controller: {type: ee_dleta}",
       "task.yaml:2:20: controller.type must be one of ee_delta, joint_position, actuators, got "
       "'ee_dleta'. Did you"},
      {"UnknownActuator", "controller: {actuators: [motr]}",
       "controller.actuators: unknown actuator of the model 'motr'. Did you mean 'motor'?"},
      {"ActuatorTwice", "controller: {actuators: [motor, motor]}",
       "controller.actuators names actuator 'motor' twice"},
      {"UnlimitedActuator", "controller: {action_range: normalized}",
       "controller.action_range normalized spans each actuator's ctrlrange, but 'free_motor' has "
       "none. Give it one,"},
      {"UnknownJoint", "controller: {type: joint_position, joints: [hing]}",
       "controller.joints: unknown joint of the model 'hing'. Did you mean 'hinge'?"},
      {"NoServo", "controller: {type: joint_position, joints: [hinge]}",
       "controller: the controller joint_position needs a position actuator for joint 'hinge', but "
       "its actuator"},
      {"BallJointDriven", "controller: {type: joint_position, joints: [ball]}",
       "controller: the controller joint_position drives hinges and slides; joint 'ball' is a ball "
       "joint"},
      {"UnknownSite", "controller: {type: ee_delta, ee_site: tp}",
       "controller.ee_site: unknown site of the model 'tp'. Did you mean 'tip'?"},
      {"UnknownGripper", "controller: {type: ee_delta, ee_site: tip, gripper: hand}",
       "controller.gripper: unknown actuator of the model 'hand'."},
      {"WorkspaceReversed", "controller: {workspace_low: [1, 1, 1], workspace_high: [0, 0, 0]}",
       "task.yaml:2:29: controller.workspace_low must not lie above workspace_high, got x 1 > 0"},
      {"ActuatorsOfNoActuators", "scene: {robot: hand.xml}\nobservations: {tip: null}\nresets:\n",
       "controller: the controller actuators needs a model with an actuator, and this one has "
       "none"},
  };
}

std::vector<Malformed> Randomizations() {
  return {
      {"UnknownRandomization", Random("term: body_mas"),
       "randomization.x: unknown term 'body_mas'. Did you mean 'body_mass'?"},
      {"NoRandomizationTerm", Random("range: [1, 2]"),
       "randomization.x: says no `term:`; name its type (simscale list-envs --terms)"},
      {"UnknownRandomizedDistribution",
       Random("term: body_mass, params: {bodies: [pole]}, distribution: gauss"),
       "task.yaml:2:78: randomization.x.distribution must be one of uniform, log_uniform, normal, "
       "choice, got 'gauss'"},
      {"NoBodies", Random("term: body_mass, range: [1, 2]"),
       "randomization.x: bodies: at least one name or pattern is needed, got none"},
      {"MassOfNoBody", Random("term: body_mass, params: {bodies: [pol]}, range: [1, 2]"),
       "randomization.x: bodies: unknown body of the model 'pol'. Did you mean 'pole'?"},
      {"MassOfAFixedBody", Random("term: body_mass, params: {bodies: [post]}, range: [1, 2]"),
       "randomization.x: bodies: 'post' does not move, so its mass has no effect"},
      {"NoRange", Random("term: body_mass, params: {bodies: [pole]}"),
       "randomization.x: range must be given, as [low, high]"},
      {"RangeReversed", Random("term: body_mass, params: {bodies: [pole]}, range: [2, 1]"),
       "task.yaml:2:71: randomization.x.range must be [low, high] with low <= high, got [2, 1]"},
      {"RangeOfThree", Random("term: body_mass, params: {bodies: [pole]}, range: [1, 2, 3]"),
       "task.yaml:2:71: randomization.x.range must be [low, high], got 3 numbers"},
      {"MassBelowZero", Random("term: body_mass, params: {bodies: [pole]}, range: [-1, 1]"),
       "randomization.x: values must be in 1e-12 .. inf, got -1 (of pole, which is 1). Change "
       "range or operation."},
      {"NormalWithoutEnds",
       Random("term: body_mass, params: {bodies: [pole]}, "
              "distribution: normal, mean: 1, std: 0.1"),
       "randomization.x: range must be given, too: values must be in 1e-12 .. inf, and a normal "
       "has no ends"},
      {"NormalWithoutStd",
       Random("term: body_mass, params: {bodies: [pole]}, "
              "distribution: normal, mean: 1"),
       "task.yaml:2:20: randomization.x.std of a normal must be above 0, got 0"},
      {"EmptyChoices", Random("term: body_mass, params: {bodies: [pole]}, distribution: choice"),
       "task.yaml:2:20: randomization.x.choices must have at least one number, got none"},
      {"LogOfZero",
       Random("term: body_mass, params: {bodies: [pole]}, "
              "distribution: log_uniform, range: [0, 1]"),
       "task.yaml:2:98: randomization.x.range of log_uniform must be above 0, got [0, 1]"},
      {"UnknownOperation",
       Random("term: body_mass, params: {bodies: [pole]}, range: [1, 2], operation: divide"),
       "task.yaml:2:90: randomization.x.operation must be one of scale, add, set, or empty, got "
       "'divide'"},
      {"OperationOfAnotherTerm",
       Random("term: geom_size, params: {geoms: [rod]}, range: [1, 2], operation: set"),
       "randomization.x: operation must be one of scale for geom_size, got set"},
      {"MeshSize", Random("term: geom_size, params: {geoms: [wedge]}, range: [1, 2]"),
       "randomization.x: geoms: 'wedge' is a mesh, whose size is compiled in; use a box, sphere, "
       "capsule, cylinder or"},
      {"IntervalReversed",
       Random("term: push, params: {bodies: [puck]}, range: [0, 1], "
              "when: interval, interval: [2, 1]"),
       "task.yaml:2:100: randomization.x.interval must be [low, high] with low <= high, got [2, "
       "1]"},
      {"IntervalOfZero",
       Random("term: push, params: {bodies: [puck]}, range: [0, 1], "
              "when: interval, interval: [0, 0]"),
       "task.yaml:2:101: randomization.x.interval.0 must be in 1e-06 .. 1000000, got 0"},
      {"PushAtReset", Random("term: push, params: {bodies: [puck]}, range: [0, 1]"),
       "randomization.x: when must be interval for push, got reset. Say how often: interval: [1, "
       "3]."},
      {"StartAtIntervals",
       Random("term: initial_joint_position, params: {joints: [hinge]}, "
              "range: [0, 1], when: interval"),
       "randomization.x: when must be reset for initial_joint_position, which says how an episode "
       "starts"},
      {"GroupOfDifferentIntervals",
       "randomization: {a: {term: gravity, range: [1, 2], group: g}, b: {term: timestep, range: "
       "[1, 2], when: interval, group: g}}",
       "randomization.b: when and interval must be those of a, which is of the same group, g"},
      {"NoSuchAxis", Random("term: body_com, params: {bodies: [pole], axes: xw}, range: [0, 1]"),
       "randomization.x: axes must be one or more of the letters xyz, each once, got 'xw'"},
      {"FractionalLights",
       "scene: {lights: [{name: l}]}\n" +
           Random("term: light_count, params: {lights: [l]}, range: [0.5, 1]"),
       "randomization.x: range must be whole numbers, got 0.5"},
      {"NoSuchCamera", Random("term: camera_fovy, params: {cameras: [fixd]}, range: [1, 1]"),
       "randomization.x: cameras: unknown camera of the model 'fixd'. Did you mean 'fixed'?"},
      {"InitialRangeAlone",
       Random("term: body_mass, params: {bodies: [pole]}, initial_range: [1, 2]"),
       "task.yaml:2:79: randomization.x.initial_range needs range: it is what the curriculum "
       "starts from"},
      {"TimestepTooLong", Random("term: timestep, range: [1, 1000]"),
       "randomization.x: values must be in 1e-06 .. 1, got 10 (which is 0.01). Change range or "
       "operation."},
      {"InfinitePush",
       Random("term: push, params: {bodies: [puck]}, range: [-1.7e308, 1.7e308], "
              "when: interval"),
       "task.yaml:2:66: randomization.x.range must not be wider than a number can be, got "
       "[-1.7e+308, 1.7e+308]"},
      {"EmptyRandomizationName", "randomization: {'': {term: gravity, range: [1, 2]}}",
       "task.yaml:2:17: randomization: a name must not be empty, nor have '/' or control "
       "characters in it, got ''"},
  };
}

std::vector<Malformed> Presets() {
  return {
      {"UnknownPreset", "randomize: ful",
       "task.yaml:2:12: unknown randomisation 'ful'. Did you mean 'full'?"},
      {"UnknownPresetOfOurs", "presets: {hard: {}}\nrandomize: hrad",
       "task.yaml:3:12: unknown randomisation 'hrad'. Did you mean 'hard'?"},
      {"RandomizeIsAList", "randomize: [full]",
       "task.yaml:2:12: randomize must be the name of one preset"},
      {"RandomizeIsAMap", "randomize: {full: true}",
       "task.yaml:2:12: randomize must be the name of one preset"},
      {"PresetIsAScalar", "presets: {hard: 3}\nrandomize: hard",
       "task.yaml:2:17: a preset must be a map, a part of a task file"},
      {"PresetIsAList", "presets: {hard: [1]}\nrandomize: hard",
       "task.yaml:2:17: a preset must be a map, a part of a task file"},
      {"PresetsAreAList", "presets: [hard]\nrandomize: hard",
       "task.yaml:2:10: presets must be a map of keys to values, got [hard]"},
      {"PresetsAreAScalar", "presets: hard",
       "task.yaml:2:10: presets must be a map of keys to values, got 'hard'"},
      {"PresetChangesTheName", "presets: {hard: {name: leg}}\nrandomize: hard",
       "task.yaml:2:18: a preset can't change `name`"},
      {"PresetInAPreset", "presets: {hard: {presets: {}}}\nrandomize: hard",
       "task.yaml:2:18: a preset can't change `presets`"},
      {"PresetNamesAPreset", "presets: {hard: {randomize: full}}\nrandomize: hard",
       "task.yaml:2:18: a preset can't change `randomize`"},
      {"PresetWithAnUnknownKey", "presets: {hard: {rewords: {}}}\nrandomize: hard",
       "task.yaml:2:18: unknown key 'rewords'. Did you mean 'rewards'?"},
      {"PresetWithoutEffect",
       "presets: {hard: {randomization: {m: {range: [1, 2]}}}}\n"
       "randomize: hard",
       "randomization.m: says no `term:`; name its type (simscale list-envs --terms)"},
      {"PresetNoneIsAScalar", "presets: {none: 3}",
       "task.yaml:2:17: presets.none must be a map, a part of a task file"},
      {"PresetNoneIsAList", "presets: {none: [1]}",
       "task.yaml:2:17: presets.none must be a map, a part of a task file"},
  };
}

std::vector<Malformed> Curricula() {
  return {
      {"DemoteAbovePromote", "curriculum: {enabled: true, promote: 0.2, demote: 0.5}",
       "task.yaml:2:51: curriculum.demote must be at most promote (0.2), got 0.5"},
      {"ZeroWindow", "curriculum: {window: 0}",
       "task.yaml:2:22: curriculum.window must be in 1 .. 100000, got 0"},
      {"StartAboveOne", "curriculum: {start: 2}",
       "task.yaml:2:21: curriculum.start must be in 0 .. 1, got 2"},
      {"UnknownCurriculumKey", "curriculum: {levels: 3}",
       "task.yaml:2:14: unknown key 'levels' in curriculum."},
      {"CurriculumIsAList", "curriculum: [1]",
       "task.yaml:2:13: curriculum must be a map of keys to values, got [1]"},
  };
}

std::vector<Malformed> Overrides() {
  return {
      {"OverrideWithoutValue",
       "",
       "command line: an override must be KEY=VALUE, got 'control_rate'",
       {"control_rate"}},
      {"OverrideOfNothing", "", "command line: an override must be KEY=VALUE, got '=3'", {"=3"}},
      {"OverrideOfAnUnknownKey",
       "",
       "command line: unknown key 'wieght' in rewards.calm. Did you mean 'weight'?",
       {"rewards.calm.wieght=2"}},
      {"OverrideIntoAScalar",
       "",
       "command line: 'name.first=x': 'name' is 'arm', which has no 'first' in it",
       {"name.first=x"}},
      {"OverrideOfNoItem",
       "",
       "command line: scene.objects must be a list of maps, got {\"3\": {name: x}}",
       {"scene.objects.3.name=x"}},
      {"OverrideWithBrokenYaml",
       "",
       "command line: 'rewards.calm={weight: ': not valid YAML: text that begins with this "
       "character needs quotes",
       {"rewards.calm={weight: "}},
      {"OverrideOfAnotherType",
       "",
       "command line: max_episode_steps must be an integer, got 'many'",
       {"max_episode_steps=many"}},
      {"OverrideWithNan",
       "",
       "command line: rewards.calm.weight must be finite, got 'nan'",
       {"rewards.calm.weight=nan"}},
      {"OverrideOfTheWholeScene",
       "",
       "command line: scene must be a map of keys to values, got 3",
       {"scene=3"}},
      {"OverrideRemovesTheRobot",
       "",
       "observations.tip: frame: unknown site or body 'tip'.",
       {"scene=null"}},
      {"OverrideOfRandomize",
       "",
       "command line: unknown randomisation 'fulll'. Did you mean 'full'?",
       {"randomize=fulll"}},
      {"OverrideOfRandomizeByAMap",
       "",
       "command line: unknown randomisation '{a: 1}'.",
       {"randomize={a: 1}"}},
      {"OverrideOfRandomizeByNothing",
       "",
       "command line: no randomisation is named.",
       {"randomize="}},
      {"OverrideAddsACycle", "", "command line: unknown key 'defaults'.", {"defaults=[task]"}},
  };
}

class MalformedTask : public MalformedTaskTest {};

TEST_P(MalformedTask, IsOneLine) { Check(); }

INSTANTIATE_TEST_SUITE_P(Files, MalformedTask, ::testing::ValuesIn(Files()), NameOf);
INSTANTIATE_TEST_SUITE_P(Defaults, MalformedTask, ::testing::ValuesIn(Defaults()), NameOf);
INSTANTIATE_TEST_SUITE_P(TopLevel, MalformedTask, ::testing::ValuesIn(TopLevel()), NameOf);
INSTANTIATE_TEST_SUITE_P(Scenes, MalformedTask, ::testing::ValuesIn(Scenes()), NameOf);
INSTANTIATE_TEST_SUITE_P(Controllers, MalformedTask, ::testing::ValuesIn(Controllers()), NameOf);
INSTANTIATE_TEST_SUITE_P(Randomizations, MalformedTask, ::testing::ValuesIn(Randomizations()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Presets, MalformedTask, ::testing::ValuesIn(Presets()), NameOf);
INSTANTIATE_TEST_SUITE_P(Curricula, MalformedTask, ::testing::ValuesIn(Curricula()), NameOf);
INSTANTIATE_TEST_SUITE_P(Overrides, MalformedTask, ::testing::ValuesIn(Overrides()), NameOf);

}  // namespace
}  // namespace simscale::tasks
