// split, array_split, hsplit, vsplit, dsplit: lists of views.
#include <algorithm>
#include <vector>

#include "ops/manip.h"
#include "python/signature.h"

namespace mp {
namespace {

// NumPy asks for the attribute shape: sequences are an error.
ArrayRef array_operand(PyObject* o) {
  return PyList_Check(o) || PyTuple_Check(o) ? ArrayRef{} : operand(o);
}

struct Cut {
  int64_t start, stop;
};

ArrayRef section(Array* a, int axis, Cut cut) {
  Py_ssize_t start = cut.start, stop = cut.stop;
  int64_t shape[kMaxDims];
  std::copy(a->shape, a->shape + a->ndim, shape);
  shape[axis] = PySlice_AdjustIndices(a->shape[axis], &start, &stop, 1);
  int64_t offset = a->offset + (shape[axis] ? start * a->strides[axis] : 0);
  return ArrayRef::steal(array_view(a, a->dtype, a->ndim, shape, a->strides, offset));
}

// N sections: the first length % N of them are one longer than the others.
std::vector<Cut> even_cuts(int64_t length, int64_t sections) {
  std::vector<Cut> cuts;
  int64_t each = length / sections, longer = length % sections;
  for (int64_t i = 0, at = 0; i < sections; ++i) {
    int64_t next = at + each + (i < longer);
    cuts.push_back({at, next});
    at = next;
  }
  return cuts;
}

bool read_cuts(PyObject* o, int64_t length, bool equal, std::vector<Cut>& cuts) {
  int64_t sections;
  if (read_int(o, &sections)) {
    if (sections <= 0 || (equal && length % sections)) return false;
    cuts = even_cuts(length, sections);
    return true;
  }
  if (!PyList_CheckExact(o) && !PyTuple_CheckExact(o)) return false;
  int64_t at = 0;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
    int64_t next;
    if (!read_int(PySequence_Fast_GET_ITEM(o, i), &next)) return false;
    cuts.push_back({at, next});
    at = next;
  }
  cuts.push_back({at, length});
  return true;
}

PyObject* split_list(Array* a, PyObject* where, int axis, bool equal) {
  std::vector<Cut> cuts;
  if (!read_cuts(where, a->shape[axis], equal, cuts)) return nullptr;
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(cuts.size()));
  for (size_t i = 0; list && i < cuts.size(); ++i) {
    PyObject* part = section(a, axis, cuts[i]).release_object();
    if (part)
      PyList_SET_ITEM(list, i, part);
    else
      Py_CLEAR(list);
  }
  return list;
}

template <bool Equal>
PyObject* split_body(PyObject* const* v) {
  ArrayRef a = array_operand(v[0]);
  int axis = 0;
  if (!a || a->ndim == 0 || (v[2] && !read_axis(v[2], a->ndim, &axis))) return nullptr;
  return split_list(a.get(), v[1], axis, Equal);
}
constexpr Signature kSplit{"split", {"ary", "indices_or_sections", "axis"}, 3, 2, 0, 3};
constexpr Signature kArraySplit{"array_split", {"ary", "indices_or_sections", "axis"}, 3, 2, 0, 3};

template <int MinDims, int Axis>
PyObject* split_along(PyObject* const* v) {
  ArrayRef a = array_operand(v[0]);
  if (!a || a->ndim < MinDims) return nullptr;
  return split_list(a.get(), v[1], Axis < a->ndim ? Axis : 0, true);
}
constexpr Signature kHsplit{"hsplit", {"ary", "indices_or_sections"}, 2, 2, 0, 2};
constexpr Signature kVsplit{"vsplit", {"ary", "indices_or_sections"}, 2, 2, 0, 2};
constexpr Signature kDsplit{"dsplit", {"ary", "indices_or_sections"}, 2, 2, 0, 2};

}  // namespace

std::span<const PyMethodDef> split_functions() {
  static const PyMethodDef defs[] = {
      function_def<kSplit, split_body<true>>(),   function_def<kArraySplit, split_body<false>>(),
      function_def<kHsplit, split_along<1, 1>>(), function_def<kVsplit, split_along<2, 0>>(),
      function_def<kDsplit, split_along<3, 2>>(),
  };
  return defs;
}

}  // namespace mp
