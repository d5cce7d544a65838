// Terms that a user may get wrong in a task file: each is one line that names the task, the section
// and the term.

#include "simscale/tasks/malformed_task_test_util.h"

namespace simscale::tasks {
namespace {

/// A term of a section.
std::string In(const std::string& section, const std::string& term) {
  return section + ": {x: {" + term + "}}";
}
std::string Observation(const std::string& term) { return In("observations", term); }
std::string Reward(const std::string& term) { return In("rewards", term); }
std::string Termination(const std::string& term) { return In("terminations", term); }
std::string ResetTerm(const std::string& term) { return In("resets", term); }
std::string Formula(const std::string& formula, const std::string& variables = "") {
  return Reward("term: expression, params: {expression: '" + formula + "', variables: {" +
                variables + "}}");
}

std::vector<Malformed> Observations() {
  return {
      {"NoTerm", Observation(""),
       "observations.x: says no `term:`. To add one, name its type (simscale list-envs --terms); "
       "to change one of the"},
      {"UnknownTerm", Observation("term: qps"),
       "observations.x: unknown term 'qps'. Did you mean 'qpos'?"},
      {"RewardAsObservation", Observation("term: action_norm"),
       "observations.x: unknown term 'action_norm'."},
      {"TermIsAList", Observation("term: [qpos]"),
       "task.yaml:2:26: observations.x.term must be text, got [qpos]"},
      {"UnknownParam", Observation("term: qpos, params: {frst: 1}"),
       "observations.x: task.yaml:2:41: unknown key 'frst'. Did you mean 'first'?"},
      {"ParamsAreAList", Observation("term: qpos, params: [1]"),
       "task.yaml:2:40: observations.x.params must be a map of keys to values, got [1]"},
      {"ParamsAreAScalar", Observation("term: qpos, params: 3"),
       "task.yaml:2:40: observations.x.params must be a map of keys to values, got 3"},
      {"ParamsBesideTerm", Observation("term: qpos, first: 1"),
       "task.yaml:2:32: unknown key 'first' in observations.x."},
      {"ParamOfAnotherType", Observation("term: qpos, params: {first: one}"),
       "observations.x: task.yaml:2:48: first must be an integer, got 'one'"},
      {"MissingBody", Observation("term: frame_position, params: {frame: tpi}"),
       "observations.x: frame: unknown site or body 'tpi'. Did you mean 'tip'?"},
      {"NoBody", Observation("term: frame_position"),
       "observations.x: frame: no site or body is named."},
      {"MissingSensor", Observation("term: sensor, params: {sensors: [angel]}"),
       "observations.x: sensors: unknown sensor of the model 'angel'. Did you mean 'angle'?"},
      {"MissingJoint", Observation("term: joint_positions, params: {joints: [hing]}"),
       "observations.x: joints: unknown joint of the model 'hing'. Did you mean 'hinge'?"},
      {"NoJoint", Observation("term: joint_positions, params: {joints: []}"),
       "observations.x: joints: at least one name is needed, got none"},
      {"BallJoint", Observation("term: joint_positions, params: {joints: [ball]}"),
       "observations.x: joints: 'ball' is neither a hinge nor a slide joint"},
      {"WildcardForNothing", Observation("term: joint_positions, params: {joints: ['leg*']}"),
       "observations.x: joints: the wildcard 'leg*' matches no joint."},
      {"SliceTooLong", Observation("term: qpos, params: {first: 1, count: 100}"),
       "observations.x: first: qpos of this model has 13 numbers, got first 1 and count 100"},
      {"SliceNegative", Observation("term: qpos, params: {first: -1}"),
       "observations.x: task.yaml:2:48: first must be in 0 .. 1000000, got -1"},
      {"NoActivations", Observation("term: act"),
       "observations.x: first: act of this model has 0 numbers, got first 0 and count 0"},
      {"NoTendons", Observation("term: tendon_length"),
       "observations.x: tendons: the wildcard '*' matches no tendon."},
      {"TooManyCommands", Observation("term: command, params: {count: 3}"),
       "observations.x: first: the commands (scene.userdata) of this model has 2 numbers, got "
       "first 0 and count 3"},
      {"NoConstants", Observation("term: constant, params: {values: []}"),
       "observations.x: values: at least one number is needed, got none"},
      {"EmptyTermName", "observations: {'': {term: qpos}}",
       "task.yaml:2:16: observations: a name must not be empty, nor have '/' or control characters "
       "in it, got ''"},
      {"SlashInATermName", "observations: {a/b: {term: qpos}}",
       "task.yaml:2:16: observations: a name must not be empty, nor have '/' or control characters "
       "in it, got 'a/b'"},
      {"NewlineInATermName", "observations: {\"a\\nb\": {term: qpos}}",
       "task.yaml:2:16: observations: a name must not be empty, nor have '/' or control characters "
       "in it, got 'a\\nb'"},
      {"NewlineInATerm", Observation("term: \"q\\npos\""),
       "observations.x: unknown term 'q\\npos'. Did you mean 'qpos'?"},
      {"SlashInAKey", Observation("term: qpos, key: a/b"),
       "task.yaml:2:37: observations.x.key must have neither '/' nor control characters, got "
       "'a/b'"},
      {"NanScale", Observation("term: qpos, scale: .nan"),
       "task.yaml:2:39: observations.x.scale must be finite, got .nan"},
      {"InfScale", Observation("term: qpos, scale: inf"),
       "task.yaml:2:39: observations.x.scale must be finite, got 'inf'"},
      {"HugeScale", Observation("term: qpos, scale: 1e999"),
       "task.yaml:2:39: observations.x.scale must fit a double-precision number, got 1e999"},
      {"ClipReversed", Observation("term: qpos, clip: [1, -1]"),
       "task.yaml:2:38: observations.x.clip must be [low, high] with low <= high, got [1, -1]"},
      {"ClipOfOne", Observation("term: qpos, clip: [1]"),
       "task.yaml:2:38: observations.x.clip must be [low, high] with low <= high, got [1]"},
      {"NegativeNoise", Observation("term: qpos, noise: -0.1"),
       "task.yaml:2:39: observations.x.noise must be >= 0, got -0.1"},
      {"NegativeBias", Observation("term: qpos, bias: -0.1"),
       "task.yaml:2:38: observations.x.bias must be >= 0, got -0.1"},
      {"UnknownDistribution", Observation("term: qpos, noise: 1, distribution: gauss"),
       "task.yaml:2:56: observations.x.distribution must be one of normal, uniform, got 'gauss'"},
      {"NegativeDelay", Observation("term: qpos, delay: [-1, 2]"),
       "task.yaml:2:40: observations.x.delay.0 must be in 0 .. 1000, got -1"},
      {"DelayReversed", Observation("term: qpos, delay: [2, 1]"),
       "task.yaml:2:39: observations.x.delay must be [least, most] control steps with least <= "
       "most, got [2, 1]"},
      {"FractionalDelay", Observation("term: qpos, delay: [0, 1.5]"),
       "task.yaml:2:43: observations.x.delay.1 must be an integer, got 1.5"},
      {"HugeDelay", Observation("term: qpos, delay: [0, 1000000]"),
       "task.yaml:2:43: observations.x.delay.1 must be in 0 .. 1000, got 1000000"},
      {"HugeMemory",
       Observation("term: constant, delay: [0, 1000], params: {values: [" + Repeat("0,", 300000) +
                   "0]}"),
       "observations.x: delay: 300001 numbers can't be kept for 1000 steps: 10000000 may be "
       "remembered in all"},
      {"DropoutAboveOne", Observation("term: qpos, dropout: 1.5"),
       "task.yaml:2:41: observations.x.dropout must be in 0 .. 1, got 1.5"},
      {"WeightOfAnObservation", Observation("term: qpos, weight: 2"),
       "task.yaml:2:32: unknown key 'weight' in observations.x."},
  };
}

std::vector<Malformed> Rewards() {
  return {
      {"NanWeight", Reward("term: constant, weight: .nan"),
       "task.yaml:2:39: rewards.x.weight must be finite, got .nan"},
      {"InfWeight", Reward("term: constant, weight: -.inf"),
       "task.yaml:2:39: rewards.x.weight must be finite, got -.inf"},
      {"TextWeight", Reward("term: constant, weight: heavy"),
       "task.yaml:2:39: rewards.x.weight must be a number, got 'heavy'"},
      {"QuotedWeight", Reward("term: constant, weight: '2'"),
       "task.yaml:2:39: rewards.x.weight must be a number, got '2' as quoted text. Leave the "
       "quotes out"},
      {"UnknownReward", Reward("term: distanse"),
       "rewards.x: unknown term 'distanse'. Did you mean 'distance'?"},
      {"WrongKernel", Reward("term: distance, params: {a: tip, b: puck, kernel: tanhh}"),
       "rewards.x: task.yaml:2:65: kernel must be one of tanh, linear, exp, gaussian, got 'tanhh'. "
       "Did you mean"},
      {"ZeroScale", Reward("term: distance, params: {a: tip, b: puck, scale: 0}"),
       "rewards.x: task.yaml:2:64: scale must be >= 1e-06, got 0"},
      {"OneFrame", Reward("term: distance, params: {a: tip}"),
       "rewards.x: b: no site or body is named."},
      {"HeightReversed", Reward("term: height, params: {frame: tip, low: 1, high: 0}"),
       "rewards.x: task.yaml:2:64: high must be above low (1 m), got 0"},
      {"AxisWithoutLength", Reward("term: velocity, params: {frame: tip, axis: [0, 0, 0]}"),
       "rewards.x: axis: an axis must have a length, got [0, 0, 0]"},
      {"AxisOfTwo", Reward("term: velocity, params: {frame: tip, axis: [0, 1]}"),
       "rewards.x: task.yaml:2:58: axis must have 3 entries, got 2"},
      {"ContactOfNothing", Reward("term: contact, params: {a: []}"),
       "rewards.x: a: at least one name is needed, got none"},
      {"ContactOfNoGeom", Reward("term: contact, params: {a: [pukc]}"),
       "rewards.x: a: unknown body or geom 'pukc'. Did you mean 'puck'?"},
      {"NoHealthyRange", Reward("term: healthy"),
       "rewards.x: ranges: at least one range is needed, got none"},
      {"EmptyRewardName", "rewards: {'': {term: constant}}",
       "task.yaml:2:11: rewards: a name must not be empty, nor have '/' or control characters in "
       "it, got ''"},
  };
}

std::vector<Malformed> OtherTerms() {
  return {
      {"UnknownTermination", Termination("term: time_aftr"),
       "terminations.x: unknown term 'time_aftr'. Did you mean 'time_after'?"},
      {"WrongOutcome", Termination("term: time_after, outcome: win"),
       "task.yaml:2:47: terminations.x.outcome must be one of success, failure, got 'win'"},
      {"BoxReversed", Termination("term: out_of_box, params: {frame: tip, x: [1, 0]}"),
       "terminations.x: task.yaml:2:62: x must"},
      {"UnknownReset", ResetTerm("term: plac"),
       "resets.x: unknown term 'plac'. Did you mean 'place'?"},
      {"PlaceOfNoBody", ResetTerm("term: place, params: {body: puk}"),
       "resets.x: body: unknown body of the model 'puk'. Did you mean 'puck'?"},
      {"PlaceOfAFixedBody", ResetTerm("term: place, params: {body: post}"),
       "resets.x: body: 'post' can't be placed: it is neither a free body nor a marker"},
      {"PlaceReversed", ResetTerm("term: place, params: {body: puck, x: [1, 0]}"),
       "resets.x: task.yaml:2:51: x must be [low, high] with low <= high, got [1, 0]"},
      {"PlaceAwayFromAFixedBody",
       ResetTerm("term: place, params: {body: puck, away_from: pole, "
                 "min_distance: 9}"),
       "resets.x: away_from: 'pole' can't be placed: it is neither a free body nor a marker"},
      {"NegativeResetNoise", ResetTerm("term: qpos_noise, params: {scale: -1}"),
       "resets.x: task.yaml:2:48: scale must be >= 0, got -1"},
      {"ResetOfNoKeyframe", ResetTerm("term: keyframe, params: {names: [hme]}"),
       "resets.x: names: unknown key of the model 'hme'. There are none."},
      {"SetJointsReversed",
       ResetTerm("term: set_joints, params: {joints: [hinge], low: [1], high: [0]}"),
       "resets.x: low must be at most high (0), got 1"},
      {"SetJointsOfAnotherSize",
       ResetTerm("term: set_joints, params: {joints: [hinge], low: [0, 0], high: [1, 1]}"),
       "resets.x: low must have 1 number, got 2"},
      {"CommandsWithoutUserdata",
       ResetTerm("term: command, params: {count: 5, low: [0], high: [1]}"),
       "resets.x: count: 5 commands are needed, but scene.userdata is 2; raise it"},
      {"UnknownInfo", In("info", "term: qps"), "info.x: unknown term 'qps'. Did you mean 'qpos'?"},
      {"NoiseOfInfo", In("info", "term: qpos, noise: 1"),
       "task.yaml:2:24: unknown key 'noise' in info.x."},
      {"ReservedInfoName", "info: {success: {term: qpos}}",
       "task.yaml:2:7: info: the name 'success' is taken"},
      {"EmptyInfoName", "info: {'': {term: qpos}}",
       "task.yaml:2:8: info: a name must not be empty, nor have '/' or control characters in it, "
       "got ''"},
  };
}

std::vector<Malformed> Formulas() {
  return {
      {"NoFormula", Formula(""), "rewards.x: expression: must be a formula, got none"},
      {"OpenParenthesis", Formula("(1 + 2"),
       "rewards.x: expression: missing parenthesis at character 7 of '(1 + 2'"},
      {"TwoOperators", Formula("1 + * 2"),
       "rewards.x: expression: unexpected operator \"*\" at character 5 of '1 + * 2'"},
      {"TrailingOperator", Formula("1 +"),
       "rewards.x: expression: unexpected end of expression at character 4 of '1 +'"},
      {"UnknownVariable", Formula("speed * 2"),
       "rewards.x: expression: at character 1 of 'speed * 2': unknown name 'speed'."},
      {"UnknownFunction", Formula("sine(1)"),
       "rewards.x: expression: at character 1 of 'sine(1)': unknown function 'sine'. Did you mean "
       "'sin'?"},
      {"TooFewArguments", Formula("sin()"),
       "rewards.x: expression: too few parameters for function \"sin\" at character 5 of 'sin()'"},
      {"TooManyArguments", Formula("sin(1, 2)"),
       "rewards.x: expression: too many parameters for function \"sin\" at character 9 of 'sin(1, "
       "2)'"},
      {"Assignment", Formula("v = 2", "v: {term: qpos}"),
       "rewards.x: expression: must not assign (=); == compares. Got 'v = 2'"},
      {"TwoFormulas", Formula("1, 2"),
       "rewards.x: expression: must be one formula, got 2 with commas between them: '1, 2'"},
      {"TextInAFormula", Formula("\"abc\""),
       "rewards.x: expression: at character 2 of '\"abc\"': unknown name 'abc'."},
      {"NonAscii", Formula("2 × 3"),
       "rewards.x: expression: unexpected token \"× 3 \" at character 3 of '2 × 3'"},
      {"NewlineInAFormula", Reward("term: expression, params: {expression: \"1 +\\n\\n* 2\"}"),
       "rewards.x: expression: unexpected operator \"*\" at character 6 of '1 +\\n\\n* 2'"},
      {"DeepFormula", Formula(Repeat("(", 100000) + "1" + Repeat(")", 100000)),
       "rewards.x: expression: expression too long at character 1 of"},
      {"LongFormula", Formula("x" + Repeat("+1", 100000)),
       "rewards.x: expression: at character 1 of"},
      {"TernaryWithoutElse", Formula("1 ? 2"),
       "rewards.x: expression: if-then-else operator is missing an else clause at character 1 of "
       "'1 ? 2'"},
      {"ActionTooFar", Formula("action_2"),
       "rewards.x: expression: at character 1 of 'action_2': an action has 2 numbers, so that "
       "action_2 does not exist"},
      {"VariableTakesAName", Formula("time", "time: {term: qpos}"),
       "rewards.x: variables.time: the name is taken: it means something else here"},
      {"VariableOfABadName", Formula("1", "2x: {term: qpos}"),
       "rewards.x: variables.2x: a variable's name is made of letters, digits and _, and begins "
       "with none of the"},
      {"VariableOfNoTerm", Formula("v", "v: {term: qps}"),
       "rewards.x: variables.v: unknown term 'qps'. Did you mean 'qpos'?"},
      {"VariableWithoutTerm", Formula("v", "v: {}"), "rewards.x: variables.v: no term is named."},
      {"VariableOfItself", Formula("v", "v: {term: expression}"),
       "rewards.x: variables.v: unknown term 'expression'."},
      {"VariableTooFar", Formula("v", "v: {term: qpos, index: 99}"),
       "rewards.x: variables.v: index must be below 13, the size of qpos, got 99"},
  };
}

class MalformedTerm : public MalformedTaskTest {};

TEST_P(MalformedTerm, IsOneLine) { Check(); }

INSTANTIATE_TEST_SUITE_P(Observations, MalformedTerm, ::testing::ValuesIn(Observations()), NameOf);
INSTANTIATE_TEST_SUITE_P(Rewards, MalformedTerm, ::testing::ValuesIn(Rewards()), NameOf);
INSTANTIATE_TEST_SUITE_P(OtherTerms, MalformedTerm, ::testing::ValuesIn(OtherTerms()), NameOf);
INSTANTIATE_TEST_SUITE_P(Formulas, MalformedTerm, ::testing::ValuesIn(Formulas()), NameOf);

}  // namespace
}  // namespace simscale::tasks
