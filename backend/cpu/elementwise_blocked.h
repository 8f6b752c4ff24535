// Inner loops that work in blocks: operands are gathered and widened into small buffers (or read in
// place), a vectorised kernel runs over whole vectors, and the results are narrowed and scattered.
// Used for the 16-bit float types and for the math functions, where a scalar loop would cost far
// more than the copies. A math row may have
//   suspect(x..) -> bool   true where the result needs a second look, cheap; then one of
//   flags(x..) -> int      the floating-point flags this element raises, or
//   special(x..) -> T      the right result, raising its flags by itself
// and  shortcut<S>(args, count, steps) -> bool  true when it has done the whole call in a faster
// way. Rows marked kQuiet run with the flags guarded: only the second look and the narrowing raise
// any. Tail vectors are padded with copies of the last element, which cannot raise anything new.
#pragma once
#include <type_traits>

#include "cpu/convert16.h"
#include "cpu/elementwise.h"

namespace mp::cpu::MP_ISA {

inline constexpr size_t kBlock = 256;
template <class C>
inline constexpr size_t kStep = 64 / sizeof(C);

template <class S, class C>
inline void gather(C* to, const char* from, intptr_t step, size_t n) {
  size_t i = 0;
#if defined(__F16C__)
  if constexpr (std::is_same_v<S, float16> && std::is_same_v<C, float>)
    if (step == 2)
      for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(
            to + i,
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * i))));
#endif
  if (step == sizeof(S))
    for (; i < n; ++i) to[i] = C(widen(load<S>(from + i * sizeof(S))));
  else
    for (; i < n; ++i) to[i] = C(widen(load<S>(from + intptr_t(i) * step)));
}

template <class R, class C>
inline void scatter(char* to, intptr_t step, const C* from, size_t n) {
  size_t i = 0;
#if defined(__F16C__)
  if constexpr (std::is_same_v<R, float16> && std::is_same_v<C, float>)
    if (step == 2)
      for (; i + 8 <= n; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  if (step == sizeof(R))
    for (; i < n; ++i) store<R>(to + i * sizeof(R), Narrow<R>::of(from[i]));
  else
    for (; i < n; ++i) store<R>(to + intptr_t(i) * step, Narrow<R>::of(from[i]));
}

template <class C>
struct LaneMask;
template <>
struct LaneMask<float> {
  using type = int32_t;
};
template <>
struct LaneMask<double> {
  using type = int64_t;
};

template <class Row, class C, int nin>
concept HasSuspects = (nin == 1 && requires(C x) { Row::suspect(x); }) ||
                      (nin == 2 && requires(C x) { Row::suspect(x, x); });

// Whole vectors; true when any element is suspect.
template <class Row, class C, class R>
__attribute__((noinline)) bool run_kernel(const C* const (&in)[1], R* out, size_t n) {
  auto* x = reinterpret_cast<const Unaligned<C>*>(in[0]);
  auto* o = reinterpret_cast<Unaligned<R>*>(out);
  n &= ~(kStep<C> - 1);
  typename LaneMask<C>::type bad = 0;
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) {
    const C a = x[i].v;
    o[i].v = Row::f(a);
    if constexpr (HasSuspects<Row, C, 1>) bad |= Row::suspect(a) ? 1 : 0;
  }
  return bad != 0;
}

template <class Row, class C, class R>
__attribute__((noinline)) bool run_kernel(const C* const (&in)[2], R* out, size_t n) {
  auto* x = reinterpret_cast<const Unaligned<C>*>(in[0]);
  auto* y = reinterpret_cast<const Unaligned<C>*>(in[1]);
  auto* o = reinterpret_cast<Unaligned<R>*>(out);
  n &= ~(kStep<C> - 1);
  typename LaneMask<C>::type bad = 0;
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) {
    const C a = x[i].v, b = y[i].v;
    o[i].v = Row::f(a, b);
    if constexpr (HasSuspects<Row, C, 2>) bad |= Row::suspect(a, b) ? 1 : 0;
  }
  return bad != 0;
}

template <class Row, class C, class R>
__attribute__((noinline)) bool run_kernel(const C* const (&in)[3], R* out, size_t n) {
  n &= ~(kStep<C> - 1);
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = Row::f(in[0][i], in[1][i], in[2][i]);
  return false;
}

