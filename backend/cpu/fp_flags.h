// Saving and putting back the floating-point status: comparisons with NaN raise "invalid" on the
// way to results for which NumPy raises nothing. No destructor does it: that would bring in C++'s
// exception tables, whose symbols may not be in code for one instruction set.
#pragma once
#if defined(__SSE__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace mp::cpu::MP_ISA {

#if defined(__SSE__)
using FpFlags = unsigned;
static inline FpFlags fp_flags() { return _mm_getcsr(); }
static inline void restore_fp_flags(FpFlags flags) {
  if (_mm_getcsr() != flags) _mm_setcsr(flags);
}
#else
using FpFlags = fexcept_t;
static inline FpFlags fp_flags() {
  FpFlags flags;
  fegetexceptflag(&flags, FE_ALL_EXCEPT);
  return flags;
}
static inline void restore_fp_flags(FpFlags flags) { fesetexceptflag(&flags, FE_ALL_EXCEPT); }
#endif

}  // namespace mp::cpu::MP_ISA
