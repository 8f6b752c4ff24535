// Gradient rules read like formulas: operators and functions on ArrayRef over csrc/ops/api.h, and
// on Number, so that a rule written as a generic lambda serves both. Each name finds its operator
// once, at first use.
#pragma once
#include <cmath>

#include "ops/api.h"
#include "ops/op.h"
#include "ops/ufunc.h"
#include "tape/number.h"

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

using api::where;
inline ArrayRef like(const ArrayRef& a, const ArrayRef& b) { return api::astype(b, a->dtype); }

// --- Numbers: arithmetic is the processor's, the rest the operators' loops on one element. ---

template <class T>
Number<T> operator-(Number<T> a) {
  return {-a.value};
}
#define MP_ARITHMETIC(op)                           \
  template <class T>                                \
  Number<T> operator op(Number<T> a, Number<T> b) { \
    return {a.value op b.value};                    \
  }                                                 \
  template <class T>                                \
  Number<T> operator op(Number<T> a, double b) {    \
    return {a.value op static_cast<T>(b)};          \
  }                                                 \
  template <class T>                                \
  Number<T> operator op(double a, Number<T> b) {    \
    return {static_cast<T>(a) op b.value};          \
  }
MP_ARITHMETIC(+)
MP_ARITHMETIC(-)
MP_ARITHMETIC(*)
MP_ARITHMETIC(/)
#undef MP_ARITHMETIC

#define MP_COMPARISON(op)                       \
  template <class T>                            \
  Truth operator op(Number<T> a, Number<T> b) { \
    return {a.value op b.value};                \
  }                                             \
  template <class T>                            \
  Truth operator op(Number<T> a, double b) {    \
    return {a.value op static_cast<T>(b)};      \
  }
MP_COMPARISON(==)
MP_COMPARISON(!=)
MP_COMPARISON(>=)
#undef MP_COMPARISON
inline Truth operator|(Truth a, Truth b) { return {a.value || b.value}; }
template <class T>
Truth isnan(Number<T> a) {
  return {std::isnan(a.value)};
}

template <class T>
Number<T> where(Truth condition, Number<T> a, Number<T> b) {
  return condition.value ? a : b;
}
template <class T>
Number<T> where(Truth condition, Number<T> a, double b) {
  return condition.value ? a : Number<T>{static_cast<T>(b)};
}
template <class T>
Number<T> where(Truth condition, double a, Number<T> b) {
  return condition.value ? Number<T>{static_cast<T>(a)} : b;
}

template <class T>
Number<T> like(Number<T>, Number<T> b) {
  return b;
}
template <class T>
Number<T> square(Number<T> a) {
  return {a.value * a.value};
}
template <class T>
Number<T> abs(Number<T> a) {
  return {std::fabs(a.value)};
}
template <class T>
Number<T> conj(Number<T> a) {
  return a;
}

template <class T>
Number<T> sqrt(Number<T> a) {
  return {std::sqrt(a.value)};
}

template <class T>
Number<T> copysign(double a, Number<T> b) {
  return {std::copysign(static_cast<T>(a), b.value)};
}

#define MP_NUMBER_UNARY(fn)                \
  template <class T>                       \
  Number<T> fn(Number<T> a) {              \
    static Ufunc* f = find_ufunc(#fn);     \
    return {number_call<T>(f, {a.value})}; \
  }
MP_NUMBER_UNARY(sign)
MP_NUMBER_UNARY(exp)
MP_NUMBER_UNARY(exp2)
MP_NUMBER_UNARY(log)
MP_NUMBER_UNARY(sin)
MP_NUMBER_UNARY(cos)
MP_NUMBER_UNARY(sinh)
MP_NUMBER_UNARY(cosh)
MP_NUMBER_UNARY(floor)
MP_NUMBER_UNARY(trunc)
#undef MP_NUMBER_UNARY
template <class T>
Number<T> power(Number<T> a, Number<T> b) {
  static Ufunc* f = find_ufunc("power");
  return {number_call<T>(f, {a.value, b.value})};
}

}  // namespace mp::expr
