// Where code that throws PythonError (core/error.h) ends, and Python's error indicator takes over.
// guarded(f) is what f() returns; guarded<F> is the body of a native function, which still hands
// its call to NumPy when it returns null without an error.
#pragma once
#include <utility>

#include "core/error.h"
#include "python/signature.h"

namespace mp {

template <class F>
PyObject* guarded(F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (PythonError&) {
    return nullptr;
  }
}

template <Body F>
PyObject* guarded(PyObject* const* v) {
  return guarded([v] { return F(v); });
}

}  // namespace mp
