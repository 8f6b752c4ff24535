// Floating-point errors as NumPy reports them. The status register is read after each operator;
// only when it shows something is NumPy's errstate asked what to do.
#include <Python.h>

#include <cfenv>

#include "engine/fp_state.h"
#include "ops/ufunc.h"
#include "python/import.h"

namespace mp {
namespace {

// Both of x86's units: glibc raises overflow and underflow in the x87 one.
inline int status() { return fp_raised() & kFpReported; }

}  // namespace

void fp_clear() {
  if (status()) std::feclearexcept(FE_ALL_EXCEPT);
}

int fp_report(const char* ufunc_name) {
  int raised = status();
  if (__builtin_expect(raised == 0, 1)) return 0;
  std::feclearexcept(FE_ALL_EXCEPT);
  static PyObject* handler = nullptr;
  if (!handler) {
    handler = imported("minpy._fp_errors", "report");
    if (!handler) return -1;
  }
  PyObject* done = PyObject_CallFunction(handler, "si", ufunc_name, numpy_fp_bits(raised));
  Py_XDECREF(done);
  return done ? 0 : -1;
}

}  // namespace mp
