// The packaged tasks, damaged at random: each is built and runs, or is refused in one line.
// SIMSCALE_FUZZ_ROUNDS and SIMSCALE_FUZZ_SEED ask for more of it, or for others.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/env/batched_env.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using config::Node;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Changes a few values, keys or branches of a tree.
class Mutator {
 public:
  Mutator(uint64_t seed, uint64_t round) : rng_(seed, round, "task_fuzz") {}

  void Mutate(Node& root) {
    for (uint64_t edits = rng_.Below(2) + 1; edits > 0; --edits) {
      std::vector<Node*> branches;
      Collect(root, branches);
      if (branches.empty()) return;
      Edit(*branches[rng_.Below(branches.size())], root);
    }
  }
  uint64_t Below(uint64_t n) { return rng_.Below(n); }

 private:
  /// Maps and lists that have something in them.
  static void Collect(Node& node, std::vector<Node*>& branches) {
    if (!node.map.empty() || !node.list.empty()) branches.push_back(&node);
    for (auto& entry : node.map) Collect(entry.second, branches);
    for (Node& item : node.list) Collect(item, branches);
  }

  void Edit(Node& branch, const Node& root) {
    const bool is_map = branch.kind == Node::Kind::kMap;
    const size_t size = is_map ? branch.map.size() : branch.list.size();
    const size_t at = rng_.Below(size);
    Node& child = is_map ? branch.map[at].second : branch.list[at];
    const auto place = static_cast<std::ptrdiff_t>(at);
    switch (rng_.Below(12)) {
      case 0:
        if (is_map) {
          branch.map.erase(branch.map.begin() + place);
        } else {
          branch.list.erase(branch.list.begin() + place);
        }
        break;
      case 1:
        if (is_map) {
          branch.Set(branch.map[at].first + "2", Node(child));
        } else {
          branch.list.push_back(Node(child));
        }
        break;
      case 2:
        if (is_map) branch.map[at].first = Slip(branch.map[at].first);
        break;
      case 3:
        child = Subtree(root);
        break;
      case 4:
        if (child.kind == Node::Kind::kScalar) child.scalar = Slip(child.scalar);
        break;
      case 5:
        child = Any();
        break;
      default:
        if (child.kind == Node::Kind::kScalar) child = Alike(child.scalar);
    }
  }

  /// A copy of a branch from anywhere.
  Node Subtree(const Node& root) {
    const Node* node = &root;
    for (uint64_t depth = rng_.Below(5) + 1; depth > 0; --depth) {
      if (!node->map.empty()) {
        node = &node->map[rng_.Below(node->map.size())].second;
      } else if (!node->list.empty()) {
        node = &node->list[rng_.Below(node->list.size())];
      }
    }
    return *node;
  }

  std::string Slip(std::string text) {
    static const std::string letters = "ax_0-9./*?[]{}:'\"\\ \n\x01";
    if (text.empty()) return "x";
    const size_t at = rng_.Below(text.size());
    const char letter = letters[rng_.Below(letters.size())];
    if (rng_.Below(2) == 0)
      text[at] = letter;
    else
      text.insert(at, 1, letter);
    return text;
  }

  /// A number for a number, true for false, a word for a word.
  Node Alike(const std::string& scalar) {
    static const std::vector<std::string> numbers = {"0",   "1",   "2",    "-1",   "0.5", "1e-5",
                                                     "100", "1e9", "-0.1", "0.01", "3",   "12"};
    static const std::vector<std::string> words = {
        "qpos",   "qvel",           "expression", "distance",  "contact",     "place",
        "push",   "texture",        "cinert",     "geom_size", "light_count", "distractors",
        "torso",  "world",          "ee",         "cube",      "*",           "floor",
        "choice", "log_uniform",    "normal",     "interval",  "all",         "set",
        "add",    "joint_position", "actuators",  "float64",   "mj_step",     "current"};
    if (scalar == "true" || scalar == "false") {
      return Node::Scalar(scalar == "true" ? "false" : "true");
    }
    const bool number = scalar.find_first_not_of("0123456789+-.e") == std::string::npos;
    return Word(number ? numbers : words);
  }

