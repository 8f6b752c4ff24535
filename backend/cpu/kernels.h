// CPU kernels that work on whole strided arrays: copies, casts, reductions, scans, selection,
// sorting. They are plain C++ over pointers: no Python, no allocation of arrays, callable without
// the GIL. Contract: pointers may be unaligned for the element type only where noted; strides are
// in bytes, may be zero (inputs) or negative; zero-size shapes are legal. Functions that return
// bool return false, having done nothing, when they have no implementation for the combination: the
// caller then takes its general path.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace mp::cpu {

struct View {
  DType dtype;
  int ndim;
  const int64_t* shape;
  const int64_t* strides;
  char* data;
};

// dst[...] = src, same shape, any dtypes (C-style unsafe cast as NumPy's astype does, including its
// floating-point "invalid" flag for NaN or out-of-range to integer). The views must not overlap
// unless identical. Same-dtype transposed copies are blocked for the cache.
void copy(const View& dst, const View& src);
void fill(const View& dst, const void* value);  // value points to one element of dst.dtype

enum class Reduce { Sum, Prod, Min, Max, Any, All, CountNonzero };
// out has in's ndim, with stride 0 on every reduced axis; out is overwritten. NaN propagates in
// Min/Max. Sums of floats are pairwise in a fixed tree. Sum/Prod accumulate in out.dtype (in is
// cast on the fly where a loop exists for (in, out) dtypes); Min/Max keep the dtype;
// Any/All/CountNonzero give Bool/Bool/I64.
bool reduce(Reduce op, const View& out, const View& in);
// Index of the first minimum/maximum (NaN wins) along `axis`; out is I64 without that axis.
bool arg_reduce(bool max, int axis, const View& out, const View& in);
// Mean and sum of squared deviations over the reduced axes in one call (two passes over cache
// blocks).
bool moments(const View& mean, const View& sumsq, const View& in);

// Running sum/product along axis, sequential in NumPy's rounding order; out.dtype is the
// accumulator.
bool scan(bool product, int axis, const View& out, const View& in);

// out = cond ? a : b over equal shapes (broadcast strides allowed); a, b, out share the dtype.
bool select(const View& out, const View& cond, const View& a, const View& b);

// Boolean masks over contiguous masks of n bytes.
int64_t count_true(const char* mask, int64_t n);
// Copies the elements of src (n elements of `size` bytes, stride `stride`) where mask is set;
// returns the count.
int64_t compress(char* dst, const char* src, int64_t stride, int size, const char* mask, int64_t n);
// dst[mask] = src: the reverse; src_stride 0 repeats one element.
int64_t expand(char* dst, int64_t stride, int size, const char* mask, int64_t n, const char* src,
               int64_t src_stride);

// Gather/scatter of `inner` contiguous bytes per index. Indices are I64, already checked and
// non-negative; row r of src starts at src + idx[r] * src_stride.
void gather(char* dst, const char* src, int64_t src_stride, int64_t inner, const int64_t* idx,
            int64_t n);
// The same for indices that are checked on the way; false, with part of dst written, when one is
// outside [0, rows).
bool gather_checked(char* dst, const char* src, int64_t src_stride, int64_t inner,
                    const int64_t* idx, int64_t n, int64_t rows);
// Whether low <= idx[i] <= high everywhere; low <= 0 <= high + 1.
bool indices_within(const int64_t* idx, int64_t n, int64_t low, int64_t high);
void scatter(char* dst, int64_t dst_stride, int64_t inner, const int64_t* idx, int64_t n,
             const char* src, int64_t src_step);
// dst[idx] += src element-wise, sequential (duplicates accumulate). inner counts elements of dtype.
bool scatter_add(DType dtype, char* dst, int64_t dst_stride, int64_t inner, const int64_t* idx,
                 int64_t n, const char* src, int64_t src_step);

// Places at which values would enter the sorted keys, before equal ones or after them.
bool searchsorted(DType dtype, const char* sorted, int64_t n, const char* values, int64_t m,
                  bool right, int64_t* out);

}  // namespace mp::cpu
