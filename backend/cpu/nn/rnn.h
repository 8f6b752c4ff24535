// Recurrent layers: one direction of one layer swept over all time steps, forward and backward, for
// float and double. Everything is dense, no Python, callable without the GIL.
// - What the input contributes to the gates comes in as one product over all steps; so do the
//   gradients of the weights go out, as the gates' gradients. Here is what depends on time.
// - Recurrent weights are packed once (rnn_pack) into panels that the inner product reads in order.
// - Each batch row is independent of the others, so the pool takes ranges of rows, each for all
//   steps, without a barrier per step, and the bits do not depend on how many.
// - A row (step, batch) of gates has kRnnGates[mode].width blocks of `hidden` numbers. For GRU they
//   are h r z n, h being what the hidden state alone contributes to n: then what the input feeds
//   (r z n) and what the hidden state feeds (h r z) are adjacent.
#pragma once
#include <cstdint>
#include <span>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

enum class RnnMode : uint8_t { Relu, Tanh, Lstm, Gru };

struct RnnGates {
  int width, input_first, count;  // the hidden state feeds blocks 0 .. count - 1
  int rotated;                    // of the parameters' block that the hidden state's block 0 is
};
inline constexpr RnnGates kRnnGates[] = {{1, 0, 1, 0}, {1, 0, 1, 0}, {4, 0, 4, 0}, {4, 1, 3, 2}};

struct RnnShape {
  RnnMode mode;
  bool reverse;
  int64_t steps, batch, hidden;
  int64_t out;  // length of the hidden state: `hidden`, or that of its projection
  // Numbers from one batch row of the hidden states to the next; a step is `batch` rows.
  int64_t out_stride;
  bool clip, clip_nan;  // the cell of LSTM
  double clip_min, clip_max;
  const int64_t* lengths;  // steps of each batch row, null for all; others leave the state alone
};

// hidden points at the state before the step that comes first in memory; the states before and
// after step t are at (t + reverse) and (t + !reverse) steps from there. cells and raw are in the
// order of processing.
template <class T>
struct RnnForward {
  const T* bias;        // one row of gates
  const T* recurrent;   // packed (out, count * hidden)
  const T* projection;  // packed (hidden, out), or null
  T* gates;             // what the input contributes; becomes the activations
  T* cells;             // LSTM: (steps + 1, batch, hidden), the first given
  T* raw;               // hidden states before projection (steps, batch, hidden), or null
  T* hidden;            // the state before the first step is given
};

template <class T>
struct RnnBackward {
  const T* recurrent;   // packed (count * hidden, out)
  const T* projection;  // packed (out, hidden), or null
  const T *gates, *cells, *hidden;
  const T* dout;  // of the states after the steps, rows out_stride apart; null for none
  T* dgates;      // out: like gates
  T* dprojected;  // with a projection, out: (steps, batch, out)
  T* draw;        // with a projection, scratch: (batch, hidden)
  T* dhidden;     // (batch, out): in of the last state, out of the first
  T* dcell;       // LSTM: (batch, hidden), likewise
};

struct RnnLoops {
  void (*forward_f32)(const RnnShape&, const RnnForward<float>&, int64_t begin, int64_t end);
  void (*forward_f64)(const RnnShape&, const RnnForward<double>&, int64_t begin, int64_t end);
  void (*backward_f32)(const RnnShape&, const RnnBackward<float>&, int64_t begin, int64_t end);
  void (*backward_f64)(const RnnShape&, const RnnBackward<double>&, int64_t begin, int64_t end);
  int panel_f32, panel_f64;  // columns of a panel
};
MP_DECLARE_PER_ISA(RnnLoops, rnn_loops)

// A matrix whose element (p, j) is data[(p + p_rotate) % k * p_step + (j + j_rotate) % n * j_step].
template <class T>
struct RnnMatrix {
  const T* data;
  int64_t k, n, p_step, j_step, p_rotate = 0, j_rotate = 0;
};
// A packed (k, n) matrix: panels of as many columns as the loops say, row by row; the last is
// filled with zeros.
int64_t rnn_packed_size(DType dtype, int64_t k, int64_t n);
template <class T>
void rnn_pack(const RnnMatrix<T>& m, T* to);

// The directions of one layer, side by side.
template <class T>
struct RnnForwardSweep {
  RnnShape shape;
  RnnForward<T> p;
};
template <class T>
struct RnnBackwardSweep {
  RnnShape shape;
  RnnBackward<T> p;
};
template <class T>
void rnn_forward(std::span<const RnnForwardSweep<T>> directions);
template <class T>
void rnn_backward(std::span<const RnnBackwardSweep<T>> directions);

// to[j] = the sum of column j of a dense matrix, by fixed blocks of rows.
template <class T>
void rnn_column_sums(const T* m, int64_t rows, int64_t columns, T* to);
// Rows (step, batch) of `width` numbers, from_stride apart, to dense ones, times `mask` where it is
// not null; zeros beyond a batch row's length.
template <class T>
void rnn_copy_rows(const RnnShape& s, int64_t width, const T* from, int64_t from_stride,
                   const T* mask, T* to);

}  // namespace mp::cpu
