#pragma once

// Private to the data layer: what schema 1 calls things and what it demands.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "simscale/data/episode.h"
#include "simscale/data/h5.h"
#include "simscale/data/reader.h"

namespace simscale::data {

inline constexpr int kSchema = 1;
inline constexpr std::string_view kFormatName = "simscale-dataset";
inline constexpr std::string_view kObservations = "observations";
inline constexpr std::string_view kFinalState = "final_state";
inline constexpr std::string_view kRandomization = "randomization";
/// Arrays that an episode has once, without T.
constexpr bool IsOnce(std::string_view name) {
  return name == kFinalState || name == kRandomization;
}

std::string EpisodeGroup(int64_t i);  ///< "episode_3"
std::string DemoGroup(int64_t i);     ///< "demo_3"

/// An array that is stored a frame a chunk: an image, [T, height, width, channels].
bool IsImage(const std::vector<int64_t>& shape);

/// "[120, 7]"
std::string ShapeText(const std::vector<int64_t>& shape);

/// The product of the shape, or -1 if it is negative somewhere or past 2^62 bytes with `item` bytes
/// each.
int64_t NumElements(const std::vector<int64_t>& shape, size_t item);

/// The arrays of an episode in the order in which they are stored and hashed: by name.
std::vector<const Array*> SortedArrays(const Episode& episode);

/// What all episodes of a file share: the arrays without their T, sorted by name, and final_state.
struct Signature {
  std::vector<ArrayInfo> arrays;
  std::vector<ArrayInfo> once;  ///< final_state and randomization, if they are there
};
/// Throws ShapeError, beginning with `where`, unless the episode keeps the rules of schema 1: T >=
/// 1 everywhere, actions, rewards and dones present, names and sizes sound.
Signature CheckedSignature(const Episode& episode, const std::string& where);
/// Throws ShapeError, beginning with `where`, unless the two are equal.
void RequireSame(const Signature& first, const Signature& other, const std::string& where);

/// "" or why an array may not be called so.
std::string NameProblem(std::string_view name);

void WriteMeta(hid_t root, const DatasetMeta& meta);
DatasetMeta ReadMeta(hid_t root);
void WriteInfo(hid_t group, const EpisodeInfo& info);
EpisodeInfo ReadInfo(hid_t group);
EpisodeInfo InfoOf(const Episode& episode);

}  // namespace simscale::data
