#include "engine/jit/lower_math.h"

#define MP_ISA emitter
#include "cpu/math/log.h"

namespace mp::jit {
namespace {

namespace math = cpu::emitter;

}  // namespace

LogParts lower_log_parts(Value x) {
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const Value offset = x.emit(Op::SubInt, x.bits(kSqrtHalf));
  const Value biased = offset.emit(Op::AddInt, x.bits(uint64_t{1023} << 52)).shifted_right(52);
  const Value mantissa = offset.emit(Op::And, x.bits(0x000fffffffffffff));
  return {biased.emit(Op::Or, x.bits(0x4330000000000000)) - (0x1p52 + 1023),
          mantissa.emit(Op::AddInt, x.bits(kSqrtHalf))};
}

namespace {

void only_between(Value x, double low, double high) {
  x.compare(kNGE, low).suspect();
  x.compare(kNLE, high).suspect();
}
void only_normal(Value x) {
  if (x.size == 4)
    only_between(x, 0x1p-126, 0x1.fffffep127);
  else
    only_between(x, 0x1p-1022, 0x1.fffffffffffffp1023);
}

Value tail(Value z) {
  return z * horner(z, {0x1.5555555555555p-1, 0x1.9999999999a3cp-2, 0x1.24924924763d0p-2,
                        0x1.c71c72024cfaap-3, 0x1.745cf8a2651d8p-3, 0x1.3b1c499082facp-3,
                        0x1.0fbc8735b1f56p-3, 0x1.0c189c567bb01p-3});
}
Value log_double(Value x) {
  const LogParts p = lower_log_parts(x);
  const Value a = p.m - 1, half_square = 0.5 * a * a, s = a / (2 + a);
  const Value rest = s * (half_square + tail(s * s)) + p.k * math::mp_ln2_lo(0.0);
  return p.k * math::mp_ln2_hi(0.0) - ((half_square - rest) - a);
}
Value log_single(Value x) {
  const Value offset = x.emit(Op::SubInt, x.bits(math::kSqrtHalfBits));
  const Value k = offset.shifted_right(23).emit(Op::IntToSingle);
  const Value m =
      offset.emit(Op::And, x.bits(0x007fffff)).emit(Op::AddInt, x.bits(math::kSqrtHalfBits));
  const Value a = m - 1, square = a * a;
  const Value p =
      horner(a, {0x1.555554p-2, -0x1.ffffe6p-3, 0x1.999d36p-3, -0x1.55625cp-3, 0x1.23dd12p-3,
                 -0x1.fbc4cep-4, 0x1.dc8ecep-4, -0x1.dd9772p-4, 0x1.2c55b2p-4});
  const Value small = fma(k, math::mp_ln2_lo(0.0f), fma(square, -0.5, square * a * p));
  return fma(k, math::mp_ln2_hi(0.0f), a + small);
}

// log m in two parts, the high one with 32 significant bits at most.
Pair log_mantissa(Value m) {
  const Value a = m - 1, half_square = 0.5 * a * a, s = a / (2 + a);
  const Value hi = (a - half_square).emit(Op::And, a.bits(0xffffffff00000000));
  return {hi, ((a - hi) - half_square) + s * (half_square + tail(s * s))};
}
// log2 or log10 of a double.
Value log_of_base(Rule rule, Value x) {
  const LogParts p = lower_log_parts(x);
  const Pair log = log_mantissa(p.m);
  if (rule == Rule::Log2) {
    const Value hi = log.hi * 0x1.7154765200000p+0;
    const Value lo = (log.hi + log.lo) * 0x1.705fc2eefa200p-33 + log.lo * 0x1.7154765200000p+0;
    const Pair sum = two_sum(p.k, hi);
    return sum.hi + (sum.lo + lo);
  }
  const Value hi = log.hi * 0x1.bcb7b15200000p-2;
  const Value lo = (log.hi + log.lo) * 0x1.b9438ca9aadd5p-36 + log.lo * 0x1.bcb7b15200000p-2;
  const Pair sum = two_sum(p.k * 0x1.3441350800000p-2, hi);
  return sum.hi + (sum.lo + (lo + p.k * 0x1.f79fef311f12bp-34));
}

}  // namespace

Value lower_log2_short(Value x) {
  constexpr double kTwoLog2E = 0x1.71547652b82fep+1;
  const LogParts p = lower_log_parts(x);
  const Value a = p.m - 1, s = a / (2 + a), z = s * s;
  return fma(s,
             horner(z, {kTwoLog2E, kTwoLog2E / 3, kTwoLog2E / 5, kTwoLog2E / 7, kTwoLog2E / 9,
                        kTwoLog2E / 11, kTwoLog2E / 13}),
             p.k);
}
namespace {

Value log1p_single(Value x) {
  only_between(x, -0x1.fffffep-1, 0x1.fffffep127);
  return Halves(x)
      .then([](Value a) {
        const Value near = a * horner(a, {1.0, -0.5, 1.0 / 3});
        return select(a.magnitude().compare(kLT, 0x1p-13), near,
                      lower_log2_short(1 + a) * math::kLn2);
      })
      .rounded();
}
Value log1p_double(Value x) {
  only_between(x, -0x1.fffffffffffffp-1, 0x1p1000);
  const Pair u = two_sum(x.number(1), x);
  const LogParts p = lower_log_parts(u.hi);
  const Value a = p.m - 1, half_square = 0.5 * a * a, s = a / (2 + a);
  const Value rest = s * (half_square + tail(s * s)) + (p.k * math::mp_ln2_lo(0.0) + u.lo / u.hi);
  const Value y = p.k * math::mp_ln2_hi(0.0) - ((half_square - rest) - a);
  return select(x.magnitude().compare(kLT, 0x1p-54), x, y);
}

}  // namespace

Value lower_log(Rule rule, Value x) {
  if (rule == Rule::Log1p) return x.size == 4 ? log1p_single(x) : log1p_double(x);
  only_normal(x);
  if (rule == Rule::Log) return x.size == 4 ? log_single(x) : log_double(x);
  if (x.size == 8) return log_of_base(rule, x);
  return Halves(x)
      .then([rule](Value a) {
        const Value y = lower_log2_short(a);
        return rule == Rule::Log2 ? y : y * math::kLog10Of2;
      })
      .rounded();
}

}  // namespace mp::jit
