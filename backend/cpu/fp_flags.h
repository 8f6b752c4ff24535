// Puts the floating-point status back at the end of a scope: comparisons with NaN raise "invalid"
// on the way to results for which NumPy raises nothing.
#pragma once
#if defined(__SSE__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace mp::cpu::MP_ISA {

class KeepFpFlags {
 public:
#if defined(__SSE__)
  KeepFpFlags() : saved_(_mm_getcsr()) {}
  ~KeepFpFlags() {
    if (_mm_getcsr() != saved_) _mm_setcsr(saved_);
  }

 private:
  unsigned saved_;
#else
  KeepFpFlags() { fegetexceptflag(&saved_, FE_ALL_EXCEPT); }
  ~KeepFpFlags() { fesetexceptflag(&saved_, FE_ALL_EXCEPT); }

 private:
  fexcept_t saved_;
#endif
};

}  // namespace mp::cpu::MP_ISA
