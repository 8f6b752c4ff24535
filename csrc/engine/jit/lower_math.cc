#include "engine/jit/lower_math.h"

#define MP_ISA emitter
#include "cpu/math/exp.h"

namespace mp::jit {
namespace {

namespace math = cpu::emitter;

// What of cpu/math depends on the type.
struct Constants {
  double round, bias, ln2_hi, ln2_lo, zero, most, least_scale, tanh_one, minus_one;
  int mantissa_bits;
};
template <class T>
constexpr Constants constants_of(T most, T least_scale) {
  const bool wide = sizeof(T) == 8;
  return {wide ? math::kRoundD : math::kRoundF,
          wide ? 1023.0 : 127.0,
          wide ? 0x1.62e42fee00000p-1 : 0x1.62ep-1,
          wide ? 0x1.a39ef35793c76p-33 : 0x1.0bfbe8p-15,
          math::Range<T>::kExpZero,
          most,
          least_scale,
          math::Range<T>::kTanhOne,
          math::Range<T>::kMinusOne,
          wide ? 52 : 23};
}
// e^x is finite and 2^k normal up to 88 and 709.
constexpr Constants kSingle = constants_of(88.0f, -120.0f), kDouble = constants_of(709.0, -1000.0);
const Constants& of(Value x) { return x.size == 4 ? kSingle : kDouble; }

Value nearest(Value x) { return (x + of(x).round) - of(x).round; }
Value pow2(Value k, double more = 0) {
  return (k + (of(k).round + of(k).bias + more)).shifted_left(of(k).mantissa_bits);
}
}  // namespace

// For k below the exponents of normal numbers too, rounded once.
Value lower_scale(Value y, Value k) {
  const Value most = larger(k.number(of(k).least_scale), k);
  return y * pow2(most) * pow2(k - most);
}
Value lower_exp_tail(Value r) {
  return r.size == 4 ? series(r, math::kExpTail<float>) : series(r, math::kExpTail<double>);
}

ExpParts lower_exp_parts(Value x) {
  const Value k = nearest(x * 0x1.71547652b82fep+0);
  const Value r = minus_product(k, of(x).ln2_lo, minus_product(k, of(x).ln2_hi, x));
  return {k, r, (r * r) * lower_exp_tail(r)};
}

Value lower_exp_below(Value x) {
  const ExpParts p = lower_exp_parts(larger(x.number(of(x).zero), x));
  return lower_scale(1 + (p.r + p.tail), p.k);
}
Value lower_sigmoid(Value x) {
  const Value a = x.emit(Op::Or, x.with(x.to->sign_bit(x.size)));
  const ExpParts p = lower_exp_parts(larger(a.number(of(a).zero), a));
  const Pair sum = fast_two_sum(a.number(1), p.r);
  const Value t = lower_scale(sum.hi + (sum.lo + p.tail), p.k);
  return select(x.compare(kLT, 0), t, x.number(1)) / (1 + t);
}

namespace {

Value exp(Value x) {
  x.compare(kGT, of(x).most).suspect();
  return lower_exp_below(x);
}

// (e^x - 1) / 2
Pair half_expm1(Value x) {
  const ExpParts p = lower_exp_parts(x);
  const Value scale = pow2(p.k, -1);
  const Pair sum = two_sum(scale - 0.5, scale * p.r);
  return {sum.hi, sum.lo + scale * p.tail};
}

}  // namespace

Value lower_expm1(Value x) {
  x.compare(kGT, of(x).most).suspect();
  const Pair half = half_expm1(larger(x.number(of(x).minus_one), x));
  return select(x.magnitude().compare(kLT, 0x1p-60), x, 2 * (half.hi + half.lo));
}

namespace {

Value divide(Pair a, Pair b) {
  const Value inverse = 1 / b.hi, quotient = a.hi * inverse;
  const Value rest = minus_product(quotient, b.hi, a.hi) + minus_product(quotient, b.lo, a.lo);
  return quotient + rest * inverse;
}
Value tanh(Value x) {
  const Value a = smaller(x.number(of(x).tanh_one), x.magnitude());
  const Pair half = half_expm1(a + a), h = fast_two_sum(half.hi, half.lo);
  const Value y = divide(h, two_sum(x.number(1), h.hi));
  const Value value = select(a.compare(kLT, 0x1p-30), a, y).magnitude();
  return value.emit(Op::Or, x.sign());
}

Value hypot(Value x, Value y) {
  const Value a = x.magnitude(), b = y.magnitude(), u = larger(a, b), v = smaller(b, a);
  if (x.size == 4) {
    u.compare(kNLE, 0x1p60).suspect();
    u.compare(kLT, 0x1p-50).emit(Op::And, u.compare(kNE, 0)).suspect();
    return fma(u, u, v * v).emit(Op::Sqrt);
  }
  u.compare(kLT, 0x1p-450).emit(Op::And, u.compare(kNE, 0)).suspect();
  const Value uu = u * u, vv = v * v;
  const Pair sum = fast_two_sum(uu, vv);
  sum.hi.compare(kNLE, 0x1p1000).suspect();
  const Value lost = (sum.lo + product_error(u, u, uu)) + product_error(v, v, vv);
  const Value root = sum.hi.emit(Op::Sqrt), square = root * root;
  const Value rest = ((sum.hi - square) - product_error(root, root, square)) + lost;
  return root + rest / larger(root + root, root.number(0x1p-1000));  // 0 of 0
}

Value function(Rule rule, Value x, Value y) {
  switch (rule) {
    case Rule::Exp:
      return exp(x);
    case Rule::Expm1:
      return lower_expm1(x);
    case Rule::Tanh:
      return tanh(x);
    case Rule::Sigmoid:
      return lower_sigmoid(x);
    case Rule::Hypot:
      return hypot(x, y);
    case Rule::Power:
      return lower_power(x, y);
    case Rule::Sin:
    case Rule::Cos:
      return lower_circular(rule, x);
    case Rule::Log:
    case Rule::Log2:
    case Rule::Log10:
    case Rule::Log1p:
      return lower_log(rule, x);
    default:
      return lower_activation(rule, x);
  }
}

}  // namespace

int lower_math(Builder& to, Rule rule, int size, int x, int y) {
  return function(rule, {&to, x, size}, {&to, y, size}).node;
}

}  // namespace mp::jit
