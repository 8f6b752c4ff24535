#include "cpu/math/exp_below.h"
#include "cpu/nn/attention.h"
#include "cpu/tiles.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class T>
inline constexpr T kMinusInfinity = -kInfinity<T>;

template <class T>
T sum_of(const T* x, int64_t n) {
  using V = Wide<T>;
  constexpr int kLanes = kLanesOf<T>;
  V sums[2] = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes)
    for (int j = 0; j < 2; ++j) sums[j] += load_wide<V>(x + i + j * kLanes);
  T total = 0;
  for (int l = 0; l < kLanes; ++l) total += sums[0][l] + sums[1][l];
  for (; i < n; ++i) total += x[i];
  return total;
}

template <class T>
T dot_of(const T* x, const T* y, int64_t n) {
  using V = Wide<T>;
  constexpr int kLanes = kLanesOf<T>;
  V sums{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    sums = multiply_add(load_wide<V>(x + i), load_wide<V>(y + i), sums);
  T total = 0;
  for (int l = 0; l < kLanes; ++l) total += sums[l];
  for (; i < n; ++i) total += x[i] * y[i];
  return total;
}

template <class T>
void add_scaled(T* to, T factor, const T* x, int64_t n) {
  using V = Wide<T>;
  constexpr int kLanes = kLanesOf<T>;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    store_wide(to + i, multiply_add(splat<V>(factor), load_wide<V>(x + i), load_wide<V>(to + i)));
  for (; i < n; ++i) to[i] += factor * x[i];
}

// NaNs lose.
template <class T>
T max_of(const T* x, int64_t n) {
  using V = Wide<T>;
  constexpr int kLanes = kLanesOf<T>;
  V most = splat<V>(kMinusInfinity<T>);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const V v = load_wide<V>(x + i);
    most = v > most ? v : most;
  }
  T result = kMinusInfinity<T>;
  for (int l = 0; l < kLanes; ++l) result = most[l] > result ? most[l] : result;
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

// Scores scaled and masked. How many of the row's keys count.
template <class T>
int64_t finish_scores(const Attention& p, int64_t head, int64_t query, int64_t key, int64_t keys,
                      T* s) {
  const T scale = static_cast<T>(p.scale);
  for (int64_t j = 0; j < keys; ++j) s[j] *= scale;
  if (p.mask.heads) {
    const T* mask =
        static_cast<const T*>(p.mask.heads[head]) + query * p.mask.row + key * p.mask.col;
    if (p.mask.col == 1)
      for (int64_t j = 0; j < keys; ++j) s[j] += mask[j];
    else
      for (int64_t j = 0; j < keys; ++j) s[j] += mask[j * p.mask.col];
  }
  if (!p.causal) return keys;
  const int64_t seen = query - key + 1;
  return seen < 0 ? 0 : smaller(seen, keys);
}

// Scores become exponentials relative to the largest so far; what is in `out` adapts to it.
template <class T>
void exponentials(int64_t seen, int64_t keys, T* s, T* most, T* total, T* out, int64_t width) {
  const T before = *most, here = max_of(s, seen);
  const T now = here > before ? here : before;
  const T base = now == kMinusInfinity<T> ? T(0) : now;
  for (int64_t j = 0; j < seen; ++j) s[j] = exp_below(s[j] - base);
  for (int64_t j = seen; j < keys; ++j) s[j] = 0;
  const T shrink = exp_below(before - base);
  if (shrink != T(1))
    for (int64_t j = 0; j < width; ++j) out[j] *= shrink;
  *total = *total * shrink + sum_of(s, seen);
  *most = now;
}

// Hands out pieces of the workspace.
template <class T>
class Pieces {
 public:
  explicit Pieces(void* at) : at_(static_cast<char*>(at)) {}
  T* take(int64_t rows, int64_t columns) {
    T* piece = reinterpret_cast<T*>(at_);
    constexpr int64_t kUnit = kPanelBytes / sizeof(T);
    at_ += rows * ((columns + kUnit - 1) / kUnit) * kPanelBytes;
    return piece;
  }

 private:
  char* at_;
};

template <class T>
const T* row_of(const HeadRows& x, int64_t head, int64_t row) {
  return static_cast<const T*>(x.heads[head]) + row * x.step;
}

// How many of the `keys` from `key` on the queries before `end` see.
int64_t seen_by(const Attention& p, int64_t key, int64_t keys, int64_t end) {
  if (!p.causal) return keys;
  return end <= key ? 0 : smaller(keys, end - key);
}

// One block of keys, packed for many queries; few read them where they are.
template <class T>
class KeyBlock {
 public:
  KeyBlock(const Attention& p, int64_t head, int64_t key, int64_t keys, T* k_panels, T* v_panels)
      : p_(p),
        few_(p.queries <= kFewQueries),
        keys_(keys),
        k_(row_of<T>(p.k, head, key)),
        v_(row_of<T>(p.v, head, key)),
        k_panels_(k_panels),
        v_panels_(v_panels) {
    if (few_) return;
    pack_transposed(k_, p.k.step, keys, p.width, k_panels);
    pack_panels(v_, p.v.step, keys, p.value_width, v_panels);
  }
  // Of the first n keys.
  void scores(const T* q, int64_t rows, int64_t n, T* s, int64_t line) const {
    if (!few_)
      return multiply_panels<T>(rows, n, p_.width, {q, p_.q.step, 1}, k_panels_,
                                p_.width * kPanel<T>, s, line, false);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < n; ++j)
        s[i * line + j] = dot_of(q + i * p_.q.step, k_ + j * p_.k.step, p_.width);
  }
  void add_values(const T* weights, int64_t line, int64_t rows, int64_t n, T* out) const {
    const int64_t width = p_.value_width;
    if (!few_)
      return multiply_panels<T>(rows, width, n, {weights, line, 1}, v_panels_, keys_ * kPanel<T>,
                                out, width, true);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < n; ++j)
        add_scaled(out + i * width, weights[i * line + j], v_ + j * p_.v.step, width);
  }

 private:
  static constexpr int64_t kFewQueries = 4;
  const Attention& p_;
  bool few_;
  int64_t keys_;
  const T *k_, *v_;
  T *k_panels_, *v_panels_;
};

