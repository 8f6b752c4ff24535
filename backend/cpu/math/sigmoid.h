// The logistic function.
#pragma once
#include "cpu/math/exp.h"

namespace mp::cpu::MP_ISA {

// By the exponential of -|x|, which cannot overflow.
struct Sigmoid : MathRow {
  template <class T>
  MP_FN T f(T x) {
    const T t = Exp::f(-mp_abs(x));
    return (x < 0 ? t : T(1)) / (T(1) + t);
  }
};

}  // namespace mp::cpu::MP_ISA
