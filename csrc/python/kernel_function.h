// `minpy._core.kernels.NAME`: a kernel operator as a Python callable. Arrays come first, in the
// order of the row, with None for absent ones; attributes follow by position or by name. The result
// is the one output, or the tuple of all of them.
#pragma once
#include <Python.h>

#include <vector>

#include "ops/kernel_op.h"

namespace mp {

bool kernel_functions_init(PyObject* module);

// The composite's outputs: null where it returned None. Throws PythonError.
std::vector<ArrayRef> call_composite(const KernelOp& op, const std::vector<ArrayRef>& inputs,
                                     const Attrs& attrs);

}  // namespace mp
