// How other libraries reach our arrays: __array_ufunc__, __array_function__, __array_namespace__,
// and the methods that change the array object itself (setflags, resize), which NumPy cannot do for
// us.
#pragma once
#include <Python.h>

namespace mp {

extern PyMethodDef protocol_methods[];
extern PyMethodDef
    flag_functions[];  // minpy._core._flags and friends, used by minpy.numpy._array_attributes

}  // namespace mp
