#include "cpu/nn/group_norm.h"
#include "cpu/nn/rows.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class T>
void forward(const GroupNorm& s, const GroupNormForward& p, int64_t begin, int64_t end) {
  const int64_t n = s.n(), inner = s.inner;
  for (int64_t row = begin; row < end; ++row) {
    const T* x = row_at<T>(p.x, row * n);
    const T mean = T(row_sum<T>(n, [x](int64_t i, auto v) MP_LAMBDA { return load_as(x + i, v); }) /
                     static_cast<double>(n));
    const double variance = row_sum<T>(n,
                                       [x, mean](int64_t i, auto v) MP_LAMBDA {
                                         const auto d = load_as(x + i, v) - mean;
                                         return d * d;
                                       }) /
                            static_cast<double>(n);
    const T rstd = T(1 / __builtin_sqrt(variance + s.eps));
    *row_at<T>(p.mean, row) = mean;
    *row_at<T>(p.rstd, row) = rstd;
    const int64_t channel = row % s.groups * s.per_group;
    T* y = row_at<T>(p.y, row * n);
    for (int64_t c = 0; c < s.per_group; ++c, x += inner, y += inner) {
      const T factor = rstd * *row_at<T>(p.gamma, channel + c);
      const T beta = *row_at<T>(p.beta, channel + c);
      each(inner, [=](int64_t i) MP_LAMBDA { y[i] = (x[i] - mean) * factor + beta; });
    }
  }
}

// sums[0] = the sum of dy, sums[1] = that of dy * (x - mean).
template <class T>
MP_INLINE void channel_sums(int64_t n, const T* x, const T* dy, T mean, double* sums) {
  RowSum<T> sum, products;
  add_centered(sum, products, n, x, dy, mean);
  sums[0] = sum.total();
  sums[1] = products.total();
}

template <class T>
void backward(const GroupNorm& s, const GroupNormBackward& p, int64_t begin, int64_t end,
              double* sums) {
  const int64_t n = s.n(), inner = s.inner;
  for (int64_t row = begin; row < end; ++row) {
    const T *x = row_at<T>(p.x, row * n), *dy = row_at<T>(p.dy, row * n);
    const T* gamma = row_at<T>(p.gamma, row % s.groups * s.per_group);
    const T mean = *row_at<T>(p.mean, row), rstd = *row_at<T>(p.rstd, row);
    double* own = sums + 2 * row * s.per_group;
    double total = 0, products = 0;
    for (int64_t c = 0; c < s.per_group; ++c, own += 2) {
      channel_sums(inner, x + c * inner, dy + c * inner, mean, own);
      total += own[0] * static_cast<double>(gamma[c]);
      products += own[1] * static_cast<double>(gamma[c]);
      own[1] *= static_cast<double>(rstd);
    }
    const double count = static_cast<double>(n), scale = static_cast<double>(rstd);
    const T shift = T(total / count), slope = T(products * scale * scale / count);
    T* dx = row_at<T>(p.dx, row * n);
    for (int64_t c = 0; c < s.per_group; ++c, x += inner, dy += inner, dx += inner) {
      const T factor = gamma[c];
      each(inner, [=](int64_t i) MP_LAMBDA {
        dx[i] = ((dy[i] * factor - shift) - (x[i] - mean) * slope) * rstd;
      });
    }
  }
}

template <class T>
constexpr GroupNormLoops kLoops = {forward<T>, backward<T>};

}  // namespace

extern const GroupNormTables group_norm_loops;
const GroupNormTables group_norm_loops = {kLoops<float>, kLoops<double>};

}  // namespace mp::cpu::MP_ISA
