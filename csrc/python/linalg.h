// Matrix products over BLAS.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

PyObject* matmul(PyObject* a, PyObject* b, Array* out);  // numpy.matmul
PyObject* dot(PyObject* a, PyObject* b, Array* out);     // numpy.dot
extern PyMethodDef linalg_functions[];
extern PyMethodDef linalg_methods[];

}  // namespace mp
