#include "cpu/nn/pooling.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {
namespace {

#if defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

template <class T>
struct Numbers;  // the integers of T's size, which comparisons of T select; MXNet's empty maximum
template <>
struct Numbers<float> {
  using type = int32_t;
  static constexpr float lowest = -__FLT_MAX__;
};
template <>
struct Numbers<double> {
  using type = int64_t;
  static constexpr double lowest = -__DBL_MAX__;
};
template <class T>
using IntOf = typename Numbers<T>::type;

template <class T, int N>
struct LanesOf {
  using type = Vec<T, N>;
};
template <class T>
struct LanesOf<T, 1> {
  using type = T;
};
template <class T, int N>
using Lanes = typename LanesOf<T, N>::type;

template <class V, class T>
MP_INLINE V loaded(const T* p) {
  return load<V>(reinterpret_cast<const char*>(p));
}

// The even (0) or odd (1) ones of 2N elements.
template <int kOdd, class T, int N>
MP_INLINE Vec<T, N> every_second(const T* p) {
  using V = Vec<T, N>;
  using I = Vec<IntOf<T>, N>;
  const V a = loaded<V>(p), b = loaded<V>(p + N);
  if constexpr (N == 8)
    return MP_SHUFFLE(I, a, b, kOdd, 2 + kOdd, 4 + kOdd, 6 + kOdd, 8 + kOdd, 10 + kOdd, 12 + kOdd,
                      14 + kOdd);
  else if constexpr (N == 4)
    return MP_SHUFFLE(I, a, b, kOdd, 2 + kOdd, 4 + kOdd, 6 + kOdd);
  else
    return MP_SHUFFLE(I, a, b, kOdd, 2 + kOdd);
}

// --- What is done with a window ---

template <class T, int N>
struct Largest {
  using V = Lanes<T, N>;
  V best = V{} - T(__builtin_inf());
  MP_INLINE explicit Largest(IntOf<T>) {}
  MP_INLINE void empty() { best = V{} + Numbers<T>::lowest; }
  MP_INLINE void take(V v, IntOf<T>) { best = ((v > best) | (v != v)) ? v : best; }
};

template <class T, int N>
struct LargestAndPlace {
  using V = Lanes<T, N>;
  using I = Lanes<IntOf<T>, N>;
  V best = V{} - T(__builtin_inf());
  I place;  // at first the window's first element, which stays if all are -inf
  MP_INLINE explicit LargestAndPlace(IntOf<T> first) : place(I{} + first) {}
  MP_INLINE void empty() { best = V{} + Numbers<T>::lowest; }
  MP_INLINE void take(V v, IntOf<T> number) {
    const auto better = (v > best) | (v != v);
    best = better ? v : best;
    place = better ? I{} + number : place;
  }
};

template <class T, int N>
struct Total {
  using V = Lanes<T, N>;
  V sum{};
  MP_INLINE explicit Total(IntOf<T>) {}
  MP_INLINE void empty() {}
  MP_INLINE void take(V v, IntOf<T>) { sum += v; }
};

template <class T>
struct Output {
  T* y;
  void* places;
  bool wide;

  template <int N>
  MP_INLINE void put(const Largest<T, N>& r, int64_t at, T) const {
    store(reinterpret_cast<char*>(y + at), r.best);
  }
  template <int N>
  MP_INLINE void put(const Total<T, N>& r, int64_t at, T count) const {
    store(reinterpret_cast<char*>(y + at), r.sum / count);
  }
  template <int N>
  MP_INLINE void put(const LargestAndPlace<T, N>& r, int64_t at, T) const {
    store(reinterpret_cast<char*>(y + at), r.best);
    if (wide)
      put_places<N, int32_t>(r.place, at);
    else
      put_places<N, uint8_t>(r.place, at);
  }

