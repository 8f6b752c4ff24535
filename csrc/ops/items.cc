// item and tolist: elements as Python objects.
#include "ops/manip.h"
#include "python/scalar.h"
#include "python/signature.h"

namespace mp {
namespace {

PyObject* list_of(const Array* a, int axis, const char* data) {
  if (axis == a->ndim) return make_python_scalar(a->dtype, data);
  PyObject* list = PyList_New(a->shape[axis]);
  for (int64_t i = 0; list && i < a->shape[axis]; ++i) {
    PyObject* item = list_of(a, axis + 1, data + i * a->strides[axis]);
    if (item)
      PyList_SET_ITEM(list, i, item);
    else
      Py_CLEAR(list);
  }
  return list;
}

PyObject* tolist(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  Array* a = reinterpret_cast<Array*>(self);
  if (nargs || kwnames) return fallback_method(a, "tolist", args, nargs, kwnames);
  return list_of(a, 0, a->bytes());
}

// The byte offset of item(args...): nothing for one element, a flat index, or an index for each
// axis.
bool item_offset(const Array* a, const int64_t* given, int count, int64_t* offset) {
  *offset = 0;
  if (count == 0) return a->size == 1;
  if (count == 1 && a->ndim != 1) {
    int64_t flat = given[0] < 0 ? given[0] + a->size : given[0];
    if (flat < 0 || flat >= a->size) return false;
    for (int d = a->ndim - 1; d >= 0; flat /= a->shape[d--])
      *offset += flat % a->shape[d] * a->strides[d];
    return true;
  }
  if (count != a->ndim) return false;
  for (int d = 0; d < count; ++d) {
    int64_t i = given[d] < 0 ? given[d] + a->shape[d] : given[d];
    if (i < 0 || i >= a->shape[d]) return false;
    *offset += i * a->strides[d];
  }
  return true;
}

PyObject* item(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  Array* a = reinterpret_cast<Array*>(self);
  int64_t given[kMaxDims], offset;
  int count = 0;
  bool ok = !kwnames && nargs <= kMaxDims;
  if (ok && nargs == 1)
    ok = read_ints(args[0], given, &count);
  else
    for (; ok && count < nargs; ++count) ok = read_int(args[count], given + count);
  if (ok && item_offset(a, given, count, &offset))
    return make_python_scalar(a->dtype, a->bytes() + offset);
  return fallback_method(a, "item", args, nargs, kwnames);
}

}  // namespace

std::span<const PyMethodDef> item_methods() {
  static const PyMethodDef defs[] = {method_def("item", item), method_def("tolist", tolist)};
  return defs;
}

}  // namespace mp
