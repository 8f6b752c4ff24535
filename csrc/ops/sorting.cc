// sort, argsort, partition, argpartition and searchsorted. See Note [What sorts].
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "core/view.h"
#include "cpu/kernels.h"
#include "cpu/sort.h"
#include "ops/manip.h"
#include "ops/statistics.h"
#include "python/convert.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

// kind, order and stable: what the caller may ask of the algorithm.
enum class Wanted { Any, Stable, Foreign };

bool is_text(PyObject* o, const char* text) {
  return PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, text) == 0;
}

Wanted wanted(PyObject* kind, PyObject* order, PyObject* stable) {
  if (!absent(order) || (!absent(kind) && !absent(stable)) || (stable && !numpy2()))
    return Wanted::Foreign;
  if (!absent(stable)) {
    if (!PyBool_Check(stable)) return Wanted::Foreign;
    return stable == Py_True ? Wanted::Stable : Wanted::Any;
  }
  if (absent(kind) || is_text(kind, "quicksort") || is_text(kind, "heapsort")) return Wanted::Any;
  return is_text(kind, "stable") || is_text(kind, "mergesort") ? Wanted::Stable : Wanted::Foreign;
}

// The array with `axis` moved to the end.
ArrayRef axis_last(Array* a, int axis) {
  if (axis == a->ndim - 1) return ArrayRef::borrow(a);
  int axes[kMaxDims];
  std::iota(axes, axes + axis, 0);
  std::iota(axes + axis, axes + a->ndim - 1, axis + 1);
  axes[a->ndim - 1] = axis;
  return transposed(a, axes);
}

// The array to sort and the axis; None stands for all elements in a row. Null when NumPy must
// judge.
ArrayRef read_sorted(PyObject* array, PyObject* axis_arg, int* axis) {
  ArrayRef a = operand(array);
  if (!a) return {};
  if (axis_arg == Py_None) {
    *axis = 0;
    return flattened(a.get());
  }
  *axis = a->ndim - 1;
  if (a->ndim == 0 || (axis_arg && !read_axis(axis_arg, a->ndim, axis))) return {};
  return a;
}

// Bytes for a kernel to work in; null for none, null with an error set when there are none left.
ArrayRef scratch_bytes(size_t bytes) {
  const int64_t length = static_cast<int64_t>(bytes);
  return bytes ? ArrayRef::steal(array_new(DType::U8, 1, &length)) : ArrayRef{};
}

bool is_aligned(const Array* a) {
  const uintptr_t item = is_complex(a->dtype) ? itemsize(a->dtype) / 2 : itemsize(a->dtype);
  return reinterpret_cast<uintptr_t>(a->bytes()) % item == 0;
}

// Writes the elements of `from`, sorted along the axis, to `to`, which has its shape and may be it.
bool sort_into(Array* to, Array* from, int axis) {
  if (from->size == 0) return true;
  ArrayRef target = axis_last(to, axis), source = axis_last(from, axis);
  if (!target || !source) return false;
  if (target->c_contiguous() && is_aligned(target.get())) {
    if (to != from) cpu::copy(cpu_view(target.get()), cpu_view(source.get()));
    return sort_rows(target.get());
  }
  ArrayRef rows = ArrayRef::steal(array_copy(source.get(), 'C'));
  if (!rows || !sort_rows(rows.get())) return false;
  cpu::copy(cpu_view(target.get()), cpu_view(rows.get()));
  return true;
}

PyObject* sorted_copy(Array* a, int axis) {
  ArrayRef out = ArrayRef::steal(array_new_like(a, a->dtype));
  return out && sort_into(out.get(), a, axis) ? out.release_object() : nullptr;
}

bool may_sort(const Array* a, Wanted how) {
  return how == Wanted::Any || (how == Wanted::Stable && !is_inexact(a->dtype));
}

// v: a, axis, kind, order, stable
PyObject* sort(PyObject* const* v) {
  int axis;
  ArrayRef a = read_sorted(v[0], v[1], &axis);
  if (!a || !may_sort(a.get(), wanted(v[2], v[3], v[4])) || tape::should_record(a.get()))
    return nullptr;
  return sorted_copy(a.get(), axis);
}

// v: self, axis, kind, order, stable
PyObject* sort_in_place(PyObject* const* v) {
  Array* a = reinterpret_cast<Array*>(v[0]);
  int axis = a->ndim - 1;
  if (a->ndim == 0 || (v[1] && !read_axis(v[1], a->ndim, &axis)) || !a->writeable() ||
      !may_sort(a, wanted(v[2], v[3], v[4])) || tape::should_record(a) || array_may_repeat(a))
    return nullptr;
  if (tape::before_write(a) < 0 || !sort_into(a, a, axis)) return nullptr;
  return Py_NewRef(Py_None);
}

