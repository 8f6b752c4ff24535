#include "ops/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/view.h"
#include "cpu/kernels.h"
#include "engine/window.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "ops/ufunc.h"
#include "python/reduce.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

// The axes, the kept shape and the number of elements behind each result of a reduction.
struct Plan {
  uint64_t axes = 0;
  bool keepdims = false;
  int64_t count = 1;
  int ndim = 0;
  int64_t kept[kMaxDims];     // the result's shape
  int64_t ones[kMaxDims];     // the input's shape with reduced axes of length 1
  int64_t strides[kMaxDims];  // of a C-order result over the input's axes, 0 along reduced ones
};

bool read_bool(PyObject* o, bool* out) {
  if (absent(o) || !PyBool_Check(o)) return absent(o) || is_no_value(o);
  *out = o == Py_True;
  return true;
}

bool make_plan(const Array* a, PyObject* axis, PyObject* keepdims, int64_t item, Plan* p) {
  if (!read_bool(keepdims, &p->keepdims) || !parse_axes(axis, a->ndim, &p->axes)) return false;
  for (int i = 0; i < a->ndim; ++i) {
    bool gone = p->axes >> i & 1;
    p->ones[i] = gone ? 1 : a->shape[i];
    if (gone) p->count *= a->shape[i];
    if (!gone || p->keepdims) p->kept[p->ndim++] = p->ones[i];
  }
  for (int i = a->ndim - 1; i >= 0; --i) {
    p->strides[i] = p->axes >> i & 1 ? 0 : item;
    item *= p->ones[i];
  }
  return true;
}

DType mean_dtype(DType in) { return is_inexact(in) ? in : DType::F64; }

// Divides an array in place by a Python float, unrecorded.
bool divide_in_place(Array* a, double by) {
  static Ufunc* divide = find_ufunc("divide");
  PyObject* number = PyFloat_FromDouble(by);
  if (!number) return false;
  PyObject* inputs[2] = {reinterpret_cast<PyObject*>(a), number};
  tape::RecordingScope off(false);
  PyObject* done = ufunc_call(divide, inputs, &a);
  Py_DECREF(number);
  Py_XDECREF(done);
  return done != nullptr;
}

// v: a, axis, dtype, out, keepdims, where
PyObject* mean(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[3]) || !(absent(v[5]) || is_no_value(v[5]))) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  DType result = mean_dtype(a->dtype);
  if (!absent(v[2]) &&
      (!parse_dtype(v[2], &result) || result == DType::Invalid || !is_inexact(result))) {
    PyErr_Clear();
    return nullptr;
  }
  if (result == DType::F16 || result == DType::BF16)
    return nullptr;  // NumPy sums halves in float32
  Plan p;
  if (!make_plan(a, v[1], v[4], itemsize(result), &p) || p.count == 0 || a->size == 0)
    return nullptr;
  NodeRef node;
  if (tape::should_record(a)) {
    if (result != a->dtype) return nullptr;
    std::vector<int64_t> axes;
    for (int i = 0; i < a->ndim; ++i)
      if (p.axes >> i & 1) axes.push_back(i);
    node = tape::begin(op_mean, {&a, 1}, {{"axes", std::move(axes)}, {"keepdims", p.keepdims}});
  }
  static Ufunc* add = find_ufunc("add");
  ArrayRef out = ArrayRef::steal(
      ufunc_reduce(add, a, {.axes = p.axes, .keepdims = p.keepdims, .dtype = result}));
  if (!out || !divide_in_place(out.get(), static_cast<double>(p.count))) return nullptr;
  if (out->ndim == 0 && !node) window::flush_sparing(a);
  Array* o = out.get();
  if (tape::finish(node, {&o, 1}) < 0) return nullptr;
  return finish_result(out.release());
}

// An operator on arrays, unrecorded; `into` may be null.
ArrayRef apply(Ufunc* f, std::initializer_list<PyObject*> operands, Array* into = nullptr) {
  PyObject* inputs[2];
  std::copy(operands.begin(), operands.end(), inputs);
  tape::RecordingScope off(false);
  return ArrayRef::steal(reinterpret_cast<Array*>(ufunc_call(f, inputs, into ? &into : nullptr)));
}

// The sum of squared distances from the mean as operators of the window, in the order of NumPy's
// and with the bits of moments().
ArrayRef deferred_moments(Array* a, DType result, const Plan& p) {
  static Ufunc *add = find_ufunc("add"), *subtract = find_ufunc("subtract"),
               *multiply = find_ufunc("multiply");
  ArrayRef source = ArrayRef::borrow(a);
  if (a->dtype != result) {
    source = ArrayRef::steal(window::new_array(result, a->ndim, a->shape));
    if (!source) return {};
    window::append_copy(source.get(), a, a->strides);
  }
  ArrayRef center = ArrayRef::steal(
      ufunc_reduce(add, source.get(), {.axes = p.axes, .keepdims = true, .dtype = result}));
  if (!center || !divide_in_place(center.get(), static_cast<double>(p.count))) return {};
  ArrayRef distance = apply(subtract, {source.object(), center.object()});
  if (!distance) return {};
  ArrayRef square = apply(multiply, {distance.object(), distance.object()});
  if (!square) return {};
  return ArrayRef::steal(
      ufunc_reduce(add, square.get(), {.axes = p.axes, .keepdims = p.keepdims, .dtype = result}));
}

