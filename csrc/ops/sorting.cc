// sort, argsort and searchsorted where a kernel of ours is at least as fast as NumPy's.
#include <cstring>

#include "core/error.h"
#include "core/view.h"
#include "cpu/kernels.h"
#include "ops/manip.h"
#include "ops/statistics.h"
#include "python/convert.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

bool default_kind(PyObject* kind, PyObject* order, PyObject* stable) {
  return absent(kind) && absent(order) && absent(stable);
}

// Sorting works on rows: the last axis of a C-order array.
bool sorts_last_axis(const Array* a, PyObject* axis) {
  if (a->ndim == 0 || a->size == 0) return false;
  int k = a->ndim - 1;
  if (axis && !read_axis(axis, a->ndim, &k)) return false;
  return k == a->ndim - 1;
}

// Sorts the rows of a fresh array in place with NumPy's kernels.
PyObject* sorted_by_numpy(ArrayRef a) {
  PyObject* seen = to_numpy(a.get());
  if (!seen) return nullptr;
  const int status =
      PyArray_Sort(reinterpret_cast<PyArrayObject*>(seen), a->ndim - 1, NPY_QUICKSORT);
  Py_DECREF(seen);
  return status < 0 ? nullptr : a.release_object();
}

// v: a, axis, kind, order, stable
PyObject* sort(PyObject* const* v) {
  if (!array_check(v[0]) || !default_kind(v[2], v[3], v[4])) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  if (!sorts_last_axis(a, v[1]) || tape::should_record(a)) return nullptr;
  const int64_t n = a->shape[a->ndim - 1];
  const bool ours = cpu::has_sort(a->dtype, n);
  ArrayRef out = ArrayRef::steal(array_copy(a, 'C'));
  if (!out || !ours) return out ? sorted_by_numpy(std::move(out)) : nullptr;
  int64_t row = n * itemsize(a->dtype);
  ReleaseGil gil(a->size);
  for (int64_t i = 0; i < a->size / n; ++i)
    if (!cpu::sort(a->dtype, out->bytes() + i * row, n)) return nullptr;
  return out.release_object();
}

// v: a, axis, kind, order, stable
PyObject* argsort(PyObject* const* v) {
  if (!array_check(v[0]) || !default_kind(v[2], v[3], v[4])) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  if (!sorts_last_axis(a, v[1])) return nullptr;
  ArrayRef keys = a->c_contiguous() ? ArrayRef::borrow(a) : ArrayRef::steal(array_copy(a, 'C'));
  ArrayRef out = ArrayRef::steal(array_new(DType::I64, a->ndim, a->shape));
  if (!keys || !out) return nullptr;
  int64_t n = a->shape[a->ndim - 1], row = n * itemsize(a->dtype);
  for (int64_t i = 0; i < a->size / n; ++i)
    if (!cpu::argsort(a->dtype, keys->bytes() + i * row,
                      reinterpret_cast<int64_t*>(out->bytes()) + i * n, n, false))
      return nullptr;
  return out.release_object();
}

// v: a, v, side, sorter
PyObject* searchsorted(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[3])) return nullptr;
  bool right = false;
  if (v[2]) {
    if (!PyUnicode_Check(v[2])) return nullptr;
    right = PyUnicode_CompareWithASCIIString(v[2], "right") == 0;
    if (!right && PyUnicode_CompareWithASCIIString(v[2], "left") != 0) return nullptr;
  }
  Array* a = reinterpret_cast<Array*>(v[0]);
  ArrayRef values = operand(v[1]);
  if (!values || a->ndim != 1 || !array_check(v[1])) return nullptr;
  DType common = promoted(a->dtype, values->dtype);
  if (common != a->dtype) return nullptr;
  if (values->dtype != common || !values->c_contiguous())
    values = ArrayRef::steal(array_cast(values.get(), common));
  ArrayRef sorted = a->c_contiguous() ? ArrayRef::borrow(a) : ArrayRef::steal(array_copy(a, 'C'));
  if (!values || !sorted || !values->c_contiguous()) return nullptr;
  ArrayRef out = ArrayRef::steal(array_new(DType::I64, values->ndim, values->shape));
  if (!out) return nullptr;
  bool done;
  {
    ReleaseGil gil(values->size);
    done = cpu::searchsorted(common, sorted->bytes(), sorted->size, values->bytes(), values->size,
                             right, reinterpret_cast<int64_t*>(out->bytes()));
  }
  return done ? finish_result(out.release()) : nullptr;
}

constexpr Signature kSort = {"sort", {"a", "axis", "kind", "order", "stable"}, 5, 1, 0, 4};
constexpr Signature kArgsort = {"argsort", {"a", "axis", "kind", "order", "stable"}, 5, 1, 0, 4};
constexpr Signature kArgsortMethod = {"argsort", {"axis", "kind", "order", "stable"}, 4, 0, 0, 3};
constexpr Signature kSearch = {"searchsorted", {"a", "v", "side", "sorter"}, 4, 2, 0, 4};
constexpr Signature kSearchMethod = {"searchsorted", {"v", "side", "sorter"}, 3, 1, 0, 3};

}  // namespace

PyMethodDef sorting_functions[] = {function_def<kSort, sort>(),
                                   function_def<kArgsort, argsort>(),
                                   function_def<kSearch, searchsorted>(),
                                   {}};
PyMethodDef sorting_methods[] = {
    method_def<kArgsortMethod, argsort>(), method_def<kSearchMethod, searchsorted>(), {}};

}  // namespace mp
