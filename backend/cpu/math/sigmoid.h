// The logistic function.
#pragma once
#include "cpu/math/exp.h"

namespace mp::cpu::MP_ISA {

// By the exponential of -|x|, which cannot overflow, added up without the rounding of 1 + r.
struct Sigmoid : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const ExpParts<T> p = mp_exp_parts(mp_clamp(-mp_abs(x), Range<T>::kExpZero, T(0)));
    const Sum<T> sum = mp_fast_two_sum(T(1), p.r);
    const T t = mp_scale(sum.hi + (sum.lo + p.tail), p.k);
    return (x < 0 ? t : T(1)) / (T(1) + t);
  }
};

}  // namespace mp::cpu::MP_ISA
