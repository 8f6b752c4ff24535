#include <bit>
#include <cstring>

#include "cpu/copy_loops.h"
#include "cpu/kernels.h"
#include "cpu/nest.h"
#include "engine/pool.h"

namespace mp::cpu {
namespace {

const CopyLoops& loops = MP_BEST_ISA(copy_loops);
const CastLoops& casts = MP_BEST_ISA(cast_loops);

// What copies move in a nanosecond between the caches, for the thread pool's estimates.
constexpr int64_t kBytesPerNs = 20;
constexpr int64_t kGrainBytes = 1 << 15;

// f(begin, end) over n rows of `bytes` bytes each, on several threads when they are long; cuts are
// at multiples of `unit` rows. `in_order`: on this thread, because rows may share bytes.
template <class F>
void share(bool in_order, int64_t n, int64_t bytes, int64_t unit, F&& f) {
  if (in_order) return f(int64_t{0}, n);
  const int64_t units = bytes * unit < kGrainBytes ? kGrainBytes / (bytes * unit) : 1;
  pool::parallel_for(n, units * unit, n * bytes / kBytesPerNs, f);
}

int log_size(DType t) { return std::countr_zero(static_cast<unsigned>(itemsize(t))); }

int64_t count(const View& v) {
  int64_t n = 1;
  for (int d = 0; d < v.ndim; ++d) n *= v.shape[d];
  return n;
}

// The dimension along which the source is densest, if copying along the last one would stride
// through it.
int transposed_dim(const Nest<2>& nest, int64_t size) {
  const int last = nest.ndim - 1;
  const int64_t s_last = nest.strides[1][last];
  if (nest.strides[0][last] != size || nest.shape[last] < 4 ||
      (s_last < 2 * size && s_last > -2 * size))
    return -1;
  for (int d = last - 1; d >= 0; --d)
    if (nest.strides[1][d] == size && nest.shape[d] >= 4) return d;
  return -1;
}

void copy_same(Nest<2>& nest, int s, bool in_order) {
  const int transposed = transposed_dim(nest, int64_t{1} << s);
  if (transposed >= 0) {
    nest.move_last(transposed);
    nest.swap_dims(nest.ndim - 2, nest.ndim - 1);
  }
  const int i = nest.ndim - 2, j = nest.ndim - 1;
  const int64_t n0 = i < 0 ? 1 : nest.shape[i], d0 = i < 0 ? 0 : nest.strides[0][i],
                s0 = i < 0 ? 0 : nest.strides[1][i];
  nest.for_outer(2, [&](char** p) {
    const int64_t n1 = nest.shape[j];
    if (transposed >= 0)  // element (i, j) of the source is `size` bytes from (i - 1, j)
      share(in_order, n0, (n1 << s) * 2, 64, [&](int64_t begin, int64_t end) {
        loops.transpose[s](p[0] + begin * d0, d0, p[1] + (begin << s), nest.strides[1][j],
                           end - begin, n1);
      });
    else if (n0 == 1)
      share(in_order, n1, 2 << s, 64, [&](int64_t begin, int64_t end) {
        const int64_t d1 = nest.strides[0][j], s1 = nest.strides[1][j];
        loops.copy2d[s](p[0] + begin * d1, d0, d1, p[1] + begin * s1, s0, s1, 1, end - begin);
      });
    else
      share(in_order, n0, (n1 << s) * 2, 1, [&](int64_t begin, int64_t end) {
        loops.copy2d[s](p[0] + begin * d0, d0, nest.strides[0][j], p[1] + begin * s0, s0,
                        nest.strides[1][j], end - begin, n1);
      });
  });
}

void copy_cast(Nest<2>& nest, CastFn cast, bool in_order) {
  const int j = nest.ndim - 1;
  nest.for_outer(1, [&](char** p) {
    share(in_order, nest.shape[j], 16, 64, [&](int64_t begin, int64_t end) {
      cast(p[0] + begin * nest.strides[0][j], nest.strides[0][j], p[1] + begin * nest.strides[1][j],
           nest.strides[1][j], end - begin);
    });
  });
}

}  // namespace

void copy(const View& dst, const View& src) {
  const int64_t size = itemsize(dst.dtype);
  const bool same = dst.dtype == src.dtype;
  if (contiguous(dst.ndim, dst.shape, dst.strides, size) &&
      contiguous(dst.ndim, dst.shape, src.strides, itemsize(src.dtype))) {
    const int64_t n = count(dst);
    const int64_t from_size = itemsize(src.dtype);
    if (n == 0) return;
    return share(false, n, size + from_size, 64, [&](int64_t begin, int64_t end) {
      char *to = dst.data + begin * size, *from = src.data + begin * from_size;
      if (same)
        std::memcpy(to, from, (end - begin) * size);
      else
        casts.from[index(src.dtype)][index(dst.dtype)](to, size, from, from_size, end - begin);
    });
  }
  Nest<2> nest;
  nest.make(dst.ndim, dst.shape, {&dst, &src});
  if (nest.empty) return;
  if (nest.ndim == 0) {
    nest.ndim = 1;
    nest.shape[0] = 1;
    nest.strides[0][0] = nest.strides[1][0] = 0;
  }
  const bool in_order = may_repeat(dst.ndim, dst.shape, dst.strides, size);
  if (same)
    copy_same(nest, log_size(dst.dtype), in_order);
  else
    copy_cast(nest, casts.from[index(src.dtype)][index(dst.dtype)], in_order);
}

void fill(const View& dst, const void* value) {
  const int s = log_size(dst.dtype);
  if (contiguous(dst.ndim, dst.shape, dst.strides, itemsize(dst.dtype)))
    return loops.fill[s](dst.data, itemsize(dst.dtype), count(dst), value);
  Nest<1> nest;
  nest.make(dst.ndim, dst.shape, {&dst});
  if (nest.empty) return;
  const int j = nest.ndim - 1;
  const int64_t n = nest.ndim ? nest.shape[j] : 1, stride = nest.ndim ? nest.strides[0][j] : 0;
  nest.for_outer(1, [&](char** p) { loops.fill[s](p[0], stride, n, value); });
}

}  // namespace mp::cpu
