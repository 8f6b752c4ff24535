#include "engine/jit/lower.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/jit/lower_math.h"

namespace mp::jit {
namespace {

bool is_float(DType t) { return t == DType::F32 || t == DType::F64; }
bool is_int(DType t) {
  return t == DType::I32 || t == DType::U32 || t == DType::I64 || t == DType::U64;
}
bool can_cast(DType from, DType to) {
  if (from == to) return is_float(to) || is_int(to) || to == DType::Bool;
  if (from == DType::Bool) return is_float(to) || is_int(to);
  if (to == DType::Bool) return is_float(from) || is_int(from);
  if (is_float(from)) return is_float(to) || to == DType::I32;
  if (from == DType::I32 && (is_float(to) || to == DType::I64 || to == DType::U64)) return true;
  return is_int(from) && is_int(to) && itemsize(from) == itemsize(to);
}

}  // namespace

bool can_lower(Rule rule, int nin, const DType* t) {
  const DType out = t[nin];
  const bool same = std::all_of(t, t + nin, [&](DType x) { return x == t[0]; });
  const bool narrow_int = t[0] == DType::I32 || t[0] == DType::U32;
  switch (rule) {
    case Rule::None:
      return false;
    case Rule::Add:
    case Rule::Subtract:
      return same && out == t[0] && (is_float(out) || is_int(out));
    case Rule::Multiply:
    case Rule::Square:
    case Rule::Maximum:
    case Rule::Minimum:
    case Rule::Fmax:
    case Rule::Fmin:
      if (rule != Rule::Multiply && rule != Rule::Square && same && out == DType::Bool)
        return out == t[0];
      return same && out == t[0] && (is_float(out) || narrow_int);
    case Rule::Relu:
      return out == t[0] && (is_float(out) || narrow_int);
    case Rule::Negative:
    case Rule::Positive:
      return out == t[0] && (is_float(out) || is_int(out));
    case Rule::Absolute:
      return out == t[0] && (is_float(out) || out == DType::I32);
    case Rule::Less:
    case Rule::LessEqual:
    case Rule::Greater:
    case Rule::GreaterEqual:
      return same && out == DType::Bool &&
             (is_float(t[0]) || t[0] == DType::I32 || t[0] == DType::I64 || t[0] == DType::Bool);
    case Rule::Equal:
    case Rule::NotEqual:
    case Rule::LogicalAnd:
    case Rule::LogicalOr:
    case Rule::LogicalXor:
    case Rule::LogicalNot:
      return same && out == DType::Bool && (is_float(t[0]) || is_int(t[0]) || t[0] == DType::Bool);
    case Rule::Isnan:
    case Rule::Isinf:
    case Rule::Isfinite:
      return out == DType::Bool && is_float(t[0]);
    case Rule::BitAnd:
    case Rule::BitOr:
    case Rule::BitXor:
    case Rule::Invert:
      return same && out == t[0] && (is_int(out) || out == DType::Bool);
    case Rule::Cast:
      return can_cast(t[0], out);
    case Rule::Copy:
      return t[0] == out && (is_float(out) || is_int(out) || out == DType::Bool);
    case Rule::Where:
      return t[0] == DType::Bool && t[1] == out && t[2] == out &&
             (is_float(out) || is_int(out) || out == DType::Bool);
    default:
      return same && out == t[0] && is_float(out);
  }
}

namespace {

class Lowering : Builder {
 public:
  explicit Lowering(const Recipe& r) : r_(r), value_(r.places.size(), -1) {
    for (const Place& p : r.places) {
      if (p.type == DType::Bool)
        body.has_bools = true;
      else if (itemsize(p.type) == 8)
        body.lanes = 4;
    }
    wide_ = static_cast<uint8_t>(32 / body.lanes);
    assign_pointers();
  }

  Body run() {
    std::vector<int> last(r_.places.size(), -1);
    for (size_t i = 0; i < r_.steps.size(); ++i) last[output(i)] = static_cast<int>(i);
    for (size_t i = 0; i < r_.steps.size(); ++i) {
      const int place = output(i);
      value_[place] = step(r_.steps[i]);
      if (r_.places[place].stored && last[place] == static_cast<int>(i))
        store(value_[place], place, pointer_[place]);
    }
    return std::move(body);
  }

