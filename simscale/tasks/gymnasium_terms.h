#pragma once

#include <span>

#include "simscale/env/term.h"

namespace simscale::tasks {

/// Terms that only Gymnasium's MuJoCo v5 suite needs, with its arithmetic.
void AddGymnasiumTerms(env::TermLibrary& library);

/// weight * np.sum(np.square(values)) as NumPy rounds it: in float32 where the values are float32
/// (NEP 50: a Python float does not widen them), and summed pairwise with eight accumulators.
double NumpyWeightedSquares(double weight, std::span<const double> values, bool float32);

}  // namespace simscale::tasks
