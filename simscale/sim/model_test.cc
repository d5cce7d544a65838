#include "simscale/sim/model.h"

#include <gtest/gtest.h>
