// Operators that only move elements or describe them anew: reshape, transpose, concatenate, take, where ...
// Views exactly where NumPy gives views.
#pragma once
#include <Python.h>

namespace mp {
extern PyMethodDef manip_functions[];  // numpy.<name>
extern PyMethodDef manip_methods[];    // numpy.ndarray.<name>
}