template <class T>
void forward(const Attention& p, const AttentionPart& part) {
  const int64_t most_keys = smaller(kKeyBlock, p.keys), width = p.value_width;
  Pieces<T> pieces(part.workspace);
  T *k_panels = pieces.take(p.width, most_keys), *scores = pieces.take(kQueryBlock, most_keys),
    *v_panels = pieces.take(most_keys, width), *most = pieces.take(1, part.end - part.begin),
    *total = pieces.take(1, part.end - part.begin);
  const int64_t first_row = part.head * p.queries;
  T* out = static_cast<T*>(p.out) + first_row * width;
  for (int64_t i = part.begin; i < part.end; ++i) {
    most[i - part.begin] = kMinusInfinity<T>;
    total[i - part.begin] = 0;
    for (int64_t j = 0; j < width; ++j) out[i * width + j] = 0;
  }
  for (int64_t key = 0; key < p.keys; key += most_keys) {
    const int64_t keys = smaller(most_keys, p.keys - key);
    if (!seen_by(p, key, keys, part.end)) break;
    const KeyBlock<T> block(p, part.head, key, keys, k_panels, v_panels);
    for (int64_t query = part.begin; query < part.end; query += kQueryBlock) {
      const int64_t rows = smaller(kQueryBlock, part.end - query);
      const int64_t n = seen_by(p, key, keys, query + rows);
      if (n == 0) continue;
      block.scores(row_of<T>(p.q, part.head, query), rows, n, scores, most_keys);
      for (int64_t i = 0; i < rows; ++i) {
        T* s = scores + i * most_keys;
        const int64_t seen = finish_scores(p, part.head, query + i, key, n, s);
        const int64_t at = query + i - part.begin;
        exponentials(seen, n, s, most + at, total + at, out + (query + i) * width, width);
      }
      block.add_values(scores, most_keys, rows, n, out + query * width);
    }
  }
  for (int64_t i = part.begin; i < part.end; ++i) {
    const T sum = total[i - part.begin];
    p.log_weight[first_row + i] = sum == 0 ? kMinusInfinity<double>
                                           : static_cast<double>(most[i - part.begin]) +
                                                 __builtin_log(static_cast<double>(sum));
    if (sum == 0) continue;
    for (int64_t j = 0; j < width; ++j) out[i * width + j] /= sum;
  }
}

// Scores become weights p, products of dout and v become the scores' gradients p (dp - delta).
template <class T>
void row_gradient(const AttentionGrad& g, int64_t head, int64_t query, int64_t key, int64_t keys,
                  T delta, T* s, T* dp) {
  const Attention& p = g.forward;
  const double exact = p.log_weight[head * p.queries + query];
  const T log_weight = static_cast<T>(exact),
          rest = static_cast<T>(exact - static_cast<double>(log_weight));
  const bool nothing = exact == kMinusInfinity<double>;
  const int64_t seen = nothing ? 0 : finish_scores(p, head, query, key, keys, s);
  for (int64_t j = 0; j < seen; ++j) s[j] = exp_below((s[j] - log_weight) - rest);
  for (int64_t j = 0; j < seen; ++j) dp[j] = s[j] * (dp[j] - delta);
  for (int64_t j = seen; j < keys; ++j) s[j] = dp[j] = 0;
  if (g.dmask) {
    T* to = static_cast<T*>(g.dmask) + (head * p.queries + query) * p.keys + key;
    for (int64_t j = 0; j < keys; ++j) to[j] = dp[j];
  }
  const T scale = static_cast<T>(p.scale);
  for (int64_t j = 0; j < seen; ++j) dp[j] *= scale;
}

