// Attributes of the array type, the buffer protocol, and the methods that only concern the object
// itself.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ops/api.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "ops/statistics.h"
#include "python/array_type.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/import.h"
#include "python/linalg.h"
#include "python/native_function.h"
#include "python/numpy_api.h"
#include "python/protocols.h"
#include "python/reduce.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/python.h"
#include "tape/tape.h"

namespace mp {
namespace {

Array* as_self(PyObject* o) { return reinterpret_cast<Array*>(o); }

PyObject* get_shape(PyObject* self, void*) {
  return shape_tuple(as_self(self)->shape, as_self(self)->ndim);
}
PyObject* get_strides(PyObject* self, void*) {
  return shape_tuple(as_self(self)->strides, as_self(self)->ndim);
}
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(as_self(self)->ndim); }
PyObject* get_size(PyObject* self, void*) { return PyLong_FromLongLong(as_self(self)->size); }
PyObject* get_itemsize(PyObject* self, void*) {
  return PyLong_FromLong(itemsize(as_self(self)->dtype));
}
PyObject* get_nbytes(PyObject* self, void*) { return PyLong_FromLongLong(as_self(self)->nbytes()); }
PyObject* get_dtype(PyObject* self, void*) {
  return reinterpret_cast<PyObject*>(descr_of(as_self(self)->dtype));
}
PyObject* get_device(PyObject*, void*) { return PyUnicode_FromString("cpu"); }

PyObject* get_base(PyObject* self, void*) {
  PyObject* base = as_self(self)->base;
  return Py_NewRef(base ? base : Py_None);
}

// x.name as a recorded call.
template <class Get>
PyObject* recorded_attribute(PyObject* self, const char* name, Get&& get) {
  if (!calls::listening()) return get();
  PyObject* args[2] = {self, PyUnicode_FromString(name)};
  PyObject* value = calls::record(calls::operator_function("getattr"), args, 2, nullptr, get);
  Py_DECREF(args[1]);
  return value;
}

PyObject* view_T(PyObject* self) {
  Array* a = as_self(self);
  int64_t shape[kMaxDims], strides[kMaxDims];
  std::reverse_copy(a->shape, a->shape + a->ndim, shape);
  std::reverse_copy(a->strides, a->strides + a->ndim, strides);
  return reinterpret_cast<PyObject*>(array_view(a, a->dtype, a->ndim, shape, strides, a->offset));
}

PyObject* get_T(PyObject* self, void*) {
  return recorded_attribute(self, "T", [&] { return view_T(self); });
}

// The attribute of the zero-copy numpy.ndarray, wrapped.
PyObject* get_from_numpy(PyObject* self, void* name) {
  // NumPy reads these before __array__, and they have no name for bfloat16.
  if (as_self(self)->dtype == DType::BF16 &&
      std::strncmp(static_cast<const char*>(name), "__array_", 8) == 0) {
    PyErr_SetString(PyExc_AttributeError, static_cast<const char*>(name));
    return nullptr;
  }
  PyObject* np = to_numpy(as_self(self));
  if (!np) return nullptr;
  if (std::strncmp(static_cast<const char*>(name), "__array_", 8) == 0)
    mark_shared(as_self(self)->storage);
  PyObject* value = wrap(PyObject_GetAttrString(np, static_cast<const char*>(name)));
  Py_DECREF(np);
  return value;
}

PyObject* get_part(PyObject* self, void* name) {
  return recorded_attribute(self, static_cast<const char*>(name),
                            [&] { return get_from_numpy(self, name); });
}

// Sets an attribute (shape, strides, dtype) of the zero-copy numpy.ndarray and takes over its new
// layout.
int set_layout(PyObject* self, PyObject* value, void* name) {
  Array* a = as_self(self);
  if (!value) {
    PyErr_Format(PyExc_AttributeError, "cannot delete array %s", static_cast<const char*>(name));
    return -1;
  }
  ArrayRef before = ArrayRef::steal(array_alias(a));
  PyObject* o = before && tape::before_relayout(a) == 0 ? to_numpy(a) : nullptr;
  if (!o) return -1;
  PyArrayObject* np = reinterpret_cast<PyArrayObject*>(o);
  int status = PyObject_SetAttrString(o, static_cast<const char*>(name), value);
  DType dtype = status == 0 ? dtype_of_descr(PyArray_DESCR(np)) : DType::Invalid;
  if (status == 0 && dtype == DType::Invalid) {
    PyErr_Format(
        PyExc_TypeError,
        "an array cannot become %R in place: arrays of that dtype stay NumPy's own; use .view()",
        PyArray_DESCR(np));
    status = -1;
  }
  if (status == 0) {
    int ndim = PyArray_NDIM(np);
    if (ndim > kInlineDims && ndim > a->ndim) {
      if (a->shape != a->dims) std::free(a->shape);
      a->shape = static_cast<int64_t*>(std::malloc(sizeof(int64_t) * 2 * ndim));
      a->strides = a->shape + ndim;
    }
    std::copy(PyArray_DIMS(np), PyArray_DIMS(np) + ndim, a->shape);
    std::copy(PyArray_STRIDES(np), PyArray_STRIDES(np) + ndim, a->strides);
    a->ndim = static_cast<uint8_t>(ndim);
    a->dtype = dtype;
    a->size = PyArray_SIZE(np);
    array_update_flags(a);
    tape::finish_relayout(a, before.get());
  }
  Py_DECREF(o);
  return status;
}

// x.flat = v, x.real = v, x.imag = v: NumPy assigns on the same memory.
int set_values(PyObject* self, PyObject* value, void* closure) {
  Array* a = as_self(self);
  bool flat =
      std::strchr(static_cast<const char*>(closure), ':');  // the closure names the getter's class
  const char* name = flat ? "flat" : static_cast<const char*>(closure);
  bool imag = std::strcmp(name, "imag") == 0;
  if (value && (is_complex(a->dtype) || (tape::state.recording && !imag))) {
    PyObject* part = PyObject_GetAttrString(self, name);
    int status = part ? PyObject_SetItem(part, Py_Ellipsis, value) : -1;
    Py_XDECREF(part);
    return status;
  }
  if (tape::before_write(a) < 0) return -1;
  PyObject* np = to_numpy(a);
  PyObject* plain = np && value ? unwrap(value) : nullptr;
  int status = np && (plain || !value) ? PyObject_SetAttrString(np, name, plain) : -1;
  Py_XDECREF(plain);
  Py_XDECREF(np);
  return status;
}

PyObject* from_python_module(PyObject* self, void* path) {
  // "module:attribute" called with the array.
  std::string text = static_cast<const char*>(path);
  size_t colon = text.find(':');
  PyObject* module = PyImport_ImportModule(text.substr(0, colon).c_str());
  PyObject* result =
      module ? PyObject_CallMethod(module, text.c_str() + colon + 1, "O", self) : nullptr;
  Py_XDECREF(module);
  return result;
}

// numpy's __array__(dtype, copy=copy), where copy=False refuses to convert. NumPy 1 lacks the
// keyword.
PyObject* array_in_dtype(PyObject* np, PyObject* dtype, PyObject* copy) {
  if (!numpy2() && copy != Py_None) {
    PyObject* result = PyObject_CallMethod(np, "__array__", "O", dtype);
    if (!result || PyObject_IsTrue(copy) || result == np) return result;
    Py_DECREF(result);
    PyErr_SetString(PyExc_ValueError, "Unable to avoid copy while creating an array as requested.");
    return nullptr;
  }
  PyObject* method = PyObject_GetAttrString(np, "__array__");
  if (!method) return nullptr;
  static PyObject* names = Py_BuildValue("(s)", "copy");
  PyObject* args[2] = {dtype, copy};
  PyObject* result = PyObject_Vectorcall(method, args, 1, copy == Py_None ? nullptr : names);
  Py_DECREF(method);
  return result;
}

// __array__(dtype=None, *, copy=None)
PyObject* array_dunder_array(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"dtype", "copy", nullptr};
  PyObject *dtype = Py_None, *copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$O:__array__", const_cast<char**>(names),
                                   &dtype, &copy))
    return nullptr;
  PyObject* np = to_numpy(as_self(self));
  if (!np || (dtype == Py_None && copy != Py_True)) return np;
  PyObject* result = dtype == Py_None  ? PyObject_CallMethod(np, "copy", nullptr)
                     : copy == Py_True ? PyObject_CallMethod(np, "astype", "O", dtype)
                                       : array_in_dtype(np, dtype, copy);
  Py_DECREF(np);
  return result;
}