 private:
  int output(size_t i) const { return r_.steps[i].places[r_.steps[i].nin]; }

  void assign_pointers() {
    pointer_.assign(r_.places.size(), -1);
    saved_ = pointer_;
    for (size_t i = 0; i < r_.places.size(); ++i) {
      const Place& p = r_.places[i];
      if (p.loaded || p.stored) pointer_[i] = add_pointer(p, p.streamed);
    }
    for (size_t i = 0; i < r_.places.size(); ++i)
      if (r_.places[i].saved) saved_[i] = add_pointer(r_.places[i], false);
  }
  int add_pointer(const Place& p, bool streamed) {
    body.pointers.push_back(
        {static_cast<uint8_t>(itemsize(p.type)), p.kind == Place::Repeated, streamed});
    return static_cast<int>(body.pointers.size() - 1);
  }

  int value(int place) {
    if (value_[place] >= 0) return value_[place];
    const Place& p = r_.places[place];
    const bool is_bool = p.type == DType::Bool, repeated = p.kind == Place::Repeated;
    const Op op = repeated  ? is_bool ? Op::RepeatBool : Op::Repeat
                  : is_bool ? Op::LoadBool
                            : Op::Load;
    value_[place] = emit(op, is_bool ? wide_ : itemsize(p.type), -1, -1, -1, 0, pointer_[place]);
    if (p.saved) store(value_[place], place, saved_[place]);
    return value_[place];
  }
  void store(int v, int place, int pointer) {
    const bool is_bool = r_.places[place].type == DType::Bool;
    emit(is_bool ? Op::StoreBool : Op::Store, is_bool ? wide_ : itemsize(r_.places[place].type), v,
         -1, -1, 0, pointer);
  }

  // A mask of elements of `size` as a truth value, and back.
  int truth(int size, int mask) { return size == wide_ ? mask : emit(Op::Extend, 8, mask); }
  int mask(int size, int truth) { return size == wide_ ? truth : emit(Op::Narrow, 8, truth); }

  // a beats b or is NaN, then a (maximum); a beats b or b is NaN, then a (fmax).
  int extreme(int size, int a, int b, int predicate, int passes_nan) {
    const int beats = compare(size, a, b, predicate),
              nan = compare(size, passes_nan, passes_nan, kUnordered);
    return blend(size, emit(Op::Or, size, beats, nan), a, b);
  }

  int step(const Step& s) {
    const DType type = r_.places[s.places[0]].type, out = r_.places[s.places[s.nin]].type;
    int in[3] = {-1, -1, -1};
    for (int k = 0; k < s.nin; ++k) in[k] = value(s.places[k]);
    if (s.rule == Rule::Cast) return cast(in[0], type, out);
    if (s.rule == Rule::Copy) return in[0];
    if (s.rule == Rule::Where && out == DType::Bool) return blend(wide_, in[0], in[1], in[2]);
    if (s.rule == Rule::Where)
      return blend(itemsize(out), mask(itemsize(out), in[0]), in[1], in[2]);
    if (is_logical(s.rule)) return logic(s.rule, truths(s.nin, type, in));
    if (type == DType::Bool) return logic(s.rule, {in[0], in[1]});
    return is_float(type) ? float_step(s.rule, itemsize(type), in)
                          : int_step(s.rule, type, itemsize(type), in);
  }

  static bool is_logical(Rule rule) {
    return rule == Rule::LogicalAnd || rule == Rule::LogicalOr || rule == Rule::LogicalXor ||
           rule == Rule::LogicalNot;
  }
  std::array<int, 2> truths(int count, DType type, const int* in) {
    std::array<int, 2> truths{-1, -1};
    for (int k = 0; k < count; ++k)
      truths[k] = type == DType::Bool ? in[k] : cast(in[k], type, DType::Bool);
    return truths;
  }

