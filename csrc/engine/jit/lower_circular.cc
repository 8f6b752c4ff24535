#include "engine/jit/lower_math.h"

#define MP_ISA emitter
#include "cpu/math/trig.h"

namespace mp::jit {
namespace {

namespace math = cpu::emitter;

struct Octant {
  Value shifted, r, tail;  // x - n pi/2 = r + tail; n in the low bits of `shifted`
};
Octant reduced(Value x) {
  const Value shifted = x * 0x1.45f306dc9c883p-1 + math::kRoundD, k = shifted - math::kRoundD;
  const Value first = x - k * 0x1.921fb54400000p+0;
  const Pair second = two_sum(first, minus(k * 0x1.0b4611a600000p-34));
  const Pair r = fast_two_sum(second.hi, second.lo - k * 0x1.3198a2e037073p-69);
  return {shifted, r.hi, r.lo};
}
// Of sine and cosine of the rest the one that belongs to the n-th octant, with its sign.
Value turned(Value n, Value sine, Value cosine) {
  const int bits = 8 * n.size;
  const Value y = select(n.shifted_left(bits - 1), cosine, sine);
  return y.emit(Op::Xor, n.shifted_left(bits - 2).sign());
}

Value of_double(Value x, bool cosine) {
  x.magnitude().compare(kNLE, math::kLargestAngle).suspect();
  const Octant a = reduced(x);
  const Value z = a.r * a.r, half = 0.5 * z, hi = 1 - half;
  const Value sines =
      horner(z, {0x1.1111111110b98p-7, -0x1.a01a019e7d5bcp-13, 0x1.71de378e55546p-19,
                 -0x1.ae6002724fb4ap-26, 0x1.5e08039854240p-33});
  const Value cosines =
      horner(z, {0x1.5555555555555p-5, -0x1.6c16c16c1695ap-10, 0x1.a01a019f4b848p-16,
                 -0x1.27e4fa13bb15ap-22, 0x1.1eeb649cac723p-29, -0x1.907a8a21689b1p-37});
  const Value cubic = fma(z, sines, z.number(-0x1.5555555555555p-3));
  const Value s = a.r + fma(a.r * z, cubic, fma(-0.5 * z, a.tail, a.tail));
  const Value c = hi + (((1 - hi) - half) + fma(z * z, cosines, minus(a.r * a.tail)));
  const Value n = cosine ? a.shifted.emit(Op::AddInt, x.bits(1)) : a.shifted;
  return turned(n, s, c);
}

Value of_single(Value x, bool cosine) {
  x.magnitude().compare(kNLE, math::kLargestAngleF).suspect();
  const Halves wide(x);
  const Halves shifted =
      wide.then([](Value a) { return a * 0x1.45f306dc9c883p-1 + math::kRoundD; });
  const Value r =
      wide.then(shifted,
                [](Value a, Value s) {
                  const Value k = s - math::kRoundD;
                  return minus_product(k, 0x1.0b4611a626331p-34, a - k * 0x1.921fb54400000p+0);
                })
          .rounded();
  const Value low = shifted.low_bits(), n = cosine ? low.emit(Op::AddInt, x.bits(1)) : low;
  const Value z = r * r;
  const Value s =
      fma(r * z, horner(z, {-0x1.555556p-3, 0x1.11110ep-7, -0x1.a0139cp-13, 0x1.6dba16p-19}), r);
  const Value c =
      fma(z * z, horner(z, {0x1.555556p-5, -0x1.6c16c0p-10, 0x1.a015bcp-16, -0x1.2521a6p-22}),
          fma(z, -0.5, z.number(1)));
  return turned(n, s, c);
}

}  // namespace

Value lower_circular(Rule rule, Value x) {
  const bool cosine = rule == Rule::Cos;
  const Value y = x.size == 4 ? of_single(x, cosine) : of_double(x, cosine);
  return cosine ? y : select(x.compare(kEQ, 0), x, y);
}

}  // namespace mp::jit