 private:
  template <int N, class P>
  MP_INLINE void put_places(Lanes<IntOf<T>, N> place, int64_t at) const {
    P* to = static_cast<P*>(places) + at;
    if constexpr (N == 1)
      *to = static_cast<P>(place);
    else
      store(reinterpret_cast<char*>(to), __builtin_convertvector(place, Vec<P, N>));
  }
};

// --- One output row ---

// A window, cut at the border, of the element whose first one is at `first`.
template <class T>
struct Window {
  const T* first;
  int64_t n[3];            // its extent
  int64_t step[3];         // elements from one to the next along each axis
  IntOf<T> number, up[2];  // the first one's number, and what the outer axes add to it
};

// N lanes, that is, neighbouring outputs (kStride elements apart) or channels.
template <template <class, int> class Op, class T, int N, int kStride>
MP_INLINE Op<T, N> window_of(const Window<T>& w) {
  Op<T, N> result(w.number);
  if (w.n[0] * w.n[1] * w.n[2] == 0) result.empty();
  for (int64_t i = 0; i < w.n[0]; ++i)
    for (int64_t j = 0; j < w.n[1]; ++j) {
      const T* p = w.first + i * w.step[0] + j * w.step[1];
      const IntOf<T> number =
          w.number + static_cast<IntOf<T>>(i) * w.up[0] + static_cast<IntOf<T>>(j) * w.up[1];
      if constexpr (kStride == 2) {
        // Never reads beyond the last lane's window, which has at least two elements.
        result.take(every_second<0, T, N>(p), number);
        for (int64_t k = 1; k < w.n[2]; ++k)
          result.take(every_second<1, T, N>(p + k - 1), number + static_cast<IntOf<T>>(k));
      } else {
        for (int64_t k = 0; k < w.n[2]; ++k)
          result.take(loaded<Lanes<T, N>>(p + k * w.step[2]), number + static_cast<IntOf<T>>(k));
      }
    }
  return result;
}

// `count` lanes from `at` on, in blocks of N; the last block may repeat lanes of the one before.
template <template <class, int> class Op, class T, int N, int kStride>
MP_INLINE void lanes(Window<T> w, const Output<T>& out, int64_t at, int64_t count, T divisor) {
  if constexpr (N == 1) {
    for (int64_t i = 0; i < count; ++i, w.first += kStride)
      out.put(window_of<Op, T, 1, 1>(w), at + i, divisor);
  } else {
    if (count < N) return lanes<Op, T, N / 2, kStride>(w, out, at, count, divisor);
    const T* first = w.first;
    for (int64_t i = 0; i < count; i += N) {
      if (i + N > count) i = count - N;
      w.first = first + i * kStride;
      out.template put<N>(window_of<Op, T, N, kStride>(w), at + i, divisor);
    }
  }
}

struct Row {
  int64_t outer, o0, o1;
  Row(const Pool& p, int64_t r)
      : outer(r / (p.axis[0].out * p.axis[1].out)),
        o0(r / p.axis[1].out % p.axis[0].out),
        o1(r % p.axis[1].out) {}
};

template <template <class, int> class Op, class T>
void row(const Pool& p, const T* x, const Output<T>& out, int64_t r) {
  constexpr int N = kBytes / sizeof(T);
  const Row at(p, r);
  const PoolAxis &a0 = p.axis[0], &a1 = p.axis[1], &a2 = p.axis[2];
  Window<T> w;
  w.n[0] = a0.end[at.o0] - a0.begin[at.o0], w.n[1] = a1.end[at.o1] - a1.begin[at.o1];
  w.step[2] = p.inner, w.step[1] = a2.in * p.inner, w.step[0] = a1.in * w.step[1];
  w.up[1] = static_cast<IntOf<T>>(a2.kernel);
  w.up[0] = static_cast<IntOf<T>>(a1.kernel * a2.kernel);
  const T* line = x + ((at.outer * a0.in + a0.begin[at.o0]) * a1.in + a1.begin[at.o1]) * w.step[1];
  const IntOf<T> number = static_cast<IntOf<T>>(a0.begin[at.o0] - a0.origin[at.o0]) * w.up[0] +
                          static_cast<IntOf<T>>(a1.begin[at.o1] - a1.origin[at.o1]) * w.up[1];
  const T count01 = static_cast<T>(a0.count[at.o0]) * static_cast<T>(a1.count[at.o1]);
  const int64_t to = r * a2.out * p.inner;
  for (int64_t o = 0; o < a2.out; ++o) {
    w.first = line + a2.begin[o] * p.inner;
    w.n[2] = a2.end[o] - a2.begin[o];
    w.number = number + static_cast<IntOf<T>>(a2.begin[o] - a2.origin[o]);
    const T divisor = count01 * static_cast<T>(a2.count[o]);
    if (p.inner > 1) {
      lanes<Op, T, N, 1>(w, out, to + o * p.inner, p.inner, divisor);
    } else if (o == a2.whole_begin && a2.whole_end > o && a2.stride <= 2 &&
               a2.kernel >= a2.stride) {
      const int64_t whole = a2.whole_end - o;
      if (a2.stride == 1)
        lanes<Op, T, N, 1>(w, out, to + o, whole, divisor);
      else
        lanes<Op, T, N, 2>(w, out, to + o, whole, divisor);
      o += whole - 1;
    } else {
      out.put(window_of<Op, T, 1, 1>(w), to + o, divisor);
    }
  }
}

template <class T>
void max(const Pool& p, const void* x, void* y, void* places, int64_t begin, int64_t end) {
  const Output<T> out{static_cast<T*>(y), places, p.wide_places()};
  for (int64_t r = begin; r < end; ++r)
    if (places)
      row<LargestAndPlace, T>(p, static_cast<const T*>(x), out, r);
    else
      row<Largest, T>(p, static_cast<const T*>(x), out, r);
}

template <class T>
void sum(const Pool& p, const void* x, void* y, int64_t begin, int64_t end) {
  const Output<T> out{static_cast<T*>(y), nullptr, false};
  for (int64_t r = begin; r < end; ++r) row<Total, T>(p, static_cast<const T*>(x), out, r);
}

// --- By places ---

// The way from a window's origin to the element of a place, in points of the data.
struct Ways {
  int64_t near[256];  // of the first places
  uint32_t known, k1, k2;
  int64_t in1, in2;
  explicit Ways(const Pool& p)
      : known(static_cast<uint32_t>(smaller<int64_t>(p.window(), 256))),
        k1(static_cast<uint32_t>(p.axis[1].kernel)),
        k2(static_cast<uint32_t>(p.axis[2].kernel)),
        in1(p.axis[1].in),
        in2(p.axis[2].in) {
    for (uint32_t i = 0; i < known; ++i) near[i] = compute(i);
  }
  int64_t compute(uint32_t place) const {
    return (int64_t{place / k2 / k1} * in1 + place / k2 % k1) * in2 + place % k2;
  }
  MP_INLINE int64_t operator()(uint8_t place) const { return near[place]; }
  MP_INLINE int64_t operator()(int32_t place) const {
    const uint32_t i = static_cast<uint32_t>(place);
    return i < known ? near[i] : compute(i);
  }
};

// Calls f(output's element, data's element) for each output of a row whose window is not empty,
// channels [c0, c1).
template <class P, class F>
MP_INLINE void by_place(const Pool& p, const Ways& ways, const P* places, int64_t r, int64_t c0,
                        int64_t c1, F f) {
  const Row at(p, r);
  const PoolAxis &a0 = p.axis[0], &a1 = p.axis[1], &a2 = p.axis[2];
  if (a0.begin[at.o0] == a0.end[at.o0] || a1.begin[at.o1] == a1.end[at.o1]) return;
  const int64_t base = (at.outer * a0.in + a0.origin[at.o0]) * a1.in + a1.origin[at.o1];
  // What the loops read is held in locals: f's stores might otherwise change it.
  const int64_t *begins = a2.begin, *ends = a2.end, *origins = a2.origin;
  const int64_t inner = p.inner, line = base * a2.in, count = a2.out;
  places += r * count * inner;
  if (inner == 1) {
    for (int64_t o = 0, out = r * count; o < count; ++o)
      if (begins[o] != ends[o]) f(out + o, line + origins[o] + ways(places[o]));
    return;
  }
  for (int64_t o = 0; o < count; ++o) {
    if (begins[o] == ends[o]) continue;
    const int64_t origin = line + origins[o], from = (r * count + o) * inner;
    for (int64_t c = c0; c < c1; ++c)
      f(from + c, (origin + ways(places[o * inner + c])) * inner + c);
  }
}

template <class T>
void pick(const Pool& p, const void* x, const void* places, void* y, int64_t begin, int64_t end) {
  const T* from = static_cast<const T*>(x);
  T* to = static_cast<T*>(y);
  auto move = [from, to](int64_t out, int64_t in) { to[out] = from[in]; };
  const Ways ways(p);
  for (int64_t i = begin * p.axis[2].out * p.inner; i < end * p.axis[2].out * p.inner; ++i)
    to[i] = 0;
  for (int64_t r = begin; r < end; ++r)
    if (p.wide_places())
      by_place(p, ways, static_cast<const int32_t*>(places), r, 0, p.inner, move);
    else
      by_place(p, ways, static_cast<const uint8_t*>(places), r, 0, p.inner, move);
}

// Some channels of one of the `outer` pieces of data, which an adjoint fills alone.
struct Slab {
  int64_t outer, c0, c1;
  Slab(const Pool& p, int64_t i) {
    const int64_t blocks = (p.inner + kPoolChannels - 1) / kPoolChannels;
    outer = i / blocks, c0 = i % blocks * kPoolChannels;
    c1 = smaller(c0 + kPoolChannels, p.inner);
  }
};

template <class T>
MP_INLINE void clear(const Pool& p, const Slab& s, T* dx) {
  const int64_t points = p.in_points();
  T* to = dx + s.outer * points * p.inner + s.c0;
  if (s.c1 - s.c0 == p.inner) {
    __builtin_memset(to, 0, static_cast<size_t>(points * p.inner) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < points; ++i)
    __builtin_memset(to + i * p.inner, 0, static_cast<size_t>(s.c1 - s.c0) * sizeof(T));
}

// N places as integers of the elements' size. (The compiler would widen them one by one.)
template <class I, int N>
MP_INLINE I widened(const uint8_t* places) {
#if defined(__AVX2__)
  if constexpr (N == 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(places));
    return reinterpret_cast<I>(_mm256_cvtepu8_epi32(bytes));
  } else if constexpr (N == 4 && sizeof(I) == 32) {
    int32_t four;
    __builtin_memcpy(&four, places, sizeof four);
    return reinterpret_cast<I>(_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four)));
  }
