// Creation functions with a native path: the array's dtype is ours and the arguments are plain.
#include <cstring>

#include "cpu/kernels.h"
#include "python/convert.h"
#include "python/creation.h"
#include "python/fallback.h"
#include "python/numpy_api.h"
#include "tape/tape.h"

namespace mp {
namespace {

// Reads (shape, dtype) of zeros/ones/empty; false: NumPy must interpret the call.
bool parse_shape_dtype(PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, int* ndim, int64_t* shape, DType* dtype) {
  *dtype = DType::F64;
  if (nargs == 1 && !kwnames && PyLong_CheckExact(args[0])) {
    *ndim = 1;
    shape[0] = PyLong_AsLongLong(args[0]);
    if (shape[0] >= 0) return true;
    PyErr_Clear();
    return false;
  }
  PyObject* dtype_object = nargs == 2 ? args[1] : nullptr;
  if (nargs < 1 || nargs > 2) return false;
  if (kwnames) {
    if (PyTuple_GET_SIZE(kwnames) != 1 || nargs != 1 ||
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "dtype") != 0)
      return false;
    dtype_object = args[1];
  }
  if (dtype_object && dtype_object != Py_None && !parse_dtype(dtype_object, dtype)) {
    PyErr_Clear();
    return false;
  }
  if (*dtype == DType::Invalid) return false;
  if (!PyLong_CheckExact(args[0]) && !PyTuple_CheckExact(args[0]) && !PyList_CheckExact(args[0])) return false;
  *ndim = parse_ints(args[0], shape, kMaxDims);
  if (*ndim < 0) {
    PyErr_Clear();
    return false;
  }
  for (int i = 0; i < *ndim; ++i)
    if (shape[i] < 0) return false;
  return true;
}

PyObject* zeros(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  int ndim;
  int64_t shape[kMaxDims];
  DType dtype;
  if (!parse_shape_dtype(args, nargs, kwnames, &ndim, shape, &dtype)) return fallback_call("zeros", args, nargs, kwnames);
  return reinterpret_cast<PyObject*>(array_zeros(dtype, ndim, shape));
}

PyObject* empty(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  int ndim;
  int64_t shape[kMaxDims];
  DType dtype;
  if (!parse_shape_dtype(args, nargs, kwnames, &ndim, shape, &dtype)) return fallback_call("empty", args, nargs, kwnames);
  return reinterpret_cast<PyObject*>(array_new(dtype, ndim, shape));
}

PyObject* ones(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  int ndim;
  int64_t shape[kMaxDims];
  DType dtype;
  if (!parse_shape_dtype(args, nargs, kwnames, &ndim, shape, &dtype)) return fallback_call("ones", args, nargs, kwnames);
  Array* a = array_new(dtype, ndim, shape);
  if (!a || a->size == 0) return reinterpret_cast<PyObject*>(a);
  alignas(16) char one[16];
  int64_t value = 1;
  cpu::copy({dtype, 0, nullptr, nullptr, one}, {DType::I64, 0, nullptr, nullptr, reinterpret_cast<char*>(&value)});
  cpu::fill({dtype, a->ndim, a->shape, a->strides, a->data}, one);
  return reinterpret_cast<PyObject*>(a);
}

// array(a) and asarray(a) of an existing array, without further arguments.
PyObject* array_function(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (nargs == 1 && !kwnames && array_check_exact(args[0])) {
    Array* a = reinterpret_cast<Array*>(args[0]);
    if (!tape::should_record(a)) return reinterpret_cast<PyObject*>(array_copy(a, 'K'));
  }
  return fallback_call("array", args, nargs, kwnames);
}

PyObject* asarray(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (nargs == 1 && !kwnames && array_check_exact(args[0])) return Py_NewRef(args[0]);
  return fallback_call("asarray", args, nargs, kwnames);
}

#define MP_FASTCALL(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(f)), METH_FASTCALL | METH_KEYWORDS

}  // namespace

PyMethodDef creation_functions[] = {{"zeros", MP_FASTCALL(zeros), nullptr},
                                    {"empty", MP_FASTCALL(empty), nullptr},
                                    {"ones", MP_FASTCALL(ones), nullptr},
                                    {"array", MP_FASTCALL(array_function), nullptr},
                                    {"asarray", MP_FASTCALL(asarray), nullptr},
                                    {}};

}  // namespace mp
