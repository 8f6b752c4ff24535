#include "python/linalg.h"

#include "python/fallback.h"

namespace mp {

PyObject* matmul(PyObject* a, PyObject* b, Array* out) {
  PyObject* args[3] = {a, b, reinterpret_cast<PyObject*>(out)};
  return fallback_call("matmul", args, out ? 3 : 2, nullptr);
}

PyObject* dot(PyObject* a, PyObject* b, Array* out) {
  PyObject* args[3] = {a, b, reinterpret_cast<PyObject*>(out)};
  return fallback_call("dot", args, out ? 3 : 2, nullptr);
}

PyMethodDef linalg_functions[] = {{}};
PyMethodDef linalg_methods[] = {{}};

}  // namespace mp
