#pragma once

// Private to the data layer.

#include <string>

#include "simscale/common/file.h"
#include "simscale/data/episode.h"

namespace simscale::data {

/// Builds up the content hash that writer.h defines, an episode at a time.
class ContentHasher {
 public:
  void Add(const Episode& episode);
  std::string Hex() { return hash_.Hex(); }

 private:
  Sha256 hash_;
};

}  // namespace simscale::data
