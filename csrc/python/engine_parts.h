// The parts of minpy._core.engine that have a file of their own.
#pragma once
#include <pybind11/pybind11.h>

namespace mp {

void define_tasks(pybind11::module_& m);
void define_profiler(pybind11::module_& m);

}  // namespace mp
