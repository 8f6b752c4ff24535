// PyRef: an owned reference to any Python object, for code that throws. Constructing it from null
// throws PythonError.
#pragma once
#include <Python.h>

#include <utility>

#include "core/error.h"

namespace mp {

class PyRef {
 public:
  PyRef() = default;
  explicit PyRef(PyObject* o) : o_(check(o)) {}
  PyRef(PyRef&& r) noexcept : o_(r.release()) {}
  PyRef& operator=(PyRef&& r) noexcept {
    std::swap(o_, r.o_);
    return *this;
  }
  ~PyRef() { Py_XDECREF(o_); }
  PyObject* get() const { return o_; }
  PyObject* release() { return std::exchange(o_, nullptr); }

 private:
  PyObject* o_ = nullptr;
};

}  // namespace mp
