#include "cpu/conv/depthwise.h"
#include "cpu/conv/lanes.h"
#include "cpu/vector_access.h"

namespace mp::cpu::MP_ISA {
namespace {

using conv::DepthwiseRow;
using conv::DepthwiseSums;

// kResults results of the channels from `channel` on.
template <class V, int kResults, class T>
MP_INLINE void some_results(const DepthwiseRow<T>& job, int64_t x, int64_t channel) {
  const int64_t step = job.in_step, channels = job.channels;
  const T *in = job.in + x * step + channel, *w = job.weights + channel;
  V sum[kResults];
#pragma GCC unroll 8
  for (int i = 0; i < kResults; ++i) sum[i] = V{};
  const int32_t* offset = job.offset;
  for (const int32_t* end = offset + job.taps; offset != end; ++offset, w += channels) {
    const T* from = in + *offset;
    const V weight = load_wide<V>(w);
#pragma GCC unroll 8
    for (int i = 0; i < kResults; ++i) sum[i] += weight * load_wide<V>(from + i * step);
  }
  T* out = job.out + x * job.out_step + channel;
  const V bias = job.bias ? load_wide<V>(job.bias + channel) : V{};
#pragma GCC unroll 8
  for (int i = 0; i < kResults; ++i, out += job.out_step) {
    V value = job.bias ? sum[i] + bias : sum[i];
    if (job.relu) value = value < 0 ? V{} : value;
    __builtin_memcpy(out, &value, sizeof value);
  }
}

template <class T>
void row(const DepthwiseRow<T>& job) {
  using V = Vec<T, kWideLanes * 4 / sizeof(T)>;
  constexpr int64_t kLanes = sizeof(V) / sizeof(T);
  for (int64_t channel = 0; channel < job.channels; channel += kLanes) {
    int64_t x = 0;
    for (; x + 8 <= job.results; x += 8) some_results<V, 8>(job, x, channel);
    for (; x + 4 <= job.results; x += 4) some_results<V, 4>(job, x, channel);
    for (; x < job.results; ++x) some_results<V, 1>(job, x, channel);
  }
}

// The sums of kTaps taps from `tap` on.
template <class V, int kTaps, class T>
MP_INLINE void some_sums(const DepthwiseSums<T>& job, int64_t tap, int64_t channel) {
  const T* in[kTaps];
  V sum[kTaps];
#pragma GCC unroll 8
  for (int i = 0; i < kTaps; ++i) {
    in[i] = job.in + job.offset[tap + i] + channel;
    sum[i] = V{};
  }
  const int64_t step = job.in_step, grad_step = job.grad_step;
  const T* grad = job.grad + channel;
  for (int64_t x = 0, at = 0; x < job.results; ++x, at += step, grad += grad_step) {
    const V g = load_wide<V>(grad);
#pragma GCC unroll 8
    for (int i = 0; i < kTaps; ++i) sum[i] += g * load_wide<V>(in[i] + at);
  }
  T* to = job.sums + tap * job.channels + channel;
#pragma GCC unroll 8
  for (int i = 0; i < kTaps; ++i, to += job.channels) {
    const V total = load_wide<V>(to) + sum[i];
    __builtin_memcpy(to, &total, sizeof total);
  }
}

template <class T>
void sums(const DepthwiseSums<T>& job) {
  using V = Vec<T, kWideLanes * 4 / sizeof(T)>;
  constexpr int64_t kLanes = sizeof(V) / sizeof(T);
  for (int64_t channel = 0; channel < job.channels; channel += kLanes) {
    int64_t tap = 0;
    for (; tap + 5 <= job.taps; tap += 5) some_sums<V, 5>(job, tap, channel);
    for (; tap + 4 <= job.taps; tap += 4) some_sums<V, 4>(job, tap, channel);
    for (; tap < job.taps; ++tap) some_sums<V, 1>(job, tap, channel);
  }
}

}  // namespace

extern const conv::Depthwise<float> conv_depthwise32;
const conv::Depthwise<float> conv_depthwise32 = {kWideLanes, row<float>, sums<float>};
extern const conv::Depthwise<double> conv_depthwise64;
const conv::Depthwise<double> conv_depthwise64 = {kWideLanes / 2, row<double>, sums<double>};

}  // namespace mp::cpu::MP_ISA
