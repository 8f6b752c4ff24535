// Graceful fallback to NumPy. NumPy functions run zero-copy on our memory; what they return is
// wrapped: arrays over our memory come back as views, fresh arrays are adopted, scalars stay
// NumPy's, and containers are converted item by item. See Note [Fallback tiers].
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

// Arrays in `o` (also inside tuples, lists and dicts) replaced by zero-copy NumPy arrays. New
// reference.
PyObject* unwrap(PyObject* o);
// NumPy arrays in a result replaced by ours. Steals `o`; null passes through.
PyObject* wrap(PyObject* o);

// Calls numpy.<name> (dotted names allowed) with vectorcall-style arguments. When an argument has a
// gradient history under recording the call goes through minpy's gradient rules for that function.
PyObject* fallback_call(const char* numpy_name, PyObject* const* args, Py_ssize_t nargs,
                        PyObject* kwnames);
// Calls the method of the zero-copy numpy.ndarray.
PyObject* fallback_method(Array* self, const char* name, PyObject* const* args, Py_ssize_t nargs,
                          PyObject* kwnames);
PyObject* fallback_getitem(Array* self, PyObject* key);
int fallback_setitem(Array* self, PyObject* key, PyObject* value);

// Whether an array with a gradient history is in `o` (also inside tuples and lists).
bool holds_taped(PyObject* o, int depth = 0);

extern PyTypeObject FallbackType;  // a callable that stands for one NumPy function
// `mutates` is the position of the argument that the callable writes into, or -1.
PyObject* fallback_new(const char* name, PyObject* numpy_callable, int mutates);
PyObject* fallback_counts();  // a dict from name to the number of calls that NumPy served
void reset_fallback_counts();
PyObject* module_attribute(PyObject*, void*);  // the __module__ of functions: "minpy.numpy"

}  // namespace mp
