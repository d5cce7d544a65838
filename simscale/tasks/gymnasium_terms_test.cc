#include "simscale/tasks/gymnasium_terms.h"

#include <cmath>

#include "simscale/env/terms/term_test_util.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using env::Near;
using env::TermTestWorld;
using testing::HasSubstr;

TEST(NumpyWeightedSquares, RoundsAsNumpy) {
  struct Case {
    int n;
    double float32, float64;
  };
  // a = np.array([((i * 4 + 11) % 101 - 50) / 97.0 for i in range(n)]).astype(np.float32)
  // 0.1 * np.sum(np.square(a)), and of a.astype(np.float64), by NumPy 2.4.6. From eight numbers on
  // NumPy sums with eight accumulators, from 129 on in halves.
  for (const Case& c : std::vector<Case>{
           {1, 0.016165373846888542, 0.016165373109075978},
           {2, 0.029184821993112564, 0.029184821973712083},
           {3, 0.039398446679115295, 0.039398446538798294},
           {6, 0.05660537630319595, 0.056605375176067035},
           {7, 0.05899670347571373, 0.05899670245271398},
           {8, 0.06028270721435547, 0.06028270520034693},
           {9, 0.06080348417162895, 0.06080348313342554},
           {17, 0.07823359966278076, 0.0782336020158031},
           {200, 1.7817195653915405, 1.7817195527573872},
       }) {
    std::vector<double> a;
    for (int i = 0; i < c.n; ++i) a.push_back(static_cast<float>(((i * 4 + 11) % 101 - 50) / 97.0));
    EXPECT_EQ(NumpyWeightedSquares(0.1, a, true), c.float32) << c.n;
    EXPECT_EQ(NumpyWeightedSquares(0.1, a, false), c.float64) << c.n;
  }
}

/// Builds a Gymnasium term on the small world of the core terms' tests.
template <class T>
std::unique_ptr<T> Make(TermTestWorld& world, std::vector<env::TermType<T>> env::TermLibrary::*list,
                        const std::string& name, const std::string& params) {
  env::TermLibrary library;
  AddGymnasiumTerms(library);
  return world.Make(library.*list, name, params);
}

TEST(GymnasiumTerms, ObserveMujocosArraysWithoutTheWorld) {
  TermTestWorld world;
  world.data->qvel[0] = 2;
  world.Forward();
  for (int i = 0; i < 6 * 5; ++i) world.data->cfrc_ext[i] = i;
  struct Case {
    std::string term;
    const double* array;
    int width;
  };
  for (const Case& c : {Case{"cinert", world.data->cinert, 10}, Case{"cvel", world.data->cvel, 6},
                        Case{"cfrc_ext", world.data->cfrc_ext, 6}}) {
    const auto term = Make(world, &env::TermLibrary::observations, c.term, "");
    ASSERT_EQ(term->size(), 4 * c.width);
    std::vector<double> out(static_cast<size_t>(term->size()));
    term->Write(world.context, out);
    EXPECT_EQ(out, std::vector<double>(c.array + c.width, c.array + 5 * c.width)) << c.term;
    EXPECT_EQ(term->needs_contact_forces(), c.term == "cfrc_ext");
  }
}

TEST(GymnasiumTerms, ObserveFunctionsOfQpos) {
  TermTestWorld world;
  world.data->qpos[7] = 0.5;
  world.data->qpos[8] = 0.25;
  world.data->qpos[0] = 3;
  world.data->qpos[1] = -4;
  const auto write = [&world](const std::string& name, const std::string& params) {
    const auto term = Make(world, &env::TermLibrary::observations, name, params);
    std::vector<double> out(static_cast<size_t>(term->size()));
    term->Write(world.context, out);
    return out;
  };
  EXPECT_THAT(write("sin_qpos", "{first: 7, count: 2}"), Near({std::sin(0.5), std::sin(0.25)}));
  EXPECT_THAT(write("cos_qpos", "{first: 7, count: 2}"), Near({std::cos(0.5), std::cos(0.25)}));
  EXPECT_THAT(write("qpos_norm", "{count: 2}"), Near({5}));
}

