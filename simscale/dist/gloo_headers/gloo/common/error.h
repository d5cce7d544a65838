#pragma once

// Stand-in, as gloo/algorithm.h.
