// ufunc.accumulate and ufunc.outer of operators whose loops are ours: the same bits as their calls
// one by one. What NumPy computes to the same bits stays NumPy's.
#include <algorithm>
#include <cstring>

#include "core/view.h"
#include "ops/ufunc.h"
#include "python/convert.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

// Operators that round, so that our loop and NumPy's may differ in the last bit.
bool rounds(const Ufunc* f) {
  for (const char* name : {"hypot", "logaddexp", "logaddexp2", "arctan2", "power", "float_power"})
    if (std::strcmp(f->name, name) == 0) return true;
  return false;
}

// Writes f(...f(f(x0, x1), x2)..., xn) along `axis` for every n; `out` and `in` are of the loop's
// dtype and of one shape.
void run_accumulate(const Loop& loop, int axis, const Array* out, const Array* in) {
  char *to = out->bytes(), *from = in->bytes();
  ReleaseGil gil(in->size);
  int64_t shape[kMaxDims], n = in->shape[axis];
  std::copy(in->shape, in->shape + in->ndim, shape);
  shape[axis] = 1;
  cpu::copy({out->dtype, out->ndim, shape, out->strides, to},
            {in->dtype, in->ndim, shape, in->strides, from});
  const int64_t* strides[3] = {out->strides, in->strides, out->strides};
  for (int64_t i = 1; i < n; ++i) {
    from += in->strides[axis];
    char* data[3] = {to, from, to + out->strides[axis]};
    to += out->strides[axis];
    if (in->ndim == 1) {
      const intptr_t one = 1, steps[3] = {};
      loop.fn(data, &one, steps, loop.data);
    } else {
      run_loop(loop, 3, in->ndim, shape, data, strides);
    }
  }
}

constexpr Signature kAccumulate = {"accumulate", {"array", "axis", "dtype", "out"}, 4, 1, 0, 4};

// A view with axes of length one after its own, for those of the other operand.
ArrayRef with_trailing_axes(Array* a, int added) {
  int64_t shape[kMaxDims], strides[kMaxDims];
  std::copy(a->shape, a->shape + a->ndim, shape);
  std::copy(a->strides, a->strides + a->ndim, strides);
  std::fill(shape + a->ndim, shape + a->ndim + added, 1);
  std::fill(strides + a->ndim, strides + a->ndim + added, 0);
  return ArrayRef::steal(array_view(a, a->dtype, a->ndim + added, shape, strides, a->offset));
}

}  // namespace

PyObject* ufunc_accumulate(Ufunc* f, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  PyObject* v[kMaxParams] = {};
  if (!rounds(f) || !bind(kAccumulate, args, nargs, kwnames, v) || !array_check(v[0]) ||
      !absent(v[3]))
    return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  int axis = 0;
  DType requested = DType::Invalid;
  if (a->ndim == 0 || a->size == 0 || tape::should_record(a)) return nullptr;
  if (v[1] && !read_axis(v[1], a->ndim, &axis)) return nullptr;
  if (!absent(v[2]) && (!parse_dtype(v[2], &requested) || requested == DType::Invalid)) {
    PyErr_Clear();
    return nullptr;
  }
  const Loop* loop = resolve_reduction(f, a->dtype, requested);
  if (!loop || loop->borrowed || loop->types[0] != loop->types[2]) return nullptr;
  bool ready = a->dtype == loop->types[1] && (a->flags & kAligned);
  ArrayRef in = ready ? ArrayRef::borrow(a) : ArrayRef::steal(array_cast(a, loop->types[1]));
  ArrayRef out = in ? ArrayRef::steal(array_new_like(a, loop->types[2])) : ArrayRef();
  if (!out) return nullptr;
  fp_clear();
  run_accumulate(*loop, axis, out.get(), in.get());
  return loop_status(*loop, "accumulate") < 0 ? nullptr : out.release_object();
}

PyObject* ufunc_outer(Ufunc* f, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (f->nin != 2 || nargs != 2 || kwnames || !array_check(args[0]) || !array_check(args[1]))
    return nullptr;
  Array *a = reinterpret_cast<Array*>(args[0]), *b = reinterpret_cast<Array*>(args[1]);
  if (a->ndim + b->ndim > kMaxDims || tape::should_record(a) || tape::should_record(b))
    return nullptr;
  ArrayRef rows = with_trailing_axes(a, b->ndim);
  PyObject* inputs[2] = {rows.object(), args[1]};
  return rows ? ufunc_call(f, inputs, nullptr) : nullptr;
}

}  // namespace mp
