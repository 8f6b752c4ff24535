// The functions that leave NaNs out: their plain twins on an array in which a neutral value stands
// for every NaN. What NumPy warns about (slices without a number) is left to NumPy.
#include "cpu/nan.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/view.h"
#include "ops/expr.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "ops/statistics.h"
#include "ops/ufunc.h"
#include "python/guarded.h"
#include "python/reduce.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

using namespace expr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool plain(PyObject* o) { return absent(o) || is_no_value(o); }

// `a` with every NaN replaced, and how many there were (-1: not counted). Dense unless it is `a`.
ArrayRef without_nan(const ArrayRef& a, double instead, int64_t* count = nullptr,
                     char order = 'K') {
  if (count) *count = -1;
  if (!is_inexact(a->dtype)) return a;
  if (tape::should_record(a.get()) || !cpu::has_nan_loops(a->dtype))
    return api::where(isnan(a), instead, a);
  const bool dense = a->c_contiguous() || (order == 'K' && a->f_contiguous());
  ArrayRef out = check(dense ? array_new_like(a.get(), a->dtype) : array_copy(a.get(), order));
  char* to = out->bytes();
  const char* from = dense ? a->bytes() : to;
  ReleaseGil gil(a->size);
  const int64_t found = cpu::nan_loops_of(a->dtype).replace(to, from, a->size, instead);
  if (count) *count = found;
  return out;
}

template <bool kProduct>
PyObject* total(PyObject* const* v) {  // v: a, axis, dtype, out, keepdims, initial, where
  if (!array_check(v[0]) || !plain(v[5]) || !plain(v[6])) return nullptr;
  static Ufunc* f = find_ufunc(kProduct ? "multiply" : "add");
  ArrayRef a = without_nan(ArrayRef::borrow(reinterpret_cast<Array*>(v[0])), kProduct ? 1 : 0);
  ReduceArgs args{.axis = v[1], .dtype = v[2], .out = v[3], .keepdims = v[4]};
  return reduce_array(f, kProduct ? &op_prod : &op_sum, a.get(), args);
}

// Whether a number in the result of a reduction (a scalar or an array) is as `test` says.
template <class Test>
bool any_number(PyObject* result, Test&& test) {
  if (!array_check(result)) return test(PyFloat_AsDouble(result));
  ArrayRef numbers = check(array_cast(reinterpret_cast<Array*>(result), DType::F64));
  const double* p = reinterpret_cast<const double*>(numbers->bytes());
  return std::any_of(p, p + numbers->size, test);
}

struct Slices {  // what is reduced: at least one axis, in order
  std::vector<int> axes;
  bool keepdims = false;
};

bool read_slices(const Array* a, PyObject* axis, PyObject* keepdims, Slices* s) {
  uint64_t mask;
  if (!parse_axes(axis, a->ndim, &mask) || (!plain(keepdims) && !PyBool_Check(keepdims)))
    return false;
  s->keepdims = keepdims == Py_True;
  for (int i = 0; i < a->ndim; ++i)
    if (mask >> i & 1) s->axes.push_back(i);
  return !s->axes.empty();
}

// The extremes along all axes or one of a C-order array, by the loops that skip NaNs; `neutral`
// where there is no number. Null when the loops do not fit.
ArrayRef extreme_of_numbers(const ArrayRef& a, bool max, double neutral, const Slices& s) {
  const bool all = static_cast<int>(s.axes.size()) == a->ndim;
  if (!cpu::has_nan_loops(a->dtype) || !a->c_contiguous() || (!all && s.axes.size() != 1))
    return {};
  std::vector<int64_t> shape;
  int64_t outer = 1, rows = all ? a->size : a->shape[s.axes[0]], columns = 1;
  for (int i = 0; i < a->ndim; ++i) {
    const bool gone = all || i == s.axes[0];
    if (!gone) (i < s.axes[0] ? outer : columns) *= a->shape[i];
    if (!gone || s.keepdims) shape.push_back(gone ? 1 : a->shape[i]);
  }
  ArrayRef out = api::full(a->dtype, shape, neutral);
  const auto loop = cpu::nan_loops_of(a->dtype).extreme[max];
  const int64_t item = itemsize(a->dtype);
  char* best = out->bytes();
  const char* bytes = a->bytes();
  ReleaseGil gil(a->size);
  for (int64_t i = 0; i < outer; ++i)
    loop(best + i * columns * item, bytes + i * rows * columns * item, columns * item, rows,
         columns);
  return out;
}

