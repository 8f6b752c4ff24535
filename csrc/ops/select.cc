// take, compress, nonzero, where.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "core/view.h"
#include "engine/window.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "ops/nonzero.h"
#include "ops/promotion.h"
#include "python/convert.h"
#include "python/index.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "python/store.h"
#include "tape/tape.h"

namespace mp {
namespace {

ArrayRef take_unrecorded(Array* a, int axis, const int64_t* positions,
                         std::span<const int64_t> index_shape) {
  int64_t shape[kMaxDims], count = 1, outer = 1, inner = itemsize(a->dtype);
  int ndim = 0;
  for (int i = 0; i < axis; ++i) outer *= shape[ndim++] = a->shape[i];
  for (int64_t n : index_shape) count *= shape[ndim++] = n;
  for (int i = axis + 1; i < a->ndim; ++i) inner *= shape[ndim++] = a->shape[i];
  ArrayRef out = ArrayRef::steal(array_new(a->dtype, ndim, shape));
  if (!out || !out->size) return out;
  ArrayRef source = ArrayRef::borrow(a);
  int64_t step = inner;
  if (!a->c_contiguous()) {
    if (a->ndim == 1)
      step = a->strides[0];
    else
      source = ArrayRef::steal(array_copy(a, 'C'));
  }
  if (!source) return {};
  int64_t length = a->ndim ? a->shape[axis] : 1;
  for (int64_t i = 0; i < outer; ++i)
    cpu::gather(out->bytes() + i * count * inner, source->bytes() + i * length * inner, step, inner,
                positions, count);
  return out;
}

enum class Mode { Raise, Wrap, Clip };

bool read_mode(PyObject* o, Mode* mode) {
  *mode = Mode::Raise;
  if (!o) return true;
  if (!PyUnicode_Check(o)) return false;
  struct {
    const char* name;
    Mode mode;
  } names[] = {{"raise", Mode::Raise}, {"wrap", Mode::Wrap}, {"clip", Mode::Clip}};
  for (auto& n : names)
    if (PyUnicode_CompareWithASCIIString(o, n.name) == 0) {
      *mode = n.mode;
      return true;
    }
  return false;
}

// An index into [0, length), or -1 when it is out of bounds.
int64_t position_of(int64_t i, int64_t length, Mode mode) {
  switch (mode) {
    case Mode::Raise:
      i += i < 0 ? length : 0;
      return i < length ? i : -1;
    case Mode::Wrap:
      i %= length;
      return i < 0 ? i + length : i;
    default:
      return std::clamp<int64_t>(i, 0, length - 1);
  }
}

// C-contiguous int64 indices; null without an error when they are no integers.
ArrayRef integer_indices(PyObject* o) {
  ArrayRef index = operand(o);
  if (!index || !(is_integer(index->dtype) || index->dtype == DType::Bool) ||
      index->dtype == DType::U64)
    return {};
  if (index->dtype != DType::I64) index = ArrayRef::steal(array_cast(index.get(), DType::I64));
  if (index && !index->c_contiguous()) index = ArrayRef::steal(array_copy(index.get(), 'C'));
  return index;
}

// Checked positions for the indices, which serve as they are when none is negative.
const int64_t* positions_of(const Array* index, int64_t length, Mode mode,
                            std::unique_ptr<int64_t[]>& owned) {
  const int64_t* given = reinterpret_cast<const int64_t*>(index->bytes());
  if (cpu::indices_within(given, index->size, 0, length - 1)) return given;
  owned.reset(new int64_t[index->size]);
  for (int64_t i = 0; i < index->size; ++i) {
    owned[i] = position_of(given[i], length, mode);
    if (owned[i] < 0) return nullptr;
  }
  return owned.get();
}

// Rows of `a` along axis at `positions` (checked, non-negative) that fill `index_shape`.
ArrayRef taken(Array* a, int axis, const int64_t* positions, std::span<const int64_t> index_shape) {
  return gathered(a, [&](Array* x) { return take_unrecorded(x, axis, positions, index_shape); });
}

PyObject* take_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]), index = integer_indices(v[1]);
  Mode mode;
  int axis = 0;
  if (!a || !index || !absent(v[3]) || !read_mode(v[4], &mode)) return nullptr;
  if (!absent(v[2])) {
    if (!read_axis(v[2], a->ndim, &axis)) return nullptr;
  } else if (a->ndim != 1) {
    a = flattened(a.get());
    if (!a) return nullptr;
  }
  int64_t length = a->shape[axis];
  if (a->ndim - 1 + index->ndim > kMaxDims || (length == 0 && index->size)) return nullptr;
  std::unique_ptr<int64_t[]> owned;
  const int64_t* positions = index->size ? positions_of(index.get(), length, mode, owned) : nullptr;
  if (index->size && !positions) return nullptr;
  return finish_result(taken(a.get(), axis, positions, index->shape_span()).release());
}
constexpr Signature kTake{"take", {"a", "indices", "axis", "out", "mode"}, 5, 2, 0, 5};
constexpr Signature kTakeMethod{"take", {"indices", "axis", "out", "mode"}, 4, 1, 0, 4};

