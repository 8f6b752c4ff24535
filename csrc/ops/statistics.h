// mean, var, std, running sums, counting, sorting and searching under NumPy's names.
#pragma once
#include <Python.h>

namespace mp {
extern PyMethodDef statistics_functions[];
extern PyMethodDef statistics_methods[];
extern PyMethodDef sorting_functions[];
extern PyMethodDef sorting_methods[];
}  // namespace mp
