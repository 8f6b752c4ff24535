// A node of a body as a number to calculate with, so that the functions of cpu/math can be written
// down here as they stand there: each operator is one rounded instruction.
#pragma once
#include <initializer_list>
#include <iterator>

#include "engine/jit/builder.h"

namespace mp::jit {

struct Value {
  Builder* to;
  int node, size;  // of an element in bytes

  Value emit(Op op, Value b, int imm = 0) const {
    return with(to->emit(op, size, node, b.node, -1, imm));
  }
  Value emit(Op op, int imm = 0) const { return with(to->emit(op, size, node, -1, -1, imm)); }
  Value number(double x) const { return with(to->number(size, x)); }
  Value bits(uint64_t x) const { return with(to->bits(size, x)); }
  Value with(int other) const { return {to, other, size}; }

  // Masks.
  Value compare(int predicate, Value b) const { return emit(Op::Compare, b, predicate); }
  Value compare(int predicate, double b) const { return compare(predicate, number(b)); }
  // Elements that the function is wrong for: the loops redo their block.
  void suspect() const { to->emit(Op::Suspect, size, node); }

  Value sign() const { return emit(Op::And, with(to->sign_bit(size))); }
  Value magnitude() const { return emit(Op::And, with(to->magnitude(size))); }
  Value shifted_left(int count) const { return emit(Op::ShiftLeft, count); }
  // Down to the integers' own sign for 4 bytes, to zeros for 8.
  Value shifted_right(int count) const { return emit(Op::ShiftRight, count); }
};

inline Value operator+(Value a, Value b) { return a.emit(Op::Add, b); }
inline Value operator-(Value a, Value b) { return a.emit(Op::Sub, b); }
inline Value operator*(Value a, Value b) { return a.emit(Op::Mul, b); }
inline Value operator/(Value a, Value b) { return a.emit(Op::Div, b); }
inline Value operator+(Value a, double b) { return a + a.number(b); }
inline Value operator-(Value a, double b) { return a - a.number(b); }
inline Value operator*(Value a, double b) { return a * a.number(b); }
inline Value operator+(double a, Value b) { return b.number(a) + b; }
inline Value operator-(double a, Value b) { return b.number(a) - b; }
inline Value operator*(double a, Value b) { return b.number(a) * b; }
inline Value operator/(double a, Value b) { return b.number(a) / b; }

inline Value fma(Value a, Value b, Value c) {
  return a.with(a.to->emit(Op::Fma, a.size, a.node, b.node, c.node));
}
inline Value fma(Value a, double b, Value c) { return fma(a, a.number(b), c); }
// c - a b
inline Value minus_product(Value a, Value b, Value c) {
  return a.with(a.to->emit(Op::Fnma, a.size, a.node, b.node, c.node));
}
inline Value minus_product(Value a, double b, Value c) { return minus_product(a, a.number(b), c); }
inline Value minus(Value x) { return x.emit(Op::Xor, x.with(x.to->sign_bit(x.size))); }
// a b - product, exactly.
inline Value product_error(Value a, Value b, Value product) { return fma(a, b, minus(product)); }
// The processor's: of a NaN and a number b, whichever that is.
inline Value larger(Value a, Value b) { return a.emit(Op::Max, b); }
inline Value smaller(Value a, Value b) { return a.emit(Op::Min, b); }
inline Value select(Value mask, Value if_true, Value if_false) {
  return if_true.with(if_true.to->blend(if_true.size, mask.node, if_true.node, if_false.node));
}

template <class Coefficients>
Value series(Value x, const Coefficients& c) {
  auto at = std::end(c);
  Value sum = x.number(*--at);
  while (at != std::begin(c)) sum = fma(sum, x, x.number(*--at));
  return sum;
}
inline Value horner(Value x, std::initializer_list<double> c) { return series(x, c); }

struct Pair {
  Value hi, lo;
};
inline Pair two_sum(Value a, Value b) {
  const Value hi = a + b, from_b = hi - a;
  return {hi, (a - (hi - from_b)) + (b - from_b)};
}
inline Pair fast_two_sum(Value a, Value b) {
  const Value hi = a + b;
  return {hi, b - (hi - a)};
}

// Calls f with the elements in double; the parts of a vector are two values.
struct Halves {
  bool two;
  Value low, high;

  explicit Halves(Value x)
      : two(x.to->body.lanes == 8), low(widened(x, Op::SingleToDouble)), high(low) {
    if (two) high = widened(x, Op::HighToDouble);
  }
  template <class F>
  Halves then(F&& f) const {
    Halves y = *this;
    y.low = f(low);
    y.high = two ? f(high) : y.low;
    return y;
  }
  template <class F>
  Halves then(const Halves& b, F&& f) const {
    Halves y = *this;
    y.low = f(low, b.low);
    y.high = two ? f(high, b.high) : y.low;
    return y;
  }
  // Rounded to 4 bytes, or the low 4 bytes of each.
  Value rounded() const { return narrowed(Op::DoubleToSingle, Op::JoinSingles); }
  Value low_bits() const { return narrowed(Op::Narrow, Op::JoinLow); }

 private:
  static Value widened(Value x, Op op) { return {x.to, x.to->emit(op, 8, x.node), 8}; }
  Value narrowed(Op one, Op both) const {
    return {low.to,
            two ? low.to->emit(both, 8, low.node, high.node) : low.to->emit(one, 8, low.node), 4};
  }
};

}  // namespace mp::jit
