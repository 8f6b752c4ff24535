// The floating-point status flags around loops whose arithmetic raises flags that the operator must
// not. FlagGuard puts the flags other than inexact back as they were; raise() sets flags on
// purpose.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

namespace mp::cpu::MP_ISA {

// Bits as in MXCSR.
enum Flag : int { kInvalid = 1, kDivide = 4, kOverflow = 8, kUnderflow = 16 };

#if defined(__x86_64__)
class FlagGuard {
 public:
  FlagGuard() : saved_(_mm_getcsr()) { asm volatile("" ::: "memory"); }
  ~FlagGuard() {
    asm volatile("" ::: "memory");
    constexpr unsigned kKept = 0x1f;  // all but inexact; denormal included
    if ((_mm_getcsr() ^ saved_) & kKept) _mm_setcsr(saved_);
  }
  FlagGuard(const FlagGuard&) = delete;
  FlagGuard& operator=(const FlagGuard&) = delete;

 private:
  unsigned saved_;
};
inline void raise(int flags) {
  if (flags) _mm_setcsr(_mm_getcsr() | unsigned(flags));
}
#else
class FlagGuard {
 public:
  FlagGuard() : saved_(std::fetestexcept(kWatched)) {}
  ~FlagGuard() {
    const int fresh = std::fetestexcept(kWatched) & ~saved_;
    if (fresh) std::feclearexcept(fresh);
  }
  FlagGuard(const FlagGuard&) = delete;
  FlagGuard& operator=(const FlagGuard&) = delete;

 private:
  static constexpr int kWatched = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW;
  int saved_;
};
inline void raise(int flags) {
  if (!flags) return;
  std::feraiseexcept((flags & kInvalid ? FE_INVALID : 0) | (flags & kDivide ? FE_DIVBYZERO : 0) |
                     (flags & kOverflow ? FE_OVERFLOW : 0) |
                     (flags & kUnderflow ? FE_UNDERFLOW : 0));
}
#endif

}  // namespace mp::cpu::MP_ISA
