#include <gtest/gtest.h>

#include "simscale/sim/model.h"
