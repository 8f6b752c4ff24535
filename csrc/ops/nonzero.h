// Positions of the non-zero elements of an array, in C order.
#pragma once
#include "core/array.h"

namespace mp {

// An int64 array of shape (count, ndim), one row for each non-zero element (a 0-d array counts as
// 1-d). Null with a Python error set on failure.
ArrayRef nonzero_table(Array* a);

}  // namespace mp