// Numbers equal to the neutral value may stand for slices of NaNs, of which NumPy warns.
// v: a, axis, out, keepdims, initial, where
template <bool kMax>
PyObject* extreme(PyObject* const* v) {
  if (!array_check(v[0]) || !plain(v[2]) || !plain(v[4]) || !plain(v[5])) return nullptr;
  static Ufunc* f = find_ufunc(kMax ? "maximum" : "minimum");
  constexpr double kNeutral = kMax ? -kInfinity : kInfinity;
  ArrayRef a = ArrayRef::borrow(reinterpret_cast<Array*>(v[0]));
  Slices s;
  if (is_complex(a->dtype) || a->size == 0) return nullptr;
  PyObject* result = nullptr;
  if (!tape::should_record(a.get()) && read_slices(a.get(), v[1], v[3], &s))
    result = finish_result(extreme_of_numbers(a, kMax, kNeutral, s).release());
  if (!result)
    result = reduce_array(f, kMax ? &op_max : &op_min, without_nan(a, kNeutral).get(),
                          {.axis = v[1], .keepdims = v[3]});
  if (result && is_inexact(a->dtype) && any_number(result, [](double x) { return x == kNeutral; }))
    Py_CLEAR(result);
  return result;
}

// Whether an element that was chosen in a C-order array is +-infinite, as replaced NaNs are.
bool chose_infinity(const Array* a, int axis, const Array* chosen) {
  int64_t inner = 1;
  for (int i = axis + 1; i < a->ndim; ++i) inner *= a->shape[i];
  const int64_t* at = reinterpret_cast<const int64_t*>(chosen->bytes());
  const char* bytes = a->bytes();
  for (int64_t i = 0; i < chosen->size; ++i) {
    const int64_t k = (i / inner * a->shape[axis] + at[i]) * inner + i % inner;
    if (a->dtype == DType::F32 ? std::isinf(reinterpret_cast<const float*>(bytes)[k])
                               : std::isinf(reinterpret_cast<const double*>(bytes)[k]))
      return true;
  }
  return false;
}

// v: a, axis, out, keepdims
template <bool kMax>
PyObject* arg_extreme(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[2]) || !plain(v[3])) return nullptr;
  ArrayRef a = ArrayRef::borrow(reinterpret_cast<Array*>(v[0]));
  const bool floating = is_inexact(a->dtype);
  if ((floating && !cpu::has_nan_loops(a->dtype)) || a->size == 0) return nullptr;
  int axis = 0;
  if (!absent(v[1])) {
    if (!read_axis(v[1], a->ndim, &axis)) return nullptr;
  } else if (a->ndim != 1) {
    a = flattened(a.get());
  }
  tape::RecordingScope off(false);
  int64_t count = 0;
  ArrayRef numbers = without_nan(a, kMax ? -kInfinity : kInfinity, &count, 'C');
  int64_t shape[kMaxDims];
  std::copy(a->shape, a->shape + axis, shape);
  std::copy(a->shape + axis + 1, a->shape + a->ndim, shape + axis);
  ArrayRef out = check(array_new(DType::I64, a->ndim - 1, shape));
  if (!cpu::arg_reduce(kMax, axis, cpu_view(out.get()), cpu_view(numbers.get()))) return nullptr;
  if (count > 0 && chose_infinity(numbers.get(), axis, out.get())) return nullptr;
  return finish_result(out.release());
}

// v: a, axis, dtype, out
template <bool kProduct>
PyObject* running(PyObject* const* v) {
  if (!array_check(v[0])) return nullptr;
  ArrayRef a =
      without_nan(ArrayRef::borrow(reinterpret_cast<Array*>(v[0])), kProduct ? 1 : 0, nullptr, 'C');
  PyObject* arguments[] = {a.object(), v[1], v[2], v[3]};
  return kProduct ? cumprod_body(arguments) : cumsum_body(arguments);
}

// The number of elements that are not NaN in each slice, in the array's dtype, with its dimensions.
// `missing` is the number of NaNs, or -1.
ArrayRef count_numbers(const ArrayRef& a, const Slices& s, int64_t missing) {
  tape::RecordingScope off(false);
  std::vector<int64_t> shape(a->shape, a->shape + a->ndim);
  for (int axis : s.axes) shape[axis] = 1;
  if (missing >= 0 && static_cast<int>(s.axes.size()) == a->ndim)
    return api::full(a->dtype, shape, static_cast<double>(a->size - missing));
  ArrayRef valid = a == a;
  ArrayRef count = check(array_new(DType::I64, a->ndim, shape.data()));
  int64_t strides[kMaxDims];
  std::copy(count->strides, count->strides + count->ndim, strides);
  for (int axis : s.axes) strides[axis] = 0;
  cpu::reduce(cpu::Reduce::CountNonzero,
              {DType::I64, count->ndim, count->shape, strides, count->bytes()},
              cpu_view(valid.get()));
  return api::astype(count, a->dtype);
}

bool any_below(const ArrayRef& counts, double least) {
  return any_number(counts.object(), [least](double x) { return x < least; });
}

// Sums over the slices divided by their counts.
ArrayRef divided(const ArrayRef& values, const ArrayRef& counts, const Slices& s, bool keepdims) {
  ArrayRef sums = api::sum(values, s.axes, keepdims);
  return sums / (keepdims ? counts : api::reshape(counts, sums->shape_span()));
}

