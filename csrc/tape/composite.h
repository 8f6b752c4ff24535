// Gradients of a function that is written in array operations: records it on copies of its operands and runs
// the backward pass over the recording. For rules whose closed formula fails at some points.
#pragma once
#include <functional>

#include "core/array.h"

namespace mp::tape {

// The gradient of f at x for the cotangent g of f(x). Recorded while recording.
ArrayRef composite_vjp(const std::function<ArrayRef(const ArrayRef&)>& f, const ArrayRef& x, const ArrayRef& g);

}  // namespace mp::tape
