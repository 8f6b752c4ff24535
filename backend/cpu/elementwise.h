// Inner loops made from the expressions of csrc/ops/elementwise.inc, for cheap operators on plain
// types: the compiler vectorises each loop for the instruction set of the translation unit. A row
// is a struct whose static f(a[, b[, c]]) is the expression. Loops take any alignment and stride;
// contiguous operands, a repeated scalar and in-place use have loops of their own, and an output
// that partly overlaps an input runs element by element in order, as accumulate needs. Invariant
// (cpu/isa.h): everything here lives in namespace MP_ISA.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cpu/elementwise_lists.h"
#include "cpu/fp_flags.h"

namespace mp::cpu::MP_ISA {

// What an operator's two-input loop does when it is called as a reduction (output step 0).
enum class Fold {
  Ordered,   // one element after the other
  Lanes,     // associative and commutative on this type: independent partial results
  Pairwise,  // NumPy's pairwise tree
};

template <class T>
struct __attribute__((packed, may_alias)) Unaligned {
  T v;
};
template <class T>
inline T load(const char* p) {
  return reinterpret_cast<const Unaligned<T>*>(p)->v;
}
template <class T>
inline void store(char* p, T v) {
  reinterpret_cast<Unaligned<T>*>(p)->v = v;
}

template <class T>
inline constexpr bool kIsFloat = false;
template <>
inline constexpr bool kIsFloat<float> = true;
template <>
inline constexpr bool kIsFloat<double> = true;

// True where reading `in` ahead of writing `out` gives the wrong values: the ranges overlap and are
// not equal.
inline bool clobbers(const char* out, size_t out_bytes, const char* in, size_t in_bytes) {
  const size_t distance = reinterpret_cast<uintptr_t>(out) - reinterpret_cast<uintptr_t>(in);
  return distance + out_bytes - 1 < in_bytes + out_bytes - 1 &&
         !(distance == 0 && in_bytes == out_bytes);
}

template <class Row, class T, class R>
inline void contiguous(R* out, size_t n, const T* a) {
  auto* o = reinterpret_cast<Unaligned<R>*>(out);
  auto* x = reinterpret_cast<const Unaligned<T>*>(a);
#pragma GCC ivdep
#pragma GCC unroll 4
  for (size_t i = 0; i < n; ++i) o[i].v = Row::f(x[i].v);
}

enum class Form { Both, FirstScalar, SecondScalar };

template <class Row, Form form, class T, class R>
inline void contiguous(char* out, size_t n, const char* a, const char* b) {
  auto* o = reinterpret_cast<Unaligned<R>*>(out);
  auto* x = reinterpret_cast<const Unaligned<T>*>(a);
  auto* y = reinterpret_cast<const Unaligned<T>*>(b);
  T x0{}, y0{};
  if constexpr (form == Form::FirstScalar) x0 = x[0].v;
  if constexpr (form == Form::SecondScalar) y0 = y[0].v;
#pragma GCC ivdep
#pragma GCC unroll 4
  for (size_t i = 0; i < n; ++i)
    o[i].v =
        Row::f(form == Form::FirstScalar ? x0 : x[i].v, form == Form::SecondScalar ? y0 : y[i].v);
}

template <class Row, class T, class R>
inline void strided(char* const* args, size_t n, const intptr_t* steps) {
  const char *a = args[0], *b = args[1];
  char* o = args[2];
  const intptr_t sa = steps[0], sb = steps[1], so = steps[2];
  for (size_t i = 0; i < n; ++i, a += sa, b += sb, o += so)
    store<R>(o, Row::f(load<T>(a), load<T>(b)));
}

// Four vectors of partial results.
template <class Row, class T>
T fold_lanes(T start, const char* b, size_t n) {
  typedef T V __attribute__((vector_size(32)));
  constexpr size_t kLanes = 32 / sizeof(T);
  size_t i = 0;
  if (n >= 4 * kLanes) {
    V acc[4], next[4];
    __builtin_memcpy(acc, b, sizeof acc);
    size_t k = 4;
    for (; (k + 4) * kLanes <= n; k += 4) {
      __builtin_memcpy(next, b + k * sizeof(V), sizeof next);
      for (int j = 0; j < 4; ++j) acc[j] = Row::f(acc[j], next[j]);
    }
    acc[0] = Row::f(Row::f(acc[0], acc[1]), Row::f(acc[2], acc[3]));
    for (size_t j = 0; j < kLanes; ++j) start = Row::f(start, T(acc[0][j]));
    i = k * kLanes;
  }
  for (; i < n; ++i) start = Row::f(start, load<T>(b + i * sizeof(T)));
  return start;
}

// NumPy's pairwise sum, bit for bit: eight running sums in blocks of up to 128 elements, halves
// above.
template <class T>
T pairwise_sum(const char* p, size_t n, intptr_t step) {
  typedef T V8 __attribute__((vector_size(8 * sizeof(T))));
  if (n < 8) {
    T sum = T(-0.0);
    for (size_t i = 0; i < n; ++i) sum += load<T>(p + intptr_t(i) * step);
    return sum;
  }
  if (n > 128) {
    const size_t half = n / 2 - n / 2 % 8;
    const T left = pairwise_sum<T>(p, half, step);
    return left + pairwise_sum<T>(p + intptr_t(half) * step, n - half, step);
  }
  auto eight = [step](const char* q) __attribute__((always_inline)) {
    V8 v;
    if (step == sizeof(T))
      __builtin_memcpy(&v, q, sizeof v);
    else
      for (int j = 0; j < 8; ++j) v[j] = load<T>(q + j * step);
    return v;
  };
  V8 r = eight(p);
  size_t i = 8;
  for (; i + 8 <= n; i += 8) r += eight(p + intptr_t(i) * step);
  T sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  for (; i < n; ++i) sum += load<T>(p + intptr_t(i) * step);
  return sum;
}

template <class Row, class T>
void fold(char* const* args, size_t n, const intptr_t* steps) {
  T acc = load<T>(args[0]);
  const char* b = args[1];
  const intptr_t step = steps[1];
  if constexpr (Row::kFold == Fold::Pairwise && kIsFloat<T>) {
    acc = Row::f(acc, pairwise_sum<T>(b, n, step));
  } else if (Row::kFold != Fold::Ordered && step == sizeof(T)) {
    if constexpr (Row::kFold != Fold::Ordered) acc = fold_lanes<Row, T>(acc, b, n);
  } else {
    for (size_t i = 0; i < n; ++i, b += step) acc = Row::f(acc, load<T>(b));
  }
  store<T>(args[2], acc);
}

// Restores the floating-point flags on exit when the row's expression raises ones that NumPy does
// not.
template <class Row, class T>
inline constexpr bool kGuarded = Row::kQuiet && kIsFloat<T>;
template <bool guarded>
struct GuardOf {
  FlagGuard guard;
};
template <>
struct GuardOf<false> {};

template <class Row, class T, class R>
void unary_loop(char** args, const intptr_t* count, const intptr_t* steps, void*) {
  [[maybe_unused]] GuardOf<kGuarded<Row, T>> guard;
  const size_t n = size_t(*count);
  const char* a = args[0];
  char* o = args[1];
  const intptr_t sa = steps[0], so = steps[1];
  if (sa == sizeof(T) && so == sizeof(R) && !clobbers(o, n * sizeof(R), a, n * sizeof(T)))
    return contiguous<Row>(reinterpret_cast<R*>(o), n, reinterpret_cast<const T*>(a));
  for (size_t i = 0; i < n; ++i, a += sa, o += so) store<R>(o, Row::f(load<T>(a)));
}

template <class Row, class T, class R>
void binary_loop(char** args, const intptr_t* count, const intptr_t* steps, void*) {
  [[maybe_unused]] GuardOf<kGuarded<Row, T>> guard;
  const size_t n = size_t(*count);
  if (n == 0) return;
  constexpr intptr_t kIn = sizeof(T), kOut = sizeof(R);
  const char *a = args[0], *b = args[1];
  char* o = args[2];
  if (steps[2] == kOut) {
    const bool a_ok = !clobbers(o, n * kOut, a, steps[0] ? n * kIn : kIn);
    const bool b_ok = !clobbers(o, n * kOut, b, steps[1] ? n * kIn : kIn);
    if (a_ok && b_ok) {
      if (steps[0] == kIn && steps[1] == kIn) return contiguous<Row, Form::Both, T, R>(o, n, a, b);
      if (steps[0] == 0 && steps[1] == kIn)
        return contiguous<Row, Form::FirstScalar, T, R>(o, n, a, b);
      if (steps[0] == kIn && steps[1] == 0)
        return contiguous<Row, Form::SecondScalar, T, R>(o, n, a, b);
    }
  } else if constexpr (std::is_same_v<T, R> && requires { Row::kFold; }) {
    if (steps[0] == 0 && steps[2] == 0 && a == o) return fold<Row, T>(args, n, steps);
  }
  strided<Row, T, R>(args, n, steps);
}

template <class Row, class T, class R>
void ternary_loop(char** args, const intptr_t* count, const intptr_t* steps, void*) {
  [[maybe_unused]] GuardOf<kGuarded<Row, T>> guard;
  const size_t n = size_t(*count);
  if (n == 0) return;
  constexpr intptr_t kIn = sizeof(T);
  const char *a = args[0], *b = args[1], *c = args[2];
  char* o = args[3];
  const intptr_t sa = steps[0], sb = steps[1], sc = steps[2], so = steps[3];
  const bool safe = !clobbers(o, n * kIn, a, n * kIn) &&
                    !clobbers(o, n * kIn, b, sb ? n * kIn : kIn) &&
                    !clobbers(o, n * kIn, c, sc ? n * kIn : kIn);
  if (sa == kIn && so == kIn && sb == 0 && sc == 0 && safe) {
    const T lo = load<T>(b), hi = load<T>(c);
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) store<R>(o + i * kIn, Row::f(load<T>(a + i * kIn), lo, hi));
  } else if (sa == kIn && so == kIn && sb == kIn && sc == kIn && safe) {
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i)
      store<R>(o + i * kIn,
               Row::f(load<T>(a + i * kIn), load<T>(b + i * kIn), load<T>(c + i * kIn)));
  } else {
    for (size_t i = 0; i < n; ++i, a += sa, b += sb, c += sc, o += so)
      store<R>(o, Row::f(load<T>(a), load<T>(b), load<T>(c)));
  }
}

}  // namespace mp::cpu::MP_ISA
