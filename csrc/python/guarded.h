// Bodies of native functions that compose throwing operations (ops/api.h): guarded<F> ends the
// exception where Python's error indicator takes over. A body that returns null without an error
// still hands its call to NumPy.
#pragma once
#include "core/error.h"
#include "python/signature.h"

namespace mp {

template <Body F>
PyObject* guarded(PyObject* const* v) {
  try {
    return F(v);
  } catch (PythonError&) {
    return nullptr;
  }
}

}  // namespace mp
