#include "cpu/pairwise.h"
#include "cpu/reduce_loops.h"
#include "cpu/reduce_shape.h"
#include "cpu/widened.h"

namespace mp::cpu::MP_ISA {
namespace {

// NumPy's sums start at +0, so that none is -0.
template <class S>
struct Sum : Accumulate<S> {
  using typename Accumulate<S>::Acc;
  using typename Accumulate<S>::Out;
  static MP_INLINE Out write(Acc a) { return element<Out>(a + Acc{}); }
  static MP_INLINE Acc combine(Acc a, Acc b) {
    if constexpr (kSame<Acc, int64_t>)
      return static_cast<Acc>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else
      return a + b;
  }
  static MP_INLINE Acc row(const char* p, int64_t stride, int64_t n) {
    constexpr int64_t kSize = sizeof(S);
    if constexpr (Kind<S>::is_float) {
      if (stride == kSize) return sum_tree<S>(p, n, Plain<S>{});
      return sum_strided<S>(p, stride, n, [](const char* q) { return load<S>(q); });
    } else if constexpr (Kind<S>::is_complex) {
      return sum_complex<S>(p, stride, n);
    } else if constexpr (kSame<Acc, float>) {
      return sum_strided<float>(p, stride, n, [](const char* q) { return value(load<S>(q)); });
    } else {
      uint64_t sum = 0;
      if (stride == kSize) {
        for (int64_t i = 0; i < n; ++i)
          sum += static_cast<uint64_t>(Sum::get(load<S>(p + i * kSize)));
      } else {
        for (int64_t i = 0; i < n; ++i)
          sum += static_cast<uint64_t>(Sum::get(load<S>(p + i * stride)));
      }
      return static_cast<Acc>(sum);
    }
  }
};

template <class S>
struct Prod : Accumulate<S> {
  using typename Accumulate<S>::Acc;
  static MP_INLINE Acc combine(Acc a, Acc b) {
    if constexpr (kSame<Acc, int64_t>)
      return static_cast<Acc>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    else
      return a * b;
  }
  static MP_INLINE Acc row(const char* p, int64_t stride, int64_t n) {
    if constexpr (kSame<Acc, int64_t> || kSame<Acc, uint64_t>) {
      uint64_t r[4] = {1, 1, 1, 1};
      int64_t i = 0;
      for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; ++k)
          r[k] *= static_cast<uint64_t>(Prod::get(load<S>(p + (i + k) * stride)));
      for (; i < n; ++i) r[0] *= static_cast<uint64_t>(Prod::get(load<S>(p + i * stride)));
      return static_cast<Acc>((r[0] * r[1]) * (r[2] * r[3]));
    } else {
      Acc acc = Prod::get(load<S>(p));
      for (int64_t i = 1; i < n; ++i) acc = acc * Prod::get(load<S>(p + i * stride));
      return acc;
    }
  }
};

// Rows of N < 8 adjacent floats, one after the other: the constant distance lets the compiler
// vectorise.
template <class T, int N>
void short_rows(char* out, const char* in, int64_t n0) {
  for (int64_t i = 0; i < n0; ++i) {
    T sum = load<T>(in + i * int64_t{N * sizeof(T)});
    for (int j = 1; j < N; ++j) sum += load<T>(in + (i * N + j) * int64_t{sizeof(T)});
    store<T>(out + i * int64_t{sizeof(T)}, sum + T{});
  }
}

template <class T>
void sum_inner(char* out, int64_t os, const char* in, int64_t s0, int64_t s1, int64_t n0,
               int64_t n1, bool first) {
  constexpr int64_t S = sizeof(T);
  if (first && os == S && s1 == S && s0 == n1 * S && n1 >= 2 && n1 < 8) {
    constexpr void (*kRows[])(char*, const char*, int64_t) = {short_rows<T, 2>, short_rows<T, 3>,
                                                              short_rows<T, 4>, short_rows<T, 5>,
                                                              short_rows<T, 6>, short_rows<T, 7>};
    return kRows[n1 - 2](out, in, n0);
  }
  reduce_inner<Sum<T>>(out, os, in, s0, s1, n0, n1, first);
}

template <class T>
void deviation_inner(char* out, int64_t os, const char* mean, int64_t ms, const char* in,
                     int64_t s0, int64_t s1, int64_t n0, int64_t n1, bool first) {
  for (int64_t i = 0; i < n0; ++i, out += os, in += s0, mean += ms) {
    const SquaredDeviation<T> f{load<T>(mean)};
    T sum = s1 == int64_t{sizeof(T)}
                ? sum_tree<T>(in, n1, f)
                : sum_strided<T>(in, s1, n1, [f](const char* q) { return f(load<T>(q)); });
    if (!(first && (i == 0 || os != 0))) sum = load<T>(out) + sum;
    store<T>(out, sum);
  }
}

template <class T>
void deviation_outer(char* out, int64_t os, const char* mean, int64_t ms, const char* in,
                     int64_t s0, int64_t s1, int64_t n0, int64_t n1, bool first) {
  T acc[256], center[256];
  for (int64_t j0 = 0; j0 < n1; j0 += 256) {
    const int64_t m = smaller<int64_t>(256, n1 - j0);
    for (int64_t j = 0; j < m; ++j) {
      center[j] = load<T>(mean + (j0 + j) * ms);
      acc[j] = first ? T{0} : load<T>(out + (j0 + j) * os);
    }
    for (int64_t i = 0; i < n0; ++i) {
      const char* p = in + i * s0 + j0 * s1;
      if (s1 == int64_t{sizeof(T)}) {
        for (int64_t j = 0; j < m; ++j) {
          const T d = load<T>(p + j * int64_t{sizeof(T)}) - center[j];
          acc[j] += d * d;
        }
      } else {
        for (int64_t j = 0; j < m; ++j) {
          const T d = load<T>(p + j * s1) - center[j];
          acc[j] += d * d;
        }
      }
    }
    for (int64_t j = 0; j < m; ++j) store<T>(out + (j0 + j) * os, acc[j]);
  }
}

template <class S>
inline constexpr ReduceFn kSumInner = reduce_inner<Sum<S>>;
template <>
inline constexpr ReduceFn kSumInner<float> = sum_inner<float>;
template <>
inline constexpr ReduceFn kSumInner<double> = sum_inner<double>;

#define MP_SUM(S) \
  ReduceEntry { kSumInner<S>, reduce_outer<Sum<S>>, Widened<S>::dtype }
#define MP_PROD(S) \
  ReduceEntry { reduce_inner<Prod<S>>, reduce_outer<Prod<S>>, Widened<S>::dtype }

}  // namespace

extern const SumLoops sum_loops;
const SumLoops sum_loops = {{{MP_ALL_TYPES(MP_SUM)}, {MP_ALL_TYPES(MP_PROD)}},
                            {{deviation_inner<float>, deviation_outer<float>},
                             {deviation_inner<double>, deviation_outer<double>}}};

}  // namespace mp::cpu::MP_ISA
