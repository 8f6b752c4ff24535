// The only way to include NumPy's C headers: one shared API table, imported by module.cc
// (which defines MP_IMPORT_NUMPY first).
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL minpy_ARRAY_API
#define PY_UFUNC_UNIQUE_SYMBOL minpy_UFUNC_API
#ifndef MP_IMPORT_NUMPY
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>
#include <numpy/ufuncobject.h>

namespace mp {

// Whether the NumPy that runs is of the second major version.
inline bool numpy2() { return PyArray_GetNDArrayCVersion() >= 0x02000000; }

}  // namespace mp
