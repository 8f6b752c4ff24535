#include "cpu/fp_flags.h"
#include "cpu/reduce_loops.h"
#include "cpu/reduce_shape.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class T, bool kMax>
MP_INLINE auto beats(T a, T b) {
  if constexpr (kMax)
    return a > b;
  else
    return a < b;
}

// Types whose combination the compiler does not vectorise by itself.
template <class S, bool kMax>
struct Vectors {};
template <class S, bool kMax>
  requires(Kind<S>::is_float || kSame<S, int64_t> || kSame<S, uint64_t> || kSame<S, int32_t> ||
           kSame<S, uint32_t>)
struct Vectors<S, kMax> {
  using V = Vec<S, 32 / sizeof(S)>;
  static MP_INLINE V later(V a, V b) { return beats<V, kMax>(a, b) ? a : b; }
  static MP_INLINE V combine_vectors(V a, const V (&x)[4]) {
    if constexpr (Kind<S>::is_float) {
      if (any_lane(unordered(x[0], x[1]) | unordered(x[2], x[3]))) {
        for (int k = 0; k < 4; ++k) a = (beats<V, kMax>(a, x[k]) | (a != a)) ? a : x[k];
        return a;
      }
    }
    const V m = later(later(x[0], x[1]), later(x[2], x[3]));
    // Of equal elements (zeros) the later one; a NaN in `a` stays.
    if constexpr (kMax)
      return m >= a ? m : a;
    else
      return m <= a ? m : a;
  }
};

template <class S, bool kMax>
struct Extreme : Vectors<S, kMax> {
  using In = S;
  using Out = S;
  using Acc = decltype(value(S{}));
  static MP_INLINE Acc get(In s) { return value(s); }
  static MP_INLINE Acc read(Out o) { return value(o); }
  static MP_INLINE Out write(Acc a) { return element<Out>(a); }
  static MP_INLINE Acc combine(Acc a, Acc b) {
    if constexpr (Kind<Acc>::is_float)
      return (beats<Acc, kMax>(a, b) | (a != a)) ? a : b;
    else
      return beats<Acc, kMax>(a, b) ? a : b;
  }
  static MP_INLINE Acc row(const char* p, int64_t stride, int64_t n) {
    constexpr int64_t kSize = sizeof(S);
    if constexpr (Kind<S>::is_float || (!kSame<S, Half> && !kSame<S, BHalf> && !kSame<S, Bool>))
      if (stride == kSize && n >= 4 * kLanes) return dense(p, n);
    Acc acc = get(load<S>(p));
    for (int64_t i = 1; i < n; ++i) acc = combine(acc, get(load<S>(p + i * stride)));
    return acc;
  }

 private:
  static constexpr int kLanes = 32 / sizeof(Acc);
  using W = Vec<Acc, kLanes>;
  static MP_INLINE W best(W a, W b) { return beats<W, kMax>(a, b) ? a : b; }
  // Four vectors side by side; a NaN is noticed in pairs and looked for at the end.
  static MP_INLINE Acc dense(const char* p, int64_t n) {
    constexpr int64_t kSize = sizeof(S);
    W m[4];
    for (int k = 0; k < 4; ++k) m[k] = load<W>(p + k * kLanes * kSize);
    auto nan = m[0] != m[0];
    for (int k = 1; k < 4; ++k) nan |= m[k] != m[k];
    int64_t i = 4 * kLanes;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes)
      for (int k = 0; k < 4; ++k) {
        const W x = load<W>(p + (i + k * kLanes) * kSize);
        m[k] = best(x, m[k]);
        if constexpr (Kind<S>::is_float) nan |= x != x;
      }
    m[0] = best(best(m[0], m[1]), best(m[2], m[3]));
    bool has_nan = false;
    Acc acc = m[0][0];
    for (int k = 0; k < kLanes; ++k) {
      acc = beats<Acc, kMax>(m[0][k], acc) ? m[0][k] : acc;
      has_nan |= nan[k] != 0;
    }
    if (Kind<S>::is_float && has_nan)
      for (int64_t j = 0; j < i; ++j)
        if (const Acc x = load<S>(p + j * kSize); x != x) return x;
    for (; i < n; ++i) acc = combine(acc, get(load<S>(p + i * kSize)));
    return acc;
  }
};

// reduce_inner or reduce_outer, which compare with NaNs, without the flags of that.
template <ReduceFn kReduce>
void without_flags(char* out, int64_t os, const char* in, int64_t s0, int64_t s1, int64_t n0,
                   int64_t n1, bool first) {
  const FpFlags before = fp_flags();
  kReduce(out, os, in, s0, s1, n0, n1, first);
  restore_fp_flags(before);
}

template <class S, bool kMax>
constexpr ReduceEntry entry(DType t) {
  if constexpr (Kind<S>::is_complex)
    return {nullptr, nullptr, t};
  else if constexpr (Kind<S>::is_float || kSame<S, Half> || kSame<S, BHalf>)
    return {without_flags<reduce_inner<Extreme<S, kMax>>>,
            without_flags<reduce_outer<Extreme<S, kMax>>>, t};
  else
    return {reduce_inner<Extreme<S, kMax>>, reduce_outer<Extreme<S, kMax>>, t};
}

template <bool kMax>
constexpr void fill_row(ReduceEntry* row) {
  int at = 0;
#define MP_ENTRY(S) row[at] = entry<S, kMax>(static_cast<DType>(at)), ++at
  MP_ALL_TYPES(MP_ENTRY);
#undef MP_ENTRY
}
constexpr ExtremeLoops make() {
  ExtremeLoops loops{};
  fill_row<false>(loops.table[0]);
  fill_row<true>(loops.table[1]);
  return loops;
}

}  // namespace

extern const ExtremeLoops extreme_loops;
constinit const ExtremeLoops extreme_loops = make();

}  // namespace mp::cpu::MP_ISA
