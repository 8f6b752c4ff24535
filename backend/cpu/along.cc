#include <algorithm>
#include <bit>

#include "cpu/along_loops.h"
#include "cpu/kernels.h"
#include "cpu/nest.h"
#include "engine/pool.h"

namespace mp::cpu {
namespace {

const AlongLoops& loops = MP_BEST_ISA(along_loops);

// Views of all dimensions but one.
struct Without {
  int64_t shape[kNestDims], strides[2][kNestDims];
  int ndim = 0;
  Without(const View& in, int axis) {
    for (int d = 0; d < in.ndim; ++d)
      if (d != axis) {
        shape[ndim] = in.shape[d];
        strides[0][ndim++] = in.strides[d];
      }
  }
};

struct Operand {
  const int64_t* strides;
  char* data;
};

// Whether to walk all columns row by row, because the elements of a column lie further apart.
bool is_columns(int64_t columns, int64_t step, int64_t rows, int64_t stride) {
  if (step < 0) step = -step;
  if (stride < 0) stride = -stride;
  return columns >= 8 && step < stride && rows < int64_t{1} << 32;
}

}  // namespace

bool arg_reduce(bool max, int axis, const View& out, const View& in) {
  const AlongLoops::ArgEntry& entry = loops.arg[max][index(in.dtype)];
  const int64_t n = in.shape[axis], stride = in.strides[axis];
  if (!entry.row || n == 0 || out.dtype != DType::I64) return false;
  const Without rest(in, axis);
  const Operand i{rest.strides[0], in.data}, o{out.strides, out.data};
  Nest<2> nest;
  nest.make<Operand>(rest.ndim, rest.shape, {&o, &i});
  if (nest.empty) return true;
  const int j = nest.ndim - 1;
  if (j >= 0 && is_columns(nest.shape[j], nest.strides[1][j], n, stride)) {
    nest.for_outer(1, [&](char** p) {
      entry.columns(p[0], nest.strides[0][j], p[1], stride, nest.strides[1][j], n, nest.shape[j]);
    });
    return true;
  }
  nest.for_outer(0,
                 [&](char** p) { *reinterpret_cast<int64_t*>(p[0]) = entry.row(p[1], stride, n); });
  return true;
}

bool scan(bool product, int axis, const View& out, const View& in) {
  const AlongLoops::ScanEntry& entry = loops.scan[product][index(in.dtype)];
  if (entry.out != out.dtype) return false;
  Without rest(in, axis);
  const Without out_rest(out, axis);
  const Operand i{rest.strides[0], in.data}, o{out_rest.strides[0], out.data};
  Nest<2> nest;
  nest.make<Operand>(rest.ndim, rest.shape, {&o, &i});
  const int64_t n = in.shape[axis];
  if (nest.empty || n == 0) return true;
  const int j = nest.ndim - 1;
  const int64_t n1 = nest.ndim ? nest.shape[j] : 1, o1 = nest.ndim ? nest.strides[0][j] : 0,
                s1 = nest.ndim ? nest.strides[1][j] : 0;
  // Columns are independent; there are cache lines of them in every part.
  const int64_t grain = std::max<int64_t>(64, 16384 / n / 64 * 64);
  nest.for_outer(1, [&](char** p) {
    pool::parallel_for(n1, grain, n * n1, [&](int64_t j, int64_t end) {
      entry.fn(p[0] + j * o1, out.strides[axis], o1, p[1] + j * s1, in.strides[axis], s1, n,
               end - j);
    });
  });
  return true;
}

bool select(const View& out, const View& cond, const View& a, const View& b) {
  if (cond.dtype != DType::Bool || a.dtype != out.dtype || b.dtype != out.dtype) return false;
  const AlongLoops::Select fn =
      loops.select[std::countr_zero(static_cast<unsigned>(itemsize(out.dtype)))];
  Nest<4> nest;
  nest.make(out.ndim, out.shape, {&out, &cond, &a, &b});
  if (nest.empty) return true;
  const int j = nest.ndim - 1;
  int64_t s[4] = {}, n = 1;
  if (nest.ndim) {
    n = nest.shape[j];
    for (int k = 0; k < 4; ++k) s[k] = nest.strides[k][j];
  }
  nest.for_outer(1, [&](char** p) { fn(p[0], s[0], p[1], s[1], p[2], s[2], p[3], s[3], n); });
  return true;
}

bool searchsorted(DType dtype, const char* sorted, int64_t n, const char* values, int64_t m,
                  bool right, int64_t* out) {
  const AlongLoops::Search fn = loops.search[index(dtype)];
  if (!fn) return false;
  const int64_t steps = std::bit_width(static_cast<uint64_t>(n)), item = itemsize(dtype);
  pool::parallel_for(m, 1024, m * (4 + steps), [&](int64_t begin, int64_t end) {
    fn(sorted, n, values + begin * item, end - begin, right, out + begin);
  });
  return true;
}

bool scatter_add(DType dtype, char* dst, int64_t dst_stride, int64_t inner, const int64_t* idx,
                 int64_t n, const char* src, int64_t src_step) {
  loops.add[index(dtype)](dst, dst_stride, inner, idx, n, src, src_step);
  return true;
}

}  // namespace mp::cpu
