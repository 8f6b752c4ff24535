#include <span>

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
  const Value lost = ((t - product) - product_error(s, d, product)) - s * (t - (d - 2));
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
Value erf_small(Value x) {
  const Value sum =
      series_of_type(x * x, math::ErrorSeries<float>::kSmall, math::ErrorSeries<double>::kSmall);
  return fma(x, sum, x);
}
Value erf(Value x) {
  const Value a = x.magnitude(), inside = smaller(x.number(1), larger(x.number(-1), x));
  const Value far = with_sign(erf_large(a), x);
  return select(a.compare(kLT, 1), erf_small(inside), far);
}
// erfc(z) / 2 = (half + rest) e^r 2^k, without the exponential.
Pair gelu_tail(Value b, Value z, Value z_lost, Value e_to_r, Value square_lost) {
  using Single = math::ErrorSeries<float>;
  using Double = math::ErrorSeries<double>;
  const double k = z.size == 4 ? double(Single::kPole) : Double::kPole;
  const double first = z.size == 4 ? double(Single::kLarge[0]) : Double::kLarge[0];
  const Pair line = two_sum(z.number(1), z + z);
  const Value inverse = 1 / ((z + k) * line.hi), v = (z + k) * inverse, product = v * line.hi;
  const Value v_lost = ((1 - product) - product_error(v, line.hi, product)) - v * line.lo;
  const Value u = (z - k) * line.hi * inverse;
  const Value slope = series_of_type(u, std::span(Single::kLarge).subspan<1>(),
                                     std::span(Double::kLarge).subspan<1>());
  const Value change = slope * u;
  const Pair sum = fast_two_sum(z.number(first), change);
  const Value series_lost = sum.lo + product_error(slope, u, change);
  const Value factor = 0.5 * sum.hi, half = factor * v;
  const Value half_lost = fma(series_lost, 0.5 * v, product_error(factor, v, half));
  const Value rest = half_lost + fma(half, v_lost - square_lost, -0.56418958354775629 * z_lost);
  return fast_two_sum(half, fma(e_to_r, half + rest, rest));
}
Value gelu(Value x) {
  const bool wide = x.size == 8;
  const double root = 0.70710678118654752, end = wide ? 38.9 : 14.6;
  const Value b = smaller(x.number(end), x.magnitude()), z = b * root;
  const Value rest = product_error(b, x.number(root), z);
  const Value z_lost = fma(b, wide ? -0x1.bdd3413b26456p-55 : 0x1.9fcef4p-27, rest);
  const Value square = z * z, square_lost = product_error(z, z, square);
  const ExpParts e = lower_exp_parts(minus(square));
  const Pair tail = gelu_tail(b, z, z_lost, e.r + e.tail, square_lost);
  const Value product = b * tail.hi, lost = product_error(b, tail.hi, product);
  const Value negative = x.compare(kLT, 0);
  const Value y = lower_scale(select(negative, product + fma(b, tail.lo, lost), tail.hi), e.k);
  const Value far = but_zero_at_minus_infinity(x, select(negative, minus(y), x * (1 - y)));
  const Value inside = smaller(x.number(1), larger(x.number(-1), x)) * root;
  const Value near = x * fma(x.number(0.5), erf_small(inside), x.number(0.5));
  return select(x.magnitude().compare(kLT, 0.7), near, far);
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
