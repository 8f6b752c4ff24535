// Recipe: what a run of operators computes, without addresses, sizes and numbers: the key under
// which emitted code is cached, and what it is made from. Steps read and write places; a place is
// memory that the code walks through, one element that it repeats, or a value between steps.
// Invariant: two recipes with equal bytes have the same code.
#pragma once
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "core/dtype.h"

namespace mp::jit {

// What an operator does to its operands.
// clang-format off
enum class Rule : uint8_t {
  None, Add, Subtract, Multiply, Divide, Sqrt, Square, Reciprocal, Negative, Positive, Absolute,
  Rint, Floor, Ceil, Trunc, Copysign, Sign, Maximum, Minimum, Fmax, Fmin, Clip,
  Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, Isnan, Isinf, Isfinite,
  BitAnd, BitOr, BitXor, LogicalAnd, LogicalOr, LogicalXor, LogicalNot, ToRadians, ToDegrees,
  Invert, Relu, Cast, Copy, Where, Exp, Expm1, Tanh, Sigmoid, Log, Log2, Log10, Log1p, Sin, Cos,
  Hypot, Power, Softsign, Softrelu, LogSigmoid, Silu, Mish, Selu, Gelu, GeluTanh, Erf,
};
// clang-format on
// Whether a rule is a function of cpu/math, and not a few machine instructions.
constexpr bool is_math(Rule rule) { return rule >= Rule::Exp; }

struct Place {
  enum Kind : uint8_t { Vector, Repeated } kind = Vector;
  DType type = DType::Invalid;
  bool loaded = false;    // the run reads what is there before it
  bool stored = false;    // memory after the run holds the last value
  bool saved = false;     // what is there before is also stored in a second place
  bool streamed = false;  // stores go past the caches
};

struct Step {
  Rule rule = Rule::None;
  uint8_t nin = 0;
  uint16_t places[4] = {};  // inputs, then the output
};

// The code gets one pointer for each place that is loaded or stored, in order, then one for each
// that is saved.
struct Recipe {
  std::vector<Place> places;
  std::vector<Step> steps;

  void write_key(std::string& k) const {
    static_assert(std::has_unique_object_representations_v<Place> &&
                  std::has_unique_object_representations_v<Step>);
    const auto count = static_cast<uint16_t>(places.size());
    k.assign(reinterpret_cast<const char*>(&count), sizeof count);
    k.append(reinterpret_cast<const char*>(places.data()), places.size() * sizeof(Place));
    k.append(reinterpret_cast<const char*>(steps.data()), steps.size() * sizeof(Step));
  }
};

}  // namespace mp::jit
