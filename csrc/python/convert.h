// Between NumPy's objects and ours, without copying.
// A NumPy array that we hand out ("export") has our Array as its base; so a result whose chain of
// bases ends in an Array is a view of that Array and comes back as one.
#pragma once
#include <Python.h>

#include "core/array.h"

struct _PyArray_Descr;

namespace mp {

// NumPy's descriptor object for a dtype (new reference). bfloat16 imports ml_dtypes.
_PyArray_Descr* descr_of(DType dtype);
// The dtype of a descriptor in native byte order, or DType::Invalid when arrays of it stay NumPy's
// own.
DType dtype_of_descr(_PyArray_Descr* descr);
// Interprets a dtype argument (anything numpy.dtype accepts). False with a Python error set; `out`
// is Invalid for dtypes that stay NumPy's own.
bool parse_dtype(PyObject* arg, DType* out);

// Foreign code may see the bytes from now on, without a NumPy array that would tell us the end.
void mark_shared(Storage* s);
PyObject* to_numpy(Array* a);  // a zero-copy numpy.ndarray over our memory
// The object that stands for a NumPy array in our namespace: an Array where the dtype allows it,
// sharing memory, else the NumPy array itself. New reference; steals nothing.
PyObject* from_numpy(PyObject* numpy_array);
bool is_numpy_array(PyObject* o);
bool is_numpy_scalar(PyObject* o);

// Any array-like as an Array: ours as is, NumPy's zero-copy, scalars and sequences through
// numpy.array. Returns null without an error set when NumPy keeps such arrays for itself (object,
// string ...), and null with an error when the conversion failed.
ArrayRef as_array(PyObject* o);

PyObject* shape_tuple(const int64_t* shape, int ndim);
// Reads an int or a tuple/list of ints as a shape or axes. Returns the count, or -1 with an error
// set.
int parse_ints(PyObject* o, int64_t* out, int capacity);

}  // namespace mp
