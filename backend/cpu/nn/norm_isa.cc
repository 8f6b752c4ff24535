#include "cpu/nn/norm.h"
#include "cpu/pairwise.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class T>
const T* at(const void* p, int64_t i) {
  return static_cast<const T*>(p) + i;
}
template <class T>
T* at(void* p, int64_t i) {
  return static_cast<T*>(p) + i;
}

template <class T>
void forward(const LayerNorm& s, const LayerNormForward& p, int64_t begin, int64_t end) {
  const T *gamma = at<T>(p.gamma, 0), *beta = at<T>(p.beta, 0);
  for (int64_t row = begin; row < end; ++row) {
    const T* x = at<T>(p.x, row * s.n);
    T* y = at<T>(p.y, row * s.n);
    const char* bytes = reinterpret_cast<const char*>(x);
    const T n = static_cast<T>(s.n);
    const T mean = sum_tree<T>(bytes, s.n, Plain<T>{}) / n;
    const T variance = sum_tree<T>(bytes, s.n, SquaredDeviation<T>{mean}) / n;
    const T rstd = T(1) / __builtin_sqrt(static_cast<double>(variance) + s.eps);
    for (int64_t i = 0; i < s.n; ++i) y[i] = (x[i] - mean) * rstd * gamma[i] + beta[i];
    *at<T>(p.mean, row) = mean;
    *at<T>(p.rstd, row) = rstd;
  }
}

template <class T>
void backward(const LayerNorm& s, const LayerNormBackward& p, int64_t begin, int64_t end,
              double* dgamma, double* dbeta) {
  const T* gamma = at<T>(p.gamma, 0);
  for (int64_t row = begin; row < end; ++row) {
    const T *x = at<T>(p.x, row * s.n), *dy = at<T>(p.dy, row * s.n);
    T* dx = at<T>(p.dx, row * s.n);
    const T mean = *at<T>(p.mean, row), rstd = *at<T>(p.rstd, row);
    constexpr int kLanes = 8;
    T sum_g[kLanes] = {}, sum_gx[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= s.n; i += kLanes)
      for (int k = 0; k < kLanes; ++k) {
        const T g = dy[i + k] * gamma[i + k], z = (x[i + k] - mean) * rstd;
        sum_g[k] += g;
        sum_gx[k] += g * z;
        dgamma[i + k] += static_cast<double>(dy[i + k] * z);
        dbeta[i + k] += static_cast<double>(dy[i + k]);
      }
    for (; i < s.n; ++i) {
      const T g = dy[i] * gamma[i], z = (x[i] - mean) * rstd;
      sum_g[0] += g;
      sum_gx[0] += g * z;
      dgamma[i] += static_cast<double>(dy[i] * z);
      dbeta[i] += static_cast<double>(dy[i]);
    }
    T g_mean = 0, gx_mean = 0;
    for (int k = 0; k < kLanes; ++k) g_mean += sum_g[k], gx_mean += sum_gx[k];
    g_mean /= static_cast<T>(s.n), gx_mean /= static_cast<T>(s.n);
    for (i = 0; i < s.n; ++i)
      dx[i] = rstd * (dy[i] * gamma[i] - g_mean - (x[i] - mean) * rstd * gx_mean);
  }
}

}  // namespace

extern const NormLoops norm_loops;
const NormLoops norm_loops = {forward<float>, forward<double>, backward<float>, backward<double>};

}  // namespace mp::cpu::MP_ISA
