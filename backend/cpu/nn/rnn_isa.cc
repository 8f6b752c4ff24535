#include "cpu/math/exp.h"
#include "cpu/math/sigmoid.h"
#include "cpu/nn/rnn.h"
#include "cpu/tiles.h"

namespace mp::cpu::MP_ISA {
namespace {

// c (rows, n) += a (rows, k) times the packed (k, n) matrix b.
template <class T>
void add_product(int64_t rows, int64_t n, int64_t k, const T* a, int64_t a_stride, const T* b, T* c,
                 int64_t c_stride) {
  multiply_panels<T>(rows, n, k, {a, a_stride, 1}, b, k * kPanel<T>, c, c_stride, true);
}

// a[j] = F(a[j] + bias[j])
template <class F, class T>
void activate(int64_t n, const T* bias, T* a) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) a[j] = F::f(a[j] + bias[j]);
}

struct Relu {
  template <class T>
  MP_FN T f(T x) {
    return x < 0 ? T(0) : x;
  }
};

template <class T>
void copy(int64_t n, const T* from, T* to) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) to[j] = from[j];
}
template <class T>
void add(int64_t n, const T* from, T* to) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) to[j] += from[j];
}
template <class T>
void clear(int64_t n, T* to) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) to[j] = 0;
}

template <class T>
struct Clip {
  T low, high;
  bool nan;
  explicit Clip(const RnnShape& s)
      : low(static_cast<T>(s.clip_min)), high(static_cast<T>(s.clip_max)), nan(s.clip_nan) {}
  MP_INLINE T operator()(T c) const {
    const T bounded = c < low ? low : c > high ? high : c;
    return nan && c != c ? low : bounded;
  }
  MP_INLINE bool passes(T c) const { return c >= low && c <= high; }
};

template <class T>
void lstm_row(const RnnShape& s, const T* bias, T* gates, const T* before, T* cell, T* h) {
  const int64_t n = s.hidden;
  activate<Sigmoid>(2 * n, bias, gates);
  activate<Tanh>(n, bias + 2 * n, gates + 2 * n);
  activate<Sigmoid>(n, bias + 3 * n, gates + 3 * n);
  const T *in = gates, *forget = gates + n, *fresh = gates + 2 * n, *open = gates + 3 * n;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) cell[j] = forget[j] * before[j] + in[j] * fresh[j];
  if (s.clip) {
    const Clip<T> clip(s);
    for (int64_t j = 0; j < n; ++j) cell[j] = clip(cell[j]);
  }
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) h[j] = open[j] * Tanh::f(cell[j]);
}

template <class T>
void gru_row(const RnnShape& s, const T* bias, T* gates, const T* before, T* h) {
  const int64_t n = s.hidden;
  add(n, bias, gates);
  activate<Sigmoid>(2 * n, bias + n, gates + n);
  const T *own = gates, *reset = gates + n, *keep = gates + 2 * n, *shift = bias + 3 * n;
  T* fresh = gates + 3 * n;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const T x = Tanh::f(fresh[j] + shift[j] + reset[j] * own[j]);
    fresh[j] = x;
    h[j] = x + keep[j] * (before[j] - x);
  }
}

template <class T>
void plain_row(const RnnShape& s, const T* bias, T* gates, T* h) {
  if (s.mode == RnnMode::Relu)
    activate<Relu>(s.hidden, bias, gates);
  else
    activate<Tanh>(s.hidden, bias, gates);
  copy(s.hidden, gates, h);
}

bool active(const RnnShape& s, int64_t row, int64_t t) { return !s.lengths || t < s.lengths[row]; }

