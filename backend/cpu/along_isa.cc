#include "cpu/along_loops.h"
#include "cpu/fp_flags.h"
#include "cpu/widened.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class V>
MP_INLINE bool is_nan(V v) {
  if constexpr (Kind<V>::is_float)
    return v != v;
  else
    return false;
}

template <class S, bool kMax>
struct Arg {
  using V = decltype(value(S{}));
  static constexpr int64_t kSize = sizeof(S), kLanes = 32 / sizeof(S), kStep = 4 * kLanes;
  static MP_INLINE bool beats(V a, V b) { return kMax ? a > b : a < b; }

  static int64_t find(const char* p, int64_t stride, int64_t n) {
    if constexpr (!Kind<V>::is_float) return search(p, stride, n);
    const FpFlags before = fp_flags();
    const int64_t at = search(p, stride, n);
    restore_fp_flags(before);
    return at;
  }

 private:
  static MP_INLINE int64_t search(const char* p, int64_t stride, int64_t n) {
    if constexpr (kSame<S, Bool>) {
      if (stride == 1) {
        const int64_t hit = kMax ? first_true(p, n) : first_false(p, n);
        return hit < n ? hit : 0;
      }
    } else if constexpr (kSame<S, V>) {
      if (stride == kSize && n >= kStep) return dense(p, n);
    }
    V best = value(load<S>(p));
    if (is_nan(best)) return 0;
    int64_t at = 0;
    const int64_t nan = scan(p, stride, 1, n, at, best);
    return nan >= 0 ? nan : at;
  }
  static MP_INLINE int64_t first_false(const char* p, int64_t n) {
    const void* hit = __builtin_memchr(p, 0, n);
    return hit ? static_cast<const char*>(hit) - p : n;
  }
  // Any byte but zero is true.
  static MP_INLINE int64_t first_true(const char* p, int64_t n) {
    int64_t i = 0;
    while (i + 32 <= n && !any_lane(load<Vec<uint8_t, 32>>(p + i))) i += 32;
    while (i < n && p[i] == 0) ++i;
    return i;
  }
  // Element by element; returns the position of a NaN, else -1 with at and best brought forward.
  static MP_INLINE int64_t scan(const char* p, int64_t stride, int64_t i, int64_t end, int64_t& at,
                                V& best) {
    for (; i < end; ++i) {
      const V x = value(load<S>(p + i * stride));
      if (is_nan(x)) return i;
      if (beats(x, best)) best = x, at = i;
    }
    return -1;
  }
  using W = Vec<V, kLanes>;
  static MP_INLINE auto beats_lanes(W a, W b) {
    if constexpr (kMax)
      return a > b;
    else
      return a < b;
  }
  // Block by block: only the block of the extreme is searched for its position, at the end.
  static MP_INLINE int64_t dense(const char* p, int64_t n) {
    constexpr int64_t kBlock = 8 * kStep;
    const int64_t whole = n / kStep * kStep;
    V best = load<V>(p);
    W all = best - W{};
    int64_t block = 0;
    for (int64_t i = 0; i < whole; i += kBlock) {
      const int64_t m = smaller(kBlock, whole - i);
      W top;
      auto nan = block_best(p + i * kSize, m, top);
      if (any_lane(nan | beats_lanes(top, all))) {
        if (Kind<V>::is_float && any_lane(nan)) return first_nan(p, i);
        best = best_lane(top);
        all = best - W{};
        block = i;
      }
    }
    int64_t at = -1;
    const int64_t nan = scan(p, kSize, whole, n, at, best);
    if (nan >= 0) return nan;
    return at >= 0 ? at : block + position(p + block * kSize, best);
  }
  // The extremes of the lanes of m elements, a multiple of kStep; returns where a lane saw a NaN.
  static MP_INLINE auto block_best(const char* p, int64_t m, W& top) {
    W w[4];
    for (int k = 0; k < 4; ++k) w[k] = load<W>(p + k * kLanes * kSize);
    auto nan = w[0] != w[0];
    if constexpr (Kind<V>::is_float)
      for (int k = 1; k < 4; ++k) nan |= w[k] != w[k];
    for (int64_t i = kStep; i < m; i += kStep)
      for (int k = 0; k < 4; ++k) {
        const W x = load<W>(p + (i + k * kLanes) * kSize);
        w[k] = beats_lanes(x, w[k]) ? x : w[k];
        if constexpr (Kind<V>::is_float) nan |= x != x;
      }
    for (int k = 1; k < 4; ++k) w[0] = beats_lanes(w[k], w[0]) ? w[k] : w[0];
    top = w[0];
    return nan;
  }
  static MP_INLINE V best_lane(W w) {
    using H = Vec<V, kLanes / 2>;
    const char* p = reinterpret_cast<const char*>(&w);
    const H a = load<H>(p), b = load<H>(p + 16), h = (kMax ? a > b : a < b) ? a : b;
    V best = h[0];
    for (int k = 1; k < kLanes / 2; ++k) best = beats(h[k], best) ? h[k] : best;
    return best;
  }
  static MP_INLINE int64_t first_nan(const char* p, int64_t i) {
    while (!is_nan(load<V>(p + i * kSize))) ++i;
    return i;
  }
  // Where the first element equal to x is; there is one.
  static MP_INLINE int64_t position(const char* p, V x) {
    const W all = x - W{};
    int64_t i = 0;
    auto equal = load<W>(p) == all;
    while (!any_lane(equal)) equal = load<W>(p + (i += kLanes) * kSize) == all;
    return i + first_lane(equal);
  }
};

