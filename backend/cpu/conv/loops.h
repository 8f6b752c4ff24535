// The tile, dot and pack loops for vectors of kLanes elements. Included by the *_isa.cc files only;
// products and sums are fused where the instruction set can (the build contracts these files).
#pragma once
#include "cpu/conv/kernels.h"
#include "cpu/vector_access.h"

namespace mp::cpu::MP_ISA {

using conv::DotJob;
using conv::TileJob;

template <class T, int kLanes, int kRows, int kVectors>
void tile(const TileJob<T>& job) {
  using V = Vec<T, kLanes>;
  V sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) sum[i][j] = V{};
  const T* b[kVectors];
#pragma GCC unroll 8
  for (int j = 0; j < kVectors; ++j) b[j] = job.b + job.vector[j];
  const T* a = job.a;
  const int32_t* offset = job.offset;
  for (const int32_t* end = offset + job.depth; offset != end; ++offset, a += kRows) {
    const int64_t at = *offset;
    V x[kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) x[j] = load_wide<V>(b[j] + at);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const V w = splat<V>(a[i]);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) sum[i][j] += w * x[j];
    }
  }
  const bool first = job.first, relu = job.relu;
#pragma GCC unroll 8
  for (int j = 0; j < kVectors; ++j) {
    if (j == job.stored) return;
    T* c = job.c + job.c_vector[j];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i, c += job.c_row) {
      V value = sum[i][j];
      if (!first)
        value += load_wide<V>(c);
      else if (job.bias)
        value += splat<V>(job.bias[i]);
      if (relu) value = value < 0 ? V{} : value;
      __builtin_memcpy(c, &value, sizeof value);
    }
  }
}

template <class V>
MP_INLINE auto lane_sum(V v) {
  auto sum = v[0];
  constexpr int kLanes = sizeof(V) / sizeof(v[0]);
  if constexpr (kLanes == 2) {
    return v[0] + v[1];
  } else {
    using T = std::remove_cvref_t<decltype(sum)>;
    using H = Vec<T, kLanes / 2>;
    H low, high;
    __builtin_memcpy(&low, &v, sizeof low);
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
    return lane_sum<H>(low + high);
  }
}

template <class T, int kLanes, int kRows, int kColumns>
void dot(const DotJob<T>& job) {
  using V = Vec<T, kLanes>;
  V sum[kRows][kColumns];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < kColumns; ++j) sum[i][j] = V{};
  const T* b[kColumns];
#pragma GCC unroll 16
  for (int j = 0; j < kColumns; ++j) b[j] = job.b + job.offset[j];
  const T* a = job.a;
  const int64_t a_row = job.a_row;
  for (int64_t v = 0; v < job.vectors; ++v, a += kLanes) {
    const int64_t at = job.vector[v];
    V x[kColumns];
#pragma GCC unroll 16
    for (int j = 0; j < kColumns; ++j) x[j] = load_wide<V>(b[j] + at);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const V y = load_wide<V>(a + i * a_row);
#pragma GCC unroll 16
      for (int j = 0; j < kColumns; ++j) sum[i][j] += y * x[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < kColumns; ++j) job.c[i * job.c_row + j] += lane_sum(sum[i][j]);
}

// Runs are copied by whole vectors, what a copy writes too much is overwritten by the next.
template <class T, int kLanes>
void pack(const T* source, const int64_t* start, int64_t run, int64_t skip, int64_t count,
          T* panel) {
  using V = Vec<T, kLanes>;
  if (run == 1) {
    for (int64_t i = 0; i < count; ++i) panel[i] = source[start[i]];
    return;
  }
  for (; count > 0; ++start, skip = 0) {
    const T* from = source + *start + skip;
    const int64_t n = smaller(run - skip, count);
    for (int64_t i = 0; i < n; i += kLanes) {
      const V v = load_wide<V>(from + i);
      __builtin_memcpy(panel + i, &v, sizeof v);
    }
    panel += n;
    count -= n;
  }
}

template <class T, int L>
inline constexpr conv::Loops<T> loops_of = {
    L,
    {{},
     {nullptr, nullptr, nullptr, nullptr, tile<T, L, 1, 4>},
     {nullptr, nullptr, nullptr, nullptr, tile<T, L, 2, 4>},
     {nullptr, nullptr, tile<T, L, 3, 2>, nullptr, tile<T, L, 3, 4>},
     {nullptr, nullptr, tile<T, L, 4, 2>, tile<T, L, 4, 3>, nullptr},
     {nullptr, nullptr, tile<T, L, 5, 2>, nullptr, nullptr},
     {nullptr, nullptr, tile<T, L, 6, 2>, nullptr, nullptr}},
    {{},
     {nullptr, dot<T, L, 1, 1>, dot<T, L, 1, 2>, dot<T, L, 1, 3>, dot<T, L, 1, 4>, dot<T, L, 1, 5>,
      dot<T, L, 1, 6>, dot<T, L, 1, 7>, dot<T, L, 1, 8>, dot<T, L, 1, 9>},
     {nullptr, dot<T, L, 2, 1>, dot<T, L, 2, 2>, dot<T, L, 2, 3>, dot<T, L, 2, 4>, dot<T, L, 2, 5>},
     {nullptr, dot<T, L, 3, 1>, dot<T, L, 3, 2>, dot<T, L, 3, 3>, dot<T, L, 3, 4>},
     {nullptr, dot<T, L, 4, 1>, dot<T, L, 4, 2>, dot<T, L, 4, 3>}},
    pack<T, L>};

}  // namespace mp::cpu::MP_ISA
