#pragma once

namespace simscale {

/// The C library picks its logarithm and exponential by CPU (with and without fused multiply-add),
/// and their last bits differ. These use only operations that IEEE 754 rounds exactly, so their
/// bits are the same on every machine.

/// log(x), x > 0 and finite, within 2 ulp.
double PortableLog(double x);
/// exp(x), |x| <= 700, within 2 ulp.
double PortableExp(double x);
/// The quantile function of the standard normal distribution, p in (0, 1); relative error about
/// 1e-15 (Wichura, Algorithm AS 241, PPND16, Applied Statistics 37, 1988).
double NormalQuantile(double p);

}  // namespace simscale
