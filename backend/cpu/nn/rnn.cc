#include "cpu/nn/rnn.h"

#include <algorithm>
#include <cstring>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const RnnLoops& loops() {
  static const RnnLoops& best = MP_BEST_ISA(rnn_loops);
  return best;
}

template <class T>
int64_t panel() {
  return sizeof(T) == 4 ? loops().panel_f32 : loops().panel_f64;
}

constexpr int64_t kTileRows = 4, kFewestRows = 8;  // of a task; each reads the weights

// f(direction, begin, end) for ranges of the rows of all directions.
template <class F>
void over_rows(int64_t directions, const RnnShape& s, int64_t item, F&& f) {
  const int64_t threads = pool::threads(), all = directions * s.batch;
  const int64_t wanted = std::max((all + threads - 1) / threads, kFewestRows);
  const int64_t rows = std::min((wanted + kTileRows - 1) / kTileRows * kTileRows, s.batch);
  if (rows == 0) return;
  const int64_t parts = (s.batch + rows - 1) / rows;
  const double products = static_cast<double>(s.steps) * s.hidden * s.out * all *
                          kRnnGates[static_cast<int>(s.mode)].count;
  pool::parallel_for(
      directions * parts, 1, static_cast<int64_t>(0.025 * static_cast<double>(item) / 4 * products),
      [&](int64_t begin, int64_t end) {
        for (int64_t task = begin; task < end; ++task)
          f(task / parts, task % parts * rows, std::min((task % parts + 1) * rows, s.batch));
      });
}

}  // namespace

int64_t rnn_packed_size(DType dtype, int64_t k, int64_t n) {
  const int64_t width = dtype == DType::F64 ? panel<double>() : panel<float>();
  return k * ((n + width - 1) / width * width);
}

template <class T>
void rnn_pack(const RnnMatrix<T>& m, T* to) {
  const int64_t width = panel<T>();
  for (int64_t column = 0; column < m.n; column += width)
    for (int64_t p = 0; p < m.k; ++p, to += width) {
      const T* row = m.data + (p + m.p_rotate) % m.k * m.p_step;
      int64_t at = (column + m.j_rotate) % m.n;
      for (int64_t j = 0; j < width; ++j) {
        to[j] = column + j < m.n ? row[at * m.j_step] : T(0);
        at = at + 1 == m.n ? 0 : at + 1;
      }
    }
}

template <class T>
void rnn_forward(std::span<const RnnForwardSweep<T>> directions) {
  over_rows(static_cast<int64_t>(directions.size()), directions[0].shape, sizeof(T),
            [&](int64_t direction, int64_t begin, int64_t end) {
              const RnnForwardSweep<T>& d = directions[static_cast<size_t>(direction)];
              if constexpr (sizeof(T) == 4)
                loops().forward_f32(d.shape, d.p, begin, end);
              else
                loops().forward_f64(d.shape, d.p, begin, end);
            });
}

template <class T>
void rnn_backward(std::span<const RnnBackwardSweep<T>> directions) {
  over_rows(static_cast<int64_t>(directions.size()), directions[0].shape, sizeof(T),
            [&](int64_t direction, int64_t begin, int64_t end) {
              const RnnBackwardSweep<T>& d = directions[static_cast<size_t>(direction)];
              if constexpr (sizeof(T) == 4)
                loops().backward_f32(d.shape, d.p, begin, end);
              else
                loops().backward_f64(d.shape, d.p, begin, end);
            });
}

template <class T>
void rnn_column_sums(const T* m, int64_t rows, int64_t columns, T* to) {
  constexpr int64_t kColumns = 64, kRows = 32;
  pool::parallel_for(
      (columns + kColumns - 1) / kColumns, 1, rows * columns / 4, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) {
          const int64_t first = part * kColumns, count = std::min(kColumns, columns - first);
          double total[kColumns] = {};
          for (int64_t row = 0; row < rows; row += kRows) {
            T sum[kColumns] = {};
            for (int64_t r = row; r < std::min(row + kRows, rows); ++r)
              for (int64_t j = 0; j < count; ++j) sum[j] += m[r * columns + first + j];
            for (int64_t j = 0; j < count; ++j) total[j] += static_cast<double>(sum[j]);
          }
          for (int64_t j = 0; j < count; ++j) to[first + j] = static_cast<T>(total[j]);
        }
      });
}

template <class T>
void rnn_copy_rows(const RnnShape& s, int64_t width, const T* from, int64_t from_stride,
                   const T* mask, T* to) {
  pool::parallel_for(s.steps * s.batch, std::max<int64_t>(1, 4096 / std::max<int64_t>(width, 1)),
                     s.steps * s.batch * width / 4, [&](int64_t begin, int64_t end) {
                       for (int64_t row = begin; row < end; ++row) {
                         const T* x = from + row * from_stride;
                         T* y = to + row * width;
                         if (s.lengths && row / s.batch >= s.lengths[row % s.batch])
                           std::memset(y, 0, static_cast<size_t>(width) * sizeof(T));
                         else if (mask)
                           for (int64_t j = 0; j < width; ++j) y[j] = x[j] * mask[row * width + j];
                         else
                           std::memcpy(y, x, static_cast<size_t>(width) * sizeof(T));
                       }
                     });
}

#define MP_RNN_TYPE(T)                                                 \
  template void rnn_pack<T>(const RnnMatrix<T>&, T*);                  \
  template void rnn_forward<T>(std::span<const RnnForwardSweep<T>>);   \
  template void rnn_backward<T>(std::span<const RnnBackwardSweep<T>>); \
  template void rnn_column_sums<T>(const T*, int64_t, int64_t, T*);    \
  template void rnn_copy_rows<T>(const RnnShape&, int64_t, const T*, int64_t, const T*, T*);
MP_RNN_TYPE(float)
MP_RNN_TYPE(double)

}  // namespace mp::cpu
