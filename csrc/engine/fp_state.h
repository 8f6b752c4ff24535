// The calling thread's floating-point environment, as a pool moves it between threads: work on
// another thread runs with the rounding and denormal modes of the thread that asked for it, and the
// status flags it raises come back.
#pragma once
#include <cfenv>
#include <cstdint>

namespace mp {

// The flags that NumPy reports, and their bits there: 1 divide, 2 overflow, 4 underflow, 8 invalid.
inline constexpr int kFpReported = FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW | FE_INVALID;
inline int numpy_fp_bits(int raised) {
  return (raised & FE_DIVBYZERO ? 1 : 0) | (raised & FE_OVERFLOW ? 2 : 0) |
         (raised & FE_UNDERFLOW ? 4 : 0) | (raised & FE_INVALID ? 8 : 0);
}
inline int numpy_fp_flags(int bits) {
  return (bits & 1 ? FE_DIVBYZERO : 0) | (bits & 2 ? FE_OVERFLOW : 0) |
         (bits & 4 ? FE_UNDERFLOW : 0) | (bits & 8 ? FE_INVALID : 0);
}

// Lets the compiler have computed what lies in `values` before it reads the flags.
template <class T>
inline void settle(T& values) {
  asm volatile("" : "+m"(values));
}

#if defined(__x86_64__)
struct FpControl {
  uint32_t mxcsr = __builtin_ia32_stmxcsr() & ~0x3fu;
  uint16_t x87 = x87_control();
  // Sets the modes, with no flag raised.
  void apply() const {
    if (__builtin_ia32_stmxcsr() != mxcsr) __builtin_ia32_ldmxcsr(mxcsr);
    uint16_t status;
    asm volatile("fnstsw %0" : "=a"(status));
    if (status & 0x3f) asm volatile("fnclex");
    if (x87_control() != x87) asm volatile("fldcw %0" : : "m"(x87));
  }

 private:
  static uint16_t x87_control() {
    uint16_t control;
    asm volatile("fnstcw %0" : "=m"(control));
    return control;
  }
};
// Those of kFpReported that the vector unit shows.
inline int fp_raised_sse() { return static_cast<int>(__builtin_ia32_stmxcsr()) & kFpReported; }
inline int fp_raised() {
  unsigned short x87;
  asm volatile("fnstsw %0" : "=a"(x87));
  return static_cast<int>((__builtin_ia32_stmxcsr() | x87) & FE_ALL_EXCEPT);
}
inline void fp_raise(int flags) {
  if (flags) __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | static_cast<uint32_t>(flags));
}
#else
inline int fp_raised_sse() { return std::fetestexcept(kFpReported); }
struct FpControl {
  int rounding = std::fegetround();
  void apply() const {
    std::fesetround(rounding);
    std::feclearexcept(FE_ALL_EXCEPT);
  }
};
inline int fp_raised() { return std::fetestexcept(FE_ALL_EXCEPT); }
inline void fp_raise(int flags) {
  if (flags) std::feraiseexcept(flags);
}
#endif

}  // namespace mp
