// What a user may get wrong in the file of a scene: each is one line that names the file, never a
// crash.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "simscale/sim/scene.h"
#include "simscale/sim/test_mjcf.h"

namespace simscale::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Malformed {
  std::string name;     ///< of the case
  std::string text;     ///< what stands in the file's <mujoco>, or all of the file after "<>"
  std::string message;  ///< what is said after the path
};

void PrintTo(const Malformed& malformed, std::ostream* out) { *out << malformed.name; }

std::string Body(const std::string& inside) {
  return "<worldbody><body name='arm'>" + inside + "</body></worldbody>";
}
std::string Arm(const std::string& beside) {
  return Body("<joint name='j'/><geom size='0.1'/>") + beside;
}
std::string Mesh(const std::string& attributes) {
  return "<asset><mesh name='m' " + attributes + "/></asset>" +
         Body("<geom type='mesh' mesh='m'/>");
}
std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<Malformed> NotXml() {
  return {
      {"Empty", "<>", "not valid MJCF: ParseXML: empty file"},
      {"Text", "<>robot: panda\nscene: {}\n", "not valid MJCF: XML parse error 8"},
      {"Binary", std::string("<>\x7f\x45LF\0\1\2\0\0", 11), "not valid MJCF: XML parse error 8"},
      {"CutShort", "<><mujoco><worldbody><body name='arm'><ge", "XMLElement name=ge"},
      {"UnclosedElement", "<><mujoco><worldbody></mujoco>", "XML_ERROR_MISMATCHED_ELEMENT"},
      {"UnclosedComment", "<><mujoco><!-- ", "not valid MJCF: XML parse error"},
      {"AnotherRoot", "<><html><body/></html>", "Unrecognized XML model type: 'html'"},
      {"DeepNesting", "<><mujoco><worldbody>" + Repeat("<body>", 100000), "nesting is too deep"},
      {"Entities", "<><!DOCTYPE m [<!ENTITY a 'b'>]><mujoco model='&a;'>", "XML parse error"},
      {"Huge", "<>" + std::string(65U << 20U, ' '), "must not exceed 64 MiB, got 65 MiB"},
  };
}

std::vector<Malformed> Elements() {
  return {
      {"UnknownElement", Body("<gem/>"), "unrecognized element Element 'gem', line 1"},
      {"UnknownAttribute", Body("<geom colour='red'/>"), "unrecognized attribute: 'colour'"},
      {"UnknownType", Body("<geom type='cube' size='0.1'/>"), "invalid keyword: 'cube'"},
      {"UnknownMesh", Body("<geom type='mesh' mesh='none'/>"), "mesh 'none' not found"},
      {"UnknownMaterial", Body("<geom size='1' material='wood'/>"), "material 'wood' not found"},
      {"UnknownClass", Body("<geom size='1' class='none'/>"), "unknown default class name 'none'"},
      {"UnknownPlugin", "<extension><plugin plugin='who.knows'/></extension>",
       "who.knows not found"},
      {"ActuatorWithoutJoint", Arm("<actuator><motor joint='gone'/></actuator>"),
       "does not compile: Error: unknown transmission target 'gone'"},
      {"ActuatorWithoutTarget", Arm("<actuator><motor/></actuator>"),
       "missing transmission target"},
      {"SensorWithoutSite", Arm("<sensor><force site='gone'/></sensor>"),
       "name 'gone' of sensorized"},
      {"TendonWithoutJoint", Arm("<tendon><fixed><joint joint='gone' coef='1'/></fixed></tendon>"),
       "joint 'gone' not found in tendon"},
      {"EmptyTendon", Arm("<tendon><fixed/></tendon>"), "path cannot be empty"},
      {"WeldWithoutBody", Arm("<equality><weld body1='arm' body2='gone'/></equality>"),
       "unknown element 'gone' in equality"},
      {"ExcludeWithoutBody", Arm("<contact><exclude body1='arm' body2='gone'/></contact>"),
       "body 'gone' not found"},
      {"BodyTwice", "<worldbody><body name='a'/><body name='a'/></worldbody>",
       "repeated name 'a' in body"},
      {"JointTwice", Body("<joint name='j'/><joint name='j'/>"), "repeated name 'j' in joint"},
      {"ActuatorTwice",
       Arm("<actuator><motor name='m' joint='j'/><motor name='m' joint='j'/></actuator>"),
       "repeated name 'm' in actuator"},
      {"SiteTwice", Body("<site name='s'/><site name='s'/>"), "repeated name 's' in site"},
      {"DefaultTwice", "<default><default class='a'/><default class='a'/></default>",
       "repeated default class name"},
      {"InnerFreeJoint", Body("<body><freejoint/><geom size='0.1'/></body>"),
       "free joint can only be used on top level"},
      {"FreeJointAndHinge", Body("<freejoint/><joint/><geom size='0.1'/>"), "more than 6 dofs"},
      {"MocapThatMoves",
       "<worldbody><body mocap='true'><joint/><geom size='0.1'/></body></worldbody>",
       "mocap body '' is not a fixed child of world"},
      {"KeyframeOfAnotherSize", Arm("<keyframe><key name='home' qpos='1 2 3'/></keyframe>"),
       "keyframe 'home': invalid qpos size, expected 1, got 3"},
      {"LongName", Body("<geom type='cube' name='" + std::string(100000, 'n') + "'/>"),
       "invalid keyword: 'cube'"},
  };
}