#endif
  return __builtin_convertvector(loaded<Vec<uint8_t, N>>(places), I);
}

// Windows that lie side by side, two wide: each element of dx is written once.
bool tiles(const Pool& p) {
  if (p.inner != 1 || p.axis[2].kernel != 2 || p.wide_places()) return false;
  for (const PoolAxis& a : p.axis)
    if (a.stride != a.kernel || a.whole_begin != 0 || a.whole_end != a.out ||
        (a.out > 0 && a.origin[0] != 0))
      return false;
  return true;
}

// Two elements of dx for each output, N outputs.
template <class T, int N>
MP_INLINE void tile_lanes(const T* dy, const uint8_t* places, IntOf<T> number, T* dx) {
  using I = Vec<IntOf<T>, N>;
  using V = Vec<T, N>;
  const V g = loaded<V>(dy), zero{};
  const I place = widened<I, N>(places);
  const V left = (place == I{} + number) ? g : zero;
  const V right = (place == I{} + (number + 1)) ? g : zero;
  V lo, hi;
  if constexpr (N == 8) {
    lo = MP_SHUFFLE(I, left, right, 0, 8, 1, 9, 2, 10, 3, 11);
    hi = MP_SHUFFLE(I, left, right, 4, 12, 5, 13, 6, 14, 7, 15);
  } else if constexpr (N == 4) {
    lo = MP_SHUFFLE(I, left, right, 0, 4, 1, 5);
    hi = MP_SHUFFLE(I, left, right, 2, 6, 3, 7);
  } else {
    lo = MP_SHUFFLE(I, left, right, 0, 2);
    hi = MP_SHUFFLE(I, left, right, 1, 3);
  }
  store(reinterpret_cast<char*>(dx), lo);
  store(reinterpret_cast<char*>(dx + N), hi);
}

