#include "cpu/copy_loops.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {
namespace {

// dst[j] = src[j * kStep], at a distance that the compiler can turn into shuffles.
template <class U, int kStep>
MP_INLINE void pack_row(char* d, const char* s, int64_t n) {
  constexpr int64_t S = sizeof(U);
  for (int64_t j = 0; j < n; ++j) store<U>(d + j * S, load<U>(s + j * S * kStep));
}

// The same at any distances.
template <class U>
MP_INLINE void move_row(char* d, int64_t d1, const char* s, int64_t s1, int64_t n) {
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const char* q = s + j * s1;
    const U a = load<U>(q), b = load<U>(q + s1), c = load<U>(q + 2 * s1), e = load<U>(q + 3 * s1);
    char* t = d + j * d1;
    store<U>(t, a), store<U>(t + d1, b), store<U>(t + 2 * d1, c), store<U>(t + 3 * d1, e);
  }
  for (; j < n; ++j) store<U>(d + j * d1, load<U>(s + j * s1));
}

template <class U>
MP_INLINE void copy_row(char* d, int64_t d1, const char* s, int64_t s1, int64_t n) {
  constexpr int64_t S = sizeof(U);
  if (d1 == S && s1 == S) {
    if (n * S >= 128) {
      __builtin_memcpy(d, s, n * S);
    } else {
      for (int64_t j = 0; j < n; ++j) store<U>(d + j * S, load<U>(s + j * S));
    }
  } else if (s1 == 0) {
    const U v = load<U>(s);
    if (d1 == S) {
      for (int64_t j = 0; j < n; ++j) store<U>(d + j * S, v);
    } else {
      for (int64_t j = 0; j < n; ++j) store<U>(d + j * d1, v);
    }
  } else if (d1 == S) {
    if (n >= 16 && s1 == 2 * S) return pack_row<U, 2>(d, s, n);
    if (n >= 16 && s1 == -S) return pack_row<U, -1>(d, s, n);
    move_row<U>(d, S, s, s1, n);
  } else if (s1 == S) {
    move_row<U>(d, d1, s, S, n);
  } else {
    move_row<U>(d, d1, s, s1, n);
  }
}

template <class U>
void copy2d(char* d, int64_t d0, int64_t d1, const char* s, int64_t s0, int64_t s1, int64_t n0,
            int64_t n1) {
  for (int64_t i = 0; i < n0; ++i) copy_row<U>(d + i * d0, d1, s + i * s0, s1, n1);
}

// One tile of T × T elements, T * sizeof(U) = 64 bytes, so that every cache line is visited once.
template <class U>
MP_INLINE void transpose_tile(char* d, int64_t d0, const char* s, int64_t s0) {
  constexpr int T = 64 / sizeof(U);
  U buffer[T * T];
  for (int j = 0; j < T; ++j)
    for (int i = 0; i < T; ++i) buffer[i * T + j] = load<U>(s + j * s0 + i * sizeof(U));
  for (int i = 0; i < T; ++i) __builtin_memcpy(d + i * d0, buffer + i * T, 64);
}

typedef float F8 __attribute__((vector_size(32)));
typedef double D4 __attribute__((vector_size(32)));
typedef int32_t I8 __attribute__((vector_size(32)));
typedef int64_t I4 __attribute__((vector_size(32)));

