#include <algorithm>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/kernels.h"
#include "cpu/scratch.h"
#include "engine/pool.h"

namespace mp::cpu::conv {
namespace {

template <class T>
T element(DType type, const char* data, int64_t at) {
  T value;
  rows<T>().load(type, data + at * itemsize(type), 1, &value, 1);
  return value;
}

// The taps of a gather, and the rows of data under a row of results.
template <class T>
class Loop {
 public:
  explicit Loop(const Gather& g, const Tensor& in) : g_(g), in_(in) {}

  // f(row of data, weight element, tap along the last axis) for every channel and tap that meets
  // the results (q0, q1, …) within the data; `line` has room for a row of data.
  template <class F>
  void taps(int64_t n, int64_t group, int64_t q0, int64_t q1, const Weights& w, T* line,
            F f) const {
    const Axis* a = g_.axis;
    for (int64_t c = 0; c < g_.c; ++c)
      for (int64_t i = 0; i < a[0].taps; ++i)
        for (int64_t j = 0; j < a[1].taps; ++j) {
          const int64_t i0 = q0 * a[0].in_step + a[0].tap(i), i1 = q1 * a[1].in_step + a[1].tap(j);
          if (i0 < 0 || i0 >= a[0].in || i1 < 0 || i1 >= a[1].in) continue;
          const int64_t at = n * in_.image + (group * g_.c + c) * in_.channel + i0 * in_.step[0] +
                             i1 * in_.step[1];
          rows<T>().load(in_.type, in_.at(at), in_.step[2], line, a[2].in);
          const int64_t weight = c * w.channel +
                                 (a[0].weight_first + i * a[0].weight_step) * w.step[0] +
                                 (a[1].weight_first + j * a[1].weight_step) * w.step[1];
          for (int64_t k = 0; k < a[2].taps; ++k)
            f(line, weight + (a[2].weight_first + k * a[2].weight_step) * w.step[2], a[2].tap(k));
        }
  }

 private:
  const Gather& g_;
  const Tensor& in_;
};

}  // namespace

template <class T>
void gather_by_loops(const Gather& g, const Tensor& in, const Weights& w, const Epilogue& epilogue,
                     const Tensor& out) {
  const Axis* a = g.axis;
  const Loop<T> loop(g, in);
  pool::parallel_for(
      g.batch * g.groups * g.m, 1, g.results() * g.depth() * g.batch,
      [&](int64_t begin, int64_t end) {
        Scratch scratch(sizeof(double) * (2 * a[2].out + a[2].in));
        double* sum = scratch.as<double>();
        T *result = reinterpret_cast<T*>(sum + a[2].out), *line = result + a[2].out;
        for (int64_t i = begin; i < end; ++i) {
          const int64_t n = i / (g.groups * g.m), channel = i % (g.groups * g.m),
                        group = channel / g.m;
          const int64_t base = group * w.group + channel % g.m * w.row;
          const T bias =
              epilogue.bias ? element<T>(out.type, static_cast<const char*>(epilogue.bias), channel)
                            : T(0);
          for (int64_t q = 0; q < a[0].out * a[1].out; ++q) {
            const int64_t q0 = q / a[1].out, q1 = q % a[1].out;
            std::fill_n(sum, a[2].out, double(bias));
            loop.taps(n, group, q0, q1, w, line, [&](const T* data, int64_t weight, int64_t tap) {
              const double x = element<T>(w.type, w.data, base + weight);
              for (int64_t q2 = 0; q2 < a[2].out; ++q2) {
                const int64_t at = q2 * a[2].in_step + tap;
                if (at >= 0 && at < a[2].in) sum[q2] += x * data[at];
              }
            });
            for (int64_t q2 = 0; q2 < a[2].out; ++q2)
              result[q2] = epilogue.relu && sum[q2] < 0 ? T(0) : T(sum[q2]);
            const int64_t at = n * out.image + channel * out.channel +
                               (a[0].out_first + q0 * a[0].out_step) * out.step[0] +
                               (a[1].out_first + q1 * a[1].out_step) * out.step[1] +
                               a[2].out_first * out.step[2];
            rows<T>().store(out.type, result, out.at(at), out.step[2] * a[2].out_step, a[2].out);
          }
        }
      });
}

template <class T>
void weights_by_loops(const Gather& g, const Tensor& data, const Tensor& grad, const Weights& w) {
  const Axis* a = g.axis;
  const Loop<T> loop(g, data);
  pool::parallel_for(
      g.groups * g.m, 1, g.results() * g.depth() * g.batch, [&](int64_t begin, int64_t end) {
        Scratch scratch(sizeof(double) * (a[2].out + a[2].in + 2 * g.depth()));
        double* sums = scratch.as<double>();
        T *result = reinterpret_cast<T*>(sums + g.depth()), *grads = result + g.depth(),
          *line = grads + a[2].out;
        for (int64_t channel = begin; channel < end; ++channel) {
          const int64_t group = channel / g.m;
          const int64_t base = group * w.group + channel % g.m * w.row;
          std::fill_n(sums, g.depth(), 0.0);  // in the order of the weights
          for (int64_t n = 0; n < g.batch; ++n)
            for (int64_t q = 0; q < a[0].out * a[1].out; ++q) {
              const int64_t q0 = q / a[1].out, q1 = q % a[1].out;
              const int64_t at =
                  n * grad.image + channel * grad.channel + q0 * grad.step[0] + q1 * grad.step[1];
              rows<T>().load(grad.type, grad.at(at), grad.step[2], grads, a[2].out);
              loop.taps(n, group, q0, q1, w, line, [&](const T* row, int64_t weight, int64_t tap) {
                double sum = 0;
                for (int64_t q2 = 0; q2 < a[2].out; ++q2) {
                  const int64_t x = q2 * a[2].in_step + tap;
                  if (x >= 0 && x < a[2].in) sum += double(grads[q2]) * row[x];
                }
                sums[weight] += sum;
              });
            }
          char* out = const_cast<char*>(w.data) + base * itemsize(w.type);
          for (int64_t k = 0; k < g.depth(); ++k) result[k] = T(sums[k]);
          rows<T>().store(w.type, result, out, 1, g.depth());
        }
      });
}

#define MP_REFERENCE(T)                                                                           \
  template void gather_by_loops<T>(const Gather&, const Tensor&, const Weights&, const Epilogue&, \
                                   const Tensor&);                                                \
  template void weights_by_loops<T>(const Gather&, const Tensor&, const Tensor&, const Weights&);
MP_REFERENCE(float)
MP_REFERENCE(double)
#undef MP_REFERENCE

}  // namespace mp::cpu::conv
