// Gradients of a function that is written in array operations: records it on copies of its operands
// and runs the backward pass over the recording. For rules whose closed formula fails at some
// points.
#pragma once
#include <Python.h>

#include <functional>

#include "core/array.h"

namespace mp::tape {

// The gradient of f at x for the cotangent g of f(x). Recorded while recording.
ArrayRef composite_vjp(const std::function<ArrayRef(const ArrayRef&)>& f, const ArrayRef& x,
                       const ArrayRef& g);

// The same for Python: composite_vjp(f, arrays, grads) -> one gradient or None per array, where
// f(*arrays) returns one output (array, number or None) per entry of grads.
PyObject* composite_vjp_function(PyObject* module, PyObject* args);
PyObject* is_taped(PyObject* module, PyObject* o);  // whether o is an array with a gradient history

}  // namespace mp::tape
