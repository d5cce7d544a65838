#include "simscale/common/portable_math.h"

#include <cmath>

#include "simscale/common/error.h"

namespace simscale {
namespace {

// a[0] + a[1] x + ... + a[7] x^7.
double Polynomial(const double (&a)[8], double x) {
  double sum = a[7];
  for (int i = 6; i >= 0; --i) sum = sum * x + a[i];
  return sum;
}

}  // namespace

// x = m 2^e, log m = 2 atanh((m - 1) / (m + 1)).
double PortableLog(double x) {
  int exponent;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  const double z = (mantissa - 1) / (mantissa + 1);
  const double z2 = z * z;  // below 0.0295, so z2^11 / 23 is below one ulp
  double sum = 0;
  for (int k = 21; k >= 3; k -= 2) sum = (sum + 1.0 / k) * z2;
  return exponent * 0.69314718055994531 + (2 * z * sum + 2 * z);
}

// x = k log 2 + r, |r| <= log(2) / 2, and Taylor's series of exp(r): r^14 / 14! is below one ulp.
double PortableExp(double x) {
  SIMSCALE_CHECK(std::abs(x) <= 700);
  // log 2 in two parts; k times the first is exact.
  constexpr double kLog2High = 6.93147180369123816490e-01, kLog2Low = 1.90821492927058770002e-10;
  const double k = std::nearbyint(x * 1.4426950408889634);
  const double r = (x - k * kLog2High) - k * kLog2Low;
  double sum = 0;
  for (int i = 13; i >= 2; --i) sum = (sum + 1) * r / i;
  return std::ldexp(1 + (r + r * sum), static_cast<int>(k));
}

double NormalQuantile(double p) {
  SIMSCALE_CHECK(p > 0 && p < 1);
  static constexpr double kA[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                   1.9715909503065514427e3, 1.3731693765509461125e4,
                                   4.5921953931549871457e4, 6.7265770927008700853e4,
                                   3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double kB[8] = {1.0,
                                   4.2313330701600911252e1,
                                   6.8718700749205790830e2,
                                   5.3941960214247511077e3,
                                   2.1213794301586595867e4,
                                   3.9307895800092710610e4,
                                   2.8729085735721942674e4,
                                   5.2264952788528545610e3};
  static constexpr double kC[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                   5.76949722146069140550e0,  3.64784832476320460504e0,
                                   1.27045825245236838258e0,  2.41780725177450611770e-1,
                                   2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double kD[8] = {1.0,
                                   2.05319162663775882187e0,
                                   1.67638483018380384940e0,
                                   6.89767334985100004550e-1,
                                   1.48103976427480074590e-1,
                                   1.51986665636164571966e-2,
                                   5.47593808499534494600e-4,
                                   1.05075007164441684324e-9};
  static constexpr double kE[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                   1.78482653991729133580e0,  2.96560571828504891230e-1,
                                   2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                   2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double kF[8] = {1.0,
                                   5.99832206555887937690e-1,
                                   1.36929880922735805310e-1,
                                   1.48753612908506148525e-2,
                                   7.86869131145613259100e-4,
                                   1.84631831751005468180e-5,
                                   1.42151175831644588870e-7,
                                   2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * Polynomial(kA, r) / Polynomial(kB, r);
  }
  double r = std::sqrt(-PortableLog(q < 0 ? p : 1 - p));
  double value;
  if (r <= 5) {
    r -= 1.6;
    value = Polynomial(kC, r) / Polynomial(kD, r);
  } else {
    r -= 5;
    value = Polynomial(kE, r) / Polynomial(kF, r);
  }
  return q < 0 ? -value : value;
}

}  // namespace simscale
