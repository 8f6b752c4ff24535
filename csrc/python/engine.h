// What Python sees of the engine: thread settings, memory figures, the task scheduler, the
// profiler. They live in the submodule minpy._core.engine.
#pragma once
#include <Python.h>

namespace mp {

bool engine_init(PyObject* module);  // false with a Python error set

}  // namespace mp
