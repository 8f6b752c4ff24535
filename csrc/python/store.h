// Writing values into array elements, as assignment by index does it.
// The paths here are the quiet ones: whatever may warn or raise (overflow, NaN to integer, complex
// to real) is left to NumPy, which then does it on the same memory.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

// Writes a Python or NumPy number as one element. False, having written nothing, when NumPy has to
// decide.
bool store_scalar(DType dtype, char* data, PyObject* value);

enum class Cast { Quiet, Checked, Loud };
// Quiet: cannot warn. Checked: warns if the cast raises a floating-point flag. Loud: warns or fails
// by its kind.
Cast cast_class(DType from, DType to);

// dst[...] = value for any value, recorded on the tape. 1: NumPy has to decide, nothing was written
// (or what was written will be written again); 0 done; -1 error.
// An element, unlike a 0-d view, takes no value that has dimensions.
enum class Target { View, Element };
int assign_value(Array* dst, PyObject* value, Target target = Target::View);

}  // namespace mp
