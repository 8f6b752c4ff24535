#include "python/metatype.h"

#include "core/array.h"
#include "ops/ufunc.h"
#include "python/fallback.h"
#include "python/native_function.h"
#include "python/numpy_api.h"

namespace mp {
namespace {

bool is_ndarray(PyObject* type) { return type == reinterpret_cast<PyObject*>(&ArrayType); }

PyObject* meta_instancecheck(PyObject* self, PyObject* instance) {
  if (PyObject_TypeCheck(instance, reinterpret_cast<PyTypeObject*>(self))) Py_RETURN_TRUE;
  if (is_ndarray(self) && PyArray_Check(instance)) Py_RETURN_TRUE;
  // Proxies answer through __class__.
  PyObject* type = PyObject_GetAttrString(instance, "__class__");
  if (!type) return nullptr;
  bool yes = type != reinterpret_cast<PyObject*>(Py_TYPE(instance)) && PyType_Check(type) &&
             (PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type),
                               reinterpret_cast<PyTypeObject*>(self)) ||
              (is_ndarray(self) &&
               PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), &PyArray_Type)));
  Py_DECREF(type);
  return PyBool_FromLong(yes);
}

PyObject* meta_subclasscheck(PyObject* self, PyObject* candidate) {
  if (!PyType_Check(candidate)) {
    PyErr_SetString(PyExc_TypeError, "issubclass() arg 1 must be a class");
    return nullptr;
  }
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(candidate);
  return PyBool_FromLong(PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(self)) ||
                         (is_ndarray(self) && PyType_IsSubtype(type, &PyArray_Type)));
}

// class Sub(ndarray): the base becomes minpy.numpy's subclass of numpy.ndarray.
PyObject* meta_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  PyObject *name, *bases, *dict;
  if (!PyArg_ParseTuple(args, "UO!O!:ndarray", &name, &PyTuple_Type, &bases, &PyDict_Type, &dict))
    return nullptr;
  PyObject* module = PyImport_ImportModule("minpy.numpy._subclass");
  bool overrides = PyDict_GetItemString(dict, "__array_ufunc__") ||
                   PyDict_GetItemString(dict, "__array_function__");
  PyObject* base =
      module ? PyObject_GetAttrString(module, overrides ? "overriding_ndarray" : "ndarray")
             : nullptr;
  Py_XDECREF(module);
  Py_ssize_t n = PyTuple_GET_SIZE(bases);
  PyObject* replaced = base ? PyTuple_New(n) : nullptr;
  for (Py_ssize_t i = 0; replaced && i < n; ++i) {
    PyObject* b = PyTuple_GET_ITEM(bases, i);
    PyTuple_SET_ITEM(replaced, i, Py_NewRef(is_ndarray(b) ? base : b));
  }
  Py_XDECREF(base);
  PyObject* type_args = replaced ? PyTuple_Pack(3, name, replaced, dict) : nullptr;
  Py_XDECREF(replaced);
  PyObject* result =
      type_args ? PyObject_Call(reinterpret_cast<PyObject*>(&PyType_Type), type_args, kwargs)
                : nullptr;
  Py_XDECREF(type_args);
  return result;
}

// isinstance(x, ufunc): also NumPy's ufuncs, and our functions that stand for one of them.
PyObject* ufunc_instancecheck(PyObject* self, PyObject* instance) {
  PyTypeObject* type = Py_TYPE(instance);
  if (type == reinterpret_cast<PyTypeObject*>(self) || type == &PyUFunc_Type) Py_RETURN_TRUE;
  if (type != &FallbackType && type != &NativeBuiltinType) Py_RETURN_FALSE;
  PyObject* numpy = PyObject_GetAttrString(instance, "__wrapped__");
  if (!numpy) return nullptr;
  bool yes = Py_TYPE(numpy) == &PyUFunc_Type;
  Py_DECREF(numpy);
  return PyBool_FromLong(yes);
}

PyMethodDef ufunc_meta_methods[] = {{"__instancecheck__", ufunc_instancecheck, METH_O, nullptr},
                                    {}};

PyMethodDef meta_methods[] = {{"__instancecheck__", meta_instancecheck, METH_O, nullptr},
                              {"__subclasscheck__", meta_subclasscheck, METH_O, nullptr},
                              {}};

}  // namespace

PyTypeObject ArrayMetaType = {PyVarObject_HEAD_INIT(nullptr, 0)};

PyTypeObject UfuncMetaType = {PyVarObject_HEAD_INIT(nullptr, 0)};

bool ufunc_metatype_init() {
  UfuncMetaType.tp_name = "minpy.numpy.ufunc_type";
  UfuncMetaType.tp_basicsize = 0;  // inherited: PyHeapTypeObject
  UfuncMetaType.tp_base = &PyType_Type;
  UfuncMetaType.tp_flags = Py_TPFLAGS_DEFAULT;
  UfuncMetaType.tp_methods = ufunc_meta_methods;
  if (PyType_Ready(&UfuncMetaType) < 0) return false;
  Py_SET_TYPE(&UfuncType, &UfuncMetaType);
  return true;
}

bool metatype_init() {
  ArrayMetaType.tp_name = "minpy.numpy.ndarray_type";
  ArrayMetaType.tp_basicsize = 0;  // inherited: PyHeapTypeObject
  ArrayMetaType.tp_base = &PyType_Type;
  ArrayMetaType.tp_flags = Py_TPFLAGS_DEFAULT;
  ArrayMetaType.tp_methods = meta_methods;
  ArrayMetaType.tp_new = meta_new;
  if (PyType_Ready(&ArrayMetaType) < 0) return false;
  Py_SET_TYPE(&ArrayType, &ArrayMetaType);
  return true;
}

}  // namespace mp
