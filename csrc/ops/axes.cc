// Views that reorder, add or drop axes: metadata only.
#include <algorithm>
#include <numeric>

#include "core/view.h"
#include "ops/manip.h"
#include "python/numpy_api.h"
#include "python/signature.h"

namespace mp {
namespace {

ArrayRef transpose_view(Array* a, const int* axes) {
  int64_t shape[kMaxDims], strides[kMaxDims];
  for (int i = 0; i < a->ndim; ++i) {
    shape[i] = a->shape[axes[i]];
    strides[i] = a->strides[axes[i]];
  }
  return ArrayRef::steal(array_view(a, a->dtype, a->ndim, shape, strides, a->offset));
}

PyObject* transpose_to(Array* a, PyObject* axes_arg) {
  int axes[kMaxDims], count = a->ndim;
  if (absent(axes_arg)) {
    for (int i = 0; i < count; ++i) axes[i] = count - 1 - i;
  } else if (!read_axes(axes_arg, a->ndim, axes, &count) || count != a->ndim) {
    return nullptr;
  }
  return transpose_view(a, axes).release_object();
}

PyObject* transpose_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  return a ? transpose_to(a.get(), v[1]) : nullptr;
}
constexpr Signature kTranspose{"transpose", {"a", "axes"}, 2, 1, 0, 2};
constexpr Signature kPermuteDims{"permute_dims", {"a", "axes"}, 2, 1, 0, 2};

PyObject* transpose_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                           PyObject* kwnames) {
  if (!kwnames) {
    PyObject* axes = nullptr;
    PyObject* packed = nullptr;
    if (nargs == 1) axes = args[0];
    if (nargs > 1) {
      axes = packed = PyTuple_New(nargs);
      if (!packed) return nullptr;
      for (Py_ssize_t i = 0; i < nargs; ++i) {
        Py_INCREF(args[i]);
        PyTuple_SET_ITEM(packed, i, args[i]);
      }
    }
    PyObject* result = transpose_to(reinterpret_cast<Array*>(self), axes);
    Py_XDECREF(packed);
    if (result || PyErr_Occurred()) return result;
  }
  return fallback_method(reinterpret_cast<Array*>(self), "transpose", args, nargs, kwnames);
}

PyObject* swap_axes(Array* a, int i, int k) {
  int axes[kMaxDims];
  std::iota(axes, axes + a->ndim, 0);
  std::swap(axes[i], axes[k]);
  return transpose_view(a, axes).release_object();
}

PyObject* swapaxes_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int i, k;
  if (!a || !read_axis(v[1], a->ndim, &i) || !read_axis(v[2], a->ndim, &k)) return nullptr;
  return swap_axes(a.get(), i, k);
}
constexpr Signature kSwapaxes{"swapaxes", {"a", "axis1", "axis2"}, 3, 3, 0, 3};
constexpr Signature kSwapaxesMethod{"swapaxes", {"axis1", "axis2"}, 2, 2, 2, 2};

PyObject* matrix_transpose_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  return a && a->ndim >= 2 ? swap_axes(a.get(), a->ndim - 2, a->ndim - 1) : nullptr;
}
constexpr Signature kMatrixTranspose{"matrix_transpose", {"x"}, 1, 1, 1, 1};

PyObject* moveaxis_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int source[kMaxDims], target[kMaxDims], count, target_count;
  if (!a || !read_axes(v[1], a->ndim, source, &count) ||
      !read_axes(v[2], a->ndim, target, &target_count) || count != target_count)
    return nullptr;
  int axes[kMaxDims];
  std::fill(axes, axes + a->ndim, -1);
  for (int i = 0; i < count; ++i) axes[target[i]] = source[i];
  int at = 0;
  for (int axis = 0; axis < a->ndim; ++axis) {
    if (std::find(source, source + count, axis) != source + count) continue;
    while (axes[at] >= 0) ++at;
    axes[at] = axis;
  }
  return transpose_view(a.get(), axes).release_object();
}
constexpr Signature kMoveaxis{"moveaxis", {"a", "source", "destination"}, 3, 3, 0, 3};

PyObject* expand_dims_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int64_t requested[kMaxDims], shape[kMaxDims];
  int axes[kMaxDims], count;
  if (!a || !read_ints(v[1], requested, &count) || a->ndim + count > kMaxDims) return nullptr;
  int ndim = a->ndim + count;
  if (!read_axes(v[1], ndim, axes, &count)) return nullptr;
  for (int i = 0, from = 0; i < ndim; ++i)
    shape[i] = std::find(axes, axes + count, i) != axes + count ? 1 : a->shape[from++];
  return reshaped(a.get(), {shape, static_cast<size_t>(ndim)}).release_object();
}
constexpr Signature kExpandDims{"expand_dims", {"a", "axis"}, 2, 2, 0, 2};

