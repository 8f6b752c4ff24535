#include <cstring>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/nest.h"
#include "cpu/program_loops.h"
#include "cpu/reduce_loops.h"
#include "engine/pool.h"

namespace mp::cpu {
namespace {

const SumLoops& sums = MP_BEST_ISA(sum_loops);
const ExtremeLoops& extremes = MP_BEST_ISA(extreme_loops);
const LogicLoops& logic = MP_BEST_ISA(logic_loops);

const ReduceEntry& entry_of(Reduce op, DType in) {
  const int t = index(in);
  switch (op) {
    case Reduce::Sum:
      return sums.table[0][t];
    case Reduce::Prod:
      return sums.table[1][t];
    case Reduce::Min:
      return extremes.table[0][t];
    case Reduce::Max:
      return extremes.table[1][t];
    case Reduce::Any:
      return logic.table[0][t];
    case Reduce::All:
      return logic.table[1][t];
    case Reduce::CountNonzero:
      break;
  }
  return logic.table[2][t];
}

// The value of an empty reduction; false for Min and Max, which have none.
bool fill_identity(Reduce op, const View& out) {
  if (op == Reduce::Min || op == Reduce::Max) return false;
  int64_t shape[kNestDims];
  for (int d = 0; d < out.ndim; ++d) shape[d] = out.strides[d] ? out.shape[d] : 1;
  char one[16];
  int64_t value = op == Reduce::Prod || op == Reduce::All;
  copy({out.dtype, 0, nullptr, nullptr, one},
       {DType::I64, 0, nullptr, nullptr, reinterpret_cast<char*>(&value)});
  fill({out.dtype, out.ndim, shape, out.strides, out.data}, one);
  return true;
}

// A nest over (in, out[, mean]) brought into one of two shapes: the last dimension is reduced (and
// the one before it, of any sort, is the loop over rows), or the last one is kept and the one
// before it is reduced.
template <int K>
struct Plan {
  Nest<K> nest;  // operand 0 is the input, 1 the output
  bool inner;
  int loops;  // dimensions that the loop function handles: 1 or 2

