#include <array>

#include "simscale/common/error.h"
#include "simscale/sim/robot_files.h"
#include "simscale/sim/scene_parts.h"

namespace simscale::sim {
namespace {

/// The file's one body at the top, without the free joint that it may stand on.
mjsBody* TopBody(mjSpec* child, const std::string& what, const std::string& file) {
  mjsBody* world = mjs_findBody(child, "world");
  mjsElement* first = mjs_firstChild(world, mjOBJ_BODY, 0);
  int count = 0;
  for (mjsElement* e = first; e != nullptr; e = mjs_nextChild(world, e, 0)) ++count;
  if (count != 1)
    ThrowUser(what, ": ", file, " must have one body at the top of its worldbody, got ", count,
              ". Put one around them.");
  mjsBody* top = mjs_asBody(first);
  for (mjsElement* e = mjs_firstChild(top, mjOBJ_JOINT, 0); e != nullptr;) {
    mjsElement* next = mjs_nextChild(top, e, 0);
    if (mjs_asJoint(e)->type == mjJNT_FREE) mjs_delete(child, e);
    e = next;
  }
  return top;
}

/// Attaches the file's top body at a frame or site of the scene.
mjsBody* Attach(mjSpec* spec, mjsElement* parent, const std::string& mjcf,
                const std::string& prefix, const std::string& what) {
  std::string file;
  try {
    file = FindRobot(mjcf).file;
  } catch (const UserError& error) {
    ThrowUser(what, ": ", error.what());
  }
  SpecPtr child = ParseMjcf(file);
  child->compiler.usethread = 0;
  for (mjsElement* key : Elements(child.get(), mjOBJ_KEY)) mjs_delete(child.get(), key);
  mjsBody* top = TopBody(child.get(), what, file);
  mjsElement* attached = mjs_attach(parent, top->element, prefix.c_str(), "");
  if (attached == nullptr)
    ThrowUser(what, ": ", file, " can't be attached: ", OneLine(mjs_getError(spec)));
  return mjs_asBody(attached);
}

}  // namespace

mjsBody* AttachObject(mjSpec* spec, const ObjectConfig& object) {
  const std::string what = "object '" + object.name + "'";
  mjsFrame* frame = mjs_addFrame(mjs_findBody(spec, "world"), nullptr);
  mjsBody* body = Attach(spec, frame->element, object.mjcf, object.name + "/", what);
  if (object.free && mjs_firstChild(body, mjOBJ_JOINT, 0) != nullptr)
    ThrowUser(what, ": the top body of ", object.mjcf,
              " has joints of its own, so it can't move freely. Say free: false, or put a body "
              "around it.");
  SetName(body->element, object.name);
  return body;
}

void AddAttachment(mjSpec* spec, const AttachmentConfig& attachment) {
  const std::string what = "attachment '" + attachment.name + "'";
  mjsElement* parent = nullptr;
  if (!attachment.site.empty()) {
    parent = mjs_findElement(spec, mjOBJ_SITE, attachment.site.c_str());
    if (parent == nullptr) {
      std::vector<std::string> known;
      for (mjsElement* element : Elements(spec, mjOBJ_SITE))
        if (std::string name = mjs_getString(mjs_getName(element)); !name.empty())
          known.push_back(name);
      ThrowUser(what, ": ", UnknownName("site", attachment.site, known));
    }
  } else {
    mjsFrame* frame = mjs_addFrame(FindBody(spec, attachment.body, what), nullptr);
    std::copy(attachment.pos.begin(), attachment.pos.end(), frame->pos);
    std::copy(attachment.quat.begin(), attachment.quat.end(), frame->quat);
    parent = frame->element;
  }
  Attach(spec, parent, attachment.mjcf, attachment.prefix ? attachment.name + "/" : "", what);
}

}  // namespace simscale::sim
