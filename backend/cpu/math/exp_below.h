// The exponential of softmax and attention, whose arguments are differences from the largest one.
// Included by *_isa.cc files only.
#pragma once
#include "cpu/math/exp.h"

namespace mp::cpu::MP_ISA {

// e^x for x that is not above 0 by more than rounding; zero where the result would be subnormal.
template <class T>
MP_FN T exp_below(T x) {
  const T c = x < Range<T>::kExpMin ? Range<T>::kExpMin : x;
  const ExpParts<T> p = mp_exp_parts(c);
  const T y = (T(1) + (p.r + p.tail)) * mp_pow2(p.k);
  return x < Range<T>::kExpMin ? T(0) : y;
}

}  // namespace mp::cpu::MP_ISA
