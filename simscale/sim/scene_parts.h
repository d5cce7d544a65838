#pragma once

// The pieces that BuildScene puts around a robot; private to sim.

#include <memory>
#include <string>
#include <vector>

#include "simscale/sim/scene.h"

namespace simscale::sim {

using SpecPtr = std::unique_ptr<mjSpec, void (*)(mjSpec*)>;

/// How floor, table and fixed objects meet the rest.
struct Fixtures {
  int conaffinity = 0;
};

/// Reads an MJCF file. Throws UserError in one line that begins with the path.
SpecPtr ParseMjcf(const std::string& file);

/// MuJoCo's text in one line.
std::string OneLine(std::string text);

template <class T>
std::vector<mjsElement*> Elements(const mjSpec* spec, T type) {
  std::vector<mjsElement*> all;
  for (mjsElement* e = mjs_firstElement(spec, type); e != nullptr; e = mjs_nextElement(spec, e))
    all.push_back(e);
  return all;
}

/// Throws UserError if an element of its kind has the name already.
void SetName(mjsElement* element, const std::string& name);

/// The body of this name ("": the world); `what` begins the message if there is none.
mjsBody* FindBody(mjSpec* spec, const std::string& name, const std::string& what);

void AddBackdrop(mjSpec* spec, const SceneConfig& config, const Fixtures& fixtures);
void AddTable(mjSpec* spec, const TableConfig& table, const Fixtures& fixtures);
void AddObject(mjSpec* spec, const ObjectConfig& object, const Fixtures& fixtures);
void AddMarker(mjSpec* spec, const MarkerConfig& marker);
void AddCamera(mjSpec* spec, const CameraConfig& camera);
void AddLight(mjSpec* spec, const LightConfig& light);
/// The one top body of object.mjcf as a body of the world called object.name, all else that belongs
/// to it with "<name>/" before its name.
mjsBody* AttachObject(mjSpec* spec, const ObjectConfig& object);
void AddAttachment(mjSpec* spec, const AttachmentConfig& attachment);

}  // namespace simscale::sim