  int logic(Rule rule, std::array<int, 2> in) {
    const auto [a, b] = in;
    const auto inverse = [&](int x) { return emit(Op::Xor, wide_, x, ones(wide_)); };
    switch (rule) {
      case Rule::BitAnd:
      case Rule::LogicalAnd:
      case Rule::Minimum:
      case Rule::Fmin:
        return emit(Op::And, wide_, a, b);
      case Rule::BitOr:
      case Rule::LogicalOr:
      case Rule::Maximum:
      case Rule::Fmax:
        return emit(Op::Or, wide_, a, b);
      case Rule::LogicalNot:
      case Rule::Invert:
        return inverse(a);
      case Rule::Equal:
        return inverse(emit(Op::Xor, wide_, a, b));
      case Rule::Less:
        return emit(Op::And, wide_, inverse(a), b);
      case Rule::LessEqual:
        return emit(Op::Or, wide_, inverse(a), b);
      case Rule::Greater:
        return emit(Op::And, wide_, a, inverse(b));
      case Rule::GreaterEqual:
        return emit(Op::Or, wide_, a, inverse(b));
      default:  // BitXor, LogicalXor, NotEqual
        return emit(Op::Xor, wide_, a, b);
    }
  }

  int float_step(Rule rule, int n, const int* in) {
    const int a = in[0], b = in[1], c = in[2];
    if (is_math(rule)) return lower_math(*this, rule, n, a, b);
    switch (rule) {
      case Rule::Add:
        return emit(Op::Add, n, a, b);
      case Rule::Subtract:
        return emit(Op::Sub, n, a, b);
      case Rule::Multiply:
        return emit(Op::Mul, n, a, b);
      case Rule::Divide:
        return emit(Op::Div, n, a, b);
      case Rule::Sqrt:
        return emit(Op::Sqrt, n, a);
      case Rule::Square:
        return emit(Op::Mul, n, a, a);
      case Rule::Reciprocal:
        return emit(Op::Div, n, number(n, 1), a);
      case Rule::Negative:
        return emit(Op::Xor, n, a, sign_bit(n));
      case Rule::Absolute:
        return emit(Op::And, n, a, magnitude(n));
      case Rule::Rint:
        return emit(Op::Round, n, a, -1, -1, kRint);
      case Rule::Floor:
        return emit(Op::Round, n, a, -1, -1, kFloor);
      case Rule::Ceil:
        return emit(Op::Round, n, a, -1, -1, kCeil);
      case Rule::Trunc:
        return emit(Op::Round, n, a, -1, -1, kTrunc);
      case Rule::Copysign:
        return emit(Op::Or, n, emit(Op::And, n, a, magnitude(n)), emit(Op::And, n, b, sign_bit(n)));
      case Rule::Sign:
        return sign(n, a);
      case Rule::Maximum:
        return extreme(n, a, b, kGT, a);
      case Rule::Minimum:
        return extreme(n, a, b, kLT, a);
      case Rule::Fmax:
        return extreme(n, a, b, kGT, b);
      case Rule::Fmin:
        return extreme(n, a, b, kLT, b);
      case Rule::Clip: {  // the bounds are no NaNs
        const int low = blend(n, compare(n, a, b, kLT), b, a);
        return blend(n, compare(n, low, c, kGT), c, low);
      }
      case Rule::ToRadians:
        return emit(Op::Mul, n, a, number(n, 3.141592653589793 / 180));
      case Rule::ToDegrees:
        return emit(
            Op::Mul, n, a,
            n == 4 ? number(4, 180.0f / 3.141592653589793f) : number(8, 180 / 3.141592653589793));
      case Rule::Positive:
        return a;
      case Rule::Relu:
        return blend(n, compare(n, a, bits(n, 0), kNLE), a, bits(n, 0));
      default:
        return truth(n, float_test(rule, n, a, b));
    }
  }

  // A mask.
  int float_test(Rule rule, int n, int a, int b) {
    switch (rule) {
      case Rule::Isinf:
        return compare(n, emit(Op::And, n, a, magnitude(n)), number(n, INFINITY), kEQ);
      case Rule::Isfinite:
        return compare(n, emit(Op::And, n, a, magnitude(n)), number(n, INFINITY), kLT);
      case Rule::Isnan:
        return compare(n, a, a, kUnordered);
      default:
        return compare(n, a, b, predicate(rule));
    }
  }

