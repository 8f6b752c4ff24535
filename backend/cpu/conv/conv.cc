#include "cpu/conv/conv.h"

#include <cstring>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/kernels.h"
#include "cpu/conv/window.h"

namespace mp::cpu::conv {
namespace {

// Lanes of a vector that hold results when rows are read in place, in percent.
template <class T>
int64_t lanes_filled(int64_t width) {
  return 100 * width / lanes_taken(width, loops_for_rows<T>(width).lanes);
}

template <class T>
bool fits_windows(const Gather& g) {
  return Window(g, wide_loops<T>().lanes, 1, true).fits();
}

template <class T>
struct Algorithm {
  const char* name;
  bool (*accepts)(const Gather& g);
  void (*gather)(const Gather& g, const Tensor& in, const Weights& weights,
                 const Epilogue& epilogue, const Tensor& out);
  bool (*accepts_weights)(const Gather& g);
  void (*weights)(const Gather& g, const Tensor& data, const Tensor& grad, const Weights& weights);
};

template <class T>
bool rows_fill_lanes(const Gather& g) {
  const int64_t width = g.axis[2].out;
  // Packing costs a few cycles for each vector of patches, which only many channels repay.
  return lanes_filled<T>(width) >= (g.m < 32 ? 50 : 90) && fits_windows<T>(g);
}
// Unused lanes would multiply zeros with data that is no part of a sum, NaN perhaps.
template <class T>
bool rows_are_vectors(const Gather& g) {
  return lanes_filled<T>(g.axis[2].out) == 100 && fits_windows<T>(g);
}

template <class T, Panels kPanels>
void tiles(const Gather& g, const Tensor& in, const Weights& w, const Epilogue& e,
           const Tensor& out) {
  gather_by_tiles<T>(g, kPanels, in, w, e, out);
}
template <class T, Panels kPanels>
void dots(const Gather& g, const Tensor& data, const Tensor& grad, const Weights& w) {
  weights_by_dots<T>(g, kPanels, data, grad, w);
}
bool any(const Gather&) { return true; }
bool none(const Gather&) { return false; }

// 16 products for four results instead of 36, if the transforms do not cost more.
template <class T>
bool winograd_pays(const Gather& g) {
  if (!winograd_takes(g)) return false;
  const int64_t tiles = ((g.axis[1].out + 1) / 2) * ((g.axis[2].out + 1) / 2);
  return tiles * (g.m * g.c + 16 * (g.m + g.c)) * 2 < g.results() * g.m * g.c &&
         g.batch * tiles >= 32 && fits_windows<T>(g);
}

template <class T>
constexpr Algorithm<T> kAlgorithms[] = {
    {"depthwise", depthwise_takes, gather_depthwise<T>, depthwise_takes, weights_depthwise<T>},
    {"winograd", winograd_pays<T>, gather_by_winograd<T>, winograd_pays<T>, weights_by_winograd<T>},
    {"scatter", scatter_takes<T>, gather_by_scatter<T>, none, nullptr},
    {"direct", rows_fill_lanes<T>, tiles<T, Panels::kInPlace>, rows_are_vectors<T>,
     dots<T, Panels::kInPlace>},
    {"implicit_gemm", fits_windows<T>, tiles<T, Panels::kPacked>, fits_windows<T>,
     dots<T, Panels::kPacked>},
    {"reference", any, gather_by_loops<T>, any, weights_by_loops<T>},
};

// The first that takes the gather and has the name, if one is given; null when none does.
template <class T, class Takes>
const Algorithm<T>* choose(const char* name, Takes takes) {
  for (const Algorithm<T>& a : kAlgorithms<T>)
    if ((!name || !std::strcmp(name, a.name)) && takes(a)) return &a;
  return nullptr;
}

// The same convolution over fewer axes, where one has nothing to gather: rows get longer.
Shape simplified(Shape s) {
  auto whole = [&](int i) {
    return s.kernel[i] == 1 && s.stride[i] == 1 && s.pad[i] == 0 && s.in[i] == s.out[i];
  };
  auto shift = [&](int from) {  // axis `from` goes, those before it move up
    for (Extents* e : {&s.in, &s.kernel, &s.out, &s.stride, &s.dilation, &s.pad}) {
      for (int i = from; i > 0; --i) (*e)[i] = (*e)[i - 1];
      (*e)[0] = e == &s.pad ? 0 : 1;
    }
  };
  for (int i = 2; i > 0; --i)
    while (i > 0 && whole(i) && whole(i - 1) && s.in[i - 1] > 1) {
      s.in[i] = s.out[i] = s.in[i] * s.in[i - 1];
      shift(i - 1);
    }
  for (int rest = 2; rest > 0 && s.in[2] == 1 && s.out[2] == 1 && whole(2); --rest) shift(2);
  return s;
}

template <class F>
auto with_type(DType dtype, F f) {
  return dtype == DType::F64 ? f(double{}) : f(float{});
}

// Whether the named algorithm took part.
bool gather_all(const std::vector<Gather>& parts, DType dtype, const Tensor& in, const Weights& w,
                const Epilogue& epilogue, const Tensor& out, const char* name) {
  return with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    auto choice = [](const char* algorithm, const Gather& g) {
      return choose<T>(algorithm, [&](const Algorithm<T>& a) { return a.accepts(g); });
    };
    bool took = !name;
    for (const Gather& g : parts) took |= choice(name, g) != nullptr;
    if (!took) return false;
    for (const Gather& g : parts) {
      if (g.batch == 0 || g.results() == 0 || g.m == 0) continue;
      const Algorithm<T>* algorithm = choice(name, g);
      (algorithm ? algorithm : choice(nullptr, g))->gather(g, in, w, epilogue, out);
    }
    return true;
  });
}

}  // namespace

bool forward(const Shape& given, DType dtype, const void* data, const Filter& weight,
             const Epilogue& epilogue, void* out, const char* algorithm) {
  const Shape s = simplified(given);
  return gather_all({forward_gather(s)}, dtype,
                    tensor_of(data, dtype, s.in, s.in_channels, s.channels_last),
                    forward_weights(s, dtype, weight), epilogue,
                    tensor_of(out, dtype, s.out, s.out_channels, s.channels_last), algorithm);
}

bool data_gradient(const Shape& given, DType dtype, const void* grad, const Filter& weight,
                   const Epilogue& epilogue, void* data_grad, const char* algorithm) {
  const Shape s = simplified(given);
  return gather_all(data_gradient_gathers(s), dtype,
                    tensor_of(grad, dtype, s.out, s.out_channels, s.channels_last),
                    transposed_weights(s, dtype, weight), epilogue,
                    tensor_of(data_grad, dtype, s.in, s.in_channels, s.channels_last), algorithm);
}

bool weight_gradient(const Shape& given, DType dtype, const void* data, const void* grad,
                     void* weight_grad, const char* name) {
  const Shape s = simplified(given);
  const Gather g = forward_gather(s);
  return with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    const Algorithm<T>* algorithm =
        choose<T>(name, [&](const Algorithm<T>& a) { return a.accepts_weights(g); });
    if (!algorithm) return false;
    const Weights w = forward_weights(s, dtype, {weight_grad});
    if (g.batch == 0 || g.results() == 0)
      std::memset(weight_grad, 0, g.groups * g.m * g.depth() * itemsize(dtype));
    else if (g.m * g.depth() > 0)
      algorithm->weights(g, tensor_of(data, dtype, s.in, s.in_channels, s.channels_last),
                         tensor_of(grad, dtype, s.out, s.out_channels, s.channels_last), w);
    return true;
  });
}

}  // namespace mp::cpu::conv