// Marks the suspect ones of n <= kBlock elements, raising nothing: comparisons with NaN would.
template <class Row, class C, int nin>
void mark_suspects(uint8_t* marks, const C* const (&in)[nin], size_t n) {
  FlagGuard guard;
  for (size_t i = 0; i < n; ++i) {
    const C a = reinterpret_cast<const Unaligned<C>*>(in[0])[i].v;
    if constexpr (nin == 1)
      marks[i] = Row::suspect(a);
    else
      marks[i] = Row::suspect(a, reinterpret_cast<const Unaligned<C>*>(in[1])[i].v);
  }
}

template <class Row, class C, class R, int nin>
__attribute__((noinline)) void second_look(const C* const (&in)[nin], [[maybe_unused]] R* out,
                                           size_t n) {
  auto* x = reinterpret_cast<const Unaligned<C>*>(in[0]);
  if constexpr (requires(C a) { Row::flags(a); }) {
    typename LaneMask<C>::type all = 0;
    {
      FlagGuard guard;
      for (size_t i = 0; i < n; ++i) all |= Row::flags(x[i].v);
    }
    raise(int(all));
  } else if constexpr (HasSuspects<Row, C, nin>) {
    uint8_t marks[kBlock];
    mark_suspects<Row>(marks, in, n);
    auto* o = reinterpret_cast<Unaligned<R>*>(out);
    for (size_t i = 0; i < n; ++i) {
      if (!marks[i]) continue;
      if constexpr (nin == 1)
        o[i].v = Row::special(x[i].v);
      else
        o[i].v = Row::special(x[i].v, reinterpret_cast<const Unaligned<C>*>(in[1])[i].v);
    }
  }
}

// One loop call over nin operands stored as S, computed as C, results computed as CR and stored as
// R.
template <class Row, int nin, class S, class C, class CR, class R>
class Blocked {
 public:
  Blocked(char** args, size_t n, const intptr_t* steps) : args_(args), steps_(steps), n_(n) {
    const char* out = args[nin];
    constexpr bool kReadsAgain = HasSuspects<Row, C, nin>;
    for (int k = 0; k < nin; ++k) {
      const size_t in_bytes = extent(args[k], steps[k], sizeof(S)),
                   out_bytes = extent(out, steps[nin], sizeof(R));
      const char* low_in = steps[k] < 0 ? args[k] + intptr_t(n - 1) * steps[k] : args[k];
      const char* low_out = steps[nin] < 0 ? out + intptr_t(n - 1) * steps[nin] : out;
      const size_t distance = uintptr_t(low_out) - uintptr_t(low_in);
      const bool overlap = distance + out_bytes - 1 < in_bytes + out_bytes - 1;
      const bool same =
          args[k] == out && steps[k] == steps[nin] && steps[k] != 0 && sizeof(S) == sizeof(R);
      if (overlap && !same) chunk_ = 1;
      direct_in_[k] = std::is_same_v<S, C> && steps[k] == sizeof(S) && !(overlap && kReadsAgain);
    }
    direct_out_ = std::is_same_v<CR, R> && steps[nin] == sizeof(R);
    if (chunk_ != 1)
      for (int k = 0; k < nin; ++k) {
        repeated_[k] = steps[k] == 0;
        if (repeated_[k])
          fill(in_[k], C(widen(load<S>(args[k]))), n < kBlock ? round_up(n) : kBlock);
      }
  }

  void run() {
    for (size_t i = 0; i < n_;) {
      const size_t left = n_ - i;
      size_t m = left >= kStep<C> ? left & ~(kStep<C> - 1) : left;
      if (m > chunk_) m = chunk_;
      block(i, m);
      i += m;
    }
  }

 private:
  static size_t round_up(size_t m) { return (m + kStep<C> - 1) & ~(kStep<C> - 1); }
  static void fill(C* to, C value, size_t n) {
    for (size_t i = 0; i < n; ++i) to[i] = value;
  }
  size_t extent(const char*, intptr_t step, size_t size) const {
    return size + (n_ - 1) * size_t(step < 0 ? -step : step);
  }

