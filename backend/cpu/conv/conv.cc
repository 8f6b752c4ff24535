#include "cpu/conv/conv.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/kernels.h"
#include "cpu/conv/scratch.h"
#include "cpu/conv/window.h"
#include "engine/pool.h"

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

template <class T>
constexpr Algorithm<T> kAlgorithms[] = {
    {"direct", rows_fill_lanes<T>, tiles<T, Panels::kInPlace>, rows_are_vectors<T>,
     dots<T, Panels::kInPlace>},
    {"implicit_gemm", fits_windows<T>, tiles<T, Panels::kPacked>, fits_windows<T>,
     dots<T, Panels::kPacked>},
    {"reference", any, gather_by_loops<T>, any, weights_by_loops<T>},
};

thread_local const char* forced = nullptr;

template <class T>
const Algorithm<T>& choose(Pass pass, const Gather& g) {
  auto takes = [&](const Algorithm<T>& a) {
    return pass == Pass::kWeightGradient ? a.accepts_weights(g) : a.accepts(g);
  };
  for (const Algorithm<T>& a : kAlgorithms<T>)
    if (forced && !std::strcmp(forced, a.name) && takes(a)) return a;
  for (const Algorithm<T>& a : kAlgorithms<T>)
    if (takes(a)) return a;
  __builtin_unreachable();
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
      s.in[0] = s.out[0] = 1;
    }
  for (int rest = 2; rest > 0 && s.in[2] == 1 && s.out[2] == 1 && whole(2); --rest) shift(2);
  return s;
}

template <class F>
auto with_type(DType dtype, F f) {
  return dtype == DType::F64 ? f(double{}) : f(float{});
}

void gather_all(Pass pass, const std::vector<Gather>& parts, DType dtype, const Tensor& in,
                const Weights& w, const Epilogue& epilogue, const Tensor& out) {
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (const Gather& g : parts)
      if (g.batch > 0 && g.results() > 0 && g.m > 0)
        choose<T>(pass, g).gather(g, in, w, epilogue, out);
  });
}

}  // namespace

void forward(const Shape& given, DType dtype, const void* data, const void* weight,
             const Epilogue& epilogue, void* out) {
  const Shape s = simplified(given);
  gather_all(Pass::kForward, {forward_gather(s)}, dtype,
             tensor_of(data, dtype, s.in, s.in_channels, s.channels_last),
             forward_weights(s, dtype, weight), epilogue,
             tensor_of(out, dtype, s.out, s.out_channels, s.channels_last));
}

void data_gradient(const Shape& given, DType dtype, const void* grad, const void* weight,
                   const Epilogue& epilogue, void* data_grad) {
  const Shape s = simplified(given);
  gather_all(Pass::kDataGradient, data_gradient_gathers(s), dtype,
             tensor_of(grad, dtype, s.out, s.out_channels, s.channels_last),
             transposed_weights(s, dtype, weight), epilogue,
             tensor_of(data_grad, dtype, s.in, s.in_channels, s.channels_last));
}

void weight_gradient(const Shape& given, DType dtype, const void* data, const void* grad,
                     void* weight_grad) {
  const Shape s = simplified(given);
  const Gather g = forward_gather(s);
  const Weights w = forward_weights(s, dtype, weight_grad);
  if (g.batch == 0 || g.results() == 0) {
    std::memset(weight_grad, 0, g.groups * g.m * g.depth() * itemsize(dtype));
    return;
  }
  if (g.m * g.depth() == 0) return;
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    choose<T>(Pass::kWeightGradient, g)
        .weights(g, tensor_of(data, dtype, s.in, s.in_channels, s.channels_last),
                 tensor_of(grad, dtype, s.out, s.out_channels, s.channels_last), w);
  });
}

void bias_gradient(const Shape& s, DType dtype, const void* grad, void* bias_grad) {
  const Tensor t = tensor_of(grad, dtype, s.out, s.out_channels, s.channels_last);
  const int64_t pixels = s.out[0] * s.out[1] * s.out[2], channels = s.out_channels;
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    pool::parallel_for(channels, 1, s.batch * channels * pixels / 4, [&](int64_t begin,
                                                                         int64_t end) {
      constexpr int64_t kRun = 256;
      T run[kRun];
      for (int64_t c = begin; c < end; ++c) {
        T total = 0;  // of sums of runs: the error grows with their number only
        for (int64_t n = 0; n < s.batch; ++n)
          for (int64_t p = 0; p < pixels; p += kRun) {
            const int64_t count = std::min(kRun, pixels - p);
            rows<T>().load(dtype, t.at(n * t.image + c * t.channel + p * t.step[2]), t.step[2], run,
                           count);
            T part[8] = {};
            int64_t i = 0;
            for (; i + 8 <= count; i += 8)
              for (int j = 0; j < 8; ++j) part[j] += run[i + j];
            for (; i < count; ++i) part[0] += run[i];
            total += ((part[0] + part[4]) + (part[1] + part[5])) +
                     ((part[2] + part[6]) + (part[3] + part[7]));
          }
        rows<T>().store(dtype, &total, static_cast<char*>(bias_grad) + c * itemsize(dtype), 1, 1);
      }
    });
  });
}

std::vector<const char*> algorithm_names() {
  std::vector<const char*> names;
  for (const auto& a : kAlgorithms<float>) names.push_back(a.name);
  return names;
}

const char* chosen_algorithm(Pass pass, const Shape& given, DType dtype) {
  const Shape s = simplified(given);
  const auto gathers = pass == Pass::kDataGradient ? data_gradient_gathers(s)
                                                   : std::vector<Gather>{forward_gather(s)};
  if (gathers.empty()) return "";
  return with_type(dtype, [&](auto zero) {
    return choose<decltype(zero)>(pass, gathers.front()).name;
  });
}

void force_algorithm(const char* name) { forced = name; }

}  // namespace mp::cpu::conv
