// The tape's face in Python: methods and attributes of arrays, and functions of minpy._core.
#pragma once
#include <Python.h>

namespace mp {
extern PyMethodDef tape_methods[];  // backward, attach_grad, detach
extern PyGetSetDef tape_getset[];   // grad
bool tape_init(PyObject* module);  // adds the functions that minpy.autograd and minpy.core stand on
}  // namespace mp
