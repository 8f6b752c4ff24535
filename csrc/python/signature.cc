#include "python/signature.h"

#include "python/numpy_api.h"
#include "tape/tape.h"

namespace mp {
namespace {

bool plain_number(PyObject* o) {
  return PyLong_CheckExact(o) || PyFloat_CheckExact(o) || PyBool_Check(o) ||
         PyComplex_CheckExact(o);
}

bool holds_arrays(PyObject* o) {
  if (array_check(o)) return true;
  if (!PyList_Check(o) && !PyTuple_Check(o)) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    if (holds_arrays(PySequence_Fast_GET_ITEM(o, i))) return true;
  return false;
}

ArrayRef converted(PyObject* o) {
  ArrayRef a = as_array(o);
  if (!a && PyErr_Occurred()) PyErr_Clear();
  return a;
}

}  // namespace

// NumPy's scalars are left to NumPy: many of its functions call their methods, which give scalars.
ArrayRef operand(PyObject* o) {
  if (array_check(o)) return ArrayRef::borrow(reinterpret_cast<Array*>(o));
  bool sequence = PyList_CheckExact(o) || PyTuple_CheckExact(o);
  // Arrays with a history inside a list are seen by the gradient-aware fallback only.
  if (sequence && tape::state.recording && holds_arrays(o)) return {};
  if (!sequence && !PyArray_CheckExact(o) && !plain_number(o)) return {};
  return converted(o);
}

bool read_int(PyObject* o, int64_t* out) {
  if (!PyLong_CheckExact(o) &&
      (!PyIndex_Check(o) || array_check(o) || PyArray_Check(o) || PyBool_Check(o)))
    return false;
  *out = PyNumber_AsSsize_t(o, PyExc_OverflowError);
  if (*out != -1 || !PyErr_Occurred()) return true;
  PyErr_Clear();
  return false;
}

bool read_axis(PyObject* o, int ndim, int* out) {
  int64_t axis;
  if (!read_int(o, &axis) || axis < -ndim || axis >= ndim) return false;
  *out = static_cast<int>(axis < 0 ? axis + ndim : axis);
  return true;
}

bool read_ints(PyObject* o, int64_t* out, int* count) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) {
    *count = 1;
    return read_int(o, out);
  }
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  if (n > kMaxDims) return false;
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!read_int(PySequence_Fast_GET_ITEM(o, i), out + i)) return false;
  *count = static_cast<int>(n);
  return true;
}

bool read_axes(PyObject* o, int ndim, int* out, int* count) {
  int64_t values[kMaxDims];
  if (!read_ints(o, values, count)) return false;
  uint64_t seen = 0;
  for (int i = 0; i < *count; ++i) {
    if (values[i] < -ndim || values[i] >= ndim) return false;
    out[i] = static_cast<int>(values[i] < 0 ? values[i] + ndim : values[i]);
    if (seen >> out[i] & 1) return false;
    seen |= uint64_t{1} << out[i];
  }
  return true;
}

bool read_order(PyObject* o, char* out) {
  *out = 'C';
  if (absent(o)) return true;
  if (!PyUnicode_Check(o) || PyUnicode_GetLength(o) != 1) return false;
  *out = static_cast<char>(PyUnicode_ReadChar(o, 0));
  return *out == 'C' || *out == 'F' || *out == 'A' || *out == 'K';
}

}  // namespace mp
