#include "simscale/env/randomization/terms.h"

namespace simscale::env {

std::vector<TermType<RandomizationTerm>> RandomizationTerms() {
  std::vector<TermType<RandomizationTerm>> types;
  AddBodyRandomization(types);
  AddJointRandomization(types);
  AddStateRandomization(types);
  AddLightRandomization(types);
  AddVisualRandomization(types);
  return types;
}

}  // namespace simscale::env
