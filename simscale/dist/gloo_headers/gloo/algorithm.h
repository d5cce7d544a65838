#pragma once

// Stand-in: c10d's ProcessGroupGloo.hpp includes this header of gloo, which the wheel of torch does
// not ship, and needs nothing of it. See gloo_backend.cc.