// Whether the rows in memory are so short that sums along them would not be pairwise. NumPy sums
// the squares of a dense array that it makes.
bool has_short_rows(const Array* a) {
  constexpr int64_t kShortRow = 64;
  if (a->c_contiguous() || a->f_contiguous()) return false;
  int64_t step = std::numeric_limits<int64_t>::max(), length = 1;
  for (int i = 0; i < a->ndim; ++i) {
    if (a->shape[i] < 2 || std::abs(a->strides[i]) >= step) continue;
    step = std::abs(a->strides[i]);
    length = a->shape[i];
  }
  return length < kShortRow;
}

ArrayRef moments_at_once(Array* a, DType result, const Plan& p) {
  ArrayRef source = a->dtype != result  ? ArrayRef::steal(array_cast(a, result))
                    : has_short_rows(a) ? ArrayRef::steal(array_copy(a, 'K'))
                                        : ArrayRef::borrow(a);
  ArrayRef center = ArrayRef::steal(array_new(result, p.ndim, p.kept));
  ArrayRef out = ArrayRef::steal(array_new(result, p.ndim, p.kept));
  if (!source || !center || !out) return {};
  fp_clear();
  {
    ReleaseGil gil(a->size);
    if (!cpu::moments({result, a->ndim, p.ones, p.strides, center->bytes()},
                      {result, a->ndim, p.ones, p.strides, out->bytes()}, cpu_view(source.get()))) {
      return {};
    }
  }
  if (fp_report("reduce") < 0) return {};
  return out;
}

// v: a, axis, dtype, out, ddof, keepdims (the methods' order; functions add more that NumPy
// handles)
template <bool kRoot>
PyObject* variance(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[2]) || !absent(v[3])) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  if (is_complex(a->dtype) || a->dtype == DType::F16 || a->dtype == DType::BF16 ||
      tape::should_record(a))
    return nullptr;
  int64_t ddof = 0;
  if (v[4] && !read_int(v[4], &ddof)) return nullptr;
  DType result = mean_dtype(a->dtype);
  Plan p;
  if (!make_plan(a, v[1], v[5], itemsize(result), &p) || p.count - ddof <= 0 || a->size == 0)
    return nullptr;
  const bool deferred = a->ndim && a->c_contiguous() && a->flags & kAligned &&
                        window::fits(a->ndim, a->shape) &&
                        window::defers(a->size, std::array<const Array*, 1>{a});
  ArrayRef out = deferred ? deferred_moments(a, result, p) : moments_at_once(a, result, p);
  if (!out || !divide_in_place(out.get(), static_cast<double>(p.count - ddof))) return nullptr;
  if (kRoot) {
    static Ufunc* root = find_ufunc("sqrt");
    if (!apply(root, {out.object()}, out.get())) return nullptr;
  }
  if (out->ndim == 0) window::flush_sparing(a);
  return finish_result(out.release());
}

// v: a, axis, dtype, out
template <bool kProduct>
PyObject* running(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[2]) || !absent(v[3])) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  static Ufunc* f = find_ufunc(kProduct ? "multiply" : "add");
  const Loop* loop = resolve_reduction(f, a->dtype, DType::Invalid);
  if (!loop || a->ndim == 0) return nullptr;
  int axis = 0;
  ArrayRef source = ArrayRef::borrow(a);
  if (absent(v[1])) {
    if (a->ndim != 1) source = flattened(a);
    if (!source) return nullptr;
  } else if (!read_axis(v[1], a->ndim, &axis)) {
    return nullptr;
  }
  Array* in = source.get();
  NodeRef node =
      tape::begin(kProduct ? op_cumprod : op_cumsum, {&in, 1}, {{"axis", int64_t{axis}}});
  ArrayRef out = ArrayRef::steal(array_new(loop->types[2], in->ndim, in->shape));
  if (!out) return nullptr;
  fp_clear();
  if (in->size) {
    ReleaseGil gil(in->size);
    if (!cpu::scan(kProduct, axis, cpu_view(out.get()), cpu_view(in))) return nullptr;
  }
  Array* o = out.get();
  if (fp_report("accumulate") < 0 || tape::finish(node, {&o, 1}) < 0) return nullptr;
  return out.release_object();
}

