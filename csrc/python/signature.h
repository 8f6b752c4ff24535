// Argument binding for native functions that mirror a NumPy function.
// A Signature lists the parameters; `bind` sorts positional and keyword arguments into an array of
// borrowed pointers (null: not given). A body returns null without a Python error to say "not my
// case": the entry then hands the untouched call to NumPy, which computes it or raises the error
// that NumPy raises.
#pragma once
#include <Python.h>

#include "core/array.h"
#include "python/convert.h"
#include "python/fallback.h"

namespace mp {

inline constexpr int kMaxParams = 8;

struct Signature {
  const char* name;
  const char* params[kMaxParams];
  int count;  // parameters
  int required;
  int positional_only;  // the first so many have no keyword
  int positional;       // the first so many may be given by position
};

// False when the call does not fit the signature (no Python error is set).
inline bool bind(const Signature& s, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                 PyObject** out) {
  if (nargs > s.positional) return false;
  for (Py_ssize_t i = 0; i < nargs; ++i) out[i] = args[i];
  Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < nkw; ++k) {
    int p = s.positional_only;
    while (p < s.count &&
           PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, k), s.params[p]) != 0)
      ++p;
    if (p == s.count || out[p]) return false;
    out[p] = args[nargs + k];
  }
  for (int i = 0; i < s.required; ++i)
    if (!out[i]) return false;
  return true;
}

using Body = PyObject* (*)(PyObject* const* v);

template <const Signature& S, Body F>
PyObject* function_entry(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  PyObject* v[kMaxParams] = {};
  if (bind(S, args, nargs, kwnames, v)) {
    PyObject* result = F(v);
    if (result || PyErr_Occurred()) return result;
  }
  return fallback_call(S.name, args, nargs, kwnames);
}

// The same body as a method: S describes the parameters after self, and the body sees self first.
template <const Signature& S, Body F>
PyObject* method_entry(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  PyObject* v[kMaxParams + 1] = {self};
  if (bind(S, args, nargs, kwnames, v + 1)) {
    PyObject* result = F(v);
    if (result || PyErr_Occurred()) return result;
  }
  return fallback_method(reinterpret_cast<Array*>(self), S.name, args, nargs, kwnames);
}

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
inline PyMethodDef method_def(const char* name, FastCall f) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(f)),
          METH_FASTCALL | METH_KEYWORDS, nullptr};
}
template <const Signature& S, Body F>
PyMethodDef function_def() {
  return method_def(S.name, function_entry<S, F>);
}
template <const Signature& S, Body F>
PyMethodDef method_def() {
  return method_def(S.name, method_entry<S, F>);
}

// An argument as an array; null without an error when NumPy should take the call (foreign types,
// other dtypes).
ArrayRef operand(PyObject* o);

// Small readers of optional arguments. Each gives false for what NumPy has to judge, without an
// error set.
inline bool absent(PyObject* o) { return !o || o == Py_None; }
bool read_int(PyObject* o, int64_t* out);         // a Python or NumPy integer
bool read_axis(PyObject* o, int ndim, int* out);  // normalised and in range
bool read_axes(PyObject* o, int ndim, int* out,
               int* count);  // an int or a sequence of distinct axes
bool read_ints(PyObject* o, int64_t* out,
               int* count);               // an int or a sequence of at most kMaxDims ints
bool read_order(PyObject* o, char* out);  // one of C F A K; C when not given

}  // namespace mp