// The same down columns: tiles whose extremes and positions so far stay in the first-level cache.
template <class S, bool kMax>
struct ArgColumns {
  using V = decltype(value(S{}));
  using At = UInt<sizeof(V) == 8 ? 8 : 4>;
  static constexpr int64_t kSize = sizeof(S), kTile = 512;

  static void find(char* out, int64_t os, const char* p, int64_t s0, int64_t s1, int64_t n0,
                   int64_t n1) {
    const FpFlags before = fp_flags();
    for (int64_t j = 0; j < n1; j += kTile) {
      const int64_t m = smaller(kTile, n1 - j);
      V best[kTile];
      At at[kTile];
      advance(best, at, p + j * s1, s0, s1, 0, n0, m);
      write(out + j * os, os, at, m);
    }
    if (Kind<V>::is_float) restore_fp_flags(before);
  }
  // The state: the extremes so far, then their rows.
  static void part(char* state, const char* p, int64_t s0, int64_t s1, int64_t row, int64_t n0,
                   int64_t n1) {
    const FpFlags before = fp_flags();
    advance(reinterpret_cast<V*>(state), reinterpret_cast<At*>(state + 8 * n1), p, s0, s1, row, n0,
            n1);
    if (Kind<V>::is_float) restore_fp_flags(before);
  }
  static void end(char* out, int64_t os, const char* state, int64_t n1) {
    write(out, os, reinterpret_cast<const At*>(state + 8 * n1), n1);
  }

 private:
  template <class X>
  static MP_INLINE auto takes(X x, X best) {
    if constexpr (Kind<V>::is_float && kMax)
      return (x > best) | ((x != x) & (best == best));
    else if constexpr (Kind<V>::is_float)
      return (x < best) | ((x != x) & (best == best));
    else if constexpr (kMax)
      return x > best;
    else
      return x < best;
  }
  static MP_INLINE void write(char* out, int64_t os, const At* at, int64_t m) {
    for (int64_t j = 0; j < m; ++j) store<int64_t>(out + j * os, static_cast<int64_t>(at[j]));
  }
  // Rows `row` to row + n0, the first of which is at p.
  static MP_INLINE void advance(V* best, At* at, const char* p, int64_t s0, int64_t s1, int64_t row,
                                int64_t n0, int64_t m) {
    if (row == 0)
      for (int64_t j = 0; j < m; ++j) best[j] = value(load<S>(p + j * s1)), at[j] = 0;
    for (int64_t i = row == 0; i < n0;) {
      int64_t j = 0;
      const int64_t rows = n0 - i >= 4 ? 4 : 1;
      const char* q = p + i * s0;
      if constexpr (kSame<S, V> && sizeof(V) == sizeof(At))
        if (s1 == kSize)
          j = rows == 4 ? lanes<4>(best, at, q, s0, row + i, m)
                        : lanes<1>(best, at, q, s0, row + i, m);
      for (; j < m; ++j)
        for (int64_t r = 0; r < rows; ++r) {
          const V x = value(load<S>(q + r * s0 + j * s1));
          const bool take = takes(x, best[j]);
          best[j] = take ? x : best[j];
          at[j] = take ? static_cast<At>(row + i + r) : at[j];
        }
      i += rows;
    }
  }
  // kRows rows from number i on, of the columns that fill vectors; returns their number.
  template <int kRows>
  static MP_INLINE int64_t lanes(V* best, At* at, const char* p, int64_t s0, int64_t i, int64_t m) {
    constexpr int kLanes = 32 / sizeof(V);
    using W = Vec<V, kLanes>;
    using A = Vec<At, kLanes>;
    int64_t j = 0;
    for (; j + kLanes <= m; j += kLanes) {
      W b = load<W>(reinterpret_cast<const char*>(best + j));
      A a = load<A>(reinterpret_cast<const char*>(at + j));
      for (int r = 0; r < kRows; ++r) {
        const W x = load<W>(p + r * s0 + j * kSize);
        const auto take = takes(x, b);
        b = take ? x : b;
        a = take ? A{} + static_cast<At>(i + r) : a;
      }
      store<W>(reinterpret_cast<char*>(best + j), b);
      store<A>(reinterpret_cast<char*>(at + j), a);
    }
    return j;
  }
};

