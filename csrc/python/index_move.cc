// The walk of an advanced index: items between the array and a plain strided buffer.
#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/cpu/kernels.h"
#include "python/index_advanced.h"

namespace mp {
namespace {

// The subspace of one index point, seen from both sides, with mergeable axes merged.
struct Block {
  int ndim = 0;
  int64_t shape[kMaxDims], array[kMaxDims], other[kMaxDims];
  int64_t inner;  // contiguous bytes moved at once

  Block(const FancyIndex& f, int itemsize, const int64_t* other_strides) : inner(itemsize) {
    for (int i = 0; i < f.sub_ndim; ++i) {
      int64_t n = f.sub_shape[i], s = f.sub_strides[i], t = other_strides[i];
      if (n == 1) continue;
      if (ndim && array[ndim - 1] == s * n && other[ndim - 1] == t * n) {
        shape[ndim - 1] *= n;
        array[ndim - 1] = s;
        other[ndim - 1] = t;
        continue;
      }
      shape[ndim] = n;
      array[ndim] = s;
      other[ndim++] = t;
    }
    if (ndim && array[ndim - 1] == itemsize && other[ndim - 1] == itemsize) inner *= shape[--ndim];
  }
};

template <int N>
void fill_run(char* dst, const char* src, int64_t n) {
  char items[64];
  for (int i = 0; i < 64; i += N) std::memcpy(items + i, src, N);
  int64_t bytes = n * N;
  for (; bytes >= 64; bytes -= 64, dst += 64) std::memcpy(dst, items, 64);
  std::memcpy(dst, items, bytes);
}

template <int N>
void copy_run(char* dst, int64_t dst_step, const char* src, int64_t src_step, int64_t n) {
  if (src_step == 0 && dst_step == N) return fill_run<N>(dst, src, n);
#pragma GCC unroll 4
  for (int64_t i = 0; i < n; ++i, dst += dst_step, src += src_step) std::memcpy(dst, src, N);
}

void copy_run(char* dst, int64_t dst_step, const char* src, int64_t src_step, int64_t n,
              int64_t bytes) {
  switch (bytes) {
    case 1:
      return copy_run<1>(dst, dst_step, src, src_step, n);
    case 2:
      return copy_run<2>(dst, dst_step, src, src_step, n);
    case 4:
      return copy_run<4>(dst, dst_step, src, src_step, n);
    case 8:
      return copy_run<8>(dst, dst_step, src, src_step, n);
    case 16:
      return copy_run<16>(dst, dst_step, src, src_step, n);
    default:
      for (int64_t i = 0; i < n; ++i, dst += dst_step, src += src_step)
        std::memcpy(dst, src, bytes);
  }
}

void copy_block(const Block& b, char* array, char* other, bool to_array, int axis = 0) {
  if (axis >= b.ndim - 1) {
    int64_t n = b.ndim ? b.shape[axis] : 1, s = b.ndim ? b.array[axis] : 0,
            t = b.ndim ? b.other[axis] : 0;
    if (to_array)
      copy_run(array, s, other, t, n, b.inner);
    else
      copy_run(other, t, array, s, n, b.inner);
    return;
  }
  for (int64_t i = 0; i < b.shape[axis]; ++i, array += b.array[axis], other += b.other[axis])
    copy_block(b, array, other, to_array, axis + 1);
}

// The one step that runs through the index dimensions in C order, or nothing when there is none.
bool single_step(const FancyIndex& f, const int64_t* strides, int64_t* step) {
  int64_t expect = 0;
  *step = 0;
  bool first = true;
  for (int i = f.ndim - 1; i >= 0; --i) {
    if (f.shape[i] == 1) continue;
    if (first) {
      *step = expect = strides[i];
      first = false;
    }
    if (strides[i] != expect) return false;
    expect *= f.shape[i];
  }
  return true;
}

// Advances a pointer through the index dimensions in C order.
struct Odometer {
  const FancyIndex& f;
  const int64_t* strides;
  int64_t counter[kMaxDims] = {};
  void advance(char*& p) {
    for (int d = f.ndim - 1; d >= 0; --d) {
      p += strides[d];
      if (++counter[d] < f.shape[d]) return;
      p -= strides[d] * f.shape[d];
      counter[d] = 0;
    }
  }
};

}  // namespace

bool move_items(Array* a, const FancyIndex& f, char* other, const int64_t* other_index_strides,
                const int64_t* other_sub_strides, bool to_array) {
  if (f.size == 0) return true;
  const bool empty =
      std::any_of(f.sub_shape, f.sub_shape + f.sub_ndim, [](int64_t n) { return n == 0; });
  char* const origin = a->at(f.offset);
  Block block(f, itemsize(a->dtype), other_sub_strides);
  int64_t step;
  bool linear = single_step(f, other_index_strides, &step);
  bool gathers =
      !empty && !to_array && linear && block.ndim == 0 && (step == block.inner || f.size == 1);
  if (f.unchecked >= 0 && !gathers && !cpu::indices_within(f.offsets, f.size, 0, f.unchecked - 1))
    return false;
  if (empty) return true;
  if (gathers && f.unchecked >= 0)
    return cpu::gather_checked(other, origin, f.unit, block.inner, f.offsets, f.size, f.unchecked);
  if (gathers) {
    cpu::gather(other, origin, f.unit, block.inner, f.offsets, f.size);
    return true;
  }
  if (linear && block.ndim == 0 && to_array) {
    cpu::scatter(origin, f.unit, block.inner, f.offsets, f.size, other, step);
    return true;
  }
  Odometer position{f, other_index_strides};
  for (int64_t k = 0; k < f.size; ++k) {
    copy_block(block, origin + f.offsets[k] * f.unit, other, to_array);
    linear ? void(other += step) : position.advance(other);
  }
  return true;
}

}  // namespace mp