PyObject* squeeze_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  if (!a) return nullptr;
  uint64_t drop = 0;
  if (absent(v[1])) {
    for (int i = 0; i < a->ndim; ++i) drop |= uint64_t{a->shape[i] == 1} << i;
  } else {
    int axes[kMaxDims], count;
    if (!read_axes(v[1], a->ndim, axes, &count)) return nullptr;
    for (int i = 0; i < count; ++i) {
      if (a->shape[axes[i]] != 1) return nullptr;
      drop |= uint64_t{1} << axes[i];
    }
  }
  if (!drop) return a.release_object();
  int64_t shape[kMaxDims], strides[kMaxDims];
  int ndim = 0;
  for (int i = 0; i < a->ndim; ++i) {
    if (drop >> i & 1) continue;
    shape[ndim] = a->shape[i];
    strides[ndim++] = a->strides[i];
  }
  return reinterpret_cast<PyObject*>(
      array_view(a.get(), a->dtype, ndim, shape, strides, a->offset));
}
constexpr Signature kSqueeze{"squeeze", {"a", "axis"}, 2, 1, 0, 2};
constexpr Signature kSqueezeMethod{"squeeze", {"axis"}, 1, 0, 0, 1};

PyObject* broadcast_to_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int64_t shape[kMaxDims];
  int count;
  if (!a || !(absent(v[2]) || v[2] == Py_False) || !read_ints(v[1], shape, &count)) return nullptr;
  return broadcasted(a.get(), {shape, static_cast<size_t>(count)}).release_object();
}
constexpr Signature kBroadcastTo{"broadcast_to", {"array", "shape", "subok"}, 3, 2, 0, 3};

PyObject* diagonal_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int64_t offset = 0;
  int first = 0, second = 1;
  if (!a || a->ndim < 2 || (v[1] && !read_int(v[1], &offset)) ||
      (v[2] && !read_axis(v[2], a->ndim, &first)) || (v[3] && !read_axis(v[3], a->ndim, &second)) ||
      first == second)
    return nullptr;
  int64_t rows = a->shape[first], columns = a->shape[second];
  int64_t row = std::max<int64_t>(-offset, 0), column = std::max<int64_t>(offset, 0);
  int64_t length = std::max<int64_t>(std::min(rows - row, columns - column), 0);
  int64_t shape[kMaxDims], strides[kMaxDims];
  int ndim = 0;
  for (int i = 0; i < a->ndim; ++i) {
    if (i == first || i == second) continue;
    shape[ndim] = a->shape[i];
    strides[ndim++] = a->strides[i];
  }
  shape[ndim] = length;
  strides[ndim++] = a->strides[first] + a->strides[second];
  int64_t start = a->offset + (length ? row * a->strides[first] + column * a->strides[second] : 0);
  Array* view = array_view(a.get(), a->dtype, ndim, shape, strides, start);
  if (view) view->flags &= ~kWriteable;
  return reinterpret_cast<PyObject*>(view);
}
constexpr Signature kDiagonal{"diagonal", {"a", "offset", "axis1", "axis2"}, 4, 1, 0, 4};
constexpr Signature kDiagonalMethod{"diagonal", {"offset", "axis1", "axis2"}, 3, 0, 0, 3};

