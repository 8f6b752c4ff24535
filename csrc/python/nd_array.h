// The array type of `mx.nd`: a subtype of ndarray with the same layout whose operators follow MXNet
// (docs/mxnet_differences.md). The operators are slots of `_core.NDArrayBase`; the class that
// people see, minpy.nd.NDArray, derives from it and gets its methods from minpy/nd/ndarray.py.
// Functions of other front ends do not know the type: their results become NDArrays afterwards, in
// `nd_result`, when an argument was one (Note [NDArray is a policy]).
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

extern PyTypeObject* nd_array_type;  // null until minpy.nd is imported
bool nd_array_init(PyObject* module);

inline bool is_nd_array(PyObject* o) {
  return nd_array_type && Py_TYPE(o) != &ArrayType && PyObject_TypeCheck(o, nd_array_type);
}

// Makes a result an NDArray on the given device: a fresh array (or a tuple or list of them), or a
// NumPy scalar. An array that somebody else holds stays what it is. Steals `result`; null passes.
PyObject* to_nd_array(PyObject* result, uint32_t context);

PyObject* nd_result_slow(PyObject* const* args, Py_ssize_t n, PyObject* result);
// What a function of arrays returns for these arguments. Steals `result`; null passes through.
inline PyObject* nd_result(PyObject* const* args, Py_ssize_t n, PyObject* result) {
  return nd_array_type ? nd_result_slow(args, n, result) : result;
}

}  // namespace mp