// The object with the dimensions that it has, and, for an owner, its elements, as NumPy counts.
PyObject* array_sizeof(PyObject* self, PyObject*) {
  Array* a = as_self(self);
  int64_t dimensions = 2 * a->ndim * int64_t{sizeof(int64_t)};
  int64_t object = Py_TYPE(self)->tp_basicsize - int64_t{sizeof(a->dims)} + dimensions;
  return PyLong_FromLongLong(object + (a->base ? 0 : a->nbytes()));
}

// The zero-copy numpy.ndarray stands in the pickle: NumPy writes its bytes, out of band where
// protocol 5 may.
PyObject* array_reduce_pickle(PyObject* self, PyObject*) {
  PyObject* rebuild = imported("minpy._core", "_from_numpy");
  PyObject* np = rebuild ? to_numpy(as_self(self)) : nullptr;
  if (np) return Py_BuildValue("N(N)", rebuild, np);
  Py_XDECREF(rebuild);
  return nullptr;
}

void append(std::vector<PyMethodDef>& all, const PyMethodDef* table) {
  for (; table->ml_name; ++table) all.push_back(*table);
}

void append(std::vector<PyGetSetDef>& all, const PyGetSetDef* table) {
  for (; table->name; ++table) all.push_back(*table);
}

PyMethodDef own_methods[] = {
    {"__sizeof__", array_sizeof, METH_NOARGS, "Bytes of the object and the elements that it owns."},
    {"__array__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(array_dunder_array)),
     METH_VARARGS | METH_KEYWORDS, "The array as numpy.ndarray, sharing memory where possible."},
    {"__reduce__", array_reduce_pickle, METH_NOARGS, nullptr},
    {}};