PyObject* compress_array(PyObject* const condition, PyObject* array, PyObject* axis_arg,
                         PyObject* out) {
  ArrayRef a = operand(array), mask = operand(condition);
  int axis = 0;
  if (!a || !mask || mask->ndim != 1 || !absent(out)) return nullptr;
  if (!absent(axis_arg)) {
    if (!read_axis(axis_arg, a->ndim, &axis)) return nullptr;
  } else if (a->ndim != 1) {
    a = flattened(a.get());
  }
  if (a && a->ndim == 1 && mask->dtype == DType::Bool && mask->size == a->size)
    return array_subscript(a.object(), mask.object());
  ArrayRef table = a ? nonzero_table(mask.get()) : ArrayRef{};
  if (!table) return nullptr;
  const int64_t* positions = reinterpret_cast<const int64_t*>(table->bytes());
  int64_t count = table->shape[0];
  if (count && positions[count - 1] >= a->shape[axis]) return nullptr;
  return taken(a.get(), axis, positions, {&count, 1}).release_object();
}

PyObject* compress_body(PyObject* const* v) { return compress_array(v[0], v[1], v[2], v[3]); }
PyObject* compress_method_body(PyObject* const* v) {
  return compress_array(v[1], v[0], v[2], v[3]);
}
constexpr Signature kCompress{"compress", {"condition", "a", "axis", "out"}, 4, 2, 0, 4};
constexpr Signature kCompressMethod{"compress", {"condition", "axis", "out"}, 3, 1, 0, 3};

PyObject* nonzero_tuple(Array* a) {
  if (a->ndim == 0) return nullptr;
  ArrayRef table = nonzero_table(a);
  PyObject* tuple = table ? PyTuple_New(a->ndim) : nullptr;
  for (int d = 0; tuple && d < a->ndim; ++d) {
    Array* column =
        array_view(table.get(), DType::I64, 1, table->shape, table->strides, table->offset + d * 8);
    if (column)
      PyTuple_SET_ITEM(tuple, d, reinterpret_cast<PyObject*>(column));
    else
      Py_CLEAR(tuple);
  }
  return tuple;
}

PyObject* nonzero_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  return a ? nonzero_tuple(a.get()) : nullptr;
}
constexpr Signature kNonzero{"nonzero", {"a"}, 1, 1, 0, 1};
constexpr Signature kNonzeroMethod{"nonzero", {}, 0, 0, 0, 0};

PyObject* flatnonzero_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  ArrayRef flat = a ? flattened(a.get()) : ArrayRef{};
  ArrayRef table = flat ? nonzero_table(flat.get()) : ArrayRef{};
  if (!table) return nullptr;
  return reinterpret_cast<PyObject*>(
      array_view(table.get(), DType::I64, 1, table->shape, table->strides, table->offset));
}
constexpr Signature kFlatnonzero{"flatnonzero", {"a"}, 1, 1, 0, 1};

bool is_python_number(PyObject* o) {
  return PyLong_CheckExact(o) || PyFloat_CheckExact(o) || PyBool_Check(o) ||
         PyComplex_CheckExact(o);
}

// Whether a Python number adapts to this dtype (NEP 50) rather than the other way round.
bool adapts(PyObject* number, DType dtype) {
  if (PyBool_Check(number)) return true;
  if (PyLong_CheckExact(number)) return dtype != DType::Bool;
  return PyFloat_CheckExact(number) ? is_inexact(dtype) : is_complex(dtype);
}

ArrayRef choice(PyObject* o) {
  if (!is_numpy_scalar(o)) return operand(o);
  ArrayRef a = as_array(o);
  if (!a) PyErr_Clear();
  return a;
}

// x and y of where(): two arrays, or an array and a Python number that takes its dtype.
bool read_choices(PyObject* x, PyObject* y, ArrayRef* a, ArrayRef* b) {
  bool weak_x = is_python_number(x), weak_y = is_python_number(y);
  if (weak_x && weak_y) return false;
  if (!weak_x) *a = choice(x);
  if (!weak_y) *b = choice(y);
  if ((!weak_x && !*a) || (!weak_y && !*b)) return false;
  if (!weak_x && !weak_y) return true;
  PyObject* number = weak_x ? x : y;
  if (promotes_by_value()) {
    ArrayRef& scalar = weak_x ? *a : *b;
    scalar = as_array(number);
    if (!scalar) PyErr_Clear();
    return static_cast<bool>(scalar);
  }
  DType dtype = (weak_x ? *b : *a)->dtype;
  alignas(16) char bytes[16];
  if (!adapts(number, dtype) || !store_scalar(dtype, bytes, number)) return false;
  ArrayRef scalar = ArrayRef::steal(array_new(dtype, 0, nullptr));
  if (!scalar) return false;
  std::memcpy(scalar->bytes(), bytes, itemsize(dtype));
  (weak_x ? *a : *b) = std::move(scalar);
  return true;
}

