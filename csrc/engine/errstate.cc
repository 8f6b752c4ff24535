#include "engine/errstate.h"

#include <Python.h>

#include "core/storage.h"
#include "engine/fp_state.h"
#include "python/import.h"

namespace mp {
namespace {

struct Known {
  PyObject* variable = nullptr;  // NumPy's context variable; null before NumPy 2
  PyObject* value = nullptr;     // its last value, kept alive so that its address stays its name
  PyObject* key = nullptr;       // before NumPy 2: where the thread's dict holds the modes
  long mask = -1;                // the last modes found there
  PyObject* warn = nullptr;      // minpy._fp_errors.warn
  Errstate errstate = Errstate::Plain;
  int ignored = 0;  // bits as in _fp_errors
  bool looked = false;
};
Known known;

PyObject* imported_if_there(const char* module, const char* name) {
  PyObject* o = imported(module, name);
  PyErr_Clear();
  return o;
}

void look_up() {
  known.looked = true;
  known.key = PyUnicode_InternFromString("UFUNC_PYVALS");
  known.variable = imported_if_there("numpy._core.umath", "_extobj_contextvar");
  known.warn = imported_if_there("minpy._fp_errors", "warn");
}

void read_modes() {
  PyObject* modes = imported_if_there("minpy._fp_errors", "deferral_modes");
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

// The modes of NumPy 1, which are a thread's: a mask in the list [buffer size, mask, callback], or
// no list while they are the defaults.
long thread_mask() {
  PyObject* all = PyThreadState_GetDict();
  PyObject* values = all ? PyDict_GetItemWithError(all, known.key) : nullptr;
  const bool given = values && PyList_Check(values) && PyList_GET_SIZE(values) == 3;
  const long mask = given ? PyLong_AsLong(PyList_GET_ITEM(values, 1)) : 0;
  PyErr_Clear();
  return mask;
}

Errstate thread_errstate() {
  const long mask = thread_mask();
  if (mask != known.mask) {
    storage_settle();
    known.mask = mask;
    read_modes();
  }
  return known.errstate;
}

}  // namespace

Errstate current_errstate() {
  if (!known.looked) look_up();
  if (!known.variable) return thread_errstate();
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

int ignored_fp() { return numpy_fp_flags(known.ignored); }

int warn_fp(const char* name, int raised) {
  const int bits = numpy_fp_bits(raised) & ~known.ignored;
  if (!bits || !known.warn) return 0;
  PyObject* done = PyObject_CallFunction(known.warn, "si", name, bits);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

}  // namespace mp
