#include "simscale/sim/robot_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "simscale/sim/scene.h"
#include "simscale/sim/test_mjcf.h"

namespace simscale::sim {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

/// Sets an environment variable for one test.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    setenv(name, value.c_str(), 1);
  }
  ~Setting() {
    if (had_)
      setenv(name_, old_.c_str(), 1);
    else
      unsetenv(name_);
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

class RobotFiles : public MjcfTest {
 protected:
  void TearDown() override {
    SetWheelDirs({});
    MjcfTest::TearDown();
  }
};

TEST_F(RobotFiles, WheelsAreSearchedInTheGivenFoldersFirst) {
  Write("", "one/robots/a.xml");
  Write("", "two/robots/a.xml");
  Write("", "two/robots/b.xml");
  Write("", "venv/lib/python3.99/site-packages/robots/c.xml");
  Setting list("SIMSCALE_SITE_PACKAGES", (dir() / "one").string() + "::" + "/no/such/folder");
  Setting venv("VIRTUAL_ENV", (dir() / "venv").string());
  EXPECT_EQ(FindRobot("wheel:robots/a.xml").file, (dir() / "one/robots/a.xml").string());
  EXPECT_THAT(MessageOf([] { FindRobot("wheel:robots/b.xml"); }),
              AllOf(HasSubstr("robot wheel:robots/b.xml: "), HasSubstr("one/robots is there")));
  SetWheelDirs({dir() / "two"});
  EXPECT_EQ(FindRobot("wheel:robots/b.xml").file, (dir() / "two/robots/b.xml").string());
  EXPECT_EQ(FindRobot("wheel:robots/c.xml").file,
            (dir() / "venv/lib/python3.99/site-packages/robots/c.xml").string());
  EXPECT_THAT(MessageOf([] { FindRobot("wheel:no_robots/a.xml"); }),
              AllOf(HasSubstr("no package no_robots in "), HasSubstr("/one, /no/such/folder, "),
                    HasSubstr("`pip install no_robots`"), HasSubstr("SIMSCALE_SITE_PACKAGES")));
}

TEST_F(RobotFiles, WheelsAreFoundAboveTheProgram) {
  // The tests run from <tree>/build/<preset>/bin, and the tree has .venv.
  const fs::path program = fs::read_symlink("/proc/self/exe");
  const fs::path venv =
      program.parent_path().parent_path().parent_path().parent_path() / ".venv" / "lib";
  if (!fs::is_directory(venv)) GTEST_SKIP() << venv << " is not there";
  const fs::path version = fs::directory_iterator(venv)->path();
  EXPECT_THAT(SearchedSitePackages(), Contains(version / "site-packages"));
}

TEST_F(RobotFiles, WheelPathsStayBelowSitePackages) {
  for (const char* name : {"wheel:", "wheel:/etc/passwd", "wheel:robots/../../a.xml"})
    EXPECT_THAT(MessageOf([&] { FindRobot(name); }), HasSubstr("must be wheel:PACKAGE")) << name;
}

TEST_F(RobotFiles, PathsAreTriedBesideTheTaskFile) {
  const std::string file = Write("", "arms/arm.xml");
  const auto resolved = [this](const std::string& robot) {
    SceneConfig scene;
    scene.robot = robot;
    ResolveFiles(scene, dir());
    return scene.robot;
  };
  EXPECT_EQ(resolved("arms/arm.xml"), file);
  EXPECT_EQ(resolved(file), file);
  EXPECT_EQ(resolved("panda"), "panda");
  EXPECT_EQ(resolved("arms/leg.xml"), "arms/leg.xml");
  EXPECT_EQ(MessageOf([] { FindRobot("arms/arm.xml"); }), "robot arms/arm.xml: no such file");
  EXPECT_THAT(MessageOf([&] { FindRobot(resolved("arms/")); }), HasSubstr("is a folder"));
}

const char* const kRegistry = R"({
 "menagerie_commit": "c", "schema": 1,
 "robots": {
  "maker_arm": {"default_model": "armbot", "default_scene": "scene",
   "entry_points": {"armbot": {"file": "xml/armbot.xml", "kind": "robot"},
                    "scene": {"file": "scene.xml", "kind": "scene"}},
   "oid": "0123456789abcdef0123"}
 }
})";

TEST_F(RobotFiles, MenagerieModelsComeFromItsCache) {
  Setting cache("MENAGERIE_CACHE_DIR", dir().string());
  Setting root("MENAGERIE_ROOT", "");
  Setting packages("SIMSCALE_SITE_PACKAGES", (dir() / "site").string());
  EXPECT_THAT(MessageOf([] { FindRobot("menagerie:maker_arm"); }),
              AllOf(HasSubstr("robot menagerie:maker_arm: is not in "), HasSubstr("/models. "),
                    HasSubstr("`pip install mujoco-menagerie && mujoco-menagerie prefetch "
                              "maker_arm`")));
  Write("", "models/maker_arm-aaaa/arm.xml");
  Write("", "models/maker_arm-aaaa/arm_mjx.xml");
  Write("", "models/maker_arm-aaaa/scene.xml");
  EXPECT_THAT(MessageOf([] { FindRobot("menagerie:maker_arm"); }),  // not whole yet
              HasSubstr("is not in "));
  Write("{}", "models/maker_arm-aaaa/.complete");
  EXPECT_EQ(FindRobot("menagerie:maker_arm").file,
            (dir() / "models/maker_arm-aaaa/arm.xml").string());
  EXPECT_EQ(FindRobot("menagerie:maker_arm/scene").file,
            (dir() / "models/maker_arm-aaaa/scene.xml").string());
  EXPECT_THAT(MessageOf([] { FindRobot("menagerie:maker_arm/scen"); }),
              AllOf(HasSubstr("unknown entry 'scen'. Did you mean 'scene'?"),
                    HasSubstr("menagerie:maker_arm/ENTRY")));

  // With the package's registry: its version, its file, its names.
  Write(kRegistry, "site/mujoco_menagerie/registry.json");
  Write("", "models/maker_arm-0123456789abcdef/xml/armbot.xml");
  Write("{}", "models/maker_arm-0123456789abcdef/.complete");
  EXPECT_EQ(FindRobot("menagerie:maker_arm").file,
            (dir() / "models/maker_arm-0123456789abcdef/xml/armbot.xml").string());
  EXPECT_THAT(MessageOf([] { FindRobot("menagerie:maker_amr"); }),
              HasSubstr("unknown robot of mujoco-menagerie 'maker_amr'. Did you mean 'maker_arm'"));
}

TEST_F(RobotFiles, ACheckoutOfMenagerieTakesTheCachesPlace) {
  Setting root("MENAGERIE_ROOT", dir().string());
  Setting packages("SIMSCALE_SITE_PACKAGES", "");
  Write("", "maker_dog/dog.xml");
  EXPECT_EQ(FindRobot("menagerie:maker_dog").file, (dir() / "maker_dog/dog.xml").string());
  EXPECT_THAT(MessageOf([] { FindRobot("menagerie:maker_cat"); }),
              AllOf(HasSubstr("no folder "), HasSubstr("MENAGERIE_ROOT")));
  for (const char* name : {"menagerie:", "menagerie:..", "menagerie:a/../../b"})
    EXPECT_THAT(MessageOf([&] { FindRobot(name); }), HasSubstr("must be menagerie:NAME")) << name;
}

}  // namespace
}  // namespace simscale::sim
