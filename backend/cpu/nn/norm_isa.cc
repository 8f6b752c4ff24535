#include "cpu/nn/norm.h"
#include "cpu/nn/rows.h"

namespace mp::cpu::MP_ISA {
namespace {

double reciprocal_deviation(double variance, double eps) {
  return 1 / __builtin_sqrt(variance + eps);
}

// --- Layer normalisation ---

template <class T>
void layer(const LayerNorm& s, const LayerNormForward& p, int64_t begin, int64_t end) {
  const T *gamma = row_at<T>(p.gamma, 0), *beta = row_at<T>(p.beta, 0);
  for (int64_t row = begin; row < end; ++row) {
    const T* x = row_at<T>(p.x, row * s.n);
    T* y = row_at<T>(p.y, row * s.n);
    const double n = static_cast<double>(s.n);
    const T mean =
        T(row_sum<T>(s.n, [x](int64_t i, auto v) MP_LAMBDA { return load_as(x + i, v); }) / n);
    const double variance = row_sum<T>(s.n,
                                       [x, mean](int64_t i, auto v) MP_LAMBDA {
                                         const auto d = load_as(x + i, v) - mean;
                                         return d * d;
                                       }) /
                            n;
    const T rstd = T(reciprocal_deviation(variance, s.eps));
    if (gamma)
      each(s.n, [=](int64_t i) MP_LAMBDA { y[i] = (x[i] - mean) * rstd * gamma[i] + beta[i]; });
    else
      each(s.n, [=](int64_t i) MP_LAMBDA { y[i] = (x[i] - mean) * rstd; });
    *row_at<T>(p.mean, row) = mean;
    *row_at<T>(p.rstd, row) = rstd;
  }
}

template <class T, bool kAffine>
void layer_grad_rows(const LayerNorm& s, const LayerNormBackward& p, int64_t begin, int64_t end,
                     T* dgamma, T* dbeta) {
  const T* gamma = row_at<T>(p.gamma, 0);
  for (int64_t row = begin; row < end; ++row) {
    const T *x = row_at<T>(p.x, row * s.n), *dy = row_at<T>(p.dy, row * s.n);
    T* dx = row_at<T>(p.dx, row * s.n);
    const T mean = *row_at<T>(p.mean, row), rstd = *row_at<T>(p.rstd, row);
    RowSum<T> sum_g, sum_gz;
    // Elements i on, as vectors or numbers; returns the two terms of the row's sums.
    auto step = [=](int64_t i, auto type, auto& g, auto& gz) MP_LAMBDA {
      const auto d = load_as(dy + i, type);
      const auto z = (load_as(x + i, type) - mean) * rstd;
      g = d;
      if constexpr (kAffine) {
        g = d * load_as(gamma + i, type);
        store(reinterpret_cast<char*>(dgamma + i), load_as(dgamma + i, type) + d * z);
        store(reinterpret_cast<char*>(dbeta + i), load_as(dbeta + i, type) + d);
      }
      gz = g * z;
    };
    for_row<T>(
        s.n,
        [&](int64_t i, int k) MP_LAMBDA {
          RowVector<T> g, gz;
          step(i, RowVector<T>{}, g, gz);
          sum_g.add(k, g);
          sum_gz.add(k, gz);
        },
        [&](int64_t i) MP_LAMBDA {
          T g, gz;
          step(i, T{}, g, gz);
          sum_g.add_one(g);
          sum_gz.add_one(gz);
        },
        [&](int64_t count) MP_LAMBDA {
          sum_g.pause(count);
          sum_gz.pause(count);
        });
    const T g_mean = T(sum_g.total() / static_cast<double>(s.n));
    const T slope = T(sum_gz.total() / static_cast<double>(s.n)) * rstd;
    each(s.n, [=](int64_t i) MP_LAMBDA {
      const T g = kAffine ? dy[i] * gamma[i] : dy[i];
      dx[i] = rstd * ((g - g_mean) - (x[i] - mean) * slope);
    });
  }
}

template <class T>
void layer_grad(const LayerNorm& s, const LayerNormBackward& p, int64_t begin, int64_t end,
                void* dgamma, void* dbeta) {
  (p.gamma ? layer_grad_rows<T, true> : layer_grad_rows<T, false>)(s, p, begin, end,
                                                                   static_cast<T*>(dgamma),
                                                                   static_cast<T*>(dbeta));
}

// --- Batch normalisation ---

// What a channel's elements become: y = (x - mean) * factor + beta.
template <class T>
struct Channel {
  T mean, factor, beta, rstd;
};
template <class T>
Channel<T> channel_of(const BatchNorm& s, const void* gamma, const void* beta, int64_t c, T mean,
                      double variance) {
  const double rstd = reciprocal_deviation(variance, s.eps);
  const double scale = gamma ? static_cast<double>(*row_at<T>(gamma, c)) : 1;
  return {mean, T(scale * rstd), beta ? *row_at<T>(beta, c) : T(0), T(rstd)};
}

template <class T, class Plane>
MP_INLINE void for_planes(const BatchNorm& s, int64_t c, Plane plane) {
  for (int64_t o = 0; o < s.outer; ++o) plane((o * s.channels + c) * s.inner);
}

template <class T>
void planes(const BatchNorm& s, const BatchNormForward& p, int64_t begin, int64_t end) {
  const double count = static_cast<double>(s.outer * s.inner);
  for (int64_t c = begin; c < end; ++c) {
    T &mean = *row_at<T>(p.mean, c), &var = *row_at<T>(p.var, c);
    if (!s.given) {
      RowSum<T> sum, squares;
      for_planes<T>(s, c, [&](int64_t at) MP_LAMBDA {
        const T* x = row_at<T>(p.x, at);
        add_row(sum, s.inner, [x](int64_t i, auto v) MP_LAMBDA { return load_as(x + i, v); });
      });
      const T middle = mean = T(sum.total() / count);
      for_planes<T>(s, c, [&](int64_t at) MP_LAMBDA {
        const T* x = row_at<T>(p.x, at);
        add_row(squares, s.inner, [x, middle](int64_t i, auto v) MP_LAMBDA {
          const auto d = load_as(x + i, v) - middle;
          return d * d;
        });
      });
      var = T(squares.total() / count);
    }
    const Channel<T> to = channel_of<T>(s, p.gamma, p.beta, c, mean, static_cast<double>(var));
    for_planes<T>(s, c, [&](int64_t at) MP_LAMBDA {
      const T* x = row_at<T>(p.x, at);
      T* y = row_at<T>(p.y, at);
      each(s.inner, [=](int64_t i) MP_LAMBDA { y[i] = (x[i] - to.mean) * to.factor + to.beta; });
    });
  }
}

// dx = (dy - shift - (x - mean) * slope) * factor, where the batch's own statistics count.
template <class T>
struct ChannelGrad {
  T shift = 0, slope = 0;
};
template <class T>
ChannelGrad<T> finish_channel(const BatchNorm& s, const BatchNormBackward& p, int64_t c,
                              const Channel<T>& at, double sum, double sum_of_products) {
  const double rstd = static_cast<double>(at.rstd);
  *row_at<T>(p.dgamma, c) = p.gamma ? T(sum_of_products * rstd) : T(0);
  *row_at<T>(p.dbeta, c) = T(sum);
  if (s.given) return {};
  const double count = static_cast<double>(s.outer * s.inner);
  return {T(sum / count), T(sum_of_products * rstd * rstd / count)};
}

template <class T>
Channel<T> channel_of(const BatchNorm& s, const BatchNormBackward& p, int64_t c) {
  return channel_of<T>(s, p.gamma, nullptr, c, *row_at<T>(p.mean, c),
                       static_cast<double>(*row_at<T>(p.var, c)));
}

template <class T>
void planes_grad(const BatchNorm& s, const BatchNormBackward& p, int64_t begin, int64_t end) {
  for (int64_t c = begin; c < end; ++c) {
    const Channel<T> at = channel_of<T>(s, p, c);
    RowSum<T> sum, products;
    for_planes<T>(s, c, [&](int64_t start) MP_LAMBDA {
      const T *x = row_at<T>(p.x, start), *dy = row_at<T>(p.dy, start);
      add_centered(sum, products, s.inner, x, dy, at.mean);
    });
    const ChannelGrad<T> g = finish_channel(s, p, c, at, sum.total(), products.total());
    for_planes<T>(s, c, [&](int64_t start) MP_LAMBDA {
      const T *x = row_at<T>(p.x, start), *dy = row_at<T>(p.dy, start);
      T* dx = row_at<T>(p.dx, start);
      each(s.inner, [=](int64_t i) MP_LAMBDA {
        dx[i] = ((dy[i] - g.shift) - (x[i] - at.mean) * g.slope) * at.factor;
      });
    });
  }
}

// The same for inner == 1, for tiles of channels.
template <class T>
void columns(const BatchNorm& s, const BatchNormForward& p, int64_t begin, int64_t end) {
  const int64_t step = s.channels;
  const double count = static_cast<double>(s.outer);
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t first = tile * kTile;
    const int width = static_cast<int>(smaller<int64_t>(kTile, s.channels - first));
    const T* x = row_at<T>(p.x, first);
    T *y = row_at<T>(p.y, first), *mean = row_at<T>(p.mean, first), *var = row_at<T>(p.var, first);
    double total[kTile];
    if (!s.given) {
      sum_columns<T>(s.outer, width, total,
                     [=](int64_t j, int64_t c) MP_LAMBDA { return x[j * step + c]; });
      for (int c = 0; c < width; ++c) mean[c] = T(total[c] / count);
      sum_columns<T>(s.outer, width, total, [=](int64_t j, int64_t c) MP_LAMBDA {
        const T d = x[j * step + c] - mean[c];
        return d * d;
      });
      for (int c = 0; c < width; ++c) var[c] = T(total[c] / count);
    }
    T middle[kTile], factor[kTile], beta[kTile];
    for (int c = 0; c < width; ++c) {
      const Channel<T> to =
          channel_of<T>(s, p.gamma, p.beta, first + c, mean[c], static_cast<double>(var[c]));
      middle[c] = to.mean, factor[c] = to.factor, beta[c] = to.beta;
    }
    for (int64_t j = 0; j < s.outer; ++j)
      each(width, [&, x, y, at = j * step](int64_t c)
                      MP_LAMBDA { y[at + c] = (x[at + c] - middle[c]) * factor[c] + beta[c]; });
  }
}

// Of the columns of a tile, in one pass: the sums of dy and of dy * (x - mean).
template <class T>
MP_INLINE void gradient_sums(int64_t n, int width, int64_t step, const T* x, const T* dy,
                             const T* mean, double* sum, double* products) {
  constexpr int64_t kFlush = 64;  // rows
  for (int c = 0; c < kTile; ++c) sum[c] = products[c] = 0;
  for (int64_t at = 0; at < n; at += kFlush) {
    T a[kTile] = {}, b[kTile] = {};
    for (int64_t j = at, stop = smaller(n, at + kFlush); j < stop; ++j)
      each(width, [&a, &b, mean, x = x + j * step, dy = dy + j * step](int64_t c) MP_LAMBDA {
        a[c] += dy[c];
        b[c] += dy[c] * (x[c] - mean[c]);
      });
    for (int c = 0; c < kTile; ++c) {
      sum[c] += static_cast<double>(a[c]);
      products[c] += static_cast<double>(b[c]);
    }
  }
}

template <class T>
void columns_grad(const BatchNorm& s, const BatchNormBackward& p, int64_t begin, int64_t end) {
  const int64_t step = s.channels;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t first = tile * kTile;
    const int width = static_cast<int>(smaller<int64_t>(kTile, s.channels - first));
    const T *x = row_at<T>(p.x, first), *dy = row_at<T>(p.dy, first);
    const T* mean = row_at<T>(p.mean, first);
    T* dx = row_at<T>(p.dx, first);
    double sum[kTile], products[kTile];
    T middle[kTile] = {};
    for (int c = 0; c < width; ++c) middle[c] = mean[c];
    gradient_sums(s.outer, width, step, x, dy, middle, sum, products);
    T shift[kTile], slope[kTile], factor[kTile];
    for (int c = 0; c < width; ++c) {
      const Channel<T> at = channel_of<T>(s, p, first + c);
      const ChannelGrad<T> g = finish_channel(s, p, first + c, at, sum[c], products[c]);
      shift[c] = g.shift, slope[c] = g.slope, factor[c] = at.factor;
    }
    for (int64_t j = 0; j < s.outer; ++j)
      each(width, [&, x, dy, dx, at = j * step](int64_t c) MP_LAMBDA {
        dx[at + c] = ((dy[at + c] - shift[c]) - (x[at + c] - middle[c]) * slope[c]) * factor[c];
      });
  }
}

template <class T>
constexpr NormLoops kLoops = {layer<T>,   layer_grad<T>,  planes<T>,
                              columns<T>, planes_grad<T>, columns_grad<T>};

}  // namespace

extern const NormTables norm_loops;
const NormTables norm_loops = {kLoops<float>, kLoops<double>};

}  // namespace mp::cpu::MP_ISA
