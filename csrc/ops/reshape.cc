// reshape, ravel, flatten.
#include <algorithm>
#include <cstring>

#include "core/view.h"
#include "ops/gather.h"
#include "ops/manip.h"
#include "python/signature.h"

namespace mp {
namespace {

// A run of source axes and the run of target axes with the same number of elements.
struct Run {
  int begin, end;
};

// Whether the source axes of the run are one arithmetic progression in the given order.
bool progressive(const int64_t* shape, const int64_t* strides, Run r, char order) {
  for (int i = r.begin; i + 1 < r.end; ++i) {
    bool ok = order == 'F' ? strides[i + 1] == shape[i] * strides[i]
                           : strides[i] == shape[i + 1] * strides[i + 1];
    if (!ok) return false;
  }
  return true;
}

void split_run(const int64_t* shape, Run r, int64_t step, char order, int64_t* strides) {
  if (order == 'F') {
    for (int i = r.begin; i < r.end; step *= shape[i++]) strides[i] = step;
  } else {
    for (int i = r.end - 1; i >= r.begin; step *= shape[i--]) strides[i] = step;
  }
}

// Strides of `a` seen in another shape of the same size; false when that needs a copy.
bool strides_in_shape(const Array* a, std::span<const int64_t> to, char order, int64_t* out) {
  int64_t shape[kMaxDims], strides[kMaxDims];
  int n = 0, m = static_cast<int>(to.size());
  for (int i = 0; i < a->ndim; ++i)
    if (a->shape[i] != 1) {
      shape[n] = a->shape[i];
      strides[n++] = a->strides[i];
    }
  Run from{0, 1}, into{0, 1};
  while (from.begin < n && into.begin < m) {
    int64_t have = shape[from.begin], want = to[into.begin];
    while (have != want) have < want ? have *= shape[from.end++] : want *= to[into.end++];
    if (!progressive(shape, strides, from, order)) return false;
    split_run(to.data(), into, strides[order == 'F' ? from.begin : from.end - 1], order, out);
    from = {from.end, from.end + 1};
    into = {into.end, into.end + 1};
  }
  // Only axes of length 1 are left.
  int64_t last = itemsize(a->dtype);
  if (into.begin > 0) last = out[into.begin - 1] * (order == 'F' ? to[into.begin - 1] : 1);
  std::fill(out + std::min(into.begin, m), out + m, last);
  return true;
}

void contiguous_strides(std::span<const int64_t> shape, int64_t item, char order, int64_t* out) {
  if (order == 'F')
    split_run(shape.data(), {0, static_cast<int>(shape.size())}, item, 'F', out);
  else
    c_strides(static_cast<int>(shape.size()), shape.data(), item, out);
}

ArrayRef view_in_shape(Array* a, std::span<const int64_t> shape, const int64_t* strides) {
  return ArrayRef::steal(
      array_view(a, a->dtype, static_cast<int>(shape.size()), shape.data(), strides, a->offset));
}

bool same_shape(const Array* a, std::span<const int64_t> shape) {
  return std::equal(shape.begin(), shape.end(), a->shape, a->shape + a->ndim);
}

// The view that a reshape gives, or null without an error when it needs a copy.
ArrayRef reshape_view(Array* a, std::span<const int64_t> shape, char order) {
  if (same_shape(a, shape)) return view_in_shape(a, shape, a->strides);
  int64_t strides[kMaxDims];
  bool contiguous = order == 'F' ? a->f_contiguous() : a->c_contiguous();
  if (contiguous)
    contiguous_strides(shape, itemsize(a->dtype), order, strides);
  else if (a->size == 0 || !strides_in_shape(a, shape, order, strides))
    return {};
  return view_in_shape(a, shape, strides);
}

ArrayRef reshape_copy(Array* a, std::span<const int64_t> shape, char order) {
  ArrayRef copy = gathered(a, [&](Array* x) { return ArrayRef::steal(array_copy(x, order)); });
  return copy ? reshape_view(copy.get(), shape, order) : ArrayRef{};
}

// A fresh 1-d array of the elements in the given order.
ArrayRef flat_copy(Array* a, char order) {
  return gathered(a, [&](Array* x) {
    ArrayRef out = ArrayRef::steal(array_new(x->dtype, 1, &x->size));
    if (!out || !x->size) return out;
    if (order == 'C' && x->c_contiguous()) {
      std::memcpy(out->bytes(), x->bytes(), x->nbytes());
      return out;
    }
    int64_t strides[kMaxDims];
    contiguous_strides(x->shape_span(), itemsize(x->dtype), order, strides);
    cpu::copy({x->dtype, x->ndim, x->shape, strides, out->bytes()}, cpu_view(x));
    return out;
  });
}

// 'A' and 'K' as one of C and F; '\0' when the elements are in neither order (K then follows the
// strides).
char concrete_order(const Array* a, char order) {
  if (order == 'A') return a->f_contiguous() && !a->c_contiguous() ? 'F' : 'C';
  if (order == 'K') return a->c_contiguous() ? 'C' : a->f_contiguous() ? 'F' : '\0';
  return order;
}

// Puts the length that fits for a -1; false when the sizes cannot agree.
bool complete_shape(int64_t size, int64_t* shape, int count) {
  int64_t known = 1;
  int unknown = -1;
  for (int i = 0; i < count; ++i) {
    if (shape[i] < 0) {
      if (unknown >= 0 || shape[i] != -1) return false;
      unknown = i;
    } else if (__builtin_mul_overflow(known, shape[i], &known)) {
      return false;
    }
  }
  if (unknown < 0) return known == size;
  if (known == 0 || size % known) return false;
  shape[unknown] = size / known;
  return true;
}

PyObject* reshape_to(Array* a, PyObject* shape_arg, PyObject* order_arg, PyObject* copy_arg) {
  int64_t shape[kMaxDims];
  int count;
  char order;
  if (!read_ints(shape_arg, shape, &count) || !complete_shape(a->size, shape, count))
    return nullptr;
  if (!read_order(order_arg, &order) || order == 'K' ||
      !(absent(copy_arg) || PyBool_Check(copy_arg)))
    return nullptr;
  order = concrete_order(a, order);
  std::span<const int64_t> to(shape, count);
  if (copy_arg == Py_True) return reshape_copy(a, to, order).release_object();
  ArrayRef view = reshape_view(a, to, order);
  if (view || PyErr_Occurred() || copy_arg == Py_False) return view.release_object();
  return reshape_copy(a, to, order).release_object();
}

PyObject* reshape_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  return a ? reshape_to(a.get(), v[1], v[2], v[3]) : nullptr;
}
constexpr Signature kReshape{"reshape", {"a", "shape", "order", "copy"}, 4, 2, 1, 3};

// a.reshape(2, 3) and a.reshape((2, 3)) with keywords order and copy.
PyObject* reshape_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                         PyObject* kwnames) {
  static constexpr Signature keywords{"reshape", {"order", "copy"}, 2, 0, 0, 0};
  PyObject* v[kMaxParams] = {};
  if (nargs > 0 && bind(keywords, args + nargs, 0, kwnames, v)) {
    PyObject* shape = nargs == 1 ? args[0] : PyTuple_New(nargs);
    if (!shape) return nullptr;
    for (Py_ssize_t i = 0; nargs > 1 && i < nargs; ++i) {
      Py_INCREF(args[i]);
      PyTuple_SET_ITEM(shape, i, args[i]);
    }
    PyObject* result = reshape_to(reinterpret_cast<Array*>(self), shape, v[0], v[1]);
    if (nargs > 1) Py_DECREF(shape);
    if (result || PyErr_Occurred()) return result;
  }
  return fallback_method(reinterpret_cast<Array*>(self), "reshape", args, nargs, kwnames);
}