  Node Any() {
    static const std::vector<std::string> words = {"0",
                                                   "1",
                                                   "-1",
                                                   "2",
                                                   "0.5",
                                                   "1e-300",
                                                   "1e308",
                                                   "-1e308",
                                                   ".nan",
                                                   "inf",
                                                   "1e9",
                                                   "65536",
                                                   "2147483647",
                                                   "-2147483648",
                                                   "4294967296",
                                                   "99999999999999999999",
                                                   "true",
                                                   "false",
                                                   "null",
                                                   "",
                                                   "*",
                                                   "?",
                                                   "world",
                                                   "torso",
                                                   "ee",
                                                   "target",
                                                   "cube",
                                                   "rk4",
                                                   "none",
                                                   "full",
                                                   "box",
                                                   "mesh",
                                                   "float64",
                                                   "choice",
                                                   "log_uniform",
                                                   "normal",
                                                   "set",
                                                   "add",
                                                   "interval",
                                                   "all",
                                                   "actuators",
                                                   "joint_position",
                                                   "ee_delta",
                                                   "normalized",
                                                   "panda",
                                                   "/dev/null",
                                                   "qpos",
                                                   "expression",
                                                   "distance",
                                                   "contact",
                                                   "place",
                                                   "push",
                                                   "texture",
                                                   "distractors",
                                                   "geom_size",
                                                   "light_count",
                                                   "1/0",
                                                   "sqrt(-1)",
                                                   "time > 1 ? 1 : 0"};
    switch (rng_.Below(8)) {
      case 0: {
        Node list = Node::List();
        for (uint64_t n = rng_.Below(5); n > 0; --n) list.list.push_back(Word(words));
        return list;
      }
      case 1: {
        Node map = Node::Map();
        for (uint64_t n = rng_.Below(3); n > 0; --n) {
          map.Set(Word(words).scalar, Word(words));
        }
        return map;
      }
      default:
        return Word(words);
    }
  }
  Node Word(const std::vector<std::string>& words) {
    return Node::Scalar(words[rng_.Below(words.size())]);
  }

  Rng rng_;
};

/// "": it was built and ran; else why not.
std::string Try(const std::string& yaml, const std::vector<std::string>& overrides) {
  std::shared_ptr<const env::Task> task;
  try {
    task = MakeTask(ParseTaskConfig(yaml, "task.yaml", overrides));
  } catch (const UserError& error) {
    return error.what();
  }
  task->TermTable();
  const auto again = ParseTaskConfig(task->ResolvedYaml(), "resolved");
  EXPECT_EQ(again.name, task->name());
  if (task->frame_skip() > 100 || task->config().scene.iterations > 1000) return "";  // too slow
  env::BatchedEnv batch(task, {.num_envs = 2, .autoreset = env::AutoresetMode::kSameStep});
  std::vector<float> actions(static_cast<size_t>(2 * batch.action_dim()), 0.5F);
  for (int t = 0; t < 3; ++t) {
    batch.Step(actions);
    for (const auto& key : batch.result().observations.keys) {
      for (float x : key.state) EXPECT_TRUE(std::isfinite(x)) << key.spec->name;
    }
  }
  return "";
}

TEST(TaskFuzz, DamagedTasksRunOrAreRefusedInOneLine) {
  const uint64_t rounds = FromEnvironment("SIMSCALE_FUZZ_ROUNDS", 200);
  const uint64_t seed = FromEnvironment("SIMSCALE_FUZZ_SEED", 1);
  std::vector<Node> tasks;
  for (const std::string& name : TaskNames()) {
    for (const char* preset : {"none", "full"}) {
      tasks.push_back(config::Write(LoadTaskConfig(name, {Cat("randomize=", preset)})));
      // What the file does not say is as good a place for a mistake, but the presets would take
      // nine of ten.
      tasks.back().Erase("presets");
      tasks.back().Set("randomize", Node::Scalar("none"));
    }
  }
  uint64_t ran = 0;
  ::testing::internal::CaptureStderr();
  for (uint64_t round = 0; round < rounds; ++round) {
    Mutator mutator(seed, round);
    Node task = tasks[mutator.Below(tasks.size())];
    mutator.Mutate(task);
    const std::string yaml = config::ToYaml(task);
    SCOPED_TRACE(Cat("seed ", seed, " round ", round));
    try {
      const std::string message = Try(yaml, {"scene.meshes=none"});
      ran += message.empty() ? 1 : 0;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      EXPECT_LT(message.size(), 2000U) << message;
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what() << "\n" << yaml;
    }
  }
  ::testing::internal::GetCapturedStderr();
  // Neither all nor none: else the mutations would be too mild or too wild.
  EXPECT_GT(ran, rounds / 10);
  EXPECT_LT(ran, rounds * 9 / 10);
}

}  // namespace
}  // namespace simscale::tasks