  bool reduced(int d) const { return nest.strides[1][d] == 0; }
  void make() {
    const int last = nest.ndim - 1;
    inner = nest.ndim == 0 || reduced(last);
    loops = last < 1 ? nest.ndim : 2;
    if (inner || last < 1) return;
    for (int d = last - 1; d >= 0; --d)
      if (reduced(d)) {
        nest.move_last(d);
        nest.swap_dims(last - 1, last);
        return;
      }
    loops = 1;
  }
  // f(pointers, first) for each call of the loop function.
  template <class F>
  void run(F&& f) {
    const int outer = nest.ndim - loops;
    bool outer_reduced = false;
    for (int d = 0; d < outer; ++d) outer_reduced |= reduced(d);
    if (!outer_reduced) return nest.for_outer(loops, [&](char** p) { f(p, true); });
    // Reduced outer dimensions first: `first` holds for the pass at their origin only.
    int kept = 0;
    for (int d = 0; d < outer; ++d)
      if (!reduced(d)) {
        for (int e = d; e > kept; --e) nest.swap_dims(e - 1, e);
        ++kept;
      }
    int64_t passes = 1, done = 0;
    for (int d = kept; d < outer; ++d) passes *= nest.shape[d];
    nest.for_outer(loops, [&](char** p) { f(p, done++ % passes == 0); });
  }
  int64_t n1() const { return nest.ndim ? nest.shape[nest.ndim - 1] : 1; }
  int64_t n0() const { return loops == 2 ? nest.shape[(nest.ndim - 2) & (kNestDims - 1)] : 1; }
  int64_t s1(int k) const { return nest.ndim ? nest.strides[k][nest.ndim - 1] : 0; }
  int64_t s0(int k) const {
    return loops == 2 ? nest.strides[k][(nest.ndim - 2) & (kNestDims - 1)] : 0;
  }
};

// Estimates for the thread pool: what reductions read in a nanosecond from the second-level cache.
constexpr int64_t kBytesPerNs = 40;

int64_t serial_ns(int64_t n0, int64_t n1, int64_t item) { return n0 * n1 * item / kBytesPerNs; }

// f(begin, end) over independent rows or columns, on several threads when they are long.
template <class F>
void share(int64_t n, int64_t each, int64_t item, F&& f) {
  constexpr int64_t kLeastElements = 4096;
  const int64_t grain = each < kLeastElements ? (kLeastElements / each + 63) / 64 * 64 : 1;
  pool::parallel_for(n, grain, serial_ns(n, each, item), f);
}

// One long row is cut into the subtrees of its pairwise sum, whose sums are then added as the tree
// adds them: the bits are those of the whole row. Extremes and counts are cut in the same places.
constexpr int64_t kSubtree = 1 << 15;

int64_t subtrees(int64_t n) {
  if (n <= kSubtree) return 1;
  const int64_t half = n / 2 / 8 * 8;
  return subtrees(half) + subtrees(n - half);
}

// Where subtree t of n elements begins, and its length.
struct Range {
  int64_t begin, length;
};
Range subtree(int64_t n, int64_t t) {
  int64_t begin = 0;
  while (n > kSubtree) {
    const int64_t half = n / 2 / 8 * 8, left = subtrees(half);
    if (t < left) {
      n = half;
    } else {
      begin += half;
      n -= half;
      t -= left;
    }
  }
  return {begin, n};
}

template <class T>
T add_tree(const T* sums, int64_t n) {
  if (n <= kSubtree) return *sums;
  const int64_t half = n / 2 / 8 * 8;
  return add_tree(sums, half) + add_tree(sums + subtrees(half), n - half);
}

bool has_subtrees(Reduce op, DType out) {
  if (op == Reduce::Sum) return out == DType::F32 || out == DType::F64 || is_integer(out);
  return op == Reduce::Min || op == Reduce::Max || op == Reduce::CountNonzero;
}

// Calls row(out, begin, length) for every subtree and puts the results together in `out`.
template <class Row>
void long_row(Reduce op, DType out_dtype, char* out, int64_t n, int64_t item, Row&& row) {
  const int64_t parts = subtrees(n), size = itemsize(out_dtype);
  std::vector<char> results(parts * size);
  pool::parallel_for(parts, 1, serial_ns(1, n, item), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const Range r = subtree(n, t);
      row(results.data() + t * size, r.begin, r.length);
    }
  });
  if (out_dtype == DType::F32 && op == Reduce::Sum) {
    const float sum = add_tree(reinterpret_cast<const float*>(results.data()), n);
    std::memcpy(out, &sum, sizeof sum);
  } else if (out_dtype == DType::F64 && op == Reduce::Sum) {
    const double sum = add_tree(reinterpret_cast<const double*>(results.data()), n);
    std::memcpy(out, &sum, sizeof sum);
  } else {
    const Reduce join = op == Reduce::CountNonzero ? Reduce::Sum : op;
    entry_of(join, out_dtype).inner(out, 0, results.data(), 0, size, 1, parts, true);
  }
}

void reduce_row(Reduce op, const ReduceEntry& entry, const View& out, DType in, const char* data,
                int64_t stride, int64_t n) {
  if (n < 2 * kSubtree || !has_subtrees(op, out.dtype))
    return entry.inner(out.data, 0, data, 0, stride, 1, n, true);
  long_row(op, out.dtype, out.data, n, itemsize(in), [&](char* to, int64_t begin, int64_t length) {
    entry.inner(to, 0, data + begin * stride, 0, stride, 1, length, true);
  });
}

bool keeps_zero(const View& out) {
  for (int d = 0; d < out.ndim; ++d)
    if (out.shape[d] == 0 && out.strides[d] != 0) return true;
  return false;
}
bool has_zero(const View& v) {
  for (int d = 0; d < v.ndim; ++d)
    if (v.shape[d] == 0) return true;
  return false;
}

}  // namespace

const ReduceEntry* reduce_loops(Reduce op, DType in, DType out) {
  const ReduceEntry& entry = entry_of(op, in);
  return entry.inner && entry.out == out ? &entry : nullptr;
}