template <class T>
void forward_row(const RnnShape& s, const RnnForward<T>& p, int64_t step, int64_t t, int64_t row) {
  const int64_t width = kRnnGates[int(s.mode)].width, n = s.hidden;
  T* gates = p.gates + (t * s.batch + row) * width * n;
  const T* h_before = p.hidden + ((t + s.reverse) * s.batch + row) * s.out_stride;
  T* h = p.hidden + ((t + !s.reverse) * s.batch + row) * s.out_stride;
  const bool lstm = s.mode == RnnMode::Lstm;
  T* cell_before = lstm ? p.cells + (step * s.batch + row) * n : nullptr;
  T* cell = lstm ? cell_before + s.batch * n : nullptr;
  T* raw = p.raw ? p.raw + (t * s.batch + row) * n : h;
  if (!active(s, row, t)) {
    copy(s.out, h_before, h);
    if (lstm) copy(n, cell_before, cell);
    if (p.raw) clear(n, raw);
    return;
  }
  if (lstm)
    lstm_row(s, p.bias, gates, cell_before, cell, raw);
  else if (s.mode == RnnMode::Gru)
    gru_row(s, p.bias, gates, h_before, h);
  else
    plain_row(s, p.bias, gates, h);
  if (p.raw) clear(s.out, h);
}

// The projection of active rows, one after the other runs of them.
template <class T>
void project(const RnnShape& s, const RnnForward<T>& p, int64_t t, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end;) {
    int64_t stop = row;
    while (stop < end && active(s, stop, t)) ++stop;
    if (stop > row)
      add_product(stop - row, s.out, s.hidden, p.raw + (t * s.batch + row) * s.hidden, s.hidden,
                  p.projection, p.hidden + ((t + !s.reverse) * s.batch + row) * s.out_stride,
                  s.out_stride);
    row = stop + 1;
  }
}

template <class T>
void forward(const RnnShape& s, const RnnForward<T>& p, int64_t begin, int64_t end) {
  const RnnGates g = kRnnGates[int(s.mode)];
  const int64_t stride = g.width * s.hidden;
  for (int64_t step = 0; step < s.steps; ++step) {
    const int64_t t = s.reverse ? s.steps - 1 - step : step;
    T* gates = p.gates + (t * s.batch + begin) * stride;
    if (s.mode == RnnMode::Gru)
      for (int64_t row = 0; row < end - begin; ++row) clear(s.hidden, gates + row * stride);
    add_product(end - begin, g.count * s.hidden, s.out,
                p.hidden + ((t + s.reverse) * s.batch + begin) * s.out_stride, s.out_stride,
                p.recurrent, gates, stride);
    for (int64_t row = begin; row < end; ++row) forward_row(s, p, step, t, row);
    if (p.raw) project(s, p, t, begin, end);
  }
}

// --- Backward ---

template <class T>
void lstm_gradient(const RnnShape& s, const T* gates, const T* before, const T* cell, const T* dh,
                   T* dcell, T* dgates) {
  const int64_t n = s.hidden;
  const T *in = gates, *forget = gates + n, *fresh = gates + 2 * n, *open = gates + 3 * n;
  T *din = dgates, *dforget = dgates + n, *dfresh = dgates + 2 * n, *dopen = dgates + 3 * n;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const T y = Tanh::f(cell[j]), o = open[j], d = dh[j];
    dopen[j] = d * y * o * (T(1) - o);
    dcell[j] += d * o * (T(1) - y * y);
  }
  if (s.clip) {
    const Clip<T> clip(s);
    for (int64_t j = 0; j < n; ++j)
      if (!clip.passes(forget[j] * before[j] + in[j] * fresh[j])) dcell[j] = 0;
  }
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const T i = in[j], f = forget[j], x = fresh[j], d = dcell[j];
    din[j] = d * x * i * (T(1) - i);
    dforget[j] = d * before[j] * f * (T(1) - f);
    dfresh[j] = d * i * (T(1) - x * x);
    dcell[j] = d * f;
  }
}