TEST(GymnasiumTerms, RewardsAreHandComputedNumbers) {
  TermTestWorld world;
  world.data->qpos[2] = 1.5;
  world.data->qvel[6] = 2;
  world.data->qvel[7] = -3;
  world.data->ctrl[0] = 1;
  world.data->ctrl[2] = -2;
  world.Forward();
  world.data->cfrc_ext[6] = 3;
  world.data->cfrc_ext[11] = -0.5;
  const auto value = [&world](const std::string& name, const std::string& params) {
    return Make(world, &env::TermLibrary::rewards, name, params)->Value(world.context);
  };
  // The action is [0.5, -1, 0].
  EXPECT_EQ(value("gymnasium_control_cost", "{weight: 0.1}"), 0.1 * 1.25);
  EXPECT_EQ(value("gymnasium_control_cost", "{weight: 0.1, of: ctrl}"), 0.1 * 5);
  world.context.float32_action = true;
  EXPECT_EQ(value("gymnasium_control_cost", "{weight: 0.1}"), 0.1F * 1.25F);
  EXPECT_EQ(value("gymnasium_control_cost", "{weight: 0.1, of: ctrl}"), 0.1 * 5);
  EXPECT_EQ(value("gymnasium_contact_cost", "{weight: 0.5}"), 0.5 * 9.25);
  EXPECT_EQ(value("gymnasium_contact_cost", "{weight: 0.5, force_limit: 1}"), 0.5 * 1.25);
  EXPECT_EQ(value("gymnasium_contact_cost", "{weight: 0.5, cost_limit: 4}"), 4);
  EXPECT_NEAR(value("gymnasium_rise", "{index: 2}"), 150, 1e-12);
  EXPECT_NEAR(value("squared_offset", "{frame: box, target: [1, 0, 1], weights: [2, 5, 4]}"), 3,
              1e-12);
  EXPECT_NEAR(value("squared_speeds", "{first: 6, weights: [0.5, 0.1]}"), 2.9, 1e-12);
}

TEST(GymnasiumTerms, EveryTypeIsTestedAbove) {
  env::TermLibrary library;
  AddGymnasiumTerms(library);
  EXPECT_EQ(
      env::TypeNames(library.observations),
      (std::set<std::string>{"cfrc_ext", "cinert", "cos_qpos", "cvel", "qpos_norm", "sin_qpos"}));
  EXPECT_EQ(env::TypeNames(library.rewards),
            (std::set<std::string>{"gymnasium_contact_cost", "gymnasium_control_cost",
                                   "gymnasium_rise", "squared_offset", "squared_speeds"}));
}

TEST(GymnasiumTerms, NameWhatIsWrong) {
  TermTestWorld world;
  env::TermLibrary library;
  AddGymnasiumTerms(library);
  EXPECT_THAT(world.MakeError(library.observations, "sin_qpos", "{first: 8, count: 2}"),
              HasSubstr("first: qpos has 9 numbers, got first 8 and count 2"));
  EXPECT_THAT(world.MakeError(library.rewards, "gymnasium_rise", "{index: 9}"),
              HasSubstr("index: qpos has 9 numbers, got 9"));
  EXPECT_THAT(world.MakeError(library.rewards, "squared_speeds", "{first: 8}"),
              HasSubstr("first: qvel has 8 numbers, got first 8 and 1 weights"));
}

TEST(GymnasiumTasks, HaveGymnasiumsIds) {
  std::vector<std::string> ids;
  for (const std::string& name : TaskNames()) {
    if (name.ends_with("_v5")) ids.push_back(GymnasiumId(name));
  }
  EXPECT_THAT(ids, testing::UnorderedElementsAre(
                       "SimScale/Ant-v5", "SimScale/HalfCheetah-v5", "SimScale/Hopper-v5",
                       "SimScale/Humanoid-v5", "SimScale/HumanoidStandup-v5",
                       "SimScale/InvertedDoublePendulum-v5", "SimScale/InvertedPendulum-v5",
                       "SimScale/Pusher-v5", "SimScale/Reacher-v5", "SimScale/Swimmer-v5",
                       "SimScale/Walker2d-v5"));
}

}  // namespace
}  // namespace simscale::tasks