template <class T, int N>
MP_INLINE void tile_row(const T* dy, const uint8_t* places, IntOf<T> number, T* dx, int64_t count) {
  if constexpr (N == 1) {
    for (int64_t o = 0; o < count; ++o)
      for (int k = 0; k < 2; ++k) dx[2 * o + k] = places[o] == number + k ? dy[o] : T(0);
  } else {
    if (count < N) return tile_row<T, N / 2>(dy, places, number, dx, count);
    for (int64_t o = 0; o < count; o += N) {
      if (o + N > count) o = count - N;
      tile_lanes<T, N>(dy + o, places + o, number, dx + 2 * o);
    }
  }
}

template <class T>
void spread_tiles(const Pool& p, const T* dy, const uint8_t* places, T* dx, int64_t outer) {
  const PoolAxis &a0 = p.axis[0], &a1 = p.axis[1], &a2 = p.axis[2];
  for (int64_t i0 = 0; i0 < a0.in; ++i0)
    for (int64_t i1 = 0; i1 < a1.in; ++i1) {
      T* line = dx + ((outer * a0.in + i0) * a1.in + i1) * a2.in;
      const int64_t o0 = i0 / a0.kernel, o1 = i1 / a1.kernel;
      int64_t filled = 0;
      if (o0 < a0.out && o1 < a1.out) {
        const int64_t from = ((outer * a0.out + o0) * a1.out + o1) * a2.out;
        const int64_t number = (i0 % a0.kernel * a1.kernel + i1 % a1.kernel) * 2;
        tile_row<T, kBytes / sizeof(T)>(dy + from, places + from, static_cast<IntOf<T>>(number),
                                        line, a2.out);
        filled = 2 * a2.out;
      }
      for (; filled < a2.in; ++filled) line[filled] = 0;
    }
}