PyGetSetDef own_getset[] = {
    {"shape", get_shape, set_layout, "Tuple of array dimensions.", const_cast<char*>("shape")},
    {"strides", get_strides, set_layout, "Bytes to step in each dimension.",
     const_cast<char*>("strides")},
    {"dtype", get_dtype, set_layout, "The numpy.dtype of the elements.",
     const_cast<char*>("dtype")},
    {"ndim", get_ndim, nullptr, "Number of dimensions.", nullptr},
    {"size", get_size, nullptr, "Number of elements.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"base", get_base, nullptr, "The object that owns the memory, or None.", nullptr},
    {"T", get_T, nullptr, "The array with its axes reversed: a view.", nullptr},
    {"mT", get_part, nullptr, "The array with its last two axes exchanged: a view.",
     const_cast<char*>("mT")},
    {"real", get_part, set_values, "The real part: a view for complex arrays.",
     const_cast<char*>("real")},
    {"imag", get_part, set_values, "The imaginary part: a view for complex arrays.",
     const_cast<char*>("imag")},
    {"data", get_from_numpy, nullptr, "A memoryview of the array.", const_cast<char*>("data")},
    {"ctypes", get_from_numpy, nullptr, "numpy's ctypes helper object.",
     const_cast<char*>("ctypes")},
    {"flat", from_python_module, set_values, "A one-dimensional iterator over the array.",
     const_cast<char*>("minpy.numpy._array_attributes:FlatIterator")},
    {"flags", from_python_module, nullptr, "Memory layout flags.",
     const_cast<char*>("minpy.numpy._array_attributes:Flags")},
    {"device", get_device, nullptr, "The device that holds the array.", nullptr},
    {"__array_interface__", get_from_numpy, nullptr, nullptr,
     const_cast<char*>("__array_interface__")},
    {"__array_struct__", get_from_numpy, nullptr, nullptr, const_cast<char*>("__array_struct__")},
    {}};

}  // namespace

int array_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  PyObject* np = to_numpy(as_self(self));
  if (!np) return -1;
  int status = PyObject_GetBuffer(np, view, flags);
  Py_DECREF(np);  // the buffer keeps it, and it keeps us
  return status;
}

void array_releasebuffer(PyObject*, Py_buffer*) {}

void array_tables_init() {
  auto* methods = new std::vector<PyMethodDef>;
  append(*methods, own_methods);
  append(*methods, copying_methods);
  append(*methods, protocol_methods);
  append(*methods, manip_methods);
  append(*methods, reduce_methods);
  append(*methods, linalg_methods);
  append(*methods, statistics_methods);
  append(*methods, position_methods);
  append(*methods, sorting_methods);
  append(*methods, tape_methods);
  methods->push_back({});
  adopt_documentation(methods->data(), &PyArray_Type);
  ArrayType.tp_methods = methods->data();
  auto* getset = new std::vector<PyGetSetDef>;
  append(*getset, own_getset);
  append(*getset, tape_getset);
  getset->push_back({});
  ArrayType.tp_getset = getset->data();
}

}  // namespace mp