// v: a, axis, keepdims
PyObject* count_nonzero(PyObject* const* v) {
  if (!array_check(v[0])) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  Plan p;
  if (!make_plan(a, v[1], v[2], 8, &p) || a->size == 0) return nullptr;
  if (absent(v[1]) && !p.keepdims) {
    int64_t total;
    bool done;
    {
      ReleaseGil gil(a->size);
      done = cpu::reduce(cpu::Reduce::CountNonzero,
                         {DType::I64, a->ndim, p.ones, p.strides, reinterpret_cast<char*>(&total)},
                         cpu_view(a));
    }
    if (!done) return nullptr;
    // Since 2.3 NumPy returns its own integer here, before that Python's.
    static bool numpys_integer = [] {
      PyObject* none[1] = {};
      ArrayRef empty = ArrayRef::steal(array_new(DType::Bool, 1, std::array<int64_t, 1>{0}.data()));
      none[0] = empty.object();
      PyObject* zero = fallback_call("count_nonzero", none, 1, nullptr);
      bool is_scalar = zero && !PyLong_CheckExact(zero);
      Py_XDECREF(zero);
      PyErr_Clear();
      return is_scalar;
    }();
    return numpys_integer ? make_element(DType::I64, reinterpret_cast<char*>(&total))
                          : PyLong_FromLongLong(total);
  }
  ArrayRef out = ArrayRef::steal(array_new(DType::I64, p.ndim, p.kept));
  if (!out || !cpu::reduce(cpu::Reduce::CountNonzero,
                           {DType::I64, a->ndim, p.ones, p.strides, out->bytes()}, cpu_view(a)))
    return nullptr;
  return finish_result(out.release());
}

// v: a, a_min, a_max, out
PyObject* clip(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[3]) || absent(v[1]) || absent(v[2])) return nullptr;
  static Ufunc *lower = find_ufunc("maximum"), *upper = find_ufunc("minimum");
  PyObject* first[2] = {v[0], v[1]};
  PyObject* raised = ufunc_call(lower, first, nullptr);
  PyObject* second[2] = {raised, v[2]};
  PyObject* result = raised ? ufunc_call(upper, second, nullptr) : nullptr;
  Py_XDECREF(raised);
  // NumPy accepts some bounds here that the two operators refuse, such as integers out of the
  // dtype's range.
  if (!result) PyErr_Clear();
  return result;
}

constexpr Signature kMean = {"mean", {"a", "axis", "dtype", "out", "keepdims", "where"}, 6, 1, 0,
                             5};
constexpr Signature kMeanMethod = {"mean", {"axis", "dtype", "out", "keepdims", "where"}, 5, 0, 0,
                                   4};
constexpr Signature kVar = {"var", {"a", "axis", "dtype", "out", "ddof", "keepdims"}, 6, 1, 0, 6};
constexpr Signature kVarMethod = {"var", {"axis", "dtype", "out", "ddof", "keepdims"}, 5, 0, 0, 5};
constexpr Signature kStd = {"std", {"a", "axis", "dtype", "out", "ddof", "keepdims"}, 6, 1, 0, 6};
constexpr Signature kStdMethod = {"std", {"axis", "dtype", "out", "ddof", "keepdims"}, 5, 0, 0, 5};
constexpr Signature kCumsum = {"cumsum", {"a", "axis", "dtype", "out"}, 4, 1, 0, 4};
constexpr Signature kCumsumMethod = {"cumsum", {"axis", "dtype", "out"}, 3, 0, 0, 3};
constexpr Signature kCumprod = {"cumprod", {"a", "axis", "dtype", "out"}, 4, 1, 0, 4};
constexpr Signature kCumprodMethod = {"cumprod", {"axis", "dtype", "out"}, 3, 0, 0, 3};
constexpr Signature kCount = {"count_nonzero", {"a", "axis", "keepdims"}, 3, 1, 0, 2};
constexpr Signature kClip = {"clip", {"a", "a_min", "a_max", "out"}, 4, 3, 0, 4};
constexpr Signature kClipMethod = {"clip", {"min", "max", "out"}, 3, 2, 0, 3};

}  // namespace

PyObject* mean_body(PyObject* const* v) { return mean(v); }
PyObject* var_body(PyObject* const* v) { return variance<false>(v); }
PyObject* std_body(PyObject* const* v) { return variance<true>(v); }
PyObject* cumsum_body(PyObject* const* v) { return running<false>(v); }
PyObject* cumprod_body(PyObject* const* v) { return running<true>(v); }

PyMethodDef statistics_functions[] = {function_def<kMean, mean>(),
                                      function_def<kVar, variance<false>>(),
                                      function_def<kStd, variance<true>>(),
                                      function_def<kCumsum, running<false>>(),
                                      function_def<kCumprod, running<true>>(),
                                      function_def<kCount, count_nonzero>(),
                                      function_def<kClip, clip>(),
                                      {}};
PyMethodDef statistics_methods[] = {method_def<kMeanMethod, mean>(),
                                    method_def<kVarMethod, variance<false>>(),
                                    method_def<kStdMethod, variance<true>>(),
                                    method_def<kCumsumMethod, running<false>>(),
                                    method_def<kCumprodMethod, running<true>>(),
                                    method_def<kClipMethod, clip>(),
                                    {}};

}  // namespace mp