std::vector<Malformed> Numbers() {
  const std::string finite = "every number must be finite, but ";
  return {
      {"TextForANumber", Body("<geom size='big'/>"), "bad format in attribute 'size'"},
      {"TooFewNumbers", Body("<geom size='1' pos='1 2'/>"), "'pos' does not have enough data"},
      {"TooManyNumbers", Body("<geom size='1' pos='1 2 3 4'/>"), "'pos' has too much data"},
      {"HugeNumber", Body("<joint armature='1e999'/>"), "too large in attribute 'armature'"},
      {"NanPosition", Body("<geom size='1' pos='nan 0 0'/>"), finite + "one in the file is NaN"},
      {"NanMass", Body("<geom size='1' mass='nan'/>"), finite + "one in the file is NaN"},
      {"NanGravity", Arm("<option gravity='0 0 nan'/>"), finite + "one in the file is NaN"},
      {"NanKeyframe", Arm("<keyframe><key name='home' qpos='nan'/></keyframe>"), finite},
      {"InfSize", Body("<joint/><geom name='ball' size='inf'/>"), ""},
      {"InfDamping", Body("<joint name='j' damping='inf'/><geom size='0.1'/>"),
       finite + "dof_damping of joint 'j' is inf"},
      {"InfWind", Arm("<option wind='0 inf 0'/>"), finite + "option wind is inf"},
      {"InfGain", Arm("<actuator><position name='p' joint='j' kp='inf'/></actuator>"),
       finite + "actuator_gainprm of actuator 'p' is inf"},
      {"InfKeyframe", Arm("<keyframe><key name='home' qpos='-inf'/></keyframe>"),
       finite + "key_qpos of key 'home' is -inf"},
      {"NegativeTimestep", Arm("<option timestep='-0.01'/>"),
       "option timestep must be positive, got -0.01"},
      {"ZeroTimestep", Arm("<option timestep='0'/>"), "option timestep must be positive, got 0"},
      {"NegativeSize", Body("<geom size='-1'/>"), "size 0 must be positive in geom"},
      {"NoSize", Body("<geom type='box' size='1'/>"), "size 1 must be positive in geom"},
      {"NoMass", Body("<joint/>"), "mass and inertia of moving bodies must be larger"},
      {"NegativeMass", Body("<joint/><inertial pos='0 0 0' mass='-1' diaginertia='1 1 1'/>"),
       "mass and inertia of moving bodies must be larger"},
      {"BadInertia", Body("<joint/><inertial pos='0 0 0' mass='1' diaginertia='1 1 9'/>"),
       "inertia must satisfy A + B >= C"},
      {"ZeroQuaternion", Body("<geom size='1' quat='0 0 0 0'/>"), "zero quaternion is not allowed"},
      {"ZeroAxis", Body("<joint axis='0 0 0'/><geom size='1'/>"), "axis too small in joint"},
      {"ReversedRange", Body("<joint range='1 -1' limited='true'/><geom size='1'/>"),
       "range[0] should be smaller than range[1]"},
      {"BadEuler", "<compiler eulerseq='abc'/>" + Body("<geom size='1' euler='1 2 3'/>"), "euler"},
  };
}

std::vector<Malformed> Counts() {
  return {
      {"HugeTexture",
       "<asset><texture name='t' type='2d' builtin='flat' width='2000000000' "
       "height='2000000000'/></asset>",
       "Builtin texture too large"},
      {"HugeHeightField",
       "<asset><hfield name='h' nrow='2000000000' ncol='2000000000' size='1 1 1 1'/></asset>",
       "nrow * ncol of a hfield must be in 0 .. 100000000, got 4e+18"},
      {"HugeMemory", "<size memory='9000000T'/>" + Arm(""), "size memory must be at most"},
      {"BadMemory", "<size memory='much'/>" + Arm(""), "in attribute 'memory'"},
      {"NegativeUserData", "<size nuserdata='-5'/>", "size nuserdata must be"},
      {"HugeUserData", "<size nuserdata='2000000000'/>",
       "size nuserdata must be at most 10000000, got 2000000000"},
      {"HugeKeyframes", "<size nkey='2000000000'/>", "size nkey must be at most 100000, got"},
      {"HugeUserGeom", "<size nuser_geom='2000000000'/>" + Arm(""), "size nuser_* must be at most"},
      {"HugeReplicate",
       "<worldbody><replicate count='2000000000' offset='1 0 0'><geom size='1'/></replicate>"
       "</worldbody>",
       "count of a replicate must be in 0 .. 100000, got 2000000000"},
      {"NegativeReplicate",
       "<worldbody><replicate count='-3' offset='1 0 0'><geom size='1'/></replicate></worldbody>",
       "count of a replicate must be in 0 .. 100000, got -3"},
      {"EmptyComposite", Body("<composite type='cable' count='0 0 0'><geom size='1'/></composite>"),
       "Positive counts expected in composite"},
      {"HugeComposite",
       Body("<composite type='cable' count='1000000 1 1'><geom size='1'/></composite>"),
       "count of a composite must be in"},
      {"EmptyFlex",
       "<worldbody><flexcomp name='f' type='grid' count='0 0 0' spacing='1 1 1'/></worldbody>",
       "Count too small"},
  };
}