PyObject* ravel_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  char order;
  if (!a || !read_order(v[1], &order)) return nullptr;
  order = concrete_order(a.get(), order);
  if (!order) return nullptr;
  if (order == 'C' ? a->c_contiguous() : a->f_contiguous())
    return reshape_view(a.get(), {&a->size, 1}, order).release_object();
  return flat_copy(a.get(), order).release_object();
}
constexpr Signature kRavel{"ravel", {"a", "order"}, 2, 1, 0, 2};
constexpr Signature kRavelMethod{"ravel", {"order"}, 1, 0, 0, 1};

PyObject* flatten_body(PyObject* const* v) {
  Array* a = reinterpret_cast<Array*>(v[0]);
  char order;
  if (!read_order(v[1], &order)) return nullptr;
  order = concrete_order(a, order);
  return order ? flat_copy(a, order).release_object() : nullptr;
}
constexpr Signature kFlattenMethod{"flatten", {"order"}, 1, 0, 0, 1};

}  // namespace

ArrayRef reshaped(Array* a, std::span<const int64_t> shape, char order) {
  ArrayRef view = reshape_view(a, shape, order);
  return view || PyErr_Occurred() ? view : reshape_copy(a, shape, order);
}

ArrayRef flattened(Array* a) {
  if (a->c_contiguous()) return reshape_view(a, {&a->size, 1}, 'C');
  return flat_copy(a, 'C');
}

std::span<const PyMethodDef> reshape_functions() {
  static const PyMethodDef defs[] = {function_def<kReshape, reshape_body>(),
                                     function_def<kRavel, ravel_body>()};
  return defs;
}

std::span<const PyMethodDef> reshape_methods() {
  static const PyMethodDef defs[] = {method_def("reshape", reshape_method),
                                     method_def<kRavelMethod, ravel_body>(),
                                     method_def<kFlattenMethod, flatten_body>()};
  return defs;
}

}  // namespace mp
