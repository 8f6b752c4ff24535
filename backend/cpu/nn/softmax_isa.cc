#include "cpu/math/log.h"
#include "cpu/nn/rows.h"
#include "cpu/nn/softmax.h"

namespace mp::cpu::MP_ISA {
namespace {

// y = e^(scale x - shift) and their sum. y may be x.
template <class T>
double exp_row(const T* x, int64_t n, T scale, T shift, T* y) {
  double total = 0;
  for (int64_t at = 0; at < n; at += kRowBlock) {
    const int64_t count = smaller(kRowBlock, n - at);
    const T* from = x + at;
    T* to = y + at;
    each(count, [=](int64_t i) MP_LAMBDA { to[i] = exp_below(scale * from[i] - shift); });
    total += row_sum<T>(count, [to](int64_t i, auto v) MP_LAMBDA { return load_as(to + i, v); });
  }
  return total;
}
// The sum alone.
template <class T>
double sum_exp_row(const T* x, int64_t n, T scale, T shift) {
  alignas(64) T buffer[kRowBlock];
  double total = 0;
  for (int64_t at = 0; at < n; at += kRowBlock)
    total += exp_row(x + at, smaller(kRowBlock, n - at), scale, shift, buffer);
  return total;
}

int64_t counted(const Softmax& s, int64_t row) {
  return s.lengths ? smaller(max_of<int64_t>(s.lengths[row], 0), s.n) : s.n;
}

template <class T>
void rows(const Softmax& s, const SoftmaxForward& p, int64_t begin, int64_t end) {
  const T scale = T(s.scale);
  for (int64_t row = begin; row < end; ++row) {
    const T* x = row_at<T>(p.x, row * s.n);
    T* y = row_at<T>(p.y, row * s.n);
    const int64_t n = counted(s, row);
    const T largest = row_max(x, n, scale);
    if (s.log) {
      const T rest = T(Log::f(sum_exp_row(x, n, scale, largest)));
      each(n, [=](int64_t i) MP_LAMBDA { y[i] = (scale * x[i] - largest) - rest; });
    } else {
      const T inverse = T(1 / exp_row(x, n, scale, largest, y));
      each(n, [=](int64_t i) MP_LAMBDA { y[i] *= inverse; });
    }
    each(s.n - n, [=](int64_t i) MP_LAMBDA { y[n + i] = 0; });
  }
}

template <class T>
void rows_grad(const Softmax& s, const SoftmaxBackward& p, int64_t begin, int64_t end) {
  const T scale = T(s.scale);
  for (int64_t row = begin; row < end; ++row) {
    const T *y = row_at<T>(p.y, row * s.n), *dy = row_at<T>(p.dy, row * s.n);
    T* dx = row_at<T>(p.dx, row * s.n);
    const int64_t n = counted(s, row);
    if (s.log) {
      const T total =
          T(row_sum<T>(n, [dy](int64_t i, auto v) MP_LAMBDA { return load_as(dy + i, v); }));
      each(n, [=](int64_t i) MP_LAMBDA { dx[i] = scale * (dy[i] - exp_below(y[i]) * total); });
    } else {
      const T dot = T(row_sum<T>(n, [y, dy](int64_t i, auto v) MP_LAMBDA {
        return load_as(y + i, v) * load_as(dy + i, v);
      }));
      each(n, [=](int64_t i) MP_LAMBDA { dx[i] = scale * (y[i] * (dy[i] - dot)); });
    }
    each(s.n - n, [=](int64_t i) MP_LAMBDA { dx[n + i] = 0; });
  }
}

// A tile of columns: its place and its width.
struct Tile {
  int64_t start;
  int width;
};
Tile tile_at(const Softmax& s, int64_t index) {
  const int64_t tiles = (s.inner + kTile - 1) / kTile;
  const int64_t first = index % tiles * kTile;
  return {index / tiles * s.n * s.inner + first,
          static_cast<int>(smaller<int64_t>(kTile, s.inner - first))};
}
template <class T>
void columns(const Softmax& s, const SoftmaxForward& p, int64_t begin, int64_t end) {
  const T scale = T(s.scale);
  for (int64_t index = begin; index < end; ++index) {
    const Tile tile = tile_at(s, index);
    const T* x = row_at<T>(p.x, tile.start);
    T* y = row_at<T>(p.y, tile.start);
    const int64_t step = s.inner;
    const int width = tile.width;
    T largest[kTile], rest[kTile];
    double total[kTile];
    for (int c = 0; c < kTile; ++c) largest[c] = -kInfinity<T>;
    for (int64_t j = 0; j < s.n; ++j)
      each(width, [&largest, x, scale, at = j * step](int64_t c)
                      MP_LAMBDA { largest[c] = max_of(scale * x[at + c], largest[c]); });
    for (int64_t j = 0; j < s.n; ++j)
      each(width, [&largest, x, y, scale, at = j * step](int64_t c)
                      MP_LAMBDA { y[at + c] = exp_below(scale * x[at + c] - largest[c]); });
    sum_columns<T>(s.n, width, total,
                   [=](int64_t j, int64_t c) MP_LAMBDA { return y[j * step + c]; });
    if (s.log) {
      for (int c = 0; c < width; ++c) rest[c] = T(Log::f(total[c]));
      for (int64_t j = 0; j < s.n; ++j)
        each(width, [&largest, &rest, x, y, scale, at = j * step](int64_t c)
                        MP_LAMBDA { y[at + c] = (scale * x[at + c] - largest[c]) - rest[c]; });
    } else {
      for (int c = 0; c < width; ++c) rest[c] = T(1 / total[c]);
      for (int64_t j = 0; j < s.n; ++j)
        each(width, [&rest, y, at = j * step](int64_t c) MP_LAMBDA { y[at + c] *= rest[c]; });
    }
  }
}

template <class T>
void columns_grad(const Softmax& s, const SoftmaxBackward& p, int64_t begin, int64_t end) {
  const T scale = T(s.scale);
  for (int64_t index = begin; index < end; ++index) {
    const Tile tile = tile_at(s, index);
    const T *y = row_at<T>(p.y, tile.start), *dy = row_at<T>(p.dy, tile.start);
    T* dx = row_at<T>(p.dx, tile.start);
    const int64_t step = s.inner;
    double sum[kTile];
    T total[kTile];
    if (s.log)
      sum_columns<T>(s.n, tile.width, sum,
                     [=](int64_t j, int64_t c) MP_LAMBDA { return dy[j * step + c]; });
    else
      sum_columns<T>(s.n, tile.width, sum, [=](int64_t j, int64_t c) MP_LAMBDA {
        return y[j * step + c] * dy[j * step + c];
      });
    for (int c = 0; c < kTile; ++c) total[c] = T(sum[c]);
    for (int64_t j = 0; j < s.n; ++j) {
      const int64_t at = j * step;
      if (s.log) {
        each(tile.width, [&total, y, dy, dx, scale, at](int64_t c) MP_LAMBDA {
          dx[at + c] = scale * (dy[at + c] - exp_below(y[at + c]) * total[c]);
        });
      } else {
        each(tile.width, [&total, y, dy, dx, scale, at](int64_t c) MP_LAMBDA {
          dx[at + c] = scale * (y[at + c] * (dy[at + c] - total[c]));
        });
      }
    }
  }
}

template <class T, bool kTarget>
void loss(const CrossEntropy& s, const CrossEntropyForward& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* x = row_at<T>(p.x, row * s.n);
    const T largest = row_max(x, s.n, T(1));
    const double sum = sum_exp_row(x, s.n, T(1), largest);
    const double rest = Log::f(sum);
    T& out = *row_at<T>(p.loss, row);
    if constexpr (kTarget) {
      const T *target = row_at<T>(p.target, row * s.n), rest_t = T(rest);
      out = T(row_sum<T>(s.n, [=](int64_t i, auto v) MP_LAMBDA {
        return load_as(target + i, v) * (rest_t - (load_as(x + i, v) - largest));
      }));
    } else {
      const int64_t label = s.labels[row];
      out = label == s.ignored ? T(0) : T(double(largest) - double(x[label]) + rest);
    }
    *row_at<T>(p.largest, row) = largest;
    *row_at<T>(p.inverse, row) = T(1 / sum);
  }
}

template <class T>
void loss_grad(const CrossEntropy& s, const CrossEntropyBackward& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* x = row_at<T>(p.x, row * s.n);
    T* dx = row_at<T>(p.dx, row * s.n);
    const T largest = *row_at<T>(p.largest, row), inverse = *row_at<T>(p.inverse, row);
    const T g = *row_at<T>(p.dy, row), factor = g * inverse;
    const int64_t label = s.labels[row];
    if (label == s.ignored) {
      each(s.n, [=](int64_t i) MP_LAMBDA { dx[i] = 0; });
      continue;
    }
    each(s.n, [=](int64_t i) MP_LAMBDA { dx[i] = factor * exp_below(x[i] - largest); });
    dx[label] = g * (inverse * exp_below(x[label] - largest) - T(1));
  }
}

