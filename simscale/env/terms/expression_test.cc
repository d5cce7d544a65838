#include "simscale/env/terms/expression.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <thread>

#include "simscale/env/terms/term_test_util.h"

namespace simscale::env {
namespace {

using testing::HasSubstr;

TermLibrary Library() {
  TermLibrary library = CoreTerms();
  AddExpressionTerms(library);
  return library;
}

TEST(Expression, ComputesFromTermsActionsAndTime) {
  struct Case {
    std::string params;
    double expected;
  };
  // The box is at [0.5, 0, 2]; the action is [0.5, -1, 0], the one before [0.25, -1, 1].
  for (const Case& c : std::vector<Case>{
           {"{expression: '1 + 2 * 3'}", 7},
           {"{expression: 'action_0 - 2 * action_1 + previous_action_2'}", 3.5},
           {"{expression: 'step + time'}", 4.2},
           {"{expression: 'cos(pi) + sin(pi / 2)'}", 0},
           {"{expression: '-abs(x) + 0.1*z', variables: {x: {term: qpos}, z: {term: qpos, index: "
            "2}}}",
            -0.3},
           {"{expression: 'min(z, 1) + max(x, 1e0)', variables: {x: {term: height, params: {frame: "
            "tip}}, z: {term: height, params: {frame: box}}}}",
            2},
           {"{expression: 'h > 1.5 && action_0 < 1 ? 10 : 20', variables: {h: {term: height, "
            "params: {frame: box}}}}",
            10},
           {"{expression: 'v * v', variables: {v: {term: average_velocity, params: {frame: "
            "box}}}}",
            100},
       }) {
    SCOPED_TRACE(c.params);
    TermTestWorld world;
    const auto reward = world.Make(Library().rewards, "expression", c.params);
    world.data->qpos[0] = 0.5;
    world.data->qpos[2] = 2;
    world.Forward();
    world.context.step = 4;
    EXPECT_NEAR(reward->Value(world.context), c.expected, 1e-12);
  }
}

TEST(Expression, IsAnObservationAndATermination) {
  TermTestWorld world;
  const std::string params =
      "{expression: 'z < 0.5', variables: {z: {term: qpos, params: {first: 2, count: 1}}}}";
  const auto observation = world.Make(Library().observations, "expression", params);
  const auto termination = world.Make(Library().terminations, "expression", params);
  double out = -1;
  EXPECT_EQ(observation->size(), 1);
  for (const double z : {0.499, 0.501}) {
    world.data->qpos[2] = z;
    observation->Write(world.context, std::span(&out, 1));
    EXPECT_EQ(out, z < 0.5 ? 1 : 0);
    EXPECT_EQ(termination->Holds(world.context), z < 0.5);
  }
  world.data->qpos[2] = 1;
  const auto broken =
      world.Make(Library().terminations, "expression",
                 "{expression: 'sqrt(-z)', variables: {z: {term: qpos, index: 2}}}");
  EXPECT_THROW(broken->Holds(world.context), Error);
}

TEST(Expression, KnowsWhatItsVariablesNeed) {
  TermTestWorld world;
  const auto none = world.Make(Library().rewards, "expression", "{expression: '1'}");
  EXPECT_FALSE(none->needs_contact_forces());
  EXPECT_EQ(none->memory_size(), 0);
  const auto both = world.Make(
      Library().rewards, "expression",
      "{expression: 'a + b + f', variables: {a: {term: average_velocity, params: {frame: box}}, "
      "b: {term: average_velocity, params: {joint: slide}}, f: {term: contact_force, index: 2, "
      "params: {bodies: [box]}}}}");
  EXPECT_TRUE(both->needs_contact_forces());
  EXPECT_EQ(both->memory_size(), 2);
  world.data->qpos[0] = 0.1;
  world.data->qpos[8] += 0.05;
  world.Forward();
  EXPECT_NEAR(both->Value(world.context), 2 + 1, 1e-12);
}

TEST(Expression, MistakesAreNamedWithTheirPlace) {
  struct Wrong {
    std::string params, message;
  };
  for (const Wrong& w : std::vector<Wrong>{
           {"{}", "expression: must be a formula, got none"},
           {"{expression: '1 + hight', variables: {height: {term: height, params: {frame: box}}}}",
            "expression: at character 5 of '1 + hight': unknown name 'hight'. Did you mean "
            "'height'? Known: height, time, step, pi, action_0, previous_action_0."},
           {"{expression: 'abz(1)'}",
            "expression: at character 1 of 'abz(1)': unknown function 'abz'. Did you mean 'abs'?"},
           {"{expression: 'action_3'}", "an action has 3 numbers, so that action_3 does not exist"},
           {"{expression: '1 + * 2'}", "expression: unexpected operator \"*\" at character 5 of"},
           {"{expression: '(1 + 2'}", "at character 7 of '(1 + 2'"},
           {"{expression: '1 2'}", "at character 3 of '1 2'"},
           {"{expression: 'sin(1, 2)'}", "'sin(1, 2)'"},
           {"{expression: '1, 2'}", "must be one formula, got 2 with commas between them"},
           {"{expression: 'step = 2'}", "must not assign (=); == compares"},
           {"{expression: 'x', variables: {x: {term: hight}}}",
            "variables.x: unknown term 'hight'. Did you mean 'height'?"},
           {"{expression: 'x', variables: {x: {term: height, params: {frame: bx}}}}",
            "variables.x: frame: unknown site or body 'bx'. Did you mean 'box'?"},
           {"{expression: 'x', variables: {x: {term: qpos, index: 9}}}",
            "variables.x: index must be below 9, the size of qpos, got 9"},
           {"{expression: '1', variables: {2x: {term: qpos}}}", "variables.2x: a variable's name"},
           {"{expression: '1', variables: {time: {term: qpos}}}",
            "variables.time: the name is taken"},
       }) {
    TermTestWorld world;
    const std::string message = world.MakeError(Library().rewards, "expression", w.params);
    EXPECT_THAT(message, HasSubstr(w.message)) << w.params;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(Expression, ManyThreadsEvaluateAtOnce) {
  TermTestWorld world;
  const auto reward = world.Make(
      Library().rewards, "expression",
      "{expression: 'sin(x) + z * action_0 + step', variables: {x: {term: qpos}, z: {term: height, "
      "params: {frame: box}}}}");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      sim::Data data(world.model);
      const std::vector<double> action = {0.1 * t, 0, 0};
      TermContext context = world.context;
      context.data = data.get();
      context.action = action;
      for (int i = 0; i < 5000; ++i) {
        data->qpos[0] = t + 0.001 * i;
        data->xpos[3 + 2] = i;
        context.step = i;
        if (reward->Value(context) != std::sin(data->qpos[0]) + i * action[0] + i) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Expression, IsADocumentedType) {
  const TermLibrary library = Library();
  EXPECT_THAT(TypeNames(library.observations), testing::Contains("expression"));
  EXPECT_THAT(TypeNames(library.rewards), testing::Contains("expression"));
  EXPECT_THAT(TypeNames(library.terminations), testing::Contains("expression"));
  for (const auto& type : library.rewards) {
    if (type.name == "expression") {
      EXPECT_FALSE(type.params.empty());
    }
  }
}

}  // namespace
}  // namespace simscale::env
