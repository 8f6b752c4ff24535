// Argument handling of reductions, shared by functions (np.sum), methods (a.sum) and ufunc.reduce.
#pragma once
#include <Python.h>

#include "core/array.h"
#include "ops/ufunc.h"

namespace mp {

// The arguments of a reduction, as Python gave them. Null means "not given".
struct ReduceArgs {
  PyObject* axis = nullptr;
  PyObject* dtype = nullptr;
  PyObject* out = nullptr;
  PyObject* keepdims = nullptr;
  PyObject* initial = nullptr;
  PyObject* where = nullptr;
  PyObject* ddof = nullptr;
};

// Axes of an `axis` argument as a bit mask. False with numpy.exceptions.AxisError, or without an
// error set when NumPy must interpret the argument.
bool parse_axes(PyObject* axis, int ndim, uint64_t* mask);

bool is_no_value(PyObject* o);  // numpy's marker for an argument that was not given

// The result of f.reduce over `a`, recorded on the tape as `op`; null with an error, or null
// without an error when NumPy must do it.
PyObject* reduce_array(Ufunc* f, const OpDef* op, Array* a, const ReduceArgs& args);

extern PyMethodDef reduce_functions[];
extern PyMethodDef reduce_methods[];

}  // namespace mp
