#include "simscale/data/hash.h"

#include <span>

#include "simscale/common/text.h"
#include "simscale/data/reader.h"
#include "simscale/data/schema.h"
#include "simscale/data/writer.h"

namespace simscale::data {

void ContentHasher::Add(const Episode& episode) {
  hash_.Update(Cat("episode seed ", episode.seed, " index ", episode.index, "\n"));
  for (const Array* array : SortedArrays(episode)) {
    hash_.Update(Cat(array->name, " ", NameOf(array->dtype), " ", ShapeText(array->shape), "\n"));
    hash_.Update(std::span<const std::byte>(array->bytes));
  }
}

std::string ContentHash(const std::filesystem::path& path) {
  const DatasetReader reader(path);
  ContentHasher hasher;
  for (int64_t i = 0; i < reader.num_episodes(); ++i) hasher.Add(reader.Read(i));
  return hasher.Hex();
}

}  // namespace simscale::data
