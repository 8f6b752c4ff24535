// mean, var, std, running sums, counting, sorting and searching under NumPy's names.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {
extern PyMethodDef statistics_functions[];
extern PyMethodDef statistics_methods[];
extern PyMethodDef sorting_functions[];
extern PyMethodDef sorting_methods[];

// numpy.searchsorted of a 1-d array; null without an error set when NumPy must do it.
PyObject* search_sorted(Array* a, Array* values, bool right);
}  // namespace mp
