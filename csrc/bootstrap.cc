// Weak stand-ins for chapters that are being added; each disappears when the real one is linked.
#include <cstdlib>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "ops/op.h"
#include "python/array_type.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/index.h"
#include "python/numpy_api.h"
#include "tape/python.h"
#include "tape/tape.h"

#define WEAK __attribute__((weak))
namespace mp {
namespace cpu {
WEAK std::span<const LoopEntry> best_loops() { return {}; }
WEAK bool reduce(Reduce, const View&, const View&) { return false; }
WEAK bool arg_reduce(bool, int, const View&, const View&) { return false; }
}
WEAK PyMethodDef manip_functions[] = {{}};
WEAK PyMethodDef manip_methods[] = {{}};
namespace cpu {
WEAK bool scatter_add(DType, char*, int64_t, int64_t, const int64_t*, int64_t, const char*, int64_t) { return false; }
WEAK bool scan(bool, int, const View&, const View&) { return false; }
WEAK void gather(char*, const char*, int64_t, int64_t, const int64_t*, int64_t) {}
WEAK bool select(const View&, const View&, const View&, const View&) { return false; }
}
WEAK PyObject* array_subscript(PyObject* s, PyObject* k) { return fallback_getitem((Array*)s, k); }
WEAK int array_ass_subscript(PyObject* s, PyObject* k, PyObject* v) { return fallback_setitem((Array*)s, k, v); }
WEAK PyObject* array_item(PyObject* s, Py_ssize_t i) { return fallback_getitem((Array*)s, PyLong_FromSsize_t(i)); }
WEAK PyObject* array_iter(PyObject* s) { return PySeqIter_New(s); }
}  // namespace mp
