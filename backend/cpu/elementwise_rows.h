// Turns the rows of csrc/ops/elementwise.inc into a constant table of loops. A translation unit
// defines MP_EW_<section> and MP_EW_NATURAL (1: the hardware's flags stand, 0: guarded), includes
// this header and publishes  const LoopList <name> = MP_EW_LIST. Invariant: the table is
// constant-initialised, so that no code of a higher instruction set runs at load.
#pragma once
#include "cpu/elementwise_blocked.h"
#include "cpu/math/inverse.h"
#include "cpu/math/power.h"
#include "cpu/math/sigmoid.h"
#include "cpu/math/trig.h"

namespace mp::cpu::MP_ISA {

template <class... T>
struct List {};
using INTS = List<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t>;
using FLOATS = List<float, double, float16, bfloat16>;
using SHORT_INTS = List<int8_t, uint8_t, int16_t, uint16_t>;
using HALVES = List<float16, bfloat16>;
using WIDE_FLOATS = List<float, double>;
using BOOL = List<bool>;
template <class S>
struct Raw {};  // the bits of a 16-bit float
using HALF_BITS = List<Raw<float16>, Raw<bfloat16>>;

template <class S>
inline constexpr char kChar = kTypeChar[index(DTypeOf<S>::value)];
template <class S>
inline constexpr char kChar<Raw<S>> = kChar<S>;
template <char in, int nin, char out>
struct Types {
  static constexpr char text[] = {in, nin > 1 ? in : out,
                                  nin > 2   ? in
                                  : nin > 1 ? out
                                            : '\0',
                                  nin > 2 ? out : '\0', '\0'};
};

template <class S>
inline constexpr bool kSixteenBit = false;
template <>
inline constexpr bool kSixteenBit<float16> = true;
template <>
inline constexpr bool kSixteenBit<bfloat16> = true;
template <class S>
struct StoredAs {
  using type = S;
};
template <class S>
struct StoredAs<Raw<S>> {
  using type = uint16_t;
};
template <>
struct StoredAs<bool> {
  using type = uint8_t;
};

struct Table {
  LoopEntry entries[320] = {};
  size_t count = 0;

  constexpr void push(const char* op, const char* types, LoopFn fn) {
    entries[count++] = {op, types, fn};
  }

  // Plain rows; `predicate` rows give bool.
  template <class Row, int nin, bool predicate, class... S>
  constexpr void rows(const char* op, List<S...>) {
    (push(op, Types < kChar<S>, nin, predicate ? '?' : kChar < S >> ::text,
          loop<Row, nin, predicate, S>()),
     ...);
  }

  // Math rows compute in double, or in float where they can (kFloat); the types narrower than
  // double take the shorter version ForFloat where there is one.
  template <class Row, int nin, class... S>
  constexpr void math(const char* op, List<S...>) {
    (push(op, Types<kChar<S>, nin, kChar<S>>::text, math_loop<Row, nin, S>()), ...);
  }

 private:
  template <class Row, int nin, bool predicate, class S>
  static constexpr LoopFn loop() {
    using T = typename StoredAs<S>::type;
    if constexpr (kSixteenBit<S>) {
      if constexpr (predicate)
        return &blocked_loop<Row, nin, S, float, uint8_t, uint8_t>;
      else
        return &blocked_loop<Row, nin, S, float, float, S>;
    } else {
      using R = typename StoredAs<std::conditional_t<predicate, bool, S>>::type;
      if constexpr (nin == 1) return &unary_loop<Row, T, R>;
      if constexpr (nin == 2) return &binary_loop<Row, T, R>;
      if constexpr (nin == 3) return &ternary_loop<Row, T, R>;
    }
  }
  template <class Row, int nin, class S>
  static constexpr LoopFn math_loop() {
    if constexpr (std::is_same_v<S, double>)
      return &blocked_loop<Row, nin, S, double, double, S>;
    else if constexpr (Row::kFloat)
      return &blocked_loop<Row, nin, S, float, float, S>;
    else if constexpr (requires { typename Row::ForFloat; })
      return &blocked_loop<typename Row::ForFloat, nin, S, double, double, S>;
    else
      return &blocked_loop<Row, nin, S, double, double, S>;
  }
};

#define MP_CAT2(a, b) a##b
#define MP_CAT(a, b) MP_CAT2(a, b)
#define MP_ROW MP_CAT(Row, __LINE__)
#define MP_ROW_BASE static constexpr bool kQuiet = !MP_EW_NATURAL

#define EW1(name, TYPES, ...)  \
  struct MP_ROW {              \
    MP_ROW_BASE;               \
    template <class T>         \
    MP_FN T f(T a) {           \
      return (T)(__VA_ARGS__); \
    }                          \
  };
#define EW2(name, TYPES, fold_kind, ...)           \
  struct MP_ROW {                                  \
    MP_ROW_BASE;                                   \
    static constexpr Fold kFold = Fold::fold_kind; \
    template <class T>                             \
    MP_FN T f(T a, T b) {                          \
      return (T)(__VA_ARGS__);                     \
    }                                              \
  };
#define EW3(name, TYPES, ...)  \
  struct MP_ROW {              \
    MP_ROW_BASE;               \
    template <class T>         \
    MP_FN T f(T a, T b, T c) { \
      return (T)(__VA_ARGS__); \
    }                          \
  };
#define EP1(name, TYPES, ...) \
  struct MP_ROW {             \
    MP_ROW_BASE;              \
    template <class T>        \
    MP_FN uint8_t f(T a) {    \
      return __VA_ARGS__;     \
    }                         \
  };
#define EP2(name, TYPES, ...)   \
  struct MP_ROW {               \
    MP_ROW_BASE;                \
    template <class T>          \
    MP_FN uint8_t f(T a, T b) { \
      return __VA_ARGS__;       \
    }                           \
  };
#define MATH1(name, row)
#define MATH2(name, row)
#include "ops/elementwise.inc"
#undef EW1
#undef EW2
#undef EW3
#undef EP1
#undef EP2
#undef MATH1
#undef MATH2

#define EW1(name, TYPES, ...) t.rows<MP_ROW, 1, false>(#name, TYPES{});
#define EW2(name, TYPES, fold_kind, ...) t.rows<MP_ROW, 2, false>(#name, TYPES{});
#define EW3(name, TYPES, ...) t.rows<MP_ROW, 3, false>(#name, TYPES{});
#define EP1(name, TYPES, ...) t.rows<MP_ROW, 1, true>(#name, TYPES{});
#define EP2(name, TYPES, ...) t.rows<MP_ROW, 2, true>(#name, TYPES{});
#define MATH1(name, row) t.math<row, 1>(#name, FLOATS{});
#define MATH2(name, row) t.math<row, 2>(#name, FLOATS{});
static constexpr Table kTable = [] {
  Table t;
#include "ops/elementwise.inc"
  return t;
}();
#define MP_EW_LIST {kTable.entries, kTable.count}

}  // namespace mp::cpu::MP_ISA
