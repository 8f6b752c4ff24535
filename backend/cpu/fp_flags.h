// The floating-point status flags around loops whose arithmetic raises flags that the operator must
// not: comparisons with NaN raise "invalid" on the way to results for which NumPy raises nothing.
// fp_flags and restore_fp_flags save and put back all of them, without a destructor, which would
// bring in C++'s exception tables, whose symbols may not be in code for one instruction set.
// FlagGuard puts the flags other than inexact back, and raise() sets flags on purpose.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

namespace mp::cpu::MP_ISA {

#if defined(__x86_64__)
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