// Positions of the sorted elements along the axis; null when no kernel has them.
PyObject* sorted_positions(Array* a, int axis) {
  ArrayRef out = ArrayRef::steal(array_new(DType::I64, a->ndim, a->shape));
  if (!out || a->size == 0) return out.release_object();
  ArrayRef keys = axis_last(a, axis), turned = axis_last(out.get(), axis);
  if (keys && !keys->c_contiguous()) keys = ArrayRef::steal(array_copy(keys.get(), 'C'));
  if (!keys || !turned) return nullptr;
  ArrayRef rows = turned;
  if (!turned->c_contiguous())
    rows = ArrayRef::steal(array_new(DType::I64, turned->ndim, turned->shape));
  if (!rows || !argsort_rows(keys.get(), rows.get())) return nullptr;
  if (rows.get() != turned.get()) cpu::copy(cpu_view(turned.get()), cpu_view(rows.get()));
  return out.release_object();
}

// v: a, axis, kind, order, stable
PyObject* argsort(PyObject* const* v) {
  int axis;
  ArrayRef a = read_sorted(v[0], v[1], &axis);
  if (!a || is_complex(a->dtype) || wanted(v[2], v[3], v[4]) == Wanted::Foreign) return nullptr;
  return sorted_positions(a.get(), axis);
}

bool is_introselect(PyObject* kind) { return absent(kind) || is_text(kind, "introselect"); }

// Positions in [-n, n) of the elements that partition, as NumPy's array; null when NumPy must
// judge.
PyObject* read_pivots(PyObject* kth, int64_t n) {
  int64_t given[kMaxDims];
  int count;
  if (!read_ints(kth, given, &count) || count == 0) return nullptr;
  for (int i = 0; i < count; ++i)
    if (given[i] < -n || given[i] >= n) return nullptr;
  npy_intp length = count;
  PyObject* pivots = PyArray_SimpleNew(1, &length, NPY_INTP);
  if (pivots)
    std::copy(given, given + count,
              static_cast<npy_intp*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(pivots))));
  return pivots;
}

// A sorted array is partitioned everywhere; where sorting is faster than selecting, that is it.
bool partitions_by_sorting(DType dtype, int64_t n) {
  if (n <= 16 || itemsize(dtype) == 1) return true;
  return itemsize(dtype) == 2 && (is_floating(dtype) || n >= 65536);
}
bool argpartitions_by_sorting(DType dtype, int64_t n) {
  return n <= 16 || itemsize(dtype) == 1 ||
         (itemsize(dtype) == 2 && is_floating(dtype) && n < 65536);
}

// v: a, kth, axis, kind, order
PyObject* partition(PyObject* const* v) {
  int axis;
  ArrayRef a = read_sorted(v[0], v[2], &axis);
  if (!a || !is_introselect(v[3]) || !absent(v[4]) || tape::should_record(a.get())) return nullptr;
  PyObject* pivots = read_pivots(v[1], a->shape[axis]);
  if (!pivots) return nullptr;
  PyObject* result = nullptr;
  if (!is_complex(a->dtype) && partitions_by_sorting(a->dtype, a->shape[axis])) {
    result = sorted_copy(a.get(), axis);
  } else {
    ArrayRef out = ArrayRef::steal(array_copy(a.get(), 'K'));
    PyObject* seen = out ? to_numpy(out.get()) : nullptr;
    if (seen &&
        PyArray_Partition(reinterpret_cast<PyArrayObject*>(seen),
                          reinterpret_cast<PyArrayObject*>(pivots), axis, NPY_INTROSELECT) == 0)
      result = out.release_object();
    Py_XDECREF(seen);
  }
  Py_DECREF(pivots);
  return result;
}

// v: a, kth, axis, kind, order
PyObject* argpartition(PyObject* const* v) {
  int axis;
  ArrayRef a = read_sorted(v[0], v[2], &axis);
  if (!a || !is_introselect(v[3]) || !absent(v[4])) return nullptr;
  PyObject* pivots = read_pivots(v[1], a->shape[axis]);
  if (!pivots) return nullptr;
  PyObject* result = nullptr;
  if (!is_complex(a->dtype) && argpartitions_by_sorting(a->dtype, a->shape[axis])) {
    result = sorted_positions(a.get(), axis);
  } else if (PyObject* seen = to_numpy(a.get())) {
    PyObject* found =
        PyArray_ArgPartition(reinterpret_cast<PyArrayObject*>(seen),
                             reinterpret_cast<PyArrayObject*>(pivots), axis, NPY_INTROSELECT);
    result = found ? from_numpy(found) : nullptr;
    Py_XDECREF(found);
    Py_DECREF(seen);
  }
  Py_DECREF(pivots);
  return result;
}

// v: a, v, side, sorter
PyObject* searchsorted(PyObject* const* v) {
  if (!array_check(v[0]) || !absent(v[3])) return nullptr;
  bool right = false;
  if (v[2]) {
    right = is_text(v[2], "right");
    if (!right && !is_text(v[2], "left")) return nullptr;
  }
  ArrayRef values = operand(v[1]);
  if (!values || !array_check(v[1])) return nullptr;
  return search_sorted(reinterpret_cast<Array*>(v[0]), values.get(), right);
}

