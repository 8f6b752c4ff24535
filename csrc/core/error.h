// How C++ code reports errors. Functions that return a pointer or an int set a Python error and
// return null or -1. Code that composes array operations (gradient rules) uses exceptions instead:
// `check` turns the first convention into PythonError; python/guarded.h turns it back at the end.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

// Lets other threads run Python during a long kernel, when `work` (elements or multiplications) is
// worth it.
class ReleaseGil {
 public:
  explicit ReleaseGil(int64_t work) : state_(work > (1 << 16) ? PyEval_SaveThread() : nullptr) {}
  ~ReleaseGil() {
    if (state_) PyEval_RestoreThread(state_);
  }
  ReleaseGil(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

struct PythonError {};  // thrown only while a Python error is set

inline void check(int status) {
  if (status < 0) throw PythonError{};
}
inline ArrayRef check(Array* a) {
  if (!a) throw PythonError{};
  return ArrayRef::steal(a);
}
inline PyObject* check(PyObject* o) {
  if (!o) throw PythonError{};
  return o;
}

// NumPy's MemoryError, which names the shape and the dtype. Always false.
bool raise_no_memory(const Array* a);

}  // namespace mp
