// copy(), astype() and fill() of ndarray.
#include "ops/api.h"
#include "ops/gradients.h"
#include "ops/ufunc.h"
#include "python/array_type.h"
#include "python/fallback.h"
#include "python/guarded.h"
#include "python/signature.h"
#include "python/store.h"
#include "tape/tape.h"

namespace mp {
namespace {

constexpr Signature kAstype{"astype", {"dtype", "order", "casting", "subok", "copy"}, 5, 1, 0, 5};

bool is_text(PyObject* o, const char* text) {
  return PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, text) == 0;
}

// NumPy warns of some casts by their kind, whatever the values.
bool is_native_cast(DType from, DType to) {
  if (cast_class(from, to) != Cast::Loud) return true;
  return is_integer(to) && (from == DType::F32 || from == DType::F64);
}

Array* cast_reporting(Array* a, DType dtype) {
  if (cast_class(a->dtype, dtype) == Cast::Quiet) return array_cast(a, dtype);
  fp_clear();
  ArrayRef out = ArrayRef::steal(array_cast(a, dtype));
  return out && fp_report("cast") == 0 ? out.release() : nullptr;
}

// v: self, dtype, order, casting, subok, copy
PyObject* astype(PyObject* const* v) {
  Array* a = reinterpret_cast<Array*>(v[0]);
  DType dtype;
  if ((v[2] && !is_text(v[2], "K")) || (v[3] && !is_text(v[3], "unsafe")) ||
      (v[5] && !PyBool_Check(v[5])) || !parse_dtype(v[1], &dtype)) {
    PyErr_Clear();
    return nullptr;
  }
  if (dtype == a->dtype && v[5] == Py_False) return Py_NewRef(v[0]);
  if (dtype == DType::Invalid || !is_native_cast(a->dtype, dtype)) return nullptr;
  return guarded([&]() -> PyObject* {
    const NodeRef node = is_inexact(dtype) ? tape::begin(op_copy, {&a, 1}) : NodeRef{};
    const ArrayRef out = ArrayRef::steal(cast_reporting(a, dtype));
    Array* o = out.get();
    return o && tape::finish(node, {&o, 1}) == 0 ? Py_NewRef(out.object()) : nullptr;
  });
}

// The method of numpy.ndarray, recorded as a copy.
PyObject* recorded_copy(Array* self, const char* name, PyObject* const* args, Py_ssize_t nargs,
                        PyObject* kwnames) {
  NodeRef node = tape::begin(op_copy, {&self, 1});
  PyObject* result;
  {
    tape::RecordingScope off(false);
    result = fallback_method(self, name, args, nargs, kwnames);
  }
  if (!node || !result || !array_check(result)) return result;
  Array* out = reinterpret_cast<Array*>(result);
  if (out->storage == self->storage || tape::finish(node, {&out, 1}) == 0)
    return result;  // astype(copy=False)
  Py_DECREF(result);
  return nullptr;
}

PyObject* array_copy_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                            PyObject* kwnames) {
  Array* a = reinterpret_cast<Array*>(self);
  if (nargs || kwnames) return recorded_copy(a, "copy", args, nargs, kwnames);
  return guarded([&] { return api::copy(ArrayRef::borrow(a)).release_object(); });
}

PyObject* array_astype(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  PyObject* v[kMaxParams + 1] = {self};
  if (bind(kAstype, args, nargs, kwnames, v + 1)) {
    PyObject* result = astype(v);
    if (result || PyErr_Occurred()) return result;
  }
  return recorded_copy(reinterpret_cast<Array*>(self), "astype", args, nargs, kwnames);
}

constexpr Signature kFill{"fill", {"value"}, 1, 1, 0, 1};

// v: self, value. Numbers; NumPy has its own ways with anything else.
PyObject* fill(PyObject* const* v) {
  Array* a = reinterpret_cast<Array*>(v[0]);
  if (!a->writeable() || !(PyFloat_Check(v[1]) || PyLong_Check(v[1]))) return nullptr;
  return assign_value(a, v[1]) == 0 ? Py_NewRef(Py_None) : nullptr;
}

}  // namespace

PyMethodDef copying_methods[] = {method_def("copy", array_copy_method),
                                 method_def("astype", array_astype),
                                 method_def<kFill, fill>(),
                                 {}};

}  // namespace mp
