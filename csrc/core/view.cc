#include "core/view.h"

#include <cstdlib>

namespace mp {

void iteration_order(int ndim, const int64_t* shape, const int64_t* const* strides, int count,
                     int* order) {
  // NumPy's insertion sort from the innermost axis: an axis moves inwards only where the operands
  // agree, on a conflict C order wins, and axes that no operand distinguishes (length 1, stride 0)
  // do not decide.
  int perm[kMaxDims];
  for (int i = 0; i < ndim; ++i) perm[i] = ndim - 1 - i;
  sort_axes(ndim, perm, [&](int axis, int other) {
    AxisVotes votes;
    for (int op = 0; op < count; ++op) {
      int64_t s = std::abs(strides[op][axis]), t = std::abs(strides[op][other]);
      if (s && t && shape[axis] != 1 && shape[other] != 1) votes.add(t > s);
    }
    return votes;
  });
  for (int i = 0; i < ndim; ++i) order[i] = perm[ndim - 1 - i];
}

}  // namespace mp