template <class T>
void target_loss_grad(const CrossEntropy& s, const CrossEntropyBackward& p, int64_t begin,
                      int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T *x = row_at<T>(p.x, row * s.n), *target = row_at<T>(p.target, row * s.n);
    T *dx = row_at<T>(p.dx, row * s.n), *dtarget = row_at<T>(p.dtarget, row * s.n);
    const T largest = *row_at<T>(p.largest, row), inverse = *row_at<T>(p.inverse, row);
    const T g = *row_at<T>(p.dy, row), rest = T(-Log::f(double(inverse)));
    const double weight =
        row_sum<T>(s.n, [=](int64_t i, auto v) MP_LAMBDA { return load_as(target + i, v); });
    const T factor = T(weight) * inverse;
    each(s.n, [=](int64_t i) MP_LAMBDA {
      dx[i] = g * (factor * exp_below(x[i] - largest) - target[i]);
      dtarget[i] = g * (rest - (x[i] - largest));
    });
  }
}

template <class T>
constexpr SoftmaxLoops kLoops = {rows<T>,        columns<T>,    rows_grad<T>, columns_grad<T>,
                                 loss<T, false>, loss<T, true>, loss_grad<T>, target_loss_grad<T>};

}  // namespace

extern const SoftmaxTables softmax_loops;
const SoftmaxTables softmax_loops = {kLoops<float>, kLoops<double>};

}  // namespace mp::cpu::MP_ISA
