// Floating-point errors as NumPy reports them. The status register is read after each operator;
// only when it shows something is NumPy's errstate asked what to do.
#include <Python.h>

#include <cfenv>

#include "ops/ufunc.h"

namespace mp {
namespace {

constexpr int kReported = FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW | FE_INVALID;

inline int status() {
#if defined(__x86_64__)
  // Both units: glibc raises overflow and underflow in the x87 one.
  unsigned mxcsr = __builtin_ia32_stmxcsr();
  unsigned short x87;
  __asm__ volatile("fnstsw %0" : "=a"(x87));
  return static_cast<int>(mxcsr | x87) & kReported;
#else
  return std::fetestexcept(kReported);
#endif
}

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
    PyObject* module = PyImport_ImportModule("minpy._fp_errors");
    handler = module ? PyObject_GetAttrString(module, "report") : nullptr;
    Py_XDECREF(module);
    if (!handler) return -1;
  }
  // Bits as in numpy: 1 divide, 2 overflow, 4 underflow, 8 invalid.
  int bits = (raised & FE_DIVBYZERO ? 1 : 0) | (raised & FE_OVERFLOW ? 2 : 0) |
             (raised & FE_UNDERFLOW ? 4 : 0) | (raised & FE_INVALID ? 8 : 0);
  PyObject* done = PyObject_CallFunction(handler, "si", ufunc_name, bits);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

}  // namespace mp
