// Python errors that NumPy raised and that we answer in another way, known by their words.
#pragma once
#include <Python.h>

#include <string_view>

namespace mp {

// With an error set: clears it when it is a `type` with words of which matches(text) is true. Else
// false, and it stays.
template <class Matches>
bool clear_error(PyObject* type, Matches&& matches) {
  if (!PyErr_ExceptionMatches(type)) return false;
  PyObject *raised, *error, *trace;
  PyErr_Fetch(&raised, &error, &trace);
  PyErr_NormalizeException(&raised, &error, &trace);
  PyObject* text = error ? PyObject_Str(error) : nullptr;
  const char* bytes = text ? PyUnicode_AsUTF8(text) : nullptr;
  const bool matched = bytes && matches(std::string_view(bytes));
  Py_XDECREF(text);
  if (!matched) {
    PyErr_Restore(raised, error, trace);
    return false;
  }
  Py_XDECREF(raised);
  Py_XDECREF(error);
  Py_XDECREF(trace);
  return true;
}

}  // namespace mp