constexpr Signature kSort = {"sort", {"a", "axis", "kind", "order", "stable"}, 5, 1, 0, 4};
constexpr Signature kSortMethod = {"sort", {"axis", "kind", "order", "stable"}, 4, 0, 0, 3};
constexpr Signature kArgsort = {"argsort", {"a", "axis", "kind", "order", "stable"}, 5, 1, 0, 4};
constexpr Signature kArgsortMethod = {"argsort", {"axis", "kind", "order", "stable"}, 4, 0, 0, 3};
constexpr Signature kPartition = {"partition", {"a", "kth", "axis", "kind", "order"}, 5, 2, 0, 5};
constexpr Signature kArgpartition = {
    "argpartition", {"a", "kth", "axis", "kind", "order"}, 5, 2, 0, 5};
constexpr Signature kArgpartitionMethod = {
    "argpartition", {"kth", "axis", "kind", "order"}, 4, 1, 0, 4};
constexpr Signature kSearch = {"searchsorted", {"a", "v", "side", "sorter"}, 4, 2, 0, 4};
constexpr Signature kSearchMethod = {"searchsorted", {"v", "side", "sorter"}, 3, 1, 0, 3};

}  // namespace

bool sort_rows(Array* a) {
  const int64_t n = a->shape[a->ndim - 1];
  if (cpu::can_sort(a->dtype, n)) {
    const size_t bytes = cpu::sort_scratch(a->dtype, a->size / n, n);
    ArrayRef scratch = scratch_bytes(bytes);
    if (bytes && !scratch) return false;
    char *keys = a->bytes(), *room = scratch ? scratch->bytes() : nullptr;
    ReleaseGil gil(a->size);
    cpu::sort_rows(a->dtype, keys, a->size / n, n, room);
    return true;
  }
  PyObject* seen = to_numpy(a);
  if (!seen) return false;
  const int status =
      PyArray_Sort(reinterpret_cast<PyArrayObject*>(seen), a->ndim - 1, NPY_QUICKSORT);
  Py_DECREF(seen);
  return status == 0;
}

bool argsort_rows(Array* keys, Array* positions) {
  const int64_t n = keys->shape[keys->ndim - 1], rows = keys->size / n;
  const size_t bytes = cpu::argsort_scratch(keys->dtype, rows, n);
  ArrayRef scratch = scratch_bytes(bytes);
  if (bytes && !scratch) return false;
  char *room = scratch ? scratch->bytes() : nullptr, *to = positions->bytes();
  const char* from = keys->bytes();
  ReleaseGil gil(keys->size);
  return cpu::argsort_rows(keys->dtype, from, reinterpret_cast<int64_t*>(to), rows, n, room);
}

void borrow_sort_kernels() {
  for (DType dtype : {DType::I32, DType::U32, DType::I64, DType::U64, DType::F32, DType::F64}) {
    PyArray_Descr* descr = descr_of(dtype);
    cpu::set_sort_kernel(dtype, reinterpret_cast<cpu::SortKernel>(
                                    PyDataType_GetArrFuncs(descr)->sort[NPY_QUICKSORT]));
    Py_DECREF(descr);
  }
}

PyObject* search_sorted(Array* a, Array* v, bool right) {
  DType common = promoted(a->dtype, v->dtype);
  if (a->ndim != 1 || common != a->dtype) return nullptr;
  ArrayRef values = ArrayRef::borrow(v), sorted = ArrayRef::borrow(a);
  if (v->dtype != common || !v->c_contiguous()) values = ArrayRef::steal(array_cast(v, common));
  if (!a->c_contiguous()) sorted = ArrayRef::steal(array_copy(a, 'C'));
  if (!values || !sorted || !values->c_contiguous()) return nullptr;
  ArrayRef out = ArrayRef::steal(array_new(DType::I64, values->ndim, values->shape));
  if (!out) return nullptr;
  const char *keys = sorted->bytes(), *sought = values->bytes();
  int64_t* places = reinterpret_cast<int64_t*>(out->bytes());
  bool done;
  {
    ReleaseGil gil(values->size);
    done = cpu::searchsorted(common, keys, sorted->size, sought, values->size, right, places);
  }
  return done ? finish_result(out.release()) : nullptr;
}

PyMethodDef sorting_functions[] = {
    function_def<kSort, sort>(),           function_def<kArgsort, argsort>(),
    function_def<kPartition, partition>(), function_def<kArgpartition, argpartition>(),
    function_def<kSearch, searchsorted>(), {}};
PyMethodDef sorting_methods[] = {method_def<kSortMethod, sort_in_place>(),
                                 method_def<kArgsortMethod, argsort>(),
                                 method_def<kArgpartitionMethod, argpartition>(),
                                 method_def<kSearchMethod, searchsorted>(),
                                 {}};

}  // namespace mp