// Windows one element apart, none of them empty: what an element of dx gets is gathered.
bool neighbours(const Pool& p) {
  if (p.inner != 1 || p.wide_places()) return false;
  for (const PoolAxis& a : p.axis)
    if (a.stride != 1 || a.out == 0 || -a.origin[0] >= a.kernel || a.origin[a.out - 1] >= a.in)
      return false;
  return true;
}

// A row of outputs that has an element of dx in its windows, as places relative to the element's
// column, and the places' number for the window that begins there.
template <class T>
struct TapRow {
  const T* dy;
  const uint8_t* places;
  IntOf<T> number;
};

// What element x of a line gets from the windows that begin `first` to `last` elements before it,
// in the order of the outputs.
template <class T>
MP_INLINE T gathered(const TapRow<T>* rows, int count, int64_t x, int64_t first, int64_t last) {
  T sum = 0;
  for (int r = 0; r < count; ++r)
    for (int64_t d = last; d >= first; --d) {
      const T g = rows[r].dy[x - d];  // read in any case: branches would be guessed wrong
      sum += rows[r].places[x - d] == rows[r].number + d ? g : T(0);
    }
  return sum;
}

// The same for N elements, all windows of an extent of kKernel (0: `kernel`).
template <class T, int N, int kKernel>
MP_INLINE void gather_lanes(const TapRow<T>* rows, int count, int64_t x, int64_t kernel, T* dx) {
  using I = Vec<IntOf<T>, N>;
  using V = Vec<T, N>;
  const int extent = kKernel ? kKernel : static_cast<int>(kernel);
  V sum{};
  for (int r = 0; r < count; ++r) {
    const TapRow<T> row = rows[r];
    const I number = I{} + row.number;
#pragma GCC unroll 8
    for (int d = extent - 1; d >= 0; --d) {
      const I place = widened<I, N>(row.places + x - d);
      const V g = loaded<V>(row.dy + x - d), zero{};
      sum += place == number + d ? g : zero;
    }
  }
  store(reinterpret_cast<char*>(dx + x), sum);
}

template <class T, int kKernel>
void gather_line(const PoolAxis& a, const TapRow<T>* rows, int count, T* dx) {
  constexpr int N = kBytes / sizeof(T);
  const int64_t n = a.in, last = a.kernel - 1, origin = a.origin[0], out = a.out;
  // Between these every element is in whole windows only.
  const int64_t begin = smaller(last + origin, n), end = smaller(out + origin, n);
  int64_t x = 0;
  for (; x < begin || (x < n && end - begin < N); ++x)
    dx[x] = gathered(rows, count, x, x - origin < out ? 0 : x - origin - out + 1,
                     smaller(last, x - origin));
  for (; x < end; x += N) {
    if (x + N > end) x = end - N;
    gather_lanes<T, N, kKernel>(rows, count, x, a.kernel, dx);
  }
  for (x = smaller(x, end); x < n; ++x)
    dx[x] = gathered(rows, count, x, x - origin < out ? 0 : x - origin - out + 1,
                     smaller(last, x - origin));
}

