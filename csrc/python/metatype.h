// The metatype of ndarray. It makes isinstance(x, ndarray) true for NumPy's own arrays too (those
// of object, string, datetime and structured dtypes, matrix, masked arrays, user subclasses), and
// turns a Python class statement `class Sub(np.ndarray)` into a subclass of numpy.ndarray: see Note
// [Subclasses are NumPy's].
#pragma once
#include <Python.h>

namespace mp {

extern PyTypeObject ArrayMetaType;
bool metatype_init();  // before ArrayType is readied

// The metatype of ufunc: isinstance(x, ufunc) is true for NumPy's ufuncs too, and for our functions
// that stand for one (matmul).
extern PyTypeObject UfuncMetaType;
bool ufunc_metatype_init();  // after UfuncType is readied

}  // namespace mp