std::vector<Malformed> OtherFiles() {
  return {
      {"MissingMesh", Mesh("file='gone.obj'"), "Error opening file 'gone.obj'"},
      {"MeshWithoutExtension", Mesh("file='gone'"), "Error opening file 'gone'"},
      {"BadObj", Mesh("file='bad.obj'"), "at least 4 vertices required"},
      {"BadStl", Mesh("file='bad.stl'"), "invalid header in STL file"},
      {"BadMsh", Mesh("file='bad.msh'"), "too large sizes in MSH file"},
      {"FolderForAMesh", Mesh("file='folder.obj'"), "at least 4 vertices required"},
      {"InfMesh", Mesh("vertex='0 0 0 1 0 0 0 1 0 0 0 inf'"), "coordinate 3 is not finite"},
      {"FlatMesh", Mesh("vertex='0 0 0 1 0 0 0 1 0 1 1 0'"), "coplanar vertices"},
      {"MissingTexture", "<asset><texture name='t' type='2d' file='gone.png'/></asset>",
       "Error opening file 'gone.png'"},
      {"BadTexture", "<asset><texture name='t' type='2d' file='bad.png'/></asset>",
       "error decoding PNG file"},
      {"IncludesItself", "<include file='robot.xml'/>",
       "include each other in a circle: robot.xml -> robot.xml"},
      {"IncludesInACircle", "<include file='circle.xml'/>",
       "include each other in a circle: robot.xml -> circle.xml -> robot.xml"},
      {"IncludesNothing", "<include file='gone.xml'/>", "Error opening file 'gone.xml'"},
      {"IncludesAFolder", "<include file='folder.obj'/>", "Empty file 'folder.obj'"},
      {"IncludesNoXml", "<include file='bad.obj'/>", "Include error: 'XML parse error 8"},
      {"AttachesNothing",
       "<asset><model name='m' file='gone.xml'/></asset><worldbody><attach model='m' body='b' "
       "prefix='p'/></worldbody>",
       "could not parse model file"},
      {"AttachesItself",
       "<asset><model name='m' file='robot.xml'/></asset><worldbody><attach model='m' body='b' "
       "prefix='p'/></worldbody>",
       "include each other in a circle: robot.xml -> robot.xml"},
  };
}

class MalformedFile : public MjcfTest, public ::testing::WithParamInterface<Malformed> {};

TEST_P(MalformedFile, IsOneLine) {
  Write("v nonsense\nf 9 9 9\n", "bad.obj");
  Write("solid nothing", "bad.stl");
  Write(std::string("\xff\xff\xff\x7f\xff\xff\xff\x7f\0\0\0\0\0\0\0\0", 16), "bad.msh");
  Write("no picture", "bad.png");
  Write("<mujoco><!-- <include file='gone.xml'/> --><include file='robot.xml'/></mujoco>",
        "circle.xml");
  std::filesystem::create_directories(dir() / "folder.obj");
  const std::string& text = GetParam().text;
  SceneConfig config;
  config.robot = Write(text.starts_with("<>") ? text.substr(2) : "<mujoco>" + text + "</mujoco>");
  const std::string message = MessageOf([&] { BuildScene(config); });
  EXPECT_TRUE(message.starts_with(config.robot + ": ")) << message;
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  EXPECT_LT(message.size(), 700U);
}

std::string NameOf(const ::testing::TestParamInfo<Malformed>& test) { return test.param.name; }
INSTANTIATE_TEST_SUITE_P(NotXml, MalformedFile, ::testing::ValuesIn(NotXml()), NameOf);
INSTANTIATE_TEST_SUITE_P(Elements, MalformedFile, ::testing::ValuesIn(Elements()), NameOf);
INSTANTIATE_TEST_SUITE_P(Numbers, MalformedFile, ::testing::ValuesIn(Numbers()), NameOf);
INSTANTIATE_TEST_SUITE_P(Counts, MalformedFile, ::testing::ValuesIn(Counts()), NameOf);
INSTANTIATE_TEST_SUITE_P(OtherFiles, MalformedFile, ::testing::ValuesIn(OtherFiles()), NameOf);

}  // namespace
}  // namespace simscale::sim
