#include <algorithm>

#include "simscale/common/error.h"
#include "simscale/env/agent.h"

namespace simscale::env {

int ObservationSpec::size() const {
  int product = 1;
  for (int n : shape) product *= n;
  return product;
}

const ObservationView::Key& ObservationView::at(std::string_view name) const {
  for (const Key& key : keys) {
    if (key.spec->name == name) return key;
  }
  std::vector<std::string> known;
  for (const Key& key : keys) known.push_back(key.spec->name);
  throw UserError(UnknownName("observation", name, known));
}

std::span<const float> ObservationView::row(std::string_view name, int row) const {
  const Key& key = at(name);
  const size_t size = static_cast<size_t>(key.spec->size());
  return key.state.subspan(static_cast<size_t>(row) * size, size);
}

}  // namespace simscale::env