template <class T>
void spread_neighbours(const Pool& p, const T* dy, const uint8_t* places, T* dx, int64_t outer) {
  const PoolAxis &a0 = p.axis[0], &a1 = p.axis[1], &a2 = p.axis[2];
  dy += outer * p.out_points(), places += outer * p.out_points(), dx += outer * p.in_points();
  TapRow<T> rows[256];
  for (int64_t i0 = 0; i0 < a0.in; ++i0)
    for (int64_t i1 = 0; i1 < a1.in; ++i1, dx += a2.in) {
      int count = 0;
      for (int64_t d0 = a0.kernel - 1; d0 >= 0; --d0)
        for (int64_t d1 = a1.kernel - 1; d1 >= 0; --d1) {
          const int64_t o0 = i0 - d0 - a0.origin[0], o1 = i1 - d1 - a1.origin[0];
          if (o0 < 0 || o0 >= a0.out || o1 < 0 || o1 >= a1.out) continue;
          const int64_t at = (o0 * a1.out + o1) * a2.out - a2.origin[0];
          rows[count++] = {dy + at, places + at,
                           static_cast<IntOf<T>>((d0 * a1.kernel + d1) * a2.kernel)};
        }
      (a2.kernel == 3   ? gather_line<T, 3>
       : a2.kernel == 2 ? gather_line<T, 2>
                        : gather_line<T, 0>)(a2, rows, count, dx);
    }
}

template <class T, class P>
void spread_by_place(const Pool& p, const Ways& ways, const T* dy, const P* places, T* dx,
                     const Slab& s) {
  const int64_t rows = p.axis[0].out * p.axis[1].out;
  auto add = [dy, dx](int64_t out, int64_t in) { dx[in] += dy[out]; };
  clear(p, s, dx);
  for (int64_t r = s.outer * rows; r < (s.outer + 1) * rows; ++r)
    by_place(p, ways, places, r, s.c0, s.c1, add);
}

template <class T>
void spread_max(const Pool& p, const void* dy, const void* places, void* dx, int64_t begin,
                int64_t end) {
  const T* from = static_cast<const T*>(dy);
  const uint8_t* narrow = static_cast<const uint8_t*>(places);
  T* to = static_cast<T*>(dx);
  const auto fill = tiles(p) ? spread_tiles<T> : neighbours(p) ? spread_neighbours<T> : nullptr;
  const Ways ways(p);
  for (int64_t i = begin; i < end; ++i) {
    const Slab s(p, i);
    if (fill)
      fill(p, from, narrow, to, s.outer);
    else if (p.wide_places())
      spread_by_place(p, ways, from, static_cast<const int32_t*>(places), to, s);
    else
      spread_by_place(p, ways, from, narrow, to, s);
  }
}

// --- The adjoint of sums ---

constexpr int64_t kChunk = 256;

// Whether each element of the data is in one window.
bool covers_once(const Pool& p) {
  for (const PoolAxis& a : p.axis)
    if (a.stride != a.kernel || a.in != a.out * a.kernel || (a.out > 0 && a.origin[0] != 0))
      return false;
  return true;
}

// Adds g[i] to the elements of the window of output o + i, for i < n; line begins at element
// `first`.
template <class T>
MP_INLINE void spread_line(const PoolAxis& a, int64_t o, int64_t n, const T* g, T* line,
                           int64_t first) {
  const int64_t *begins = a.begin, *ends = a.end;
  if (a.stride == 0) {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t k = begins[o + i]; k < ends[o + i]; ++k) line[k - first] += g[i];
    return;
  }
  const int64_t origin = a.origin[o], stride = a.stride;
  for (int64_t k = 0; k < a.kernel; ++k) {
    int64_t i = 0, last = n;
    while (i < last && origin + i * stride + k < 0) ++i;
    while (i < last && origin + (last - 1) * stride + k >= a.in) --last;
    const int64_t to = origin + k - first;
    if (stride == 1)
      for (; i < last; ++i) line[to + i] += g[i];
    else
      for (; i < last; ++i) line[to + i * stride] += g[i];
  }
}

