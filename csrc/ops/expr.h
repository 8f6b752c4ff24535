// Gradient rules read like formulas: operators and functions on ArrayRef over csrc/ops/api.h.
// Each name finds its operator once, at first use.
#pragma once
#include "ops/api.h"
#include "ops/op.h"

namespace mp::expr {

#define MP_UNARY(fn, ufunc)               \
  inline ArrayRef fn(const ArrayRef& a) { \
    static Ufunc* f = find_ufunc(#ufunc); \
    return api::unary(f, a);              \
  }
#define MP_BINARY(fn, ufunc)                                 \
  inline ArrayRef fn(const ArrayRef& a, const ArrayRef& b) { \
    static Ufunc* f = find_ufunc(#ufunc);                    \
    return api::binary(f, a, b);                             \
  }                                                          \
  inline ArrayRef fn(const ArrayRef& a, double b) {          \
    static Ufunc* f = find_ufunc(#ufunc);                    \
    return api::binary(f, a, b);                             \
  }                                                          \
  inline ArrayRef fn(double a, const ArrayRef& b) {          \
    static Ufunc* f = find_ufunc(#ufunc);                    \
    return api::binary(f, a, b);                             \
  }

MP_UNARY(operator-, negative)
MP_UNARY(abs, absolute)
MP_UNARY(sign, sign)
MP_UNARY(conj, conjugate)
MP_UNARY(exp, exp)
MP_UNARY(exp2, exp2)
MP_UNARY(log, log)
MP_UNARY(sqrt, sqrt)
MP_UNARY(square, square)
MP_UNARY(sin, sin)
MP_UNARY(cos, cos)
MP_UNARY(sinh, sinh)
MP_UNARY(cosh, cosh)
MP_UNARY(floor, floor)
MP_UNARY(trunc, trunc)
MP_UNARY(isnan, isnan)
MP_UNARY(logical_not, logical_not)
MP_BINARY(operator+, add)
MP_BINARY(operator-, subtract)
MP_BINARY(operator*, multiply)
MP_BINARY(operator/, divide)
MP_BINARY(power, power)
MP_BINARY(operator==, equal)
MP_BINARY(operator!=, not_equal)
MP_BINARY(operator>=, greater_equal)
MP_BINARY(operator|, logical_or)
MP_BINARY(copysign, copysign)
MP_BINARY(ldexp, ldexp)

#undef MP_UNARY
#undef MP_BINARY

}  // namespace mp::expr