  void block(size_t i, size_t m) {
    const size_t padded = round_up(m);
    const C* in[nin] = {};
    char* const target = args_[nin] + intptr_t(i) * steps_[nin];
    CR* const out = direct_out_ && m == padded ? reinterpret_cast<CR*>(target) : out_;
    bool bad;
    {
      [[maybe_unused]] GuardOf<Row::kQuiet> guard;
      for (int k = 0; k < nin; ++k) {
        const char* source = args_[k] + intptr_t(i) * steps_[k];
        in[k] = in_[k];
        if (repeated_[k]) continue;
        if (direct_in_[k] && m == padded) {
          in[k] = reinterpret_cast<const C*>(source);
          continue;
        }
        gather<S>(in_[k], source, steps_[k], m);
        for (size_t j = m; j < padded; ++j) in_[k][j] = in_[k][m - 1];
      }
      bad = run_kernel<Row, C, CR>(in, out, padded);
    }
    if (bad) second_look<Row, C, CR, nin>(in, out, m);
    if (out == out_) scatter<R>(target, steps_[nin], out_, m);
  }

  char** args_;
  const intptr_t* steps_;
  size_t n_, chunk_ = kBlock;
  bool direct_in_[nin], direct_out_, repeated_[nin] = {};
  alignas(64) C in_[nin][kBlock];
  alignas(64) CR out_[kBlock];
};

template <class S>
float pairwise_widened(const char* p, size_t n, intptr_t step) {
  if (n > 128) {
    const size_t half = n / 2 - n / 2 % 8;
    const float left = pairwise_widened<S>(p, half, step);
    return left + pairwise_widened<S>(p + intptr_t(half) * step, n - half, step);
  }
  float widened[128];
  gather<S>(widened, p, step, n);
  return pairwise_sum<float>(reinterpret_cast<const char*>(widened), n, sizeof(float));
}

// A reduction of 16-bit floats accumulates in float and rounds once.
template <class Row, class S>
void fold_widened(char* const* args, size_t n, const intptr_t* steps) {
  float acc = widen(load<S>(args[0]));
  if constexpr (Row::kFold == Fold::Pairwise) {
    acc = Row::f(acc, pairwise_widened<S>(args[1], n, steps[1]));
  } else {
    float block[kBlock];
    for (size_t i = 0; i < n; i += kBlock) {
      const size_t m = n - i < kBlock ? n - i : kBlock;
      gather<S>(block, args[1] + intptr_t(i) * steps[1], steps[1], m);
      for (size_t j = 0; j < m; ++j) acc = Row::f(acc, block[j]);
    }
  }
  store<S>(args[2], Narrow<S>::of(acc));
}

// One element, without blocks: what programs call that loop over numbers.
template <class Row, bool kGuard, int nin, class T, class R>
void one_element(char** args) {
  T in[nin];
  const T* pointers[nin];
  for (int k = 0; k < nin; ++k) {
    in[k] = load<T>(args[k]);
    pointers[k] = in + k;
  }
  R out;
  bool bad = false;
  {
    [[maybe_unused]] GuardOf<Row::kQuiet && kGuard> guard;
    asm volatile("" : "+m"(in));  // nothing is computed before the guard
    if constexpr (nin == 1) {
      out = Row::f(in[0]);
      if constexpr (HasSuspects<Row, T, 1>) bad = Row::suspect(in[0]);
    } else {
      out = Row::f(in[0], in[1]);
      if constexpr (HasSuspects<Row, T, 2>) bad = Row::suspect(in[0], in[1]);
    }
    asm volatile("" : "+m"(out), "+m"(bad));  // or after it
  }
  if (bad) second_look<Row, T, R, nin>(pointers, &out, 1);
  store<R>(args[nin], out);
}

template <class Row, int nin, class S, class C, class CR, class R>
void blocked_loop(char** args, const intptr_t* count, const intptr_t* steps, void* data) {
  const size_t n = size_t(*count);
  if (n == 0) return;
  if constexpr (nin == 2 && sizeof(S) == 2 && std::is_same_v<S, R> && requires { Row::kFold; })
    if (steps[0] == 0 && steps[2] == 0 && args[0] == args[2])
      return fold_widened<Row, S>(args, n, steps);
  if constexpr (requires { Row::template shortcut<S>(args, count, steps); })
    if (Row::template shortcut<S>(args, count, steps)) return;
  if constexpr (nin <= 2 && std::is_same_v<S, C> && std::is_same_v<CR, R> && kIsFloat<C>)
    if (n == 1)
      return data ? one_element<Row, false, nin, C, R>(args)
                  : one_element<Row, true, nin, C, R>(args);
  Blocked<Row, nin, S, C, CR, R>(args, n, steps).run();
}

}  // namespace mp::cpu::MP_ISA
