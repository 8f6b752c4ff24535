// NumPy scalars: the objects that NumPy returns where a result has no dimensions.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

PyObject* make_scalar(DType dtype,
                      const char* data);  // numpy.float64(...) etc., from possibly unaligned bytes
PyObject* make_python_scalar(DType dtype,
                             const char* data);  // int, float, bool or complex: what .item() gives

// What an operator returns for a fresh array: itself, or for 0-d results the NumPy scalar. A 0-d
// result with a gradient history stays an array, marked kScalar, that acts as a number. Steals `a`;
// null passes through.
PyObject* finish_result(Array* a);

}  // namespace mp
