// The exception class of MXNet's error texts.
#pragma once
#include <Python.h>

namespace mp::tape {

PyObject*
mxnet_error();  // minpy.base.MXNetError (borrowed), or RuntimeError when it cannot be imported

}  // namespace mp::tape
