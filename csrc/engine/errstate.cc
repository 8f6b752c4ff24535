#include "engine/errstate.h"

#include <Python.h>

#include "core/storage.h"

namespace mp {
namespace {

struct Known {
  PyObject* variable = nullptr;  // NumPy's context variable; null before NumPy 2
  PyObject* value = nullptr;     // its last value, kept alive so that its address stays its name
  PyObject* warn = nullptr;      // minpy._fp_errors.warn
  Errstate errstate = Errstate::Plain;
  int ignored = 0;  // bits as in _fp_errors
  bool looked = false;
};
Known known;

PyObject* from_module(const char* module, const char* name) {
  PyObject* m = PyImport_ImportModule(module);
  PyObject* o = m ? PyObject_GetAttrString(m, name) : nullptr;
  Py_XDECREF(m);
  PyErr_Clear();
  return o;
}

void look_up() {
  known.looked = true;
  known.variable = from_module("numpy._core.umath", "_extobj_contextvar");
  known.warn = from_module("minpy._fp_errors", "warn");
}

void read_modes() {
  PyObject* modes = from_module("minpy._fp_errors", "deferral_modes");
  PyObject* answer = modes ? PyObject_CallNoArgs(modes) : nullptr;
  int plain = 0;
  if (answer && PyArg_ParseTuple(answer, "pi", &plain, &known.ignored))
    known.errstate = plain ? Errstate::Plain : Errstate::Special;
  else
    known.errstate = Errstate::Special;
  Py_XDECREF(answer);
  Py_XDECREF(modes);
  PyErr_Clear();
}

}  // namespace

Errstate current_errstate() {
  if (!known.looked) look_up();
  if (!known.variable) return Errstate::Plain;
  PyObject* value = nullptr;
  if (PyContextVar_Get(known.variable, nullptr, &value) < 0) {
    PyErr_Clear();
    return Errstate::Special;
  }
  if (value != known.value) {
    storage_settle();
    Py_XSETREF(known.value, Py_XNewRef(value));
    read_modes();
  }
  Py_XDECREF(value);
  return known.errstate;
}

int ignored_fp() {
  const int bits = known.variable ? known.ignored : 4;
  return (bits & 1 ? 4 : 0) | (bits & 2 ? 8 : 0) | (bits & 4 ? 16 : 0) | (bits & 8 ? 1 : 0);
}

int warn_fp(const char* name, int raised) {
  // Bits as in numpy: 1 divide, 2 overflow, 4 underflow, 8 invalid; MXCSR has them at 4, 8, 16, 1.
  int bits =
      (raised & 4 ? 1 : 0) | (raised & 8 ? 2 : 0) | (raised & 16 ? 4 : 0) | (raised & 1 ? 8 : 0);
  // Underflow is ignored unless somebody asks.
  bits &= ~(known.variable ? known.ignored : 4);
  if (!bits || !known.warn) return 0;
  PyObject* done = PyObject_CallFunction(known.warn, "si", name, bits);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

}  // namespace mp