bool common_shape(std::span<Array* const> arrays, int* ndim, int64_t* shape) {
  *ndim = 0;
  for (Array* a : arrays) *ndim = std::max<int>(*ndim, a->ndim);
  std::fill(shape, shape + *ndim, 1);
  for (Array* a : arrays)
    for (int i = 0; i < a->ndim; ++i) {
      int64_t& n = shape[*ndim - a->ndim + i];
      if (a->shape[i] == 1) continue;
      if (n != 1 && n != a->shape[i]) return false;
      n = a->shape[i];
    }
  return true;
}

ArrayRef cast_to(const ArrayRef& a, DType dtype) {
  return a->dtype == dtype ? a : ArrayRef::steal(array_cast(a.get(), dtype));
}

ArrayRef where_array(const ArrayRef& condition, const ArrayRef& x, const ArrayRef& y) {
  const ArrayRef choices[] = {x, y};
  const DType dtype = result_type(choices);
  if (dtype == DType::Invalid) return {};
  ArrayRef given[] = {cast_to(condition, DType::Bool), cast_to(x, dtype), cast_to(y, dtype)};
  if (!given[0] || !given[1] || !given[2]) return {};
  Array* arrays[] = {given[0].get(), given[1].get(), given[2].get()};
  int ndim, order[kMaxDims];
  int64_t shape[kMaxDims], strides[4][kMaxDims], step = itemsize(dtype);
  if (!common_shape(arrays, &ndim, shape)) return {};
  // The layout follows the operands as they came: a cast may have laid a repeated axis out anew.
  Array* came[] = {condition.get(), x.get(), y.get()};
  const int64_t* operands[3];
  for (int i = 0; i < 3; ++i) {
    broadcast_strides(came[i], ndim, shape, strides[i]);
    operands[i] = strides[i];
  }
  iteration_order(ndim, shape, operands, 3, order);
  for (int i = 0; i < 3; ++i) broadcast_strides(arrays[i], ndim, shape, strides[i]);
  for (int k = ndim - 1; k >= 0; --k) {
    strides[3][order[k]] = step;
    step *= std::max<int64_t>(shape[order[k]], 1);
  }
  for (int i = 0; i < 3; ++i) operands[i] = strides[i];
  return chosen(arrays, operands, ndim, shape, strides[3]);
}

PyObject* where_body(PyObject* const* v) {
  ArrayRef condition = operand(v[0]), x, y;
  if (!condition) return nullptr;
  if (!v[1] && !v[2]) return nonzero_tuple(condition.get());
  if (!v[1] || !v[2] || !read_choices(v[1], v[2], &x, &y)) return nullptr;
  Array* ins[] = {condition.get(), x.get(), y.get()};
  NodeRef node = tape::begin(op_where, ins);
  ArrayRef out = where_array(condition, x, y);
  if (!out) return nullptr;
  Array* outs[] = {out.get()};
  return tape::finish(node, outs) < 0 ? nullptr : out.release_object();
}
constexpr Signature kWhere{"where", {"condition", "x", "y"}, 3, 1, 3, 3};

}  // namespace

ArrayRef chosen(std::span<Array* const> arrays, const int64_t* const* strides, int ndim,
                const int64_t* shape, const int64_t* out_strides) {
  const DType dtype = arrays[1]->dtype;
  int64_t size = 1;
  for (int i = 0; i < ndim; ++i) size *= shape[i];
  if (window::fits(ndim, shape) &&
      window::defers(size, std::array<const Array*, 3>{arrays[0], arrays[1], arrays[2]})) {
    ArrayRef out = ArrayRef::steal(window::new_array(dtype, ndim, shape, out_strides));
    window::Argument sources[3];
    for (int i = 0; i < 3; ++i) sources[i] = {arrays[i], nullptr, arrays[i]->dtype, strides[i]};
    if (out) window::append_select(out.get(), sources);
    return out;
  }
  ArrayRef out = ArrayRef::steal(out_strides ? array_new_strided(dtype, ndim, shape, out_strides)
                                             : array_new(dtype, ndim, shape));
  if (!out || !out->size) return out;
  auto view = [&](int i) {
    return cpu::View{arrays[i]->dtype, ndim, shape, strides[i], arrays[i]->bytes()};
  };
  return cpu::select(cpu_view(out.get()), view(0), view(1), view(2)) ? out : ArrayRef{};
}

std::span<const PyMethodDef> select_functions() {
  static const PyMethodDef defs[] = {
      function_def<kTake, take_body>(),       function_def<kCompress, compress_body>(),
      function_def<kNonzero, nonzero_body>(), function_def<kFlatnonzero, flatnonzero_body>(),
      function_def<kWhere, where_body>(),
  };
  return defs;
}

std::span<const PyMethodDef> select_methods() {
  static const PyMethodDef defs[] = {
      method_def<kTakeMethod, take_body>(),
      method_def<kCompressMethod, compress_method_body>(),
      method_def<kNonzeroMethod, nonzero_body>(),
  };
  return defs;
}

}  // namespace mp
