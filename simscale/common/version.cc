#include "simscale/common/version.h"

namespace simscale {

const char* const kVersion = SIMSCALE_VERSION;

}  // namespace simscale
