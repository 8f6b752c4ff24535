// Indexing of arrays: the mapping, sequence and iteration slots of the ndarray type.
// Basic indices (integers, slices, Ellipsis, None) give views and are handled in index.cc; anything
// with an array, list or boolean in it is an advanced index (index_advanced.h). Every error path
// that is not an everyday one ends in the fallback, so that NumPy itself raises NumPy's error.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

PyObject* array_subscript(PyObject* self, PyObject* key);
int array_ass_subscript(PyObject* self, PyObject* key, PyObject* value);
PyObject* array_item(PyObject* self, Py_ssize_t i);
int array_ass_item(PyObject* self, Py_ssize_t i, PyObject* value);
PyObject* array_iter(PyObject* self);

extern PyTypeObject ArrayIterType;  // ready it once, when the module is made

// The element at `offset` of the storage as indexing returns it: a NumPy scalar, or under recording
// a 0-d copy that acts as one (not a view: a scalar does not change with its array).
PyObject* array_element(Array* a, int64_t offset);

}  // namespace mp
