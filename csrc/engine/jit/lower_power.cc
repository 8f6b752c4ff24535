#include "engine/jit/lower_math.h"

#define MP_ISA emitter
#include "cpu/math/log.h"

namespace mp::jit {
namespace {

namespace math = cpu::emitter;

// What the library's function is for: zeros, infinities, NaNs, and negative x whose power is not
// real.
void only_ordinary(Value x, Value y, double least, double most, double most_exponent) {
  const Value a = x.magnitude(), whole = y.emit(Op::Round, kFloor);
  a.compare(kNGE, least).suspect();
  a.compare(kNLE, most).suspect();
  y.magnitude().compare(kNLE, most_exponent).suspect();
  x.compare(kLE, 0).emit(Op::And, whole.compare(kNE, y)).suspect();
}
// value, or its negative where x is negative and y odd.
Value with_parity(Value x, Value y, Value value) {
  const Value half = y * 0.5, odd = half.emit(Op::Round, kFloor).compare(kNE, half);
  return select(x.compare(kLT, 0).emit(Op::And, odd), minus(value), value);
}

Value of_singles(Value x, Value y) {
  only_ordinary(x, y, 0x1p-149, 0x1.fffffep127, 0x1.fffffep127);
  return Halves(x)
      .then(Halves(y),
            [](Value a, Value b) {
              const Value wanted = b * lower_log2_short(a.magnitude());
              const Value exponent = smaller(a.number(300), larger(a.number(-300), wanted));
              const Value k = (exponent + math::kRoundD) - math::kRoundD;
              const Value r = (exponent - k) * math::kLn2;
              const Value tail = horner(
                  r, {0x1p-1, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320});
              const Value scale = (k + (math::kRoundD + 1023)).shifted_left(52);
              return with_parity(a, b, fma(r * r, tail, 1 + r) * scale);
            })
      .rounded();
}

// log x in two parts, as mp_log_pair.
Pair log_pair(Value k, Value m) {
  const Value a = m - 1, d = 2 + a, d_lo = a - (d - 2), s = a / d, sd = s * d;
  const Value s_lo = (((a - sd) - product_error(s, d, sd)) - s * d_lo) / d;
  const Value z = s * s, z_lo = product_error(s, s, z) + 2 * s * s_lo;
  const Value third = z.number(0x1.5555555555555p-1), t = z * third;
  const Value t_lo = product_error(z, third, t) + (z_lo * third + z * 0x1.5555555555555p-55);
  const Value c = t * s, c_lo = product_error(t, s, c) + (t_lo * s + t * s_lo);
  const Value tail = z * z * s *
                     horner(z, {0x1.999999999999ap-2, 0x1.2492492492525p-2, 0x1.c71c71c6e9a38p-3,
                                0x1.745d177b6cc81p-3, 0x1.3b13957bc82fbp-3, 0x1.1118d9a4bb086p-3,
                                0x1.df792ce6cf7e7p-4, 0x1.e0533efd4ce0fp-4});
  const Pair first = two_sum(k * math::mp_ln2_hi(0.0), 2 * s), second = two_sum(first.hi, c);
  const Value lo = (first.lo + second.lo) + (c_lo + 2 * s_lo + tail + k * math::mp_ln2_lo(0.0));
  return fast_two_sum(second.hi, lo);
}

Value of_doubles(Value x, Value y) {
  only_ordinary(x, y, 0x1p-1022, 0x1.fffffffffffffp1023, 0x1.fffffffffffffp61);
  const Value a = x.magnitude();
  const Value exponent =
      a.shifted_right(52).emit(Op::Or, a.bits(0x4330000000000000)) - (0x1p52 + 1023);
  ((exponent.magnitude() + 1) * y.magnitude())
      .compare(kNGE, 1014)
      .emit(Op::Xor, a.bits(~0ull))
      .suspect();
  const LogParts p = lower_log_parts(a);
  const Pair log = log_pair(p.k, p.m);
  const Value hi = y * log.hi, lo = product_error(y, log.hi, hi) + y * log.lo;
  const ExpParts e = lower_exp_parts(smaller(hi.number(710), larger(hi.number(-746), hi)));
  const Value r = e.r + lo, low = lo - (r - e.r);
  return with_parity(x, y, lower_scale(1 + (r + (low + r * r * lower_exp_tail(r))), e.k));
}

}  // namespace

Value lower_power(Value x, Value y) { return x.size == 4 ? of_singles(x, y) : of_doubles(x, y); }

}  // namespace mp::jit