  static int predicate(Rule rule) {
    switch (rule) {
      case Rule::Less:
        return kLT;
      case Rule::LessEqual:
        return kLE;
      case Rule::Greater:
        return kGT;
      case Rule::GreaterEqual:
        return kGE;
      case Rule::Equal:
        return kEQ;
      default:
        return kNE;
    }
  }

  int sign(int n, int a) {
    const int zero = bits(n, 0);
    const int one = blend(n, compare(n, a, zero, kGT), number(n, 1), number(n, -1));
    const int nan = blend(n, compare(n, a, a, kUnordered), a, one);
    return blend(n, compare(n, a, zero, kEQ), zero, nan);
  }

  int int_step(Rule rule, DType type, int n, const int* in) {
    const int a = in[0], b = in[1];
    const bool is_signed = type == DType::I32 || type == DType::I64;
    switch (rule) {
      case Rule::Add:
        return emit(Op::AddInt, n, a, b);
      case Rule::Subtract:
        return emit(Op::SubInt, n, a, b);
      case Rule::Multiply:
        return emit(Op::MulInt, n, a, b);
      case Rule::Square:
        return emit(Op::MulInt, n, a, a);
      case Rule::Negative:
        return emit(Op::SubInt, n, bits(n, 0), a);
      case Rule::Absolute:
        return emit(Op::AbsInt, n, a);
      case Rule::Maximum:
      case Rule::Fmax:
        return emit(is_signed ? Op::MaxInt : Op::MaxUint, n, a, b);
      case Rule::Minimum:
      case Rule::Fmin:
        return emit(is_signed ? Op::MinInt : Op::MinUint, n, a, b);
      case Rule::BitAnd:
        return emit(Op::And, n, a, b);
      case Rule::BitOr:
        return emit(Op::Or, n, a, b);
      case Rule::BitXor:
        return emit(Op::Xor, n, a, b);
      case Rule::Invert:
        return emit(Op::Xor, n, a, ones(n));
      case Rule::Relu:
        return emit(is_signed ? Op::MaxInt : Op::MaxUint, n, a, bits(n, 0));
      case Rule::Equal:
        return truth(n, emit(Op::EqualInt, n, a, b));
      case Rule::NotEqual:
        return truth(n, inverted(n, emit(Op::EqualInt, n, a, b)));
      case Rule::Greater:
        return truth(n, emit(Op::GreaterInt, n, a, b));
      case Rule::Less:
        return truth(n, emit(Op::GreaterInt, n, b, a));
      case Rule::LessEqual:
        return truth(n, inverted(n, emit(Op::GreaterInt, n, a, b)));
      case Rule::GreaterEqual:
        return truth(n, inverted(n, emit(Op::GreaterInt, n, b, a)));
      default:
        return a;
    }
  }
  int inverted(int n, int mask_of_n) { return emit(Op::Xor, n, mask_of_n, ones(n)); }

  int cast(int a, DType from, DType to) {
    const int n = itemsize(from), m = itemsize(to);
    if (from == to) return a;
    if (from == DType::Bool)
      return emit(Op::And, m, mask(m, a), is_float(to) ? number(m, 1) : bits(m, 1));
    if (to == DType::Bool) {
      if (is_float(from)) return truth(n, compare(n, a, bits(n, 0), kNE));
      return truth(n, inverted(n, emit(Op::EqualInt, n, a, bits(n, 0))));
    }
    if (from == DType::F32) {
      return to == DType::F64 ? emit(Op::SingleToDouble, 8, a) : emit(Op::SingleToInt, 4, a);
    }
    if (from == DType::F64)
      return emit(to == DType::F32 ? Op::DoubleToSingle : Op::DoubleToInt, 8, a);
    if (to == DType::F32) return emit(Op::IntToSingle, 4, a);
    if (to == DType::F64) return emit(Op::IntToDouble, 8, a);
    return n == m ? a : emit(Op::Extend, 8, a);
  }

  const Recipe& r_;
  uint8_t wide_ = 4;
  std::vector<int> value_, pointer_, saved_;
};

}  // namespace

Body lower(const Recipe& recipe) { return Lowering(recipe).run(); }

}  // namespace mp::jit
