// mean, var, std, running sums, counting, sorting and searching under NumPy's names.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {
extern PyMethodDef statistics_functions[];
extern PyMethodDef statistics_methods[];
extern PyMethodDef sorting_functions[];
extern PyMethodDef sorting_methods[];
extern PyMethodDef position_functions[];  // argmax, argmin
extern PyMethodDef position_methods[];
extern PyMethodDef nan_functions[];  // nansum and the like

// Bodies (python/signature.h) that other functions call. v: a, axis, dtype, out, then as named.
PyObject* mean_body(PyObject* const* v);  // keepdims, where
PyObject* var_body(PyObject* const* v);   // ddof, keepdims
PyObject* std_body(PyObject* const* v);   // ddof, keepdims
PyObject* cumsum_body(PyObject* const* v);
PyObject* cumprod_body(PyObject* const* v);

// Sorts the rows of a C-order array in place; false with an error set.
bool sort_rows(Array* a);
// Positions of the keys of C-order rows in stable order; false, perhaps without an error set, when
// NumPy must do it.
bool argsort_rows(Array* keys, Array* positions);
// Lets the kernels of cpu/sort.h use NumPy's sorts, which need neither Python nor the GIL.
void borrow_sort_kernels();
// numpy.searchsorted of a 1-d array; null without an error set when NumPy must do it.
PyObject* search_sorted(Array* a, Array* values, bool right);
}  // namespace mp
