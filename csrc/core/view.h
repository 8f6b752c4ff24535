// Arrays as the plain views that CPU kernels take, and the layout questions that several operators
// share.
#pragma once
#include <algorithm>

#include "backend/cpu/kernels.h"
#include "core/array.h"

namespace mp {

inline cpu::View cpu_view(const Array* a) {
  return {a->dtype, a->ndim, a->shape, a->strides, a->bytes()};
}

inline void c_strides(int ndim, const int64_t* shape, int64_t item, int64_t* out) {
  for (int i = ndim - 1; i >= 0; --i) {
    out[i] = item;
    item *= std::max<int64_t>(shape[i], 1);
  }
}

// Strides with which an array runs through `to` when broadcast to it; false when it does not fit.
inline bool broadcast_strides(int ndim, const int64_t* shape, const int64_t* strides, int to_ndim,
                              const int64_t* to, int64_t* out) {
  int lead = to_ndim - ndim;
  if (lead < 0) return false;
  for (int i = 0; i < to_ndim; ++i) {
    int64_t n = i < lead ? 1 : shape[i - lead];
    if (n != to[i] && n != 1) return false;
    out[i] = n == 1 && (i < lead || to[i] != 1) ? 0 : strides[i - lead];
  }
  return true;
}
inline bool broadcast_strides(const Array* a, int to_ndim, const int64_t* to, int64_t* out) {
  return broadcast_strides(a->ndim, a->shape, a->strides, to_ndim, to, out);
}

// Whether an axis goes before another: so many arrays as have a say must all agree.
struct AxisVotes {
  bool any = false, all = false;
  void add(bool before) { all = before && (!any || all), any = true; }
};
// NumPy's insertion sort of axes: votes(axis, other) are for the axis to go before the other one,
// which stands before it. Where nobody has a say, the next axis decides.
template <class Votes>
void sort_axes(int ndim, int* order, Votes&& votes) {
  for (int i = 1; i < ndim; ++i) {
    const int axis = order[i];
    int to = i;
    for (int k = i - 1; k >= 0; --k) {
      const AxisVotes v = votes(axis, order[k]);
      if (!v.any) continue;
      if (!v.all) break;
      to = k;
    }
    std::copy_backward(order + to, order + i, order + i + 1);
    order[to] = axis;
  }
}

// Axes in the order in which NumPy's iterator would lay them out, slowest first, for `count`
// operands.
void iteration_order(int ndim, const int64_t* shape, const int64_t* const* strides, int count,
                     int* order);

}  // namespace mp
