// Distributions that take a number of attempts which nobody knows before: gamma, and the counts of
// Poisson and of both negative binomial distributions, from Philox4x32-10 (cpu/random.h).
// Invariants: element i takes the words of block i after the first, in attempt k those under number
// k in the top word of the counter, so that it depends on its parameters, the key and its place
// alone. Parameters are valid as minpy.random checks them. No floating-point flag is raised.
#pragma once
#include <cstdint>

#include "cpu/random.h"

namespace mp::cpu {

enum class Rejection : uint8_t {
  Gamma,                        // shape a, scale b
  Poisson,                      // mean a
  NegativeBinomial,             // failures a, probability b
  GeneralizedNegativeBinomial,  // mean a, dispersion b
};
inline constexpr int kRejections = 4;

// Element i is drawn with a[i / repeat] and b[i / repeat].
struct ElementParams {
  const double *a, *b;
  int64_t repeat;
};

struct RejectionLoops {
  // Elements [begin, end); `at` is the place of element 0.
  using Fill = void (*)(char* out, int64_t begin, int64_t end, Philox at, ElementParams params);
  Fill fill[kRejections][2];  // of floats, of doubles
};
MP_DECLARE_PER_ISA(RejectionLoops, rejection_loops)

// out[0..n), float or double.
void random_rejection(Rejection kind, float* out, int64_t n, Philox at, ElementParams params);
void random_rejection(Rejection kind, double* out, int64_t n, Philox at, ElementParams params);

}  // namespace mp::cpu
