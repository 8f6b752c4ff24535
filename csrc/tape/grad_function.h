// GradFunction: the callable that minpy.core.grad and grad_and_loss return. Written in C, since for
// small arrays the call itself is what a gradient costs.
#pragma once
#include <Python.h>

namespace mp::tape {

bool grad_function_init(PyObject* module);

}  // namespace mp::tape
