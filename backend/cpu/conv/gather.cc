#include "cpu/conv/gather.h"

#include <numeric>

namespace mp::cpu::conv {

Tensor tensor_of(const void* data, DType type, const Extents& extents, int64_t channels,
                 bool channels_last) {
  const int64_t unit = channels_last ? channels : 1;
  Tensor t{static_cast<char*>(const_cast<void*>(data)), type, 0, 1, {}};
  t.step = {extents[1] * extents[2] * unit, extents[2] * unit, unit};
  t.image = extents[0] * extents[1] * extents[2] * channels;
  t.channel = channels_last ? 1 : extents[0] * extents[1] * extents[2];
  return t;
}

Weights forward_weights(const Shape& s, DType type, const Filter& weight) {
  const int64_t c = s.in_channels / s.groups;
  const Tensor t = tensor_of(weight.data, type, s.kernel, c, s.channels_last);
  return {t.data, type,        s.out_channels / s.groups * t.image, t.image, t.channel,
          t.step, weight.stamp};
}

Weights transposed_weights(const Shape& s, DType type, const Filter& weight) {
  Weights w = forward_weights(s, type, weight);
  std::swap(w.row, w.channel);
  return w;
}

Gather forward_gather(const Shape& s) {
  Gather g{s.batch, s.groups,       s.out_channels / s.groups, s.in_channels / s.groups,
           {},      s.channels_last};
  for (int i = 0; i < 3; ++i)
    g.axis[i] = {s.out[i], 0, 1, s.in[i], s.stride[i], s.kernel[i], -s.pad[i], s.dilation[i], 0, 1};
  return g;
}

namespace {

// Element i of the data meets tap k at result (i + pad - k * dilation) / stride, where that is
// whole: for i = residue + q * stride the taps k0, k0 + k_step … and the results from q + first on.
Axis residue_axis(const Shape& s, int i, int64_t residue) {
  const int64_t stride = s.stride[i], common = std::gcd(stride, s.dilation[i]);
  Axis a;
  a.out = s.in[i] > residue ? (s.in[i] - residue + stride - 1) / stride : 0;
  a.out_first = residue;
  a.out_step = stride;
  a.in = s.out[i];
  a.weight_step = stride / common;
  a.tap_step = -(s.dilation[i] / common);
  a.weight_first = 0;
  while (a.weight_first < s.kernel[i] &&
         (residue + s.pad[i] - a.weight_first * s.dilation[i]) % stride != 0)
    ++a.weight_first;
  a.taps = a.weight_first < s.kernel[i]
               ? (s.kernel[i] - a.weight_first + a.weight_step - 1) / a.weight_step
               : 0;
  a.first = a.taps ? (residue + s.pad[i] - a.weight_first * s.dilation[i]) / stride : 0;
  return a;
}

}  // namespace

std::vector<Gather> data_gradient_gathers(const Shape& s) {
  std::vector<Gather> all;
  Gather g{s.batch, s.groups,       s.in_channels / s.groups, s.out_channels / s.groups,
           {},      s.channels_last};
  for (int64_t i = 0; i < s.stride[0]; ++i)
    for (int64_t j = 0; j < s.stride[1]; ++j)
      for (int64_t k = 0; k < s.stride[2]; ++k) {
        g.axis[0] = residue_axis(s, 0, i);
        g.axis[1] = residue_axis(s, 1, j);
        g.axis[2] = residue_axis(s, 2, k);
        if (g.results() > 0) all.push_back(g);
      }
  return all;
}

}  // namespace mp::cpu::conv
