#include "engine/jit/lower_math.h"

#include <iterator>

#define MP_ISA emitter
#include "cpu/math/exp.h"

namespace mp::jit {
namespace {

namespace math = cpu::emitter;

// e^x is normal, and 2^k too, up to here.
constexpr float most(float) { return 88.0f; }
constexpr double most(double) { return 709.0; }
constexpr float round(float) { return math::kRoundF; }
constexpr double round(double) { return math::kRoundD; }
constexpr int bias(float) { return 127; }
constexpr int bias(double) { return 1023; }

template <class T>
class Math {
 public:
  explicit Math(Builder& to) : to_(to) {}

  int exp(int x) {
    suspect(x, math::Range<T>::kExpMin, kNGE);
    suspect(x, most(T{}), kNLE);
    return exp_inside(x);
  }

  int sigmoid(int x) {
    const int low = to_.emit(Op::Or, kSize, x, to_.sign_bit(kSize));
    suspect(low, math::Range<T>::kExpMin, kNGE);
    const int t = exp_inside(low);
    const int negative = to_.compare(kSize, x, number(0), kLT);
    return div(to_.blend(kSize, negative, t, number(1)), add(number(1), t));
  }

  int tanh(int x) {
    const int magnitude = to_.emit(Op::And, kSize, x, to_.magnitude(kSize));
    const int a = to_.emit(Op::Min, kSize, number(math::Range<T>::kTanhOne), magnitude);
    const Parts p = parts(add(a, a));
    const int scale = pow2(p.k, -1);
    const Pair sum = two_sum(sub(scale, number(0.5)), mul(scale, p.r));
    const int low = add(sum.low, mul(scale, p.tail));
    const int high = add(sum.high, low);
    const Pair numerator{high, sub(low, sub(high, sum.high))};
    const int y = divide(numerator, two_sum(number(1), high));
    const int tiny = to_.compare(kSize, a, number(0x1p-30), kLT);
    const int value = to_.emit(Op::And, kSize, to_.blend(kSize, tiny, a, y), to_.magnitude(kSize));
    return to_.emit(Op::Or, kSize, value, to_.emit(Op::And, kSize, x, to_.sign_bit(kSize)));
  }

 private:
  static constexpr int kSize = sizeof(T);
  struct Parts {
    int k, r, tail;
  };
  struct Pair {
    int high, low;
  };

  int number(T x) { return to_.number(kSize, x); }
  int add(int a, int b) { return to_.emit(Op::Add, kSize, a, b); }
  int sub(int a, int b) { return to_.emit(Op::Sub, kSize, a, b); }
  int mul(int a, int b) { return to_.emit(Op::Mul, kSize, a, b); }
  int div(int a, int b) { return to_.emit(Op::Div, kSize, a, b); }
  int fma(int a, int b, int c) { return to_.emit(Op::Fma, kSize, a, b, c); }
  int minus(int a, int b, int c) { return to_.emit(Op::Fnma, kSize, a, b, c); }  // c - a b
  void suspect(int x, T bound, int predicate) {
    to_.emit(Op::Suspect, kSize, to_.compare(kSize, x, number(bound), predicate));
  }

  Parts parts(int x) {
    const int magic = number(round(T{}));
    const int k = sub(add(mul(x, number(T(0x1.71547652b82fep+0))), magic), magic);
    const int r = minus(k, number(math::mp_ln2_lo(T{})), minus(k, number(math::mp_ln2_hi(T{})), x));
    constexpr int n = std::size(math::kExpTail<T>);
    int series = number(math::kExpTail<T>[n - 1]);
    for (int i = n - 2; i >= 0; --i) series = fma(series, r, number(math::kExpTail<T>[i]));
    return {k, r, mul(mul(r, r), series)};
  }
  int pow2(int k, int more = 0) {
    return to_.emit(Op::ShiftLeft, kSize, add(k, number(round(T{}) + bias(T{}) + more)), -1, -1,
                    kSize == 4 ? 23 : 52);
  }
  int exp_inside(int x) {
    const Parts p = parts(x);
    return mul(add(number(1), add(p.r, p.tail)), pow2(p.k));
  }

  Pair two_sum(int a, int b) {
    const int high = add(a, b), from_b = sub(high, a);
    return {high, add(sub(a, sub(high, from_b)), sub(b, from_b))};
  }
  int divide(Pair a, Pair b) {
    const int inverse = div(number(1), b.high), quotient = mul(a.high, inverse);
    const int rest = add(minus(quotient, b.high, a.high), minus(quotient, b.low, a.low));
    return add(quotient, mul(rest, inverse));
  }

  Builder& to_;
};

template <class T>
int lower_as(Builder& to, Rule rule, int x) {
  Math<T> m(to);
  return rule == Rule::Exp ? m.exp(x) : rule == Rule::Tanh ? m.tanh(x) : m.sigmoid(x);
}

}  // namespace

int lower_math(Builder& to, Rule rule, int size, int x) {
  return size == 4 ? lower_as<float>(to, rule, x) : lower_as<double>(to, rule, x);
}

}  // namespace mp::jit
