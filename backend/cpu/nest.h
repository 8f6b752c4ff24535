// The loop nest over one or several strided operands of one shape, in the order that suits memory.
// make() drops dimensions of size one, turns negative strides of the first operand around, sorts
// the dimensions by falling stride of the operands in turn, and merges those that are one run of
// memory in every operand. Only for work whose result does not depend on the order of visits.
#pragma once
#include <cstdint>

namespace mp::cpu {

inline constexpr int kNestDims = 64;

template <int K>
struct Nest {
  int ndim = 0;
  bool empty = false;
  char* ptr[K];
  int64_t shape[kNestDims];
  int64_t strides[K][kNestDims];

  // ops[k] supplies strides and data; the shape is common. turn = false leaves negative strides as
  // they are.
  template <class V>
  void make(int nd, const int64_t* dims, const V* const (&ops)[K], bool turn = true) {
    for (int k = 0; k < K; ++k) ptr[k] = ops[k]->data;
    for (int d = 0; d < nd; ++d) {
      if (dims[d] == 1) continue;
      if (dims[d] == 0) empty = true;
      shape[ndim] = dims[d];
      for (int k = 0; k < K; ++k) strides[k][ndim] = ops[k]->strides[d];
      ++ndim;
    }
    if (empty) return;
    if (turn) turn_negative();
    if (ndim > 1) sort(), merge();
  }

  // Calls f(pointers) for every position of the dimensions before the last `inner` ones.
  template <class F>
  void for_outer(int inner, F&& f) {
    const int outer = ndim - inner;
    char* p[K];
    for (int k = 0; k < K; ++k) p[k] = ptr[k];
    if (outer <= 0) return f(p);
    int64_t at[kNestDims];
    for (int d = 0; d < outer; ++d) at[d] = 0;
    for (;;) {
      f(p);
      int d = outer - 1;
      for (; d >= 0; --d) {
        for (int k = 0; k < K; ++k) p[k] += strides[k][d];
        if (++at[d] < shape[d]) break;
        for (int k = 0; k < K; ++k) p[k] -= strides[k][d] * shape[d];
        at[d] = 0;
      }
      if (d < 0) return;
    }
  }

  void swap_dims(int a, int b) {
    swap(shape[a], shape[b]);
    for (int k = 0; k < K; ++k) swap(strides[k][a], strides[k][b]);
  }
  // Moves dimension d to the last place, keeping the others in order.
  void move_last(int d) {
    for (; d + 1 < ndim; ++d) swap_dims(d, d + 1);
  }

 private:
  static void swap(int64_t& a, int64_t& b) {
    const int64_t t = a;
    a = b;
    b = t;
  }
  static int64_t magnitude(int64_t s) { return s < 0 ? -s : s; }
  void turn_negative() {
    for (int d = 0; d < ndim; ++d) {
      int lead = 0;
      while (lead < K - 1 && strides[lead][d] == 0) ++lead;
      if (strides[lead][d] >= 0) continue;
      for (int k = 0; k < K; ++k) {
        ptr[k] += strides[k][d] * (shape[d] - 1);
        strides[k][d] = -strides[k][d];
      }
    }
  }
  bool before(int a, int b) const {  // whether dimension a belongs outside of b
    for (int k = 0; k < K; ++k) {
      const int64_t x = magnitude(strides[k][a]), y = magnitude(strides[k][b]);
      if (x != y && x && y) return x > y;
    }
    return true;
  }
  void sort() {
    for (int i = 1; i < ndim; ++i)
      for (int j = i; j > 0 && !before(j - 1, j); --j) swap_dims(j - 1, j);
  }
  void merge() {
    int last = 0;
    for (int d = 1; d < ndim; ++d) {
      bool one_run = true;
      for (int k = 0; k < K; ++k) one_run &= strides[k][last] == strides[k][d] * shape[d];
      if (!one_run) ++last;
      shape[last] = one_run ? shape[last] * shape[d] : shape[d];
      for (int k = 0; k < K; ++k) strides[k][last] = strides[k][d];
    }
    ndim = last + 1;
  }
};

// Whether two elements may share bytes (broadcast and window views). False for certain when each
// step goes beyond all that the smaller steps reach.
inline bool may_repeat(int ndim, const int64_t* shape, const int64_t* strides, int64_t size) {
  auto magnitude = [&](int d) { return strides[d] < 0 ? -strides[d] : strides[d]; };
  int axes[kNestDims], n = 0;
  for (int d = 0; d < ndim; ++d) {
    if (shape[d] <= 1) continue;
    int at = n++;
    for (; at > 0 && magnitude(axes[at - 1]) > magnitude(d); --at) axes[at] = axes[at - 1];
    axes[at] = d;
  }
  int64_t reach = size;
  for (int i = 0; i < n; ++i) {
    if (magnitude(axes[i]) < reach) return true;
    reach += magnitude(axes[i]) * (shape[axes[i]] - 1);
  }
  return false;
}

inline bool contiguous(int ndim, const int64_t* shape, const int64_t* strides, int64_t size) {
  for (int d = ndim - 1; d >= 0; --d) {
    if (shape[d] != 1 && strides[d] != size) return false;
    size *= shape[d];
  }
  return true;
}

}  // namespace mp::cpu
