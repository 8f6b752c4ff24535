#include "cpu/conv/lanes.h"
#include "cpu/conv/winograd.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {
namespace {

using conv::kPatch;

// The three transforms along one axis: of a patch of data, of results, and of two gradients.
template <class V>
MP_INLINE void data_axis(const V* d, int step, V* out) {
  out[0] = d[0] - d[2 * step];
  out[step] = d[step] + d[2 * step];
  out[2 * step] = d[2 * step] - d[step];
  out[3 * step] = d[step] - d[3 * step];
}
template <class V>
MP_INLINE void result_axis(const V* m, int step, V* out, int out_step) {
  const V sum = m[step] + m[2 * step], difference = m[step] - m[2 * step];
  out[0] = m[0] + sum;
  out[out_step] = difference - m[3 * step];
}
template <class V>
MP_INLINE void grad_axis(const V* g, int step, V* out, int out_step) {
  out[0] = g[0];
  out[out_step] = g[0] + g[step];
  out[2 * out_step] = g[0] - g[step];
  out[3 * out_step] = -g[step];
}

template <class T>
void data(const T* in, int64_t in_step, T* out, int64_t out_step, int64_t n) {
  using V = Vec<T, kWideLanes * 4 / sizeof(T)>;
  for (int64_t i = 0; i < n; i += sizeof(V) / sizeof(T)) {
    V d[kPatch], half[kPatch];
#pragma GCC unroll 16
    for (int j = 0; j < kPatch; ++j) __builtin_memcpy(&d[j], in + j * in_step + i, sizeof(V));
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) data_axis(d + j, 4, half + j);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) data_axis(half + 4 * j, 1, d + 4 * j);
#pragma GCC unroll 16
    for (int j = 0; j < kPatch; ++j) __builtin_memcpy(out + j * out_step + i, &d[j], sizeof(V));
  }
}

template <class T>
void result(const T* in, int64_t in_step, T* out, int64_t out_step, int64_t n, T bias, bool relu) {
  using V = Vec<T, kWideLanes * 4 / sizeof(T)>;
  for (int64_t i = 0; i < n; i += sizeof(V) / sizeof(T)) {
    V m[kPatch], half[8], y[4];
#pragma GCC unroll 16
    for (int j = 0; j < kPatch; ++j) __builtin_memcpy(&m[j], in + j * in_step + i, sizeof(V));
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) result_axis(m + j, 4, half + j, 4);
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) result_axis(half + 4 * j, 1, y + 2 * j, 1);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      y[j] += bias - V{};
      if (relu) y[j] = y[j] < 0 ? V{} : y[j];
      __builtin_memcpy(out + j * out_step + i, &y[j], sizeof(V));
    }
  }
}

template <class T>
void grad(const T* in, int64_t in_step, T* out, int64_t out_step, int64_t n) {
  using V = Vec<T, kWideLanes * 4 / sizeof(T)>;
  for (int64_t i = 0; i < n; i += sizeof(V) / sizeof(T)) {
    V g[4], half[8], all[kPatch];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) __builtin_memcpy(&g[j], in + j * in_step + i, sizeof(V));
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) grad_axis(g + j, 2, half + j, 2);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) grad_axis(half + 2 * j, 1, all + 4 * j, 1);
#pragma GCC unroll 16
    for (int j = 0; j < kPatch; ++j) __builtin_memcpy(out + j * out_step + i, &all[j], sizeof(V));
  }
}

}  // namespace

extern const conv::Winograd<float> conv_winograd32;
const conv::Winograd<float> conv_winograd32 = {data<float>, result<float>, grad<float>};
extern const conv::Winograd<double> conv_winograd64;
const conv::Winograd<double> conv_winograd64 = {data<double>, result<double>, grad<double>};

}  // namespace mp::cpu::MP_ISA
