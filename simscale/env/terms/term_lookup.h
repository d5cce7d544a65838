#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/term.h"
#include "simscale/env/terms/frame.h"

/// What the term library's files share: names and slices looked up once, with one-line errors that
/// begin with the parameter's name. Not for use outside of terms.
namespace simscale::env {

using Names = std::vector<std::string>;

bool IsWildcard(const std::string& name);
bool Matches(const std::string& wildcard, const std::string& name);

/// Names of all objects of a type, in the model's order; "" for those without one.
Names AllNames(const mjModel* model, mjtObj type);

/// Ids of the objects of `type` (mjOBJ_BODY, ...) that `names` lists: names, or shell wildcards
/// such as "finger_*", in this order and each once. Throws UserError if a name is unknown, a
/// wildcard matches nothing or the list is empty.
std::vector<int> FindIds(const sim::Model& model, mjtObj type, std::string_view key,
                         const Names& names);

/// Hinge and slide joints. A wildcard passes over other joints; naming one of them is an error.
std::vector<int> FindScalarJoints(const sim::Model& model, std::string_view key,
                                  const Names& names);

/// Part of an array.
struct Slice {
  int first = 0, count = 0;
};
struct SliceParams {
  int first = 0, count = 0;
  void DescribeSlice(config::Fields& f);
  /// count 0: to the end. Throws UserError unless it lies within `total` numbers of `what`.
  Slice Resolve(std::string_view what, int total) const;
};

/// [nq]: where an episode starts before reset terms change it: the keyframe "home", or qpos0.
std::span<const double> HomeQpos(const mjModel* model);

/// A unit vector along `axis` [3]. Throws UserError if it has no length.
std::vector<double> UnitAxis(std::string_view key, const std::vector<double>& axis);

/// [low, high] with low <= high, or UserError.
void CheckOrdered(std::string_view key, const std::vector<double>& range);

/// Angle between the frame's own z axis and the world's, rad in [0, pi]; its cosine.
double CosTilt(const Frame& frame, const mjData* data);
double Tilt(const Frame& frame, const mjData* data);

/// Six numbers: linear m/s, then angular rad/s, of a frame's origin; in the world's axes or its
/// own.
void FrameVelocity(const Frame& frame, const TermContext& context, bool local, double velocity[6]);

// Parts of CoreTerms, a file each.
void AddStateObservations(TermLibrary& library);
void AddSensorObservations(TermLibrary& library);
void AddFrameObservations(TermLibrary& library);
void AddDistanceRewards(TermLibrary& library);
void AddEffortRewards(TermLibrary& library);
void AddMotionTerms(TermLibrary& library);
void AddContactTerms(TermLibrary& library);
void AddHealthTerms(TermLibrary& library);
void AddTerminations(TermLibrary& library);
void AddStateResets(TermLibrary& library);
void AddPlaceResets(TermLibrary& library);

}  // namespace simscale::env
