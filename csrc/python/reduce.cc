#include "python/reduce.h"

#include <cstring>
#include <string>
#include <vector>

#include "cpu/kernels.h"
#include "engine/window.h"
#include "ops/gradients.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/import.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "tape/tape.h"

namespace mp {
namespace {

bool axis_in_range(int64_t axis, int ndim, uint64_t* mask) {
  if (axis < -ndim || axis >= ndim) return false;
  if (axis < 0) axis += ndim;
  if (*mask >> axis & 1) return false;  // duplicate: NumPy raises
  *mask |= uint64_t{1} << axis;
  return true;
}

bool is_default(PyObject* o) { return !o || o == Py_None || is_no_value(o); }

// What one reduction is called and how it works.
struct Row {
  const char* name;
  const char* ufunc;  // null: a kernel of its own
  const OpDef* op;
};

const Row kRows[] = {{"sum", "add", &op_sum},        {"prod", "multiply", &op_prod},
                     {"max", "maximum", &op_max},    {"min", "minimum", &op_min},
                     {"amax", "maximum", &op_max},   {"amin", "minimum", &op_min},
                     {"any", "logical_or", nullptr}, {"all", "logical_and", nullptr}};

constexpr const char* kKeywords[] = {"a", "axis", "dtype", "out", "keepdims", "initial", "where"};

// Sorts vectorcall arguments into ReduceArgs by NumPy's positional order. False: NumPy must
// interpret them.
bool parse_args(bool has_dtype, bool method, PyObject* const* args, Py_ssize_t nargs,
                PyObject* kwnames, PyObject** a, ReduceArgs* r) {
  PyObject** with_dtype[] = {a, &r->axis, &r->dtype, &r->out, &r->keepdims, &r->initial, &r->where};
  PyObject** without[] = {a, &r->axis, &r->out, &r->keepdims, &r->initial, &r->where};
  PyObject*** slots = has_dtype ? with_dtype : without;
  int count = has_dtype ? 7 : 6, first = method ? 1 : 0;
  if (nargs > count - first) return false;
  for (Py_ssize_t i = 0; i < nargs; ++i) *slots[i + first] = args[i];
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
    PyObject* name = PyTuple_GET_ITEM(kwnames, k);
    int found = -1;
    for (int i = first; i < 7 && found < 0; ++i)
      if (PyUnicode_CompareWithASCIIString(name, kKeywords[i]) == 0) found = i;
    if (found < 0 || (!has_dtype && found == 2)) return false;
    PyObject** slot = with_dtype[found];
    if (*slot) return false;
    *slot = args[nargs + k];
  }
  return true;
}

template <int kRow, bool kMethod>
PyObject* reduce_entry(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  const Row& row = kRows[kRow];
  static Ufunc* f = find_ufunc(row.ufunc);
  constexpr bool has_dtype = kRow < 2;
  PyObject* a = kMethod ? self : nullptr;
  ReduceArgs r;
  if (parse_args(has_dtype, kMethod, args, nargs, kwnames, &a, &r) && a && array_check(a)) {
    PyObject* result = reduce_array(f, row.op, reinterpret_cast<Array*>(a), r);
    if (result || PyErr_Occurred()) return result;
  }
  if (kMethod)
    return fallback_method(reinterpret_cast<Array*>(self), row.name, args, nargs, kwnames);
  return fallback_call(row.name, args, nargs, kwnames);
}

template <PyObject* (*F)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)>
constexpr PyMethodDef entry(const char* name) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(F)),
          METH_FASTCALL | METH_KEYWORDS, nullptr};
}

}  // namespace

bool is_no_value(PyObject* o) {
  static PyObject* no_value = [] {
    PyObject* v = imported("numpy", "_NoValue");
    PyErr_Clear();
    return v;
  }();
  return o == no_value;
}

bool parse_axes(PyObject* axis, int ndim, uint64_t* mask) {
  *mask = 0;
  if (is_default(axis)) {
    *mask = ndim == 64 ? ~uint64_t{0} : (uint64_t{1} << ndim) - 1;
    return true;
  }
  if (PyLong_CheckExact(axis)) {
    int64_t v = PyLong_AsLongLong(axis);
    if (v == -1 && PyErr_Occurred()) PyErr_Clear();
    return axis_in_range(v, ndim, mask);
  }
  if (!PyTuple_CheckExact(axis)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(axis); ++i) {
    PyObject* item = PyTuple_GET_ITEM(axis, i);
    if (!PyLong_CheckExact(item)) return false;
    int64_t v = PyLong_AsLongLong(item);
    if (v == -1 && PyErr_Occurred()) PyErr_Clear();
    if (!axis_in_range(v, ndim, mask)) return false;
  }
  return true;
}

PyObject* reduce_array(Ufunc* f, const OpDef* op, Array* a, const ReduceArgs& args) {
  Reduction r{};
  if (!is_default(args.initial) || (!is_default(args.where) && args.where != Py_True))
    return nullptr;
  if (args.keepdims && !is_default(args.keepdims)) {
    if (!PyBool_Check(args.keepdims)) return nullptr;
    r.keepdims = args.keepdims == Py_True;
  }
  if (!is_default(args.dtype)) {
    if (!parse_dtype(args.dtype, &r.dtype)) {
      PyErr_Clear();
      return nullptr;
    }
    if (r.dtype == DType::Invalid) return nullptr;
  }
  if (!is_default(args.out)) {
    if (!array_check(args.out)) return nullptr;
    r.out = reinterpret_cast<Array*>(args.out);
  }
  if (!parse_axes(args.axis, a->ndim, &r.axes)) return nullptr;
  NodeRef node;
  if (op && tape::should_record(a)) {
    std::vector<int64_t> axes;
    for (int i = 0; i < a->ndim; ++i)
      if (r.axes >> i & 1) axes.push_back(i);
    try {
      node = tape::begin(*op, {&a, 1}, {{"axes", std::move(axes)}, {"keepdims", r.keepdims}});
    } catch (PythonError&) {
      return nullptr;
    }
  }
  if (r.out && tape::before_write(r.out) < 0) return nullptr;
  Array* out = ufunc_reduce(f, a, r);
  if (!out) return nullptr;
  int status = r.out ? tape::finish_write(node, out) : tape::finish(node, {&out, 1});
  if (status < 0) {
    Py_DECREF(reinterpret_cast<PyObject*>(out));
    return nullptr;
  }
  if (r.out) return reinterpret_cast<PyObject*>(out);
  if (out->ndim == 0 && !node) window::flush_sparing(a);
  return finish_result(out);
}

PyMethodDef reduce_functions[] = {entry<reduce_entry<0, false>>("sum"),
                                  entry<reduce_entry<1, false>>("prod"),
                                  entry<reduce_entry<2, false>>("max"),
                                  entry<reduce_entry<3, false>>("min"),
                                  entry<reduce_entry<4, false>>("amax"),
                                  entry<reduce_entry<5, false>>("amin"),
                                  entry<reduce_entry<6, false>>("any"),
                                  entry<reduce_entry<7, false>>("all"),
                                  {}};
PyMethodDef reduce_methods[] = {entry<reduce_entry<0, true>>("sum"),
                                entry<reduce_entry<1, true>>("prod"),
                                entry<reduce_entry<2, true>>("max"),
                                entry<reduce_entry<3, true>>("min"),
                                entry<reduce_entry<6, true>>("any"),
                                entry<reduce_entry<7, true>>("all"),
                                {}};

}  // namespace mp