bool reduce(Reduce op, const View& out, const View& in) {
  const ReduceEntry& entry = entry_of(op, in.dtype);
  if (!entry.inner || entry.out != out.dtype) return false;
  // NumPy adds and multiplies in the direction of the array, not of memory: rounding depends on it.
  const bool turn = !is_inexact(in.dtype) || (op != Reduce::Sum && op != Reduce::Prod);
  if (in.ndim == 1 && out.strides[0] == 0 && in.shape[0] > 0) {
    const bool backwards = turn && in.strides[0] < 0;
    const char* data = backwards ? in.data + in.strides[0] * (in.shape[0] - 1) : in.data;
    reduce_row(op, entry, out, in.dtype, data, backwards ? -in.strides[0] : in.strides[0],
               in.shape[0]);
    return true;
  }
  if (has_zero(in)) return keeps_zero(out) || fill_identity(op, out);
  Plan<2> plan;
  plan.nest.make(in.ndim, in.shape, {&in, &out}, turn);
  plan.make();
  const int64_t item = itemsize(in.dtype), n0 = plan.n0(), n1 = plan.n1();
  if (plan.inner && plan.nest.ndim == 1) {
    reduce_row(op, entry, out, in.dtype, plan.nest.ptr[0], plan.s1(0), n1);
    return true;
  }
  plan.run([&](char** p, bool first) {
    if (plan.inner && plan.s0(1) == 0)
      entry.inner(p[1], 0, p[0], plan.s0(0), plan.s1(0), n0, n1, first);
    else if (plan.inner)
      share(n0, n1, item, [&](int64_t i, int64_t end) {
        entry.inner(p[1] + i * plan.s0(1), plan.s0(1), p[0] + i * plan.s0(0), plan.s0(0),
                    plan.s1(0), end - i, n1, first);
      });
    else
      share(n1, n0, item, [&](int64_t j, int64_t end) {
        entry.outer(p[1] + j * plan.s1(1), plan.s1(1), p[0] + j * plan.s1(0), plan.s0(0),
                    plan.s1(0), n0, end - j, first);
      });
  });
  return true;
}

bool moments(const View& mean, const View& sumsq, const View& in) {
  const bool is_float = in.dtype == DType::F32;
  if ((!is_float && in.dtype != DType::F64) || mean.dtype != in.dtype || sumsq.dtype != in.dtype)
    return false;
  if (has_zero(in) || !reduce(Reduce::Sum, mean, in)) return false;
  int64_t count = 1;
  for (int d = 0; d < in.ndim; ++d) count *= mean.strides[d] == 0 ? in.shape[d] : 1;
  int64_t shape[kNestDims];
  for (int d = 0; d < in.ndim; ++d) shape[d] = mean.strides[d] == 0 ? 1 : in.shape[d];
  Nest<1> means;
  means.make(in.ndim, shape, {&mean});
  means.for_outer(0, [&](char** p) {
    if (is_float)
      *reinterpret_cast<float*>(p[0]) /= static_cast<float>(count);
    else
      *reinterpret_cast<double*>(p[0]) /= static_cast<double>(count);
  });
  const DeviationEntry& entry = sums.deviation[!is_float];
  Plan<3> plan;
  plan.nest.make(in.ndim, in.shape, {&in, &sumsq, &mean}, false);
  plan.make();
  const int64_t item = itemsize(in.dtype), n0 = plan.n0(), n1 = plan.n1();
  if (plan.inner && plan.nest.ndim == 1 && n1 >= 2 * kSubtree) {
    char** p = plan.nest.ptr;
    long_row(Reduce::Sum, in.dtype, p[1], n1, item, [&](char* to, int64_t begin, int64_t length) {
      entry.inner(to, 0, p[2], 0, p[0] + begin * plan.s1(0), 0, plan.s1(0), 1, length, true);
    });
    return true;
  }
  plan.run([&](char** p, bool first) {
    if (plan.inner && plan.s0(1) == 0)
      entry.inner(p[1], 0, p[2], plan.s0(2), p[0], plan.s0(0), plan.s1(0), n0, n1, first);
    else if (plan.inner)
      share(n0, n1, item, [&](int64_t i, int64_t end) {
        entry.inner(p[1] + i * plan.s0(1), plan.s0(1), p[2] + i * plan.s0(2), plan.s0(2),
                    p[0] + i * plan.s0(0), plan.s0(0), plan.s1(0), end - i, n1, first);
      });
    else
      share(n1, n0, item, [&](int64_t j, int64_t end) {
        entry.outer(p[1] + j * plan.s1(1), plan.s1(1), p[2] + j * plan.s1(2), plan.s1(2),
                    p[0] + j * plan.s1(0), plan.s0(0), plan.s1(0), n0, end - j, first);
      });
  });
  return true;
}

}  // namespace mp::cpu
