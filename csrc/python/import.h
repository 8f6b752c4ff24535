// An attribute of a Python module by their names, for the places where C++ calls Python.
#pragma once
#include <Python.h>

namespace mp {

// A new reference; null with an error set when there is no such module or attribute.
inline PyObject* imported(const char* module_name, const char* name) {
  PyObject* module = PyImport_ImportModule(module_name);
  PyObject* attribute = module ? PyObject_GetAttrString(module, name) : nullptr;
  Py_XDECREF(module);
  return attribute;
}

}  // namespace mp
