// Sums of floats in NumPy's order: up to 128 elements go into eight interleaved partial sums, more
// are split in halves (at a multiple of eight). Four leaves of the tree run side by side to hide
// the latency of additions; the rounding is exactly that of the tree. Map is applied to each
// element first.
#pragma once
#include "cpu/element.h"

namespace mp::cpu::MP_ISA {

template <class T>
struct Plain {
  template <class V>
  MP_INLINE V operator()(V x) const {
    return x;
  }
};
template <class T>
struct SquaredDeviation {
  T mean;
  template <class V>
  MP_INLINE V operator()(V x) const {
    const V d = x - mean;
    return d * d;
  }
};

// Eight partial sums. Vectors wider than the registers are split by hand: the compiler does it
// through memory.
template <class T>
struct Eight;
template <>
struct Eight<float> {
  Vec<float, 8> v;
  MP_INLINE Eight& operator+=(Eight o) {
    v += o.v;
    return *this;
  }
};
template <>
struct Eight<double> {
  Vec<double, 4> lo, hi;
  MP_INLINE Eight& operator+=(Eight o) {
    lo += o.lo;
    hi += o.hi;
    return *this;
  }
};
template <class T, class Map>
MP_INLINE Eight<T> load_eight(const char* p, Map f) {
  if constexpr (sizeof(T) == 4)
    return {f(load<Vec<float, 8>>(p))};
  else
    return {f(load<Vec<double, 4>>(p)), f(load<Vec<double, 4>>(p + 32))};
}

inline constexpr int64_t kLeaf = 128;
MP_INLINE int64_t first_half(int64_t n) { return n / 2 / 8 * 8; }

MP_INLINE float add_lanes(Eight<float> e) {
  typedef int32_t I __attribute__((vector_size(32)));
  Vec<float, 8> r = e.v;
  r += MP_SHUFFLE(I, r, r, 1, 0, 3, 2, 5, 4, 7, 6);
  r += MP_SHUFFLE(I, r, r, 2, 3, 0, 1, 6, 7, 4, 5);
  return r[0] + r[4];
}
MP_INLINE double add_lanes(Eight<double> e) {
  return ((e.lo[0] + e.lo[1]) + (e.lo[2] + e.lo[3])) + ((e.hi[0] + e.hi[1]) + (e.hi[2] + e.hi[3]));
}

// Elements `done` to n of a leaf, whose first ones are in r.
template <class T, class Map>
MP_INLINE T finish_leaf(const char* p, int64_t done, int64_t n, Eight<T> r, Map f) {
  constexpr int64_t S = sizeof(T);
  for (; done + 8 <= n; done += 8) r += load_eight<T>(p + done * S, f);
  T sum = add_lanes(r);
  for (; done < n; ++done) sum += f(load<T>(p + done * S));
  return sum;
}

template <class T, class Map>
MP_INLINE T sum_leaf(const char* p, int64_t n, Map f) {
  constexpr int64_t S = sizeof(T);
  if (n < 8) {
    T sum = f(load<T>(p));
    for (int64_t i = 1; i < n; ++i) sum += f(load<T>(p + i * S));
    return sum;
  }
  return finish_leaf<T>(p, 8, n, load_eight<T>(p, f), f);
}

template <class T, class Map>
MP_INLINE T sum_four_leaves(const char* const (&p)[4], const int64_t (&n)[4], Map f) {
  constexpr int64_t S = sizeof(T);
  const int64_t common = smaller(smaller(n[0], n[1]), smaller(n[2], n[3])) / 8 * 8;
  Eight<T> a = load_eight<T>(p[0], f), b = load_eight<T>(p[1], f), c = load_eight<T>(p[2], f),
           d = load_eight<T>(p[3], f);
  for (int64_t i = 8; i < common; i += 8) {
    a += load_eight<T>(p[0] + i * S, f);
    b += load_eight<T>(p[1] + i * S, f);
    c += load_eight<T>(p[2] + i * S, f);
    d += load_eight<T>(p[3] + i * S, f);
  }
  return (finish_leaf<T>(p[0], common, n[0], a, f) + finish_leaf<T>(p[1], common, n[1], b, f)) +
         (finish_leaf<T>(p[2], common, n[2], c, f) + finish_leaf<T>(p[3], common, n[3], d, f));
}

template <class T, class Map>
T sum_tree(const char* p, int64_t n, Map f) {
  constexpr int64_t S = sizeof(T);
  if (n <= kLeaf) return sum_leaf<T>(p, n, f);
  const int64_t half = first_half(n);
  if (half > kLeaf && n <= 4 * kLeaf) {
    const int64_t l = first_half(half), r = first_half(n - half), rest = n - half - r;
    if (rest <= kLeaf)
      return sum_four_leaves<T>({p, p + l * S, p + half * S, p + (half + r) * S},
                                {l, half - l, r, rest}, f);
  }
  return sum_tree<T>(p, half, f) + sum_tree<T>(p + half * S, n - half, f);
}

// The same tree over elements `stride` bytes apart, read through Read.
template <class Acc, class Read>
Acc sum_strided(const char* p, int64_t stride, int64_t n, Read get) {
  if (n < 8) {
    Acc sum = get(p);
    for (int64_t i = 1; i < n; ++i) sum = sum + get(p + i * stride);
    return sum;
  }
  if (n <= kLeaf) {
    Acc r[8];
    for (int k = 0; k < 8; ++k) r[k] = get(p + k * stride);
    int64_t i = 8;
    for (; i + 8 <= n; i += 8)
      for (int k = 0; k < 8; ++k) r[k] = r[k] + get(p + (i + k) * stride);
    Acc sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum = sum + get(p + i * stride);
    return sum;
  }
  const int64_t half = first_half(n);
  return sum_strided<Acc>(p, stride, half, get) +
         sum_strided<Acc>(p + half * stride, stride, n - half, get);
}

// Adjacent complex numbers, whose parts are the even and odd ones of eight partial sums.
template <class C>
MP_INLINE C complex_leaf(const char* p, int64_t n) {
  using T = decltype(C::re);
  Eight<T> r = load_eight<T>(p, Plain<T>{});
  int64_t i = 4;
  for (; i + 4 <= n; i += 4) r += load_eight<T>(p + i * int64_t{sizeof(C)}, Plain<T>{});
  T part[8];
  __builtin_memcpy(part, &r, sizeof part);
  C sum = {(part[0] + part[2]) + (part[4] + part[6]), (part[1] + part[3]) + (part[5] + part[7])};
  for (; i < n; ++i) sum = sum + load<C>(p + i * int64_t{sizeof(C)});
  return sum;
}

// Complex numbers: NumPy's tree counts real numbers, so that its leaves are half as long.
template <class C>
C sum_complex(const char* p, int64_t stride, int64_t n) {
  auto get = [&](int64_t i) { return load<C>(p + i * stride); };
  if (n < 4) {
    C sum = get(0);
    for (int64_t i = 1; i < n; ++i) sum = sum + get(i);
    return sum;
  }
  if (n <= kLeaf / 2) {
    if (stride == int64_t{sizeof(C)}) return complex_leaf<C>(p, n);
    C r[4];
    for (int k = 0; k < 4; ++k) r[k] = get(k);
    int64_t i = 4;
    for (; i + 4 <= n; i += 4)
      for (int k = 0; k < 4; ++k) r[k] = r[k] + get(i + k);
    C sum = (r[0] + r[1]) + (r[2] + r[3]);
    for (; i < n; ++i) sum = sum + get(i);
    return sum;
  }
  const int64_t half = n / 8 * 4;
  return sum_complex<C>(p, stride, half) + sum_complex<C>(p + half * stride, stride, n - half);
}

}  // namespace mp::cpu::MP_ISA
