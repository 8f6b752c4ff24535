// NumPy scalars: the objects that NumPy returns where a result has no dimensions.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

PyObject* make_scalar(DType dtype,
                      const char* data);  // numpy.float64(...) etc., from possibly unaligned bytes
PyObject* make_python_scalar(DType dtype,
                             const char* data);  // int, float, bool or complex: what .item() gives

// Whether results without dimensions are arrays (MXNet's NumPy semantics: npx.set_np) and not NumPy
// scalars. They are marked kScalar, as under recording. Set by Python, per thread.
extern constinit thread_local bool scalar_arrays __attribute__((tls_model("initial-exec")));

// A NumPy scalar, or the 0-d array in its place.
PyObject* make_element(DType dtype, const char* data);

// What an operator returns for a fresh array: itself, or for 0-d results the NumPy scalar. A 0-d
// result with a gradient history stays an array, marked kScalar, that acts as a number. Steals `a`;
// null passes through.
PyObject* finish_result(Array* a);

}  // namespace mp