// 8 × 8 elements of four bytes in registers.
MP_INLINE void transpose_8x8(char* d, int64_t d0, const char* s, int64_t s0) {
  F8 r[8], t[8];
  for (int j = 0; j < 8; ++j) r[j] = load<F8>(s + j * s0);
  for (int j = 0; j < 8; j += 2) {
    t[j] = MP_SHUFFLE(I8, r[j], r[j + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    t[j + 1] = MP_SHUFFLE(I8, r[j], r[j + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int j = 0; j < 8; j += 4)
    for (int k = 0; k < 2; ++k) {
      r[j + 2 * k] = MP_SHUFFLE(I8, t[j + k], t[j + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[j + 2 * k + 1] = MP_SHUFFLE(I8, t[j + k], t[j + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int j = 0; j < 4; ++j) {
    store<F8>(d + j * d0, MP_SHUFFLE(I8, r[j], r[j + 4], 0, 1, 2, 3, 8, 9, 10, 11));
    store<F8>(d + (j + 4) * d0, MP_SHUFFLE(I8, r[j], r[j + 4], 4, 5, 6, 7, 12, 13, 14, 15));
  }
}

// 4 × 4 elements of eight bytes in registers.
MP_INLINE void transpose_4x4(char* d, int64_t d0, const char* s, int64_t s0) {
  D4 r[4], t[4];
  for (int j = 0; j < 4; ++j) r[j] = load<D4>(s + j * s0);
  for (int j = 0; j < 4; j += 2) {
    t[j] = MP_SHUFFLE(I4, r[j], r[j + 1], 0, 4, 2, 6);
    t[j + 1] = MP_SHUFFLE(I4, r[j], r[j + 1], 1, 5, 3, 7);
  }
  for (int j = 0; j < 2; ++j) {
    store<D4>(d + j * d0, MP_SHUFFLE(I4, t[j], t[j + 2], 0, 1, 4, 5));
    store<D4>(d + (j + 2) * d0, MP_SHUFFLE(I4, t[j], t[j + 2], 2, 3, 6, 7));
  }
}

template <>
MP_INLINE void transpose_tile<uint32_t>(char* d, int64_t d0, const char* s, int64_t s0) {
  for (int i = 0; i < 16; i += 8)
    for (int j = 0; j < 16; j += 8) transpose_8x8(d + i * d0 + j * 4, d0, s + j * s0 + i * 4, s0);
}

template <>
MP_INLINE void transpose_tile<uint64_t>(char* d, int64_t d0, const char* s, int64_t s0) {
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 8; j += 4) transpose_4x4(d + i * d0 + j * 8, d0, s + j * s0 + i * 8, s0);
}

template <class U>
void transpose_edge(char* d, int64_t d0, const char* s, int64_t s0, int64_t n0, int64_t n1) {
  for (int64_t i = 0; i < n0; ++i)
    copy_row<U>(d + i * d0, sizeof(U), s + i * int64_t{sizeof(U)}, s0, n1);
}

// Tiles inside blocks of 8 × 8 tiles: few enough pages and lines at a time for the first-level
// caches.
template <class U>
void transpose(char* d, int64_t d0, const char* s, int64_t s0, int64_t n0, int64_t n1) {
  constexpr int64_t S = sizeof(U), T = 64 / S, kBlock = 8 * T;
  const int64_t t0 = n0 / T * T, t1 = n1 / T * T;
  for (int64_t bi = 0; bi < t0; bi += kBlock)
    for (int64_t bj = 0; bj < t1; bj += kBlock)
      for (int64_t i = bi; i < smaller(bi + kBlock, t0); i += T)
        for (int64_t j = bj; j < smaller(bj + kBlock, t1); j += T)
          transpose_tile<U>(d + i * d0 + j * S, d0, s + j * s0 + i * S, s0);
  if (t1 < n1) transpose_edge<U>(d + t1 * S, d0, s + t1 * s0, s0, t0, n1 - t1);
  if (t0 < n0) transpose_edge<U>(d + t0 * d0, d0, s + t0 * S, s0, n0 - t0, n1);
}

template <class U>
void fill(char* d, int64_t stride, int64_t n, const void* value) {
  copy_row<U>(d, stride, static_cast<const char*>(value), 0, n);
}
template <>
void fill<uint8_t>(char* d, int64_t stride, int64_t n, const void* value) {
  const uint8_t v = *static_cast<const uint8_t*>(value);
  if (stride == 1) {
    __builtin_memset(d, v, n);
  } else {
    for (int64_t j = 0; j < n; ++j) store<uint8_t>(d + j * stride, v);
  }
}

}  // namespace

extern const CopyLoops copy_loops;
const CopyLoops copy_loops = {
    {copy2d<uint8_t>, copy2d<uint16_t>, copy2d<uint32_t>, copy2d<uint64_t>, copy2d<Bytes16>},
    {transpose<uint8_t>, transpose<uint16_t>, transpose<uint32_t>, transpose<uint64_t>,
     transpose<Bytes16>},
    {fill<uint8_t>, fill<uint16_t>, fill<uint32_t>, fill<uint64_t>, fill<Bytes16>}};

}  // namespace mp::cpu::MP_ISA