// (a - center)^2, zero where a is NaN.
ArrayRef squared_deviation(const ArrayRef& a, const ArrayRef& center) {
  ArrayRef deviation = a - center;
  if (tape::should_record(deviation.get())) {
    deviation = without_nan(deviation, 0);
    return deviation * deviation;
  }
  char* bytes = deviation->bytes();
  fp_clear();
  {
    ReleaseGil gil(a->size);
    cpu::nan_loops_of(a->dtype).square(bytes, a->size);
  }
  check(fp_report("multiply"));
  return deviation;
}

bool takes_means(const Array* a) {
  return cpu::has_nan_loops(a->dtype) && a->ndim > 0 && a->size > 0;
}

// v: a, axis, dtype, out, keepdims, where
PyObject* mean(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[2]) || !absent(v[3]) || !plain(v[5])) return nullptr;
  ArrayRef a = ArrayRef::borrow(reinterpret_cast<Array*>(v[0]));
  Slices s;
  if (!takes_means(a.get()) || !read_slices(a.get(), v[1], v[4], &s)) return nullptr;
  int64_t missing;
  ArrayRef numbers = without_nan(a, 0, &missing);
  if (missing == 0) return mean_body(v);
  ArrayRef counts = count_numbers(a, s, missing);
  if (any_below(counts, 1)) return nullptr;
  return finish_result(divided(numbers, counts, s, s.keepdims).release());
}

// v: a, axis, dtype, out, ddof, keepdims
template <bool kRoot>
PyObject* variance(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[2]) || !absent(v[3])) return nullptr;
  ArrayRef a = ArrayRef::borrow(reinterpret_cast<Array*>(v[0]));
  Slices s;
  int64_t ddof = 0, missing;
  if (!takes_means(a.get()) || (v[4] && !read_int(v[4], &ddof)) ||
      !read_slices(a.get(), v[1], v[5], &s))
    return nullptr;
  ArrayRef numbers = without_nan(a, 0, &missing);
  if (missing == 0) return kRoot ? std_body(v) : var_body(v);
  ArrayRef counts = count_numbers(a, s, missing);
  if (any_below(counts, static_cast<double>(ddof + 1))) return nullptr;
  ArrayRef center = divided(numbers, counts, s, true);
  if (any_number(center.object(), [](double x) { return !std::isfinite(x); })) return nullptr;
  ArrayRef result =
      divided(squared_deviation(a, center), counts - static_cast<double>(ddof), s, s.keepdims);
  return finish_result((kRoot ? sqrt(result) : result).release());
}

constexpr Signature kSum = {
    "nansum", {"a", "axis", "dtype", "out", "keepdims", "initial", "where"}, 7, 1, 0, 7};
constexpr Signature kProd = {
    "nanprod", {"a", "axis", "dtype", "out", "keepdims", "initial", "where"}, 7, 1, 0, 7};
constexpr Signature kMax = {"nanmax", {"a", "axis", "out", "keepdims", "initial", "where"}, 6, 1, 0,
                            6};
constexpr Signature kMin = {"nanmin", {"a", "axis", "out", "keepdims", "initial", "where"}, 6, 1, 0,
                            6};
constexpr Signature kArgmax = {"nanargmax", {"a", "axis", "out", "keepdims"}, 4, 1, 0, 3};
constexpr Signature kArgmin = {"nanargmin", {"a", "axis", "out", "keepdims"}, 4, 1, 0, 3};
constexpr Signature kCumsum = {"nancumsum", {"a", "axis", "dtype", "out"}, 4, 1, 0, 4};
constexpr Signature kCumprod = {"nancumprod", {"a", "axis", "dtype", "out"}, 4, 1, 0, 4};
constexpr Signature kMean = {"nanmean", {"a", "axis", "dtype", "out", "keepdims", "where"}, 6, 1, 0,
                             5};
constexpr Signature kVar = {"nanvar", {"a", "axis", "dtype", "out", "ddof", "keepdims"}, 6, 1, 0,
                            6};
constexpr Signature kStd = {"nanstd", {"a", "axis", "dtype", "out", "ddof", "keepdims"}, 6, 1, 0,
                            6};

}  // namespace

PyMethodDef nan_functions[] = {function_def<kSum, guarded<total<false>>>(),
                               function_def<kProd, guarded<total<true>>>(),
                               function_def<kMax, guarded<extreme<true>>>(),
                               function_def<kMin, guarded<extreme<false>>>(),
                               function_def<kArgmax, guarded<arg_extreme<true>>>(),
                               function_def<kArgmin, guarded<arg_extreme<false>>>(),
                               function_def<kCumsum, guarded<running<false>>>(),
                               function_def<kCumprod, guarded<running<true>>>(),
                               function_def<kMean, guarded<mean>>(),
                               function_def<kVar, guarded<variance<false>>>(),
                               function_def<kStd, guarded<variance<true>>>(),
                               {}};

}  // namespace mp
