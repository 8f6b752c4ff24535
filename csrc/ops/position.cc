// argmax and argmin. Large ones are deferred like other reductions, so that a chain of operators
// before them is not kept in memory.
#include <array>

#include "cpu/kernels.h"
#include "cpu/program_loops.h"
#include "engine/window.h"
#include "ops/statistics.h"
#include "python/reduce.h"
#include "python/scalar.h"
#include "python/signature.h"

namespace mp {
namespace {

// v: a, axis, out, keepdims
template <bool kMax>
PyObject* position(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[2])) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  if (v[3] && !PyBool_Check(v[3]) && !is_no_value(v[3])) return nullptr;
  const bool keepdims = v[3] == Py_True;
  // Along one axis, or in the flattened array, which has one when it has one dimension.
  const bool flat = absent(v[1]) && a->ndim != 1;
  int axis = 0;
  if (a->size == 0 || (!absent(v[1]) && !read_axis(v[1], a->ndim, &axis))) return nullptr;
  ArrayRef source = ArrayRef::borrow(a);
  if (flat && !a->c_contiguous()) source = ArrayRef::steal(array_copy(a, 'C'));
  if (!source) return nullptr;

  const int64_t length = flat ? a->size : a->shape[axis];
  int64_t kept[kMaxDims], strides[kMaxDims] = {};
  int nkept = 0;
  for (int i = 0; i < a->ndim; ++i) {
    const bool gone = flat || i == axis;
    if (!gone || keepdims) kept[nkept++] = gone ? 1 : a->shape[i];
  }
  const bool deferred = length > 1 && source->flags & kAligned &&
                        cpu::search_loops(kMax, a->dtype) && window::fits(a->ndim, a->shape) &&
                        window::defers(a->size, std::array<const Array*, 1>{source.get()});
  ArrayRef out = ArrayRef::steal(deferred ? window::new_array(DType::I64, nkept, kept)
                                          : array_new(DType::I64, nkept, kept));
  if (!out) return nullptr;
  for (int i = 0, k = 0; !flat && i < a->ndim; ++i) {
    if (i != axis) strides[i] = out->strides[k];
    k += i != axis || keepdims;
  }
  if (deferred) {
    window::append_search(kMax ? "argmax" : "argmin", kMax, source.get(), out.get(), strides);
    source = ArrayRef();  // else the temporary `a` does not look like one
    if (out->ndim == 0) window::flush_sparing(a);
    return finish_result(out.release());
  }
  const cpu::View in{a->dtype, a->ndim, a->shape, source->strides, source->bytes()};
  const int64_t item = itemsize(a->dtype);
  // Positions of the other axes.
  int64_t rest[kMaxDims], rest_strides[kMaxDims];
  int others = 0;
  for (int i = 0; !flat && i < a->ndim; ++i)
    if (i != axis) {
      rest[others] = a->shape[i];
      rest_strides[others++] = strides[i];
    }
  const cpu::View to{DType::I64, others, rest, rest_strides, out->bytes()};
  const bool done = flat ? cpu::arg_reduce(kMax, 0, to, {a->dtype, 1, &length, &item, in.data})
                         : cpu::arg_reduce(kMax, axis, to, in);
  return done ? finish_result(out.release()) : nullptr;
}

constexpr Signature kArgmax = {"argmax", {"a", "axis", "out", "keepdims"}, 4, 1, 0, 3};
constexpr Signature kArgmin = {"argmin", {"a", "axis", "out", "keepdims"}, 4, 1, 0, 3};
constexpr Signature kArgmaxMethod = {"argmax", {"axis", "out", "keepdims"}, 3, 0, 0, 2};
constexpr Signature kArgminMethod = {"argmin", {"axis", "out", "keepdims"}, 3, 0, 0, 2};

}  // namespace

PyMethodDef position_functions[] = {
    function_def<kArgmax, position<true>>(), function_def<kArgmin, position<false>>(), {}};
PyMethodDef position_methods[] = {
    method_def<kArgmaxMethod, position<true>>(), method_def<kArgminMethod, position<false>>(), {}};

}  // namespace mp