// The row's windows are spread along the last axis once, and that line is added to each line of the
// data that they cover.
template <class T, class Lines>
MP_INLINE void spread_lines(const PoolAxis& a, const T* dy, T count01, bool once, Lines each_line) {
  constexpr int64_t kSpan = 1024;
  T g[kChunk], line[kSpan];
  for (int64_t o = 0; o < a.out;) {
    const int64_t first = a.begin[o];
    int64_t n = 0;
    while (o + n < a.out && n < kChunk && a.end[o + n] - first <= kSpan) ++n;
    if (n == 0) {  // a single window is longer than the buffer
      const T v = dy[o] / (count01 * static_cast<T>(a.count[o]));
      const int64_t end = a.end[o];
      each_line([=](T* to) {
        for (int64_t k = first; k < end; ++k) to[k] = once ? v : to[k] + v;
      });
      ++o;
      continue;
    }
    for (int64_t i = 0; i < n; ++i) g[i] = dy[o + i] / (count01 * static_cast<T>(a.count[o + i]));
    const int64_t span = a.end[o + n - 1] - first;
    for (int64_t k = 0; k < span; ++k) line[k] = 0;
    spread_line(a, o, n, g, line, first);
    each_line([&line, first, span, once](T* to) {
      if (once)
        __builtin_memcpy(to + first, line, static_cast<size_t>(span) * sizeof(T));
      else
        for (int64_t k = 0; k < span; ++k) to[first + k] += line[k];
    });
    o += n;
  }
}

template <class T>
void spread_sum_row(const Pool& p, const T* dy, T* dx, int64_t r, const Slab& s, bool once) {
  const Row at(p, r);
  const PoolAxis &a0 = p.axis[0], &a1 = p.axis[1], &a2 = p.axis[2];
  const T count01 = static_cast<T>(a0.count[at.o0]) * static_cast<T>(a1.count[at.o1]);
  auto each_line = [&](auto f) {
    for (int64_t i0 = a0.begin[at.o0]; i0 < a0.end[at.o0]; ++i0)
      for (int64_t i1 = a1.begin[at.o1]; i1 < a1.end[at.o1]; ++i1)
        f(dx + ((at.outer * a0.in + i0) * a1.in + i1) * a2.in * p.inner);
  };
  if (p.inner == 1) return spread_lines(a2, dy + r * a2.out, count01, once, each_line);
  T g[kChunk];
  const int64_t n = s.c1 - s.c0;
  for (int64_t o = 0; o < a2.out; ++o) {
    const T count = count01 * static_cast<T>(a2.count[o]);
    for (int64_t c = 0; c < n; ++c) g[c] = dy[(r * a2.out + o) * p.inner + s.c0 + c] / count;
    each_line([&](T* line) {
      for (int64_t k = a2.begin[o]; k < a2.end[o]; ++k) {
        T* to = line + k * p.inner + s.c0;
        for (int64_t c = 0; c < n; ++c) to[c] = once ? g[c] : to[c] + g[c];
      }
    });
  }
}

template <class T>
void spread_sum(const Pool& p, const void* dy, void* dx, int64_t begin, int64_t end) {
  const int64_t rows = p.axis[0].out * p.axis[1].out;
  const bool once = covers_once(p);
  for (int64_t i = begin; i < end; ++i) {
    const Slab s(p, i);
    if (!once) clear(p, s, static_cast<T*>(dx));
    for (int64_t r = s.outer * rows; r < (s.outer + 1) * rows; ++r)
      spread_sum_row(p, static_cast<const T*>(dy), static_cast<T*>(dx), r, s, once);
  }
}

static_assert(kPoolChannels <= kChunk);

template <class T>
constexpr PoolLoops set = {max<T>, sum<T>, pick<T>, spread_max<T>, spread_sum<T>};

}  // namespace

extern const PoolLoopSets pool_loops;
const PoolLoopSets pool_loops = {set<float>, set<double>};

}  // namespace mp::cpu::MP_ISA