template <class T>
struct BackwardSpace {
  T *k_columns, *v_columns, *k_rows, *scores, *dp, *q_panels, *dout_panels, *delta;
  BackwardSpace(const Attention& p, void* workspace) {
    const int64_t keys = smaller(kKeyBlock, p.keys);
    Pieces<T> pieces(workspace);
    k_columns = pieces.take(p.width, keys);
    v_columns = pieces.take(p.value_width, keys);
    k_rows = pieces.take(keys, p.width);
    scores = pieces.take(kQueryBlock, keys);
    dp = pieces.take(kQueryBlock, keys);
    q_panels = pieces.take(kQueryBlock, p.width);
    dout_panels = pieces.take(kQueryBlock, p.value_width);
    delta = pieces.take(1, p.queries);
  }
};

// One block of queries against the packed keys.
template <class T>
void block_gradient(const AttentionGrad& g, const AttentionPart& part, const BackwardSpace<T>& w,
                    int64_t key, int64_t keys, int64_t query, int64_t rows) {
  const Attention& p = g.forward;
  const int64_t line = smaller(kKeyBlock, p.keys), h = part.head;
  const int64_t n = seen_by(p, key, keys, query + rows);
  if (n == 0) return;
  const T *q = row_of<T>(p.q, h, query), *dout = row_of<T>(g.dout, h, query);
  multiply_panels<T>(rows, n, p.width, {q, p.q.step, 1}, w.k_columns, p.width * kPanel<T>, w.scores,
                     line, false);
  multiply_panels<T>(rows, n, p.value_width, {dout, g.dout.step, 1}, w.v_columns,
                     p.value_width * kPanel<T>, w.dp, line, false);
  for (int64_t i = 0; i < rows; ++i)
    row_gradient(g, h, query + i, key, n, w.delta[query + i], w.scores + i * line, w.dp + i * line);
  pack_panels(q, p.q.step, rows, p.width, w.q_panels);
  pack_panels(dout, g.dout.step, rows, p.value_width, w.dout_panels);
  T *dk = static_cast<T*>(g.dk) + (h * p.keys + key) * p.width,
    *dv = static_cast<T*>(g.dv) + (h * p.keys + key) * p.value_width;
  multiply_panels<T>(n, p.value_width, rows, {w.scores, 1, line}, w.dout_panels, rows * kPanel<T>,
                     dv, p.value_width, true);
  multiply_panels<T>(n, p.width, rows, {w.dp, 1, line}, w.q_panels, rows * kPanel<T>, dk, p.width,
                     true);
  multiply_panels<T>(rows, p.width, n, {w.dp, line, 1}, w.k_rows, keys * kPanel<T>,
                     static_cast<T*>(part.dq) + query * p.width, p.width, true);
}

template <class T>
void backward(const AttentionGrad& g, const AttentionPart& part) {
  const Attention& p = g.forward;
  const int64_t h = part.head, width = p.value_width;
  const BackwardSpace<T> w(p, part.workspace);
  const T* out = static_cast<const T*>(p.out) + h * p.queries * width;
  for (int64_t i = 0; i < p.queries; ++i)
    w.delta[i] = dot_of(row_of<T>(g.dout, h, i), out + i * width, width);
  for (int64_t key = part.begin; key < part.end; key += kKeyBlock) {
    const int64_t keys = smaller(kKeyBlock, part.end - key);
    pack_transposed(row_of<T>(p.k, h, key), p.k.step, keys, p.width, w.k_columns);
    pack_transposed(row_of<T>(p.v, h, key), p.v.step, keys, width, w.v_columns);
    pack_panels(row_of<T>(p.k, h, key), p.k.step, keys, p.width, w.k_rows);
    for (int64_t query = 0; query < p.queries; query += kQueryBlock)
      block_gradient(g, part, w, key, keys, query, smaller(kQueryBlock, p.queries - query));
  }
}

}  // namespace

extern const AttentionLoops attention_loops;
const AttentionLoops attention_loops = {forward<float>, forward<double>, backward<float>,
                                        backward<double>};

}  // namespace mp::cpu::MP_ISA
