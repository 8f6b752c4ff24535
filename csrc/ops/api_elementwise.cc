// ops/api.h over the ufunc engine.
#include "core/pyref.h"
#include "cpu/kernels.h"
#include "ops/api.h"
#include "ops/gradients.h"
#include "ops/ufunc.h"
#include "python/convert.h"
#include "tape/tape.h"

namespace mp::api {
namespace {

// Operators return NumPy scalars for 0-d results; composition needs arrays.
class ArrayResults {
 public:
  ArrayResults() : before_(std::exchange(keep_arrays, true)) {}
  ~ArrayResults() { keep_arrays = before_; }

 private:
  bool before_;
};

ArrayRef call(Ufunc* f, PyObject* a, PyObject* b) {
  ArrayResults scope;
  PyObject* inputs[2] = {a, b};
  PyObject* result = check(ufunc_call(f, inputs, nullptr));
  if (array_check(result)) return ArrayRef::steal(result);
  // NumPy served the call, and returned a scalar.
  ArrayRef array = as_array(result);
  Py_DECREF(result);
  if (!array && !PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "NumPy gave no array of ours");
  return check(array.release());
}

ArrayRef call_weak(Ufunc* f, PyObject* a, double scalar, bool scalar_first) {
  const PyRef number(PyFloat_FromDouble(scalar));
  return scalar_first ? call(f, number.get(), a) : call(f, a, number.get());
}

}  // namespace

ArrayRef unary(Ufunc* f, const ArrayRef& a) { return call(f, a.object(), nullptr); }
ArrayRef binary(Ufunc* f, const ArrayRef& a, const ArrayRef& b) {
  return call(f, a.object(), b.object());
}
ArrayRef binary(Ufunc* f, const ArrayRef& a, double b) {
  return call_weak(f, a.object(), b, false);
}
ArrayRef binary(Ufunc* f, double a, const ArrayRef& b) { return call_weak(f, b.object(), a, true); }

ArrayRef add_to(ArrayRef sum, const ArrayRef& value) {
  static Ufunc* add = find_ufunc("add");
  const Storage* s = sum->storage;
  const bool ours = Py_REFCNT(sum.object()) == 1 && s->refs == 1 && !s->owner && !s->saved &&
                    !s->flags && !sum->base && !sum->tape && !tape::state.recording;
  if (ours && ufunc_accumulate_plain(add, sum.get(), value.get())) return sum;
  return binary(add, sum, value);
}

ArrayRef astype(const ArrayRef& a, DType dtype) {
  if (a->dtype == dtype) return a;
  Array* in = a.get();
  NodeRef node = is_inexact(dtype) ? tape::begin(op_copy, {&in, 1}) : NodeRef{};
  ArrayRef out = check(array_cast(in, dtype));
  Array* o = out.get();
  check(tape::finish(node, {&o, 1}));
  return out;
}

ArrayRef sum(const ArrayRef& a, std::span<const int> axes, bool keepdims) {
  if (axes.empty()) return a;
  static Ufunc* add = find_ufunc("add");
  Reduction r{};
  r.keepdims = keepdims;
  r.dtype = a->dtype;
  for (int axis : axes) r.axes |= uint64_t{1} << axis;
  Array* in = a.get();
  NodeRef node;
  if (tape::should_record(in))
    node = tape::begin(
        op_sum, {&in, 1},
        {{"axes", std::vector<int64_t>(axes.begin(), axes.end())}, {"keepdims", keepdims}});
  ArrayRef out = check(ufunc_reduce(add, in, r));
  Array* o = out.get();
  check(tape::finish(node, {&o, 1}));
  return out;
}

}  // namespace mp::api
