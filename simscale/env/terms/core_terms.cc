#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {

TermLibrary CoreTerms() {
  TermLibrary library;
  AddStateObservations(library);
  AddSensorObservations(library);
  AddFrameObservations(library);
  AddDistanceRewards(library);
  AddEffortRewards(library);
  AddMotionTerms(library);
  AddContactTerms(library);
  AddHealthTerms(library);
  AddTerminations(library);
  AddStateResets(library);
  AddPlaceResets(library);
  return library;
}

}  // namespace simscale::env
