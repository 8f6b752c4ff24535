// Generic bodies of the reduction loops. An operation Op says: In and Out (memory types), Acc,
// get(In) -> Acc, read(Out) -> Acc, combine(Acc, Acc), write(Acc) -> Out, and row(p, stride, n) ->
// Acc for n >= 1 elements; where In is Acc it may offer V and combine_vectors(V, V[4]), for what
// the compiler does not vectorise.
#pragma once
#include "cpu/element.h"

namespace mp::cpu::MP_ISA {

template <class Op>
void reduce_inner(char* out, int64_t os, const char* in, int64_t s0, int64_t s1, int64_t n0,
                  int64_t n1, bool first) {
  for (int64_t i = 0; i < n0; ++i, out += os, in += s0) {
    auto acc = Op::row(in, s1, n1);
    if (!(first && (i == 0 || os != 0)))
      acc = Op::combine(Op::read(load<typename Op::Out>(out)), acc);
    store<typename Op::Out>(out, Op::write(acc));
  }
}

// Columns whose accumulators take a quarter of the first-level cache: long enough runs of a row for
// the hardware to read ahead.
template <class Op>
inline constexpr int64_t kTile =
    8192 / sizeof(typename Op::Acc) < 2048 ? 8192 / sizeof(typename Op::Acc) : 2048;

// One tile of columns: the accumulators stay in the first-level cache while four rows at a time
// pass.
template <class Op, bool kDense>
MP_INLINE void outer_tile(char* out, int64_t os, const char* in, int64_t s0, int64_t s1, int64_t n0,
                          int64_t m, bool first) {
  using In = typename Op::In;
  constexpr int64_t S = sizeof(In);
  typename Op::Acc acc[kTile<Op>];
  int64_t i = 0;
  if (first) {
    for (int64_t j = 0; j < m; ++j) acc[j] = Op::get(load<In>(in + j * (kDense ? S : s1)));
    i = 1;
  } else {
    for (int64_t j = 0; j < m; ++j) acc[j] = Op::read(load<typename Op::Out>(out + j * os));
  }
  for (; i + 4 <= n0; i += 4) {
    const char* p = in + i * s0;
    int64_t j = 0;
    if constexpr (kDense && requires { typename Op::V; }) {
      using V = typename Op::V;
      constexpr int64_t kLanes = sizeof(V) / S;
      for (; j + kLanes <= m; j += kLanes) {
        V x[4];
        for (int k = 0; k < 4; ++k) x[k] = load<V>(p + j * S + k * s0);
        const V a = load<V>(reinterpret_cast<const char*>(acc + j));
        store<V>(reinterpret_cast<char*>(acc + j), Op::combine_vectors(a, x));
      }
    }
    for (; j < m; ++j) {
      const char* q = p + j * (kDense ? S : s1);
      auto a = Op::combine(acc[j], Op::get(load<In>(q)));
      a = Op::combine(a, Op::get(load<In>(q + s0)));
      a = Op::combine(a, Op::get(load<In>(q + 2 * s0)));
      acc[j] = Op::combine(a, Op::get(load<In>(q + 3 * s0)));
    }
  }
  for (; i < n0; ++i)
    for (int64_t j = 0; j < m; ++j)
      acc[j] = Op::combine(acc[j], Op::get(load<In>(in + i * s0 + j * (kDense ? S : s1))));
  for (int64_t j = 0; j < m; ++j) store<typename Op::Out>(out + j * os, Op::write(acc[j]));
}

// M columns at a time with their accumulators in registers, for few columns and many rows.
template <class Op, int M>
void outer_narrow(char* out, int64_t os, const char* in, int64_t s0, int64_t s1, int64_t n0,
                  bool first) {
  typename Op::Acc acc[M];
  for (int j = 0; j < M; ++j)
    acc[j] = first ? Op::get(load<typename Op::In>(in + j * s1))
                   : Op::read(load<typename Op::Out>(out + j * os));
  for (int64_t i = first; i < n0; ++i)
    for (int j = 0; j < M; ++j)
      acc[j] = Op::combine(acc[j], Op::get(load<typename Op::In>(in + i * s0 + j * s1)));
  for (int j = 0; j < M; ++j) store<typename Op::Out>(out + j * os, Op::write(acc[j]));
}

template <class Op>
void reduce_outer(char* out, int64_t os, const char* in, int64_t s0, int64_t s1, int64_t n0,
                  int64_t n1, bool first) {
  constexpr int64_t S = sizeof(typename Op::In);
  if (n1 < 16 && n0 > 1) {
    int64_t j = 0;
    for (; j + 4 <= n1; j += 4)
      outer_narrow<Op, 4>(out + j * os, os, in + j * s1, s0, s1, n0, first);
    if (n1 & 2) outer_narrow<Op, 2>(out + j * os, os, in + j * s1, s0, s1, n0, first), j += 2;
    if (n1 & 1) outer_narrow<Op, 1>(out + j * os, os, in + j * s1, s0, s1, n0, first);
    return;
  }
  for (int64_t j = 0; j < n1; j += kTile<Op>) {
    const int64_t m = smaller(kTile<Op>, n1 - j);
    if (s1 == S)
      outer_tile<Op, true>(out + j * os, os, in + j * s1, s0, s1, n0, m, first);
    else
      outer_tile<Op, false>(out + j * os, os, in + j * s1, s0, s1, n0, m, first);
  }
}

}  // namespace mp::cpu::MP_ISA