// dh becomes what goes past the gates to the state before.
template <class T>
void gru_gradient(const RnnShape& s, const T* gates, const T* before, T* dh, T* dgates) {
  const int64_t n = s.hidden;
  const T *own = gates, *reset = gates + n, *keep = gates + 2 * n, *fresh = gates + 3 * n;
  T *down = dgates, *dreset = dgates + n, *dkeep = dgates + 2 * n, *dfresh = dgates + 3 * n;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const T d = dh[j], r = reset[j], z = keep[j], x = fresh[j];
    const T dx = d * (T(1) - z) * (T(1) - x * x);
    dfresh[j] = dx;
    down[j] = dx * r;
    dreset[j] = dx * own[j] * r * (T(1) - r);
    dkeep[j] = d * (before[j] - x) * z * (T(1) - z);
    dh[j] = d * z;
  }
}

template <class T>
void plain_gradient(const RnnShape& s, const T* gates, const T* dh, T* dgates) {
  const bool relu = s.mode == RnnMode::Relu;
#pragma GCC ivdep
  for (int64_t j = 0; j < s.hidden; ++j) {
    const T y = gates[j], slope = relu ? (y > 0 ? T(1) : T(0)) : T(1) - y * y;
    dgates[j] = dh[j] * slope;
  }
}

template <class T>
void backward_row(const RnnShape& s, const RnnBackward<T>& p, int64_t step, int64_t t,
                  int64_t row) {
  const int64_t width = kRnnGates[int(s.mode)].width, n = s.hidden;
  const int64_t at = (t * s.batch + row) * width * n;
  T* dh = p.dhidden + row * s.out;
  if (!active(s, row, t)) return clear(width * n, p.dgates + at);
  const T* d = p.draw ? p.draw + row * n : dh;
  if (s.mode == RnnMode::Gru)
    return gru_gradient(s, p.gates + at,
                        p.hidden + ((t + s.reverse) * s.batch + row) * s.out_stride, dh,
                        p.dgates + at);
  if (s.mode == RnnMode::Lstm) {
    const T* before = p.cells + (step * s.batch + row) * n;
    lstm_gradient(s, p.gates + at, before, before + s.batch * n, d, p.dcell + row * n,
                  p.dgates + at);
  } else {
    plain_gradient(s, p.gates + at, d, p.dgates + at);
  }
  clear(s.out, dh);
}

// Adds the gradient that came from outside; with a projection, goes back through it.
template <class T>
void gather(const RnnShape& s, const RnnBackward<T>& p, int64_t t, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const bool on = active(s, row, t);
    T* dh = p.dhidden + row * s.out;
    if (on && p.dout) add(s.out, p.dout + (t * s.batch + row) * s.out_stride, dh);
    if (!p.draw) continue;
    T* to = p.dprojected + (t * s.batch + row) * s.out;
    if (on)
      copy(s.out, dh, to);
    else
      clear(s.out, to);
    clear(s.hidden, p.draw + row * s.hidden);
  }
  if (p.draw)
    add_product(end - begin, s.hidden, s.out, p.dprojected + (t * s.batch + begin) * s.out, s.out,
                p.projection, p.draw + begin * s.hidden, s.hidden);
}

template <class T>
void backward(const RnnShape& s, const RnnBackward<T>& p, int64_t begin, int64_t end) {
  const RnnGates g = kRnnGates[int(s.mode)];
  const int64_t stride = g.width * s.hidden;
  for (int64_t step = s.steps - 1; step >= 0; --step) {
    const int64_t t = s.reverse ? s.steps - 1 - step : step;
    gather(s, p, t, begin, end);
    for (int64_t row = begin; row < end; ++row) backward_row(s, p, step, t, row);
    add_product(end - begin, s.out, g.count * s.hidden, p.dgates + (t * s.batch + begin) * stride,
                stride, p.recurrent, p.dhidden + begin * s.out, s.out);
  }
}

}  // namespace

extern const RnnLoops rnn_loops;
const RnnLoops rnn_loops = {forward<float>,   forward<double>, backward<float>,
                            backward<double>, kPanel<float>,   kPanel<double>};

}  // namespace mp::cpu::MP_ISA
