// concatenate and the stack family.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/view.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

using Arrays = std::vector<ArrayRef>;

// NumPy's rule for the memory order of a joined array: an insertion sort of the axes from slow to
// fast in which an axis moves outwards only where all arrays agree; on a conflict C order wins.
void joined_order(std::span<Array* const> arrays, int ndim, int* order) {
  for (int i = 0; i < ndim; ++i) order[i] = i;
  sort_axes(ndim, order, [&](int axis, int other) {
    AxisVotes votes;
    for (Array* a : arrays)
      if (a->shape[axis] != 1 && a->shape[other] != 1)
        votes.add(std::abs(a->strides[axis]) > std::abs(a->strides[other]));
    return votes;
  });
}

bool all_c_contiguous(std::span<Array* const> arrays) {
  return std::all_of(arrays.begin(), arrays.end(), [](Array* a) { return a->c_contiguous(); });
}

ArrayRef new_joined(DType dtype, std::span<Array* const> arrays, int ndim, const int64_t* shape) {
  if (ndim == 1 || all_c_contiguous(arrays)) return ArrayRef::steal(array_new(dtype, ndim, shape));
  int order[kMaxDims];
  joined_order(arrays, ndim, order);
  int64_t strides[kMaxDims], step = itemsize(dtype);
  for (int k = ndim - 1; k >= 0; --k) {
    strides[order[k]] = step;
    step *= std::max<int64_t>(shape[order[k]], 1);
  }
  return ArrayRef::steal(array_new_strided(dtype, ndim, shape, strides));
}

bool joined_shape(std::span<Array* const> arrays, int axis, int64_t* shape) {
  const Array* first = arrays[0];
  std::copy(first->shape, first->shape + first->ndim, shape);
  for (Array* a : arrays.subspan(1)) {
    if (a->ndim != first->ndim) return false;
    for (int i = 0; i < a->ndim; ++i)
      if (i != axis && a->shape[i] != shape[i]) return false;
    shape[axis] += a->shape[axis];
  }
  return true;
}

// Each array is one contiguous run of the result.
bool copies_in_one_run(const Array* out, const Array* a, int axis) {
  return axis == 0 && a->dtype == out->dtype && a->c_contiguous() && out->c_contiguous();
}

void fill_joined(Array* out, std::span<Array* const> arrays, int axis) {
  char* to = out->bytes();
  for (Array* a : arrays) {
    if (a->size) {
      if (copies_in_one_run(out, a, axis))
        std::copy_n(a->bytes(), a->nbytes(), to);
      else
        cpu::copy({out->dtype, a->ndim, a->shape, out->strides, to}, cpu_view(a));
    }
    to += a->shape[axis] * out->strides[axis];
  }
}

DType joined_dtype(std::span<Array* const> arrays) {
  const DType first = arrays[0]->dtype;
  if (std::all_of(arrays.begin(), arrays.end(), [=](Array* a) { return a->dtype == first; }))
    return first;
  Arrays held;
  for (Array* a : arrays) held.push_back(ArrayRef::borrow(a));
  return promoted(held);
}

NodeRef begin_joined(std::span<Array* const> arrays, int axis) {
  bool record = tape::state.recording && std::any_of(arrays.begin(), arrays.end(), tape::taped);
  if (!record) return {};
  std::vector<int64_t> sizes;
  for (Array* a : arrays) sizes.push_back(a->shape[axis]);
  return tape::begin(op_concatenate, arrays,
                     {{"axis", static_cast<int64_t>(axis)}, {"sizes", std::move(sizes)}});
}

std::vector<Array*> pointers(const Arrays& arrays) {
  std::vector<Array*> out;
  out.reserve(arrays.size());
  for (const ArrayRef& a : arrays) out.push_back(a.get());
  return out;
}

