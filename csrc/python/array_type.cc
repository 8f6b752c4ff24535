#include "python/array_type.h"

#include <cstddef>
#include <cstring>
#include <string>

#include "ops/manip.h"
#include "ops/statistics.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/index.h"
#include "python/linalg.h"
#include "python/metatype.h"
#include "python/native_function.h"
#include "python/numpy_api.h"
#include "python/reduce.h"
#include "python/scalar.h"

namespace mp {

PyObject* array_richcompare(PyObject* a, PyObject* b, int op);

PyTypeObject ArrayType = {PyVarObject_HEAD_INIT(nullptr, 0)};

namespace {

Array* as_self(PyObject* o) { return reinterpret_cast<Array*>(o); }

Py_ssize_t array_length(PyObject* self) {
  Array* a = as_self(self);
  if (a->ndim) return a->shape[0];
  PyErr_SetString(PyExc_TypeError, "len() of unsized object");
  return -1;
}

// Text for people: tracing takes no notice of it.
PyObject* through_numpy(PyObject* self, PyObject* (*f)(PyObject*)) {
  const calls::Quiet quiet;
  PyObject* np = to_numpy(as_self(self));
  PyObject* result = np ? f(np) : nullptr;
  Py_XDECREF(np);
  return result;
}

// Without this slot operator.concat would add.
PyObject* array_concat(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_TypeError,
                  "arrays are not concatenated by operator.concat: use numpy.concatenate");
  return nullptr;
}

// MXNet's text: float32 goes without saying, all other dtypes but bool are named.
PyObject* mxnet_repr(const Array* a, PyObject* numpy_text) {
  std::string text = PyUnicode_AsUTF8(numpy_text);
  const size_t named = text.rfind("dtype=");
  if (a->dtype == DType::F32 && named != std::string::npos) {
    text.erase(text.find_last_not_of(" \n,", named - 1) + 1);
    text += ")";
  } else if (a->dtype != DType::F32 && a->dtype != DType::Bool && named == std::string::npos) {
    text.insert(text.size() - 1, std::string(", dtype=") + kDTypeName[index(a->dtype)]);
  }
  return PyUnicode_FromString(text.c_str());
}

PyObject* array_repr(PyObject* self) {
  PyObject* text = through_numpy(self, PyObject_Repr);
  if (!text || !scalar_arrays) return text;
  PyObject* result = mxnet_repr(as_self(self), text);
  Py_DECREF(text);
  return result;
}
PyObject* array_str(PyObject* self) { return through_numpy(self, PyObject_Str); }

// A stand-in for a NumPy scalar is hashable, as NumPy scalars are; arrays are not.
Py_hash_t array_hash(PyObject* self) {
  Array* a = as_self(self);
  if (!(a->flags & kScalar)) return PyObject_HashNotImplemented(self);
  PyObject* scalar = make_python_scalar(a->dtype, a->bytes());
  Py_hash_t h = scalar ? PyObject_Hash(scalar) : -1;
  Py_XDECREF(scalar);
  return h;
}

int array_contains(PyObject* self, PyObject* value) {
  PyObject* found = fallback_method(as_self(self), "__contains__", &value, 1, nullptr);
  if (!found) return -1;
  int truth = PyObject_IsTrue(found);
  Py_DECREF(found);
  return truth;
}

// ndarray(shape, dtype=float, buffer=None, offset=0, strides=None, order=None)
PyObject* array_create(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject* np = PyObject_Call(reinterpret_cast<PyObject*>(&PyArray_Type), args, kwargs);
  return wrap(np);
}

PyObject* array_dunder_new(PyObject*, PyObject* args, PyObject* kwargs) {
  PyObject* type = PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : nullptr;
  if (!type || !PyType_Check(type)) {
    PyErr_SetString(PyExc_TypeError, "ndarray.__new__(X): X is not a type object");
    return nullptr;
  }
  if (type != reinterpret_cast<PyObject*>(&ArrayType)) {
    PyObject* make = PyObject_GetAttrString(reinterpret_cast<PyObject*>(&PyArray_Type), "__new__");
    PyObject* made = make ? PyObject_Call(make, args, kwargs) : nullptr;
    Py_XDECREF(make);
    return made;
  }
  PyObject* rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
  PyObject* made = rest ? array_create(&ArrayType, rest, kwargs) : nullptr;
  Py_XDECREF(rest);
  return made;
}

PySequenceMethods array_as_sequence = {.sq_length = array_length,
                                       .sq_concat = array_concat,
                                       .sq_item = array_item,
                                       .sq_ass_item = array_ass_item,
                                       .sq_contains = array_contains};
PyMappingMethods array_as_mapping = {.mp_length = array_length,
                                     .mp_subscript = array_subscript,
                                     .mp_ass_subscript = array_ass_subscript};
PyBufferProcs array_as_buffer = {.bf_getbuffer = array_getbuffer,
                                 .bf_releasebuffer = array_releasebuffer};

// Every attribute of numpy.ndarray that we do not have natively runs in NumPy on the same memory.
bool add_numpy_methods() {
  constexpr const char* mutators[] = {"sort", "partition", "fill", "put", "setfield", "byteswap"};
  constexpr const char* skipped[] = {"__init__",          "__new__",          "__class__",
                                     "__getattribute__",  "__setattr__",      "__delattr__",
                                     "__init_subclass__", "__subclasshook__", "__dir__",
                                     "__sizeof__",        "__reduce_ex__",    "__array_finalize__",
                                     "__doc__",           "__hash__",         "__setstate__"};
  PyObject *key, *value, *theirs = PyArray_Type.tp_dict, *ours = ArrayType.tp_dict;
  for (Py_ssize_t pos = 0; PyDict_Next(theirs, &pos, &key, &value);) {
    if (PyDict_Contains(ours, key) || !PyCallable_Check(value)) continue;
    const char* name = PyUnicode_AsUTF8(key);
    bool skip = false, mutates = false;
    for (const char* s : skipped) skip |= strcmp(s, name) == 0;
    for (const char* m : mutators) mutates |= strcmp(m, name) == 0;
    if (skip) continue;
    std::string path = std::string("ndarray.") + name;
    PyObject* f = fallback_new(path.c_str(), value, mutates ? 0 : -1);
    if (!f || PyDict_SetItem(ours, key, f) < 0) return false;
    Py_DECREF(f);
  }
  return true;
}

// Native methods that stand for NumPy's are NativeFunctions: counted and subject to the policy.
bool add_native_methods() {
  for (const PyMethodDef* table : {manip_methods, reduce_methods, position_methods, linalg_methods,
                                   statistics_methods, sorting_methods, copying_methods}) {
    for (; table->ml_name; ++table) {
      if (table->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) continue;
      PyObject* f = native_function_new(table, true);
      if (!f || PyDict_SetItemString(ArrayType.tp_dict, table->ml_name, f) < 0) return false;
      Py_DECREF(f);
    }
  }
  return true;
}

// What needs entries that PyType_Ready would not make: arrays are unhashable to collections.abc
// (the slot serves stand-ins for scalars only), and ndarray.__new__(Sub, ...) makes NumPy's
// subclasses too.
bool add_special_entries() {
  static PyMethodDef new_method = {
      "__new__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(array_dunder_new)),
      METH_VARARGS | METH_KEYWORDS, nullptr};
  PyObject* dunder_new = PyCFunction_New(&new_method, nullptr);
  PyObject* priority = PyFloat_FromDouble(0.0);
  bool ok = dunder_new && priority &&
            PyDict_SetItemString(ArrayType.tp_dict, "__new__", dunder_new) == 0 &&
            PyDict_SetItemString(ArrayType.tp_dict, "__array_priority__", priority) == 0 &&
            PyDict_SetItemString(ArrayType.tp_dict, "__hash__", Py_None) == 0;
  Py_XDECREF(dunder_new);
  Py_XDECREF(priority);
  PyType_Modified(&ArrayType);
  return ok;
}

}  // namespace