PyObject* flip_axes(Array* a, const int* axes, int count) {
  int64_t strides[kMaxDims];
  int64_t offset = a->offset;
  std::copy(a->strides, a->strides + a->ndim, strides);
  for (int i = 0; i < count; ++i) {
    int axis = axes[i];
    if (a->shape[axis] > 0) offset += (a->shape[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  return reinterpret_cast<PyObject*>(array_view(a, a->dtype, a->ndim, a->shape, strides, offset));
}

PyObject* flip_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  if (!a || a->ndim == 0) return nullptr;
  int axes[kMaxDims], count = a->ndim;
  if (absent(v[1]))
    std::iota(axes, axes + count, 0);
  else if (!read_axes(v[1], a->ndim, axes, &count))
    return nullptr;
  return flip_axes(a.get(), axes, count);
}
constexpr Signature kFlip{"flip", {"m", "axis"}, 2, 1, 0, 2};

template <int Axis>
PyObject* flip_one_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int axis = Axis;
  return a && a->ndim > Axis ? flip_axes(a.get(), &axis, 1) : nullptr;
}
constexpr Signature kFlipud{"flipud", {"m"}, 1, 1, 0, 1};
constexpr Signature kFliplr{"fliplr", {"m"}, 1, 1, 0, 1};

// One argument gives one array, several give a tuple, or with NumPy 1 a list.
template <int NDim>
PyObject* atleast(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  static constexpr const char* names[] = {"", "atleast_1d", "atleast_2d", "atleast_3d"};
  auto one = [](PyObject* o) -> PyObject* {
    ArrayRef a = operand(o);
    return a ? at_least(a.get(), NDim).release_object() : nullptr;
  };
  if (kwnames || nargs == 0) return fallback_call(names[NDim], args, nargs, kwnames);
  if (nargs == 1) {
    PyObject* result = one(args[0]);
    return result || PyErr_Occurred() ? result : fallback_call(names[NDim], args, nargs, kwnames);
  }
  PyObject* results = PyTuple_New(nargs);
  for (Py_ssize_t i = 0; results && i < nargs; ++i) {
    PyObject* result = one(args[i]);
    if (!result) {
      Py_DECREF(results);
      return PyErr_Occurred() ? nullptr : fallback_call(names[NDim], args, nargs, kwnames);
    }
    PyTuple_SET_ITEM(results, i, result);
  }
  if (!results || numpy2()) return results;
  PyObject* list = PySequence_List(results);
  Py_DECREF(results);
  return list;
}

}  // namespace

ArrayRef transposed(Array* a, const int* axes) { return transpose_view(a, axes); }

ArrayRef at_least(Array* a, int ndim) {
  if (a->ndim >= ndim) return ArrayRef::borrow(a);
  int64_t shape[3] = {1, 1, 1};
  if (ndim == 3 && a->ndim == 2) {
    std::copy(a->shape, a->shape + 2, shape);
  } else if (a->ndim == 1) {
    shape[1] = a->shape[0];
  }
  // NumPy adds these axes by indexing with None, which gives them stride 0.
  int64_t strides[3] = {0, 0, 0};
  if (a->ndim == 0) return reshaped(a, {shape, static_cast<size_t>(ndim)});
  std::copy(a->strides, a->strides + a->ndim, strides + (a->ndim == 1 ? 1 : 0));
  return ArrayRef::steal(array_view(a, a->dtype, ndim, shape, strides, a->offset));
}

ArrayRef broadcasted(Array* a, std::span<const int64_t> shape) {
  int64_t strides[kMaxDims];
  int ndim = static_cast<int>(shape.size());
  for (int64_t n : shape)
    if (n < 0) return {};
  if (!broadcast_strides(a, ndim, shape.data(), strides)) return {};
  for (int i = 0; i < ndim; ++i)
    if (shape[i] == 1) strides[i] = 0;
  Array* view = array_view(a, a->dtype, ndim, shape.data(), strides, a->offset);
  if (view) view->flags &= ~kWriteable;
  return ArrayRef::steal(view);
}

std::span<const PyMethodDef> axes_functions() {
  static const PyMethodDef defs[] = {
      function_def<kTranspose, transpose_body>(),
      function_def<kPermuteDims, transpose_body>(),
      function_def<kSwapaxes, swapaxes_body>(),
      function_def<kMatrixTranspose, matrix_transpose_body>(),
      function_def<kMoveaxis, moveaxis_body>(),
      function_def<kExpandDims, expand_dims_body>(),
      function_def<kSqueeze, squeeze_body>(),
      function_def<kBroadcastTo, broadcast_to_body>(),
      function_def<kDiagonal, diagonal_body>(),
      function_def<kFlip, flip_body>(),
      function_def<kFlipud, flip_one_body<0>>(),
      function_def<kFliplr, flip_one_body<1>>(),
      method_def("atleast_1d", atleast<1>),
      method_def("atleast_2d", atleast<2>),
      method_def("atleast_3d", atleast<3>),
  };
  return defs;
}

std::span<const PyMethodDef> axes_methods() {
  static const PyMethodDef defs[] = {
      method_def("transpose", transpose_method),
      method_def<kSwapaxesMethod, swapaxes_body>(),
      method_def<kSqueezeMethod, squeeze_body>(),
      method_def<kDiagonalMethod, diagonal_body>(),
  };
  return defs;
}

}  // namespace mp