// The members of a list or tuple as arrays; false when NumPy should take the call.
bool read_arrays(PyObject* o, Arrays& out) {
  if (array_check(o)) {  // joins along its first axis
    Array* a = reinterpret_cast<Array*>(o);
    if (a->ndim == 0) return false;
    for (int64_t i = 0; i < a->shape[0]; ++i) {
      Array* row = array_view(a, a->dtype, a->ndim - 1, a->shape + 1, a->strides + 1,
                              a->offset + i * a->strides[0]);
      if (!row) return false;
      out.push_back(ArrayRef::steal(row));
    }
    return !out.empty();
  }
  if (!PyList_CheckExact(o) && !PyTuple_CheckExact(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  out.reserve(n);
  for (Py_ssize_t i = 0; i < n; ++i) {
    ArrayRef a = operand(PySequence_Fast_GET_ITEM(o, i));
    if (!a) return false;
    out.push_back(std::move(a));
  }
  return n > 0;
}

// out=, dtype= and casting= are NumPy's affair, except for the defaults and a dtype that casts
// safely.
bool plain_options(PyObject* out, PyObject* dtype, PyObject* casting) {
  return absent(out) && absent(dtype) &&
         (!casting || (PyUnicode_Check(casting) &&
                       PyUnicode_CompareWithASCIIString(casting, "same_kind") == 0));
}

// Joins arrays of one ndim along axis; null without an error when the shapes do not fit.
ArrayRef concatenated(std::span<Array* const> arrays, int axis) {
  int64_t shape[kMaxDims];
  if (axis >= arrays[0]->ndim || !joined_shape(arrays, axis, shape)) return {};
  const DType dtype = joined_dtype(arrays);
  if (dtype == DType::Invalid) return {};
  NodeRef node = begin_joined(arrays, axis);
  ArrayRef out = new_joined(dtype, arrays, arrays[0]->ndim, shape);
  if (!out) return {};
  fill_joined(out.get(), arrays, axis);
  Array* outs[] = {out.get()};
  if (tape::finish(node, outs) < 0) return {};
  return out;
}

PyObject* join(const Arrays& arrays, int axis) {
  return concatenated(pointers(arrays), axis).release_object();
}

PyObject* join_flat(Arrays& arrays) {
  for (ArrayRef& a : arrays) {
    a = flattened(a.get());
    if (!a) return nullptr;
  }
  return join(arrays, 0);
}

PyObject* concatenate_body(PyObject* const* v) {
  Arrays arrays;
  if (!plain_options(v[2], v[3], v[4]) || !read_arrays(v[0], arrays)) return nullptr;
  if (v[1] == Py_None) return join_flat(arrays);
  int axis = 0;
  if (v[1] ? !read_axis(v[1], arrays[0]->ndim, &axis) : arrays[0]->ndim == 0) return nullptr;
  return join(arrays, axis);
}
constexpr Signature kConcatenate{
    "concatenate", {"arrays", "axis", "out", "dtype", "casting"}, 5, 1, 1, 3};
constexpr Signature kConcat{"concat", {"arrays", "axis", "out", "dtype", "casting"}, 5, 1, 1, 3};

// The array with a new axis of length 1, as indexing with None gives it.
ArrayRef with_axis(Array* a, int axis) {
  int64_t shape[kMaxDims], strides[kMaxDims];
  for (int i = 0, from = 0; i <= a->ndim; ++i) {
    shape[i] = i == axis ? 1 : a->shape[from];
    strides[i] = i == axis ? 0 : a->strides[from++];
  }
  return ArrayRef::steal(array_view(a, a->dtype, a->ndim + 1, shape, strides, a->offset));
}

PyObject* stack_body(PyObject* const* v) {
  Arrays arrays;
  int axis = 0;
  if (!plain_options(v[2], v[3], v[4]) || !read_arrays(v[0], arrays) ||
      arrays[0]->ndim == kMaxDims || (v[1] && !read_axis(v[1], arrays[0]->ndim + 1, &axis)))
    return nullptr;
  for (const ArrayRef& a : arrays)
    if (!std::ranges::equal(a->shape_span(), arrays[0]->shape_span())) return nullptr;
  for (ArrayRef& a : arrays) {
    a = with_axis(a.get(), axis);
    if (!a) return nullptr;
  }
  return join(arrays, axis);
}
constexpr Signature kStack{"stack", {"arrays", "axis", "out", "dtype", "casting"}, 5, 1, 0, 3};

// vstack, hstack, dstack: at least NDim dimensions, then joined along Axis (hstack joins vectors
// end to end).
template <int NDim, int Axis>
PyObject* stack_along(PyObject* const* v) {
  Arrays arrays;
  if (!plain_options(nullptr, v[1], v[2]) || array_check(v[0]) || !read_arrays(v[0], arrays))
    return nullptr;
  for (ArrayRef& a : arrays) {
    a = at_least(a.get(), NDim);
    if (!a) return nullptr;
  }
  return join(arrays, NDim == 1 && arrays[0]->ndim == 1 ? 0 : Axis);
}
constexpr Signature kVstack{"vstack", {"tup", "dtype", "casting"}, 3, 1, 0, 1};
constexpr Signature kHstack{"hstack", {"tup", "dtype", "casting"}, 3, 1, 0, 1};
constexpr Signature kDstack{"dstack", {"tup"}, 1, 1, 0, 1};

PyObject* column_stack_body(PyObject* const* v) {
  Arrays arrays;
  if (array_check(v[0]) || !read_arrays(v[0], arrays)) return nullptr;
  for (ArrayRef& a : arrays) {
    if (a->ndim >= 2) continue;
    int64_t shape[2] = {a->size, 1}, strides[2] = {a->ndim ? a->strides[0] : 0, 0};
    a = ArrayRef::steal(array_view(a.get(), a->dtype, 2, shape, strides, a->offset));
    if (!a) return nullptr;
  }
  return join(arrays, 1);
}
constexpr Signature kColumnStack{"column_stack", {"tup"}, 1, 1, 0, 1};

PyObject* append_body(PyObject* const* v) {
  Arrays arrays{operand(v[0]), operand(v[1])};
  if (!arrays[0] || !arrays[1]) return nullptr;
  if (absent(v[2])) return join_flat(arrays);
  int axis;
  return read_axis(v[2], arrays[0]->ndim, &axis) ? join(arrays, axis) : nullptr;
}
constexpr Signature kAppend{"append", {"arr", "values", "axis"}, 3, 2, 0, 3};

}  // namespace

DType promoted(DType a, DType b) {
  if (a == b) return a;
  static uint8_t table[kDTypeCount]
                      [kDTypeCount];  // 0: not asked yet, 1: none of ours, else index + 2
  uint8_t& known = table[index(a)][index(b)];
  if (!known) {
    PyArray_Descr *x = descr_of(a), *y = descr_of(b),
                  *z = x && y ? PyArray_PromoteTypes(x, y) : nullptr;
    DType dtype = z ? dtype_of_descr(z) : DType::Invalid;
    PyErr_Clear();
    for (PyArray_Descr* d : {x, y, z}) Py_XDECREF(reinterpret_cast<PyObject*>(d));
    known = dtype == DType::Invalid ? 1 : static_cast<uint8_t>(index(dtype) + 2);
  }
  return known == 1 ? DType::Invalid : static_cast<DType>(known - 2);
}

DType promoted(std::span<const ArrayRef> arrays) {
  if (arrays.size() == 2) return promoted(arrays[0]->dtype, arrays[1]->dtype);
  bool equal = true;
  for (const ArrayRef& a : arrays) equal &= a->dtype == arrays[0]->dtype;
  if (equal) return arrays[0]->dtype;
  std::vector<PyArray_Descr*> descrs;
  for (const ArrayRef& a : arrays) descrs.push_back(descr_of(a->dtype));
  const bool known = std::find(descrs.begin(), descrs.end(), nullptr) == descrs.end();
  PyArray_Descr* common =
      known ? PyArray_ResultType(0, nullptr, static_cast<npy_intp>(descrs.size()), descrs.data())
            : nullptr;
  const DType dtype = common ? dtype_of_descr(common) : DType::Invalid;
  PyErr_Clear();
  Py_XDECREF(reinterpret_cast<PyObject*>(common));
  for (PyArray_Descr* d : descrs) Py_XDECREF(reinterpret_cast<PyObject*>(d));
  return dtype;
}

std::span<const PyMethodDef> join_functions() {
  static const PyMethodDef defs[] = {
      function_def<kConcatenate, concatenate_body>(),
      function_def<kConcat, concatenate_body>(),
      function_def<kStack, stack_body>(),
      function_def<kVstack, stack_along<2, 0>>(),
      function_def<kHstack, stack_along<1, 1>>(),
      function_def<kDstack, stack_along<3, 2>>(),
      function_def<kColumnStack, column_stack_body>(),
      function_def<kAppend, append_body>(),
  };
  return defs;
}

}  // namespace mp