bool array_type_init(PyObject* module) {
  if (!metatype_init()) return false;
  ArrayType.tp_name = "minpy.numpy.ndarray";
  ArrayType.tp_basicsize = sizeof(Array);
  ArrayType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  ArrayType.tp_dealloc = array_dealloc;
  ArrayType.tp_repr = array_repr;
  ArrayType.tp_str = array_str;
  ArrayType.tp_hash = array_hash;
  ArrayType.tp_as_number = &array_as_number;
  ArrayType.tp_as_sequence = &array_as_sequence;
  ArrayType.tp_as_mapping = &array_as_mapping;
  ArrayType.tp_as_buffer = &array_as_buffer;
  ArrayType.tp_richcompare = array_richcompare;
  ArrayType.tp_iter = array_iter;
  ArrayType.tp_weaklistoffset = offsetof(Array, weakrefs);
  array_tables_init();
  ArrayType.tp_new = array_create;
  ArrayType.tp_doc = "An n-dimensional array with NumPy's behaviour, gradients and devices.";
  if (PyType_Ready(&ArrayType) < 0 || PyType_Ready(&ArrayIterType) < 0) return false;
  return add_numpy_methods() && add_native_methods() && add_special_entries() &&
         PyModule_AddObjectRef(module, "ndarray", reinterpret_cast<PyObject*>(&ArrayType)) == 0;
}

}  // namespace mp
