#include "engine/jit/lower_math.h"

#define MP_ISA emitter
#include "cpu/math/activation.h"

namespace mp::jit {
namespace {

namespace math = cpu::emitter;

template <class F, class D>
Value series_of_type(Value x, const F& single, const D& wide) {
  return x.size == 4 ? series(x, single) : series(x, wide);
}
// The greater or smaller of x and 0; a NaN passes through.
Value positive_part(Value x) { return select(x.compare(kNLE, 0), x, x.number(0)); }
Value negative_part(Value x) { return select(x.compare(kNGE, 0), x, x.number(0)); }
Value exp_of_minus_magnitude(Value x) {
  return lower_exp_below(x.emit(Op::Or, x.with(x.to->sign_bit(x.size))));
}
Value but_zero_at_minus_infinity(Value x, Value y) {
  return select(x.compare(kEQ, -__builtin_inf()), x.number(0), y);
}
Value with_sign(Value magnitude, Value sign) {
  return magnitude.magnitude().emit(Op::Or, sign.sign());
}

Value log1p_unit(Value t) {
  const Value d = 2 + t, s = t / d, z = s * s, product = s * d;
  const Value lost = (t - product) - product_error(s, d, product);
  const Value sum = series_of_type(z, math::kArtanh<float>, math::kArtanh<double>);
  return (s + s) + fma(s * z, sum, 2 * lost / d);
}

Value softsign(Value x) {
  const Value a = x.magnitude(), one = with_sign(x.number(1), x);
  return select(a.compare(kLT, 0x1p60), x / (1 + a), select(a.compare(kEQ, a), one, x));
}
Value silu(Value x) {
  const Value t = exp_of_minus_magnitude(x);
  const Value y = x * select(x.compare(kLT, 0), t, x.number(1)) / (1 + t);
  return but_zero_at_minus_infinity(x, y);
}
Value mish(Value x) {
  const Value t = exp_of_minus_magnitude(x), below = x.compare(kLT, 0);
  const Value numerator = select(below, t * (t + 2), 1 + 2 * t);
  const Value y = x * (numerator / (numerator + select(below, x.number(2), 2 * t * t)));
  return but_zero_at_minus_infinity(x, y);
}
Value selu(Value x) {
  const Value above = x.compare(kGT, 0);
  const Value low = lower_expm1(select(above, x.number(0), x));
  return select(above, 1.0507009873554805 * x, 1.6732632423543772 * 1.0507009873554805 * low);
}

Value erfc_positive(Value x) {
  using Single = math::ErrorSeries<float>;
  using Double = math::ErrorSeries<double>;
  const double end = x.size == 4 ? double(Single::kEnd) : Double::kEnd;
  const double k = x.size == 4 ? double(Single::kPole) : Double::kPole;
  const Value a = smaller(x.number(end), x), square = a * a, lost = product_error(a, a, square);
  const Value line = (1 + a) + a, inverse = 1 / ((a + k) * line);
  const Value u = (a - k) * line * inverse, e = lower_exp_below(minus(square));
  return series_of_type(u, Single::kLarge, Double::kLarge) * ((a + k) * inverse) * (e - e * lost);
}
// erf(x) for x >= 1.
Value erf_large(Value x) {
  if (x.size == 8) return 1 - erfc_positive(x);
  const Value u = smaller(x.number(4), x) - 0x1.000b08p+0;
  const Value slope = horner(u, {0x1.51d2f8p+1, 0x1.afafe4p-1, 0x1.53ed22p-5, -0x1.44137cp-7,
                                 0x1.deb532p-10, -0x1.852558p-13});
  const ExpParts e = lower_exp_parts(minus(fma(u, slope, u.number(0x1.d99cdcp+0))));
  const Value scale = (e.k + (math::kRoundF + 127)).shifted_left(23);
  return minus_product(scale, e.r + e.tail, 1 - scale);
}
Value erf(Value x) {
  const Value a = x.magnitude(), inside = smaller(x.number(1), larger(x.number(-1), x));
  const Value far = with_sign(erf_large(a), x);
  const Value small = series_of_type(inside * inside, math::ErrorSeries<float>::kSmall,
                                     math::ErrorSeries<double>::kSmall);
  return select(a.compare(kLT, 1), fma(inside, small, inside), far);
}
Value gelu(Value x) {
  const Value tail = 0.5 * erfc_positive(x.magnitude() * 0.70710678118654752);
  return but_zero_at_minus_infinity(x, x * select(x.compare(kLT, 0), tail, 1 - tail));
}
Value gelu_tanh(Value x) {
  const Value c = smaller(x.number(100), larger(x.number(-100), x));
  const Value u = 1.5957691216057308 * (c + 0.044715 * c * c * c);
  return but_zero_at_minus_infinity(x, x * lower_sigmoid(u));
}

}  // namespace

Value lower_activation(Rule rule, Value x) {
  switch (rule) {
    case Rule::Softsign:
      return softsign(x);
    case Rule::Softrelu:
      return positive_part(x) + log1p_unit(exp_of_minus_magnitude(x));
    case Rule::LogSigmoid:
      return negative_part(x) - log1p_unit(exp_of_minus_magnitude(x));
    case Rule::Silu:
      return silu(x);
    case Rule::Mish:
      return mish(x);
    case Rule::Selu:
      return selu(x);
    case Rule::Gelu:
      return gelu(x);
    case Rule::GeluTanh:
      return gelu_tanh(x);
    default:
      return erf(x);
  }
}

}  // namespace mp::jit