template <class S, bool kProduct>
struct Scan {
  using Out = typename Widened<S>::Out;
  using Acc = typename Widened<S>::Acc;
  static MP_INLINE Acc get(const char* p) { return static_cast<Acc>(value(load<S>(p))); }
  static MP_INLINE Acc combine(Acc a, Acc b) {
    if constexpr (kSame<Acc, int64_t>)
      return static_cast<Acc>(kProduct ? static_cast<uint64_t>(a) * static_cast<uint64_t>(b)
                                       : static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else if constexpr (kProduct)
      return a * b;
    else
      return a + b;
  }
  static void run(char* out, int64_t o0, int64_t o1, const char* in, int64_t s0, int64_t s1,
                  int64_t n0, int64_t n1) {
    constexpr int64_t kIn = sizeof(S), kOut = sizeof(Out);
    if (n1 > 1 && s1 == kIn && o1 == kOut) {
      for (int64_t j = 0; j < n1; ++j) store<Out>(out + j * kOut, element<Out>(get(in + j * kIn)));
      for (int64_t i = 1; i < n0; ++i) {
        char* row = out + i * o0;
        for (int64_t j = 0; j < n1; ++j)
          store<Out>(row + j * kOut, element<Out>(combine(value(load<Out>(row - o0 + j * kOut)),
                                                          get(in + i * s0 + j * kIn))));
      }
      return;
    }
    for (int64_t j = 0; j < n1; ++j) column(out + j * o1, o0, in + j * s1, s0, n0);
  }

 private:
  static MP_INLINE void column(char* out, int64_t o0, const char* in, int64_t s0, int64_t n) {
    Acc acc = get(in);
    store<Out>(out, element<Out>(acc));
    for (int64_t i = 1; i < n; ++i) {
      // Each step rounds to the result's type, as NumPy's does.
      const Out rounded = element<Out>(combine(acc, get(in + i * s0)));
      store<Out>(out + i * o0, rounded);
      acc = value(rounded);
    }
  }
};

template <class U>
MP_INLINE U pick(uint8_t c, U a, U b) {
  if constexpr (kSame<U, Bytes16>) {
    return c ? a : b;
  } else {
    const U mask = static_cast<U>(-static_cast<U>(c != 0));
    return static_cast<U>((a & mask) | (b & ~mask));
  }
}

// A and B say whether the operand advances (dense) or stays (a scalar).
template <class U, bool A, bool B>
MP_INLINE void select_dense(char* out, const char* c, const char* a, const char* b, int64_t n) {
  constexpr int64_t S = sizeof(U);
  const U a0 = load<U>(a), b0 = load<U>(b);
  for (int64_t i = 0; i < n; ++i)
    store<U>(out + i * S, pick<U>(load<uint8_t>(c + i), A ? load<U>(a + i * S) : a0,
                                  B ? load<U>(b + i * S) : b0));
}

template <class U>
void select(char* out, int64_t so, const char* c, int64_t sc, const char* a, int64_t sa,
            const char* b, int64_t sb, int64_t n) {
  constexpr int64_t S = sizeof(U);
  if (so == S && sc == 1) {
    if (sa == S && sb == S) return select_dense<U, true, true>(out, c, a, b, n);
    if (sa == S && sb == 0) return select_dense<U, true, false>(out, c, a, b, n);
    if (sa == 0 && sb == S) return select_dense<U, false, true>(out, c, a, b, n);
    if (sa == 0 && sb == 0) return select_dense<U, false, false>(out, c, a, b, n);
  }
  for (int64_t i = 0; i < n; ++i)
    store<U>(out + i * so, load<uint8_t>(c + i * sc) ? load<U>(a + i * sa) : load<U>(b + i * sb));
}

// Whether x sorts before y: NaN last.
template <class V>
MP_INLINE bool before(V x, V y) {
  if constexpr (Kind<V>::is_float)
    return __builtin_isless(x, y) | ((y != y) & (x == x));
  else
    return x < y;
}

// Whether a number that is no NaN belongs behind a key. One comparison, without a branch: NaNs are
// the last keys, and nothing compares with them.
template <bool kRight, class V>
MP_INLINE bool goes_behind(V x, V key) {
  if constexpr (!Kind<V>::is_complex)
    return kRight ? key <= x : key < x;
  else
    return kRight ? !before(x, key) : before(key, x);
}

// Where a float that is a NaN belongs: before the first NaN, or behind them all.
template <class S, bool kRight>
int64_t place_of_nan(const char* sorted, int64_t n) {
  if (kRight) return n;
  int64_t base = 0;
  for (int64_t length = n; length > 0;) {
    const int64_t half = (length + 1) / 2;
    if (is_nan(value(load<S>(sorted + (base + half - 1) * int64_t{sizeof(S)})))) {
      length = half - 1;
    } else {
      base += half;
      length -= half;
    }
  }
  return base;
}

// Eight searches side by side, branch-free, so that their cache misses overlap.
template <class S, bool kRight>
void search_side(const char* sorted, int64_t n, const char* values, int64_t m, int64_t* out) {
  constexpr int64_t kSize = sizeof(S), kGroup = 8;
  using V = decltype(value(S{}));
  auto step = [&](V x, int64_t i) {
    return static_cast<int64_t>(goes_behind<kRight>(x, value(load<S>(sorted + i * kSize))));
  };
  for (int64_t g = 0; g < m; g += kGroup) {
    const int64_t k = smaller(kGroup, m - g);
    V x[kGroup];
    int64_t base[kGroup];
    for (int64_t j = 0; j < kGroup; ++j) {
      x[j] = value(load<S>(values + (g + smaller(j, k - 1)) * kSize));
      base[j] = 0;
    }
    int64_t length = n;
    for (; length > 1; length -= length / 2)
      for (int64_t j = 0; j < kGroup; ++j)
        base[j] += -step(x[j], base[j] + length / 2 - 1) & (length / 2);
    for (int64_t j = 0; j < k; ++j) out[g + j] = base[j] + (n > 0 && step(x[j], base[j]));
    if constexpr (Kind<V>::is_float)
      for (int64_t j = 0; j < k; ++j)
        if (is_nan(x[j])) out[g + j] = place_of_nan<S, kRight>(sorted, n);
  }
}
template <class S>
void search(const char* sorted, int64_t n, const char* values, int64_t m, bool right,
            int64_t* out) {
  const FpFlags flags = fp_flags();  // comparing NaNs raises one
  if (right)
    search_side<S, true>(sorted, n, values, m, out);
  else
    search_side<S, false>(sorted, n, values, m, out);
  restore_fp_flags(flags);
}

template <class S>
void add_at(char* dst, int64_t stride, int64_t inner, const int64_t* idx, int64_t n,
            const char* src, int64_t step) {
  constexpr int64_t kSize = sizeof(S);
  for (int64_t r = 0; r < n; ++r) {
    char* d = dst + idx[r] * stride;
    const char* s = src + r * step;
    for (int64_t j = 0; j < inner; ++j) {
      const S x = load<S>(d + j * kSize), y = load<S>(s + j * kSize);
      if constexpr (kSame<S, Bool>)
        store<S>(d + j * kSize, {static_cast<uint8_t>(x.v | y.v)});
      else if constexpr (Kind<S>::is_complex)
        store<S>(d + j * kSize, x + y);
      else if constexpr (Kind<S>::is_float || kSame<S, Half> || kSame<S, BHalf>)
        store<S>(d + j * kSize, element<S>(value(x) + value(y)));
      else
        store<S>(d + j * kSize,
                 static_cast<S>(static_cast<uint64_t>(x) + static_cast<uint64_t>(y)));
    }
  }
}

template <class S, bool kMax>
constexpr AlongLoops::ArgEntry arg_entry() {
  if constexpr (Kind<S>::is_complex)
    return {nullptr, nullptr};
  else
    return {Arg<S, kMax>::find, ArgColumns<S, kMax>::find, ArgColumns<S, kMax>::part,
            ArgColumns<S, kMax>::end};
}
template <class S>
constexpr AlongLoops::Search search_entry() {
  if constexpr (Kind<S>::is_complex)
    return nullptr;
  else
    return search<S>;
}

#define MP_ARG_MIN(S) arg_entry<S, false>()
#define MP_ARG_MAX(S) arg_entry<S, true>()
#define MP_SCAN_SUM(S) \
  AlongLoops::ScanEntry { Scan<S, false>::run, Widened<S>::dtype }
#define MP_SCAN_PROD(S) \
  AlongLoops::ScanEntry { Scan<S, true>::run, Widened<S>::dtype }
#define MP_SEARCH(S) search_entry<S>()
#define MP_ADD(S) add_at<S>

}  // namespace

extern const AlongLoops along_loops;
const AlongLoops along_loops = {
    {{MP_ALL_TYPES(MP_ARG_MIN)}, {MP_ALL_TYPES(MP_ARG_MAX)}},
    {{MP_ALL_TYPES(MP_SCAN_SUM)}, {MP_ALL_TYPES(MP_SCAN_PROD)}},
    {select<uint8_t>, select<uint16_t>, select<uint32_t>, select<uint64_t>, select<Bytes16>},
    {MP_ALL_TYPES(MP_SEARCH)},
    {MP_ALL_TYPES(MP_ADD)}};

}  // namespace mp::cpu::MP_ISA
