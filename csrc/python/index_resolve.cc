// From the Python object in the brackets to a FancyIndex.
#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "core/view.h"
#include "ops/nonzero.h"
#include "python/convert.h"
#include "python/index_advanced.h"
#include "python/numpy_api.h"
#include "python/scalar.h"

namespace mp {
namespace {

enum class Kind : uint8_t { Integer, Slice, NewAxis, Ellipsis, Fancy, Bool };

struct Part {
  Kind kind;
  int64_t value = 0;  // of an integer or 0-d boolean
  PyObject* slice = nullptr;
  ArrayRef array = {};       // int64 positions along one axis
  int64_t mask_length = -1;  // what the axis' length must be, for positions that come from a mask
};

struct Parts {
  std::vector<Part> items;
  int used = 0, added = 0;
  bool ellipsis = false, fancy = false, scalar_array = false;
};

bool is_boolean_scalar(PyObject* o) { return PyBool_Check(o) || PyArray_IsScalar(o, Bool); }

void add_integer(Parts& parts, int64_t value) {
  parts.items.push_back({Kind::Integer, value});
  ++parts.used;
}

void add_bool(Parts& parts, bool value) {
  parts.items.push_back({Kind::Bool, value});
  parts.fancy = true;
}

// A boolean array stands for the positions of its true elements, one index array for each
// dimension.
Resolved add_mask(Parts& parts, Array* mask) {
  if (mask->ndim == 0) {
    add_bool(parts, *mask->bytes());
    return Resolved::Fancy;
  }
  ArrayRef table = nonzero_table(mask);
  if (!table) return Resolved::Error;
  for (int d = 0; d < mask->ndim; ++d) {
    ArrayRef column =
        ArrayRef::steal(array_view(table.get(), DType::I64, 1, table->shape, table->strides,
                                   table->offset + d * table->strides[1]));
    if (!column) return Resolved::Error;
    parts.items.push_back({Kind::Fancy, 0, nullptr, std::move(column), mask->shape[d]});
    ++parts.used;
  }
  parts.fancy = true;
  return Resolved::Fancy;
}

Resolved add_array(Parts& parts, PyObject* o) {
  ArrayRef index = as_array(o);
  if (!index) {
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) return Resolved::Error;
    PyErr_Clear();
    return Resolved::NumPy;
  }
  if (index->dtype == DType::Bool) return add_mask(parts, index.get());
  if (!is_integer(index->dtype)) {
    // An empty list indexes nothing; MXNet's arrays of positions are float32.
    const bool positions = scalar_arrays && is_floating(index->dtype) && array_check(o);
    if (!positions && (index->size || array_check(o) || is_numpy_array(o))) return Resolved::NumPy;
    index = ArrayRef::steal(array_cast(index.get(), DType::I64));
  } else if (index->dtype != DType::I64) {
    index = ArrayRef::steal(array_cast(index.get(), DType::I64));
  } else if (!(index->flags & kAligned)) {
    index = ArrayRef::steal(array_copy(index.get(), 'K'));
  }
  if (!index) return Resolved::Error;
  if (index->ndim == 0) {
    add_integer(parts, *reinterpret_cast<const int64_t*>(index->bytes()));
    parts.scalar_array |= !(index->flags & kScalar);
    return Resolved::Fancy;
  }
  parts.items.push_back({Kind::Fancy, 0, nullptr, std::move(index)});
  ++parts.used;
  parts.fancy = true;
  return Resolved::Fancy;
}

Resolved add_part(Parts& parts, PyObject* o) {
  if (o == Py_Ellipsis) {
    if (parts.ellipsis) return Resolved::NumPy;
    parts.items.push_back({Kind::Ellipsis});
    parts.ellipsis = true;
  } else if (o == Py_None) {
    parts.items.push_back({Kind::NewAxis});
    ++parts.added;
  } else if (PySlice_Check(o)) {
    parts.items.push_back({Kind::Slice, 0, o});
    ++parts.used;
  } else if (is_boolean_scalar(o)) {
    add_bool(parts, o == Py_True || o == PyArrayScalar_True);
  } else if (PyIndex_Check(o) && !array_check(o) && !is_numpy_array(o)) {
    int64_t value = PyNumber_AsSsize_t(o, PyExc_IndexError);
    if (value == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      return Resolved::NumPy;
    }
    add_integer(parts, value);
  } else {
    return add_array(parts, o);
  }
  return Resolved::Fancy;
}

Resolved read_parts(Array* a, PyObject* key, Parts& parts) {
  PyObject* const* items = &key;
  Py_ssize_t n = 1;
  if (PyTuple_Check(key)) {
    items = &PyTuple_GET_ITEM(key, 0);
    n = PyTuple_GET_SIZE(key);
  }
  if (n > 2 * kMaxDims) return Resolved::NumPy;
  for (Py_ssize_t k = 0; k < n; ++k) {
    Resolved r = add_part(parts, items[k]);
    if (r != Resolved::Fancy) return r;
  }
  if (parts.used > a->ndim || a->ndim - parts.used + parts.added > kMaxDims) return Resolved::NumPy;
  if (!parts.ellipsis) parts.items.push_back({Kind::Ellipsis});
  return Resolved::Fancy;
}

struct FancyAxis {
  ArrayRef array;
  int64_t length, stride;
};

// NumPy's rule for where the index dimensions go: to the place of the first index array when all
// stand together (integers count as index arrays), else to the front.
struct Placement {
  int position = -1;
  enum { None, Inside, After } state = None;
  void fancy(int result_dim) {
    if (state == None) {
      position = result_dim;
      state = Inside;
    } else if (state == After) {
      position = 0;
    }
  }
  void other() {
    if (state == Inside) state = After;
  }
};

void add_sub_axis(FancyIndex& f, int64_t length, int64_t stride) {
  f.sub_shape[f.sub_ndim] = length;
  f.sub_strides[f.sub_ndim++] = stride;
}

Resolved apply_slice(FancyIndex& f, PyObject* slice, int64_t length, int64_t stride) {
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(slice, &start, &stop, &step) < 0) return Resolved::Error;
  int64_t n = PySlice_AdjustIndices(length, &start, &stop, step);
  if (n) f.offset += start * stride;
  add_sub_axis(f, n, step * stride);
  return Resolved::Fancy;
}

// Applies the basic parts to the view and collects the fancy ones.
Resolved apply_parts(Array* a, Parts& parts, FancyIndex& f, std::vector<FancyAxis>& fancy) {
  f.offset = a->offset;
  Placement place;
  int axis = 0;
  for (Part& p : parts.items) {
    int64_t length = axis < a->ndim ? a->shape[axis] : 0,
            stride = axis < a->ndim ? a->strides[axis] : 0;
    bool joins = p.kind == Kind::Fancy || p.kind == Kind::Bool || p.kind == Kind::Integer;
    joins ? place.fancy(f.sub_ndim) : place.other();
    switch (p.kind) {
      case Kind::Integer: {
        int64_t i = p.value < 0 ? p.value + length : p.value;
        if (i < 0 || i >= length) return Resolved::NumPy;
        f.offset += i * stride;
        ++axis;
        break;
      }
      case Kind::Slice: {
        Resolved r = apply_slice(f, p.slice, length, stride);
        if (r != Resolved::Fancy) return r;
        ++axis;
        break;
      }
      case Kind::NewAxis:
        add_sub_axis(f, 1, 0);
        break;
      case Kind::Ellipsis:
        for (int k = a->ndim - parts.used; k > 0; --k, ++axis)
          add_sub_axis(f, a->shape[axis], a->strides[axis]);
        break;
      case Kind::Fancy:
        if (p.mask_length >= 0 && p.mask_length != length) return Resolved::NumPy;
        fancy.push_back({std::move(p.array), length, stride});
        ++axis;
        break;
      case Kind::Bool: {
        int64_t one = p.value != 0;
        ArrayRef zeros = ArrayRef::steal(array_new(DType::I64, 1, &one));
        if (!zeros) return Resolved::Error;
        std::memset(zeros->bytes(), 0, zeros->nbytes());
        fancy.push_back({std::move(zeros), 1, 0});
        break;
      }
    }
  }
  f.position = std::max(place.position, 0);
  return Resolved::Fancy;
}

// Broadcasts the index arrays' shapes; false when NumPy has to complain.
bool broadcast_shape(const std::vector<FancyAxis>& fancy, FancyIndex& f) {
  for (const FancyAxis& x : fancy) f.ndim = std::max<int>(f.ndim, x.array->ndim);
  if (f.ndim + f.sub_ndim > kMaxDims) return false;
  std::fill(f.shape, f.shape + f.ndim, 1);
  for (const FancyAxis& x : fancy) {
    int lead = f.ndim - x.array->ndim;
    for (int i = 0; i < x.array->ndim; ++i) {
      int64_t n = x.array->shape[i];
      if (n == 1) continue;
      if (f.shape[lead + i] != 1 && f.shape[lead + i] != n) return false;
      f.shape[lead + i] = n;
    }
  }
  for (int i = 0; i < f.ndim; ++i)
    if (__builtin_mul_overflow(f.size, f.shape[i], &f.size)) return false;
  return f.size <= INT64_MAX / 16;
}

// The strides with which `x` runs through the broadcast shape.
void index_strides(const FancyAxis& x, const FancyIndex& f, int64_t* out) {
  int lead = f.ndim - x.array->ndim;
  for (int i = 0; i < f.ndim; ++i)
    out[i] = i < lead || x.array->shape[i - lead] == 1 ? 0 : x.array->strides[i - lead];
}

// A C-contiguous form of the index array (itself when it is one).
ArrayRef contiguous(const ArrayRef& x) {
  return x->c_contiguous() ? x : ArrayRef::steal(array_copy(x.get(), 'C'));
}

// One index array: its values are the offsets, in units of the axis' stride.
Resolved single_offsets(FancyAxis& x, FancyIndex& f) {
  ArrayRef index = contiguous(x.array);
  if (!index) return Resolved::Error;
  const int64_t* values = reinterpret_cast<const int64_t*>(index->bytes());
  f.unit = x.stride;
  if (cpu::indices_within(values, f.size, 0, x.length - 1)) {
    f.offsets = values;
    f.keep.push_back(std::move(index));
    return Resolved::Fancy;
  }
  if (!cpu::indices_within(values, f.size, -x.length, x.length - 1)) return Resolved::NumPy;
  f.owned_offsets.reset(new (std::nothrow) int64_t[f.size]);
  if (!f.owned_offsets) return Resolved::NumPy;
  for (int64_t i = 0; i < f.size; ++i)
    f.owned_offsets[i] = values[i] + (values[i] < 0 ? x.length : 0);
  f.offsets = f.owned_offsets.get();
  return Resolved::Fancy;
}

// offsets += where(x < 0, x + length, x) * stride over the broadcast shape.
void accumulate_offsets(const FancyAxis& x, const FancyIndex& f, int64_t* offsets) {
  int64_t strides[kMaxDims], counter[kMaxDims] = {};
  index_strides(x, f, strides);
  const char* p = x.array->bytes();
  int last = f.ndim - 1;
  int64_t n = f.ndim ? f.shape[last] : 1, step = f.ndim ? strides[last] : 0;
  for (int64_t done = 0; done < f.size; done += n) {
    const char* q = p;
    for (int64_t i = 0; i < n; ++i, q += step) {
      int64_t value = *reinterpret_cast<const int64_t*>(q);
      *offsets++ += (value < 0 ? value + x.length : value) * x.stride;
    }
    for (int d = last - 1; d >= 0; --d) {
      p += strides[d];
      if (++counter[d] < f.shape[d]) break;
      p -= strides[d] * f.shape[d];
      counter[d] = 0;
    }
  }
}

Resolved combined_offsets(std::vector<FancyAxis>& fancy, FancyIndex& f) {
  f.owned_offsets.reset(new (std::nothrow) int64_t[std::max<int64_t>(f.size, 1)]());
  if (!f.owned_offsets) return Resolved::NumPy;
  f.offsets = f.owned_offsets.get();
  for (FancyAxis& x : fancy) {
    ArrayRef flat = contiguous(x.array);
    if (!flat) return Resolved::Error;
    const int64_t* values = reinterpret_cast<const int64_t*>(flat->bytes());
    if (!cpu::indices_within(values, flat->size, -x.length, x.length - 1)) return Resolved::NumPy;
    if (f.size) accumulate_offsets(x, f, f.owned_offsets.get());
  }
  return Resolved::Fancy;
}

// Layout of the index dimensions in a fresh result: the iterator's order when there is no subspace,
// else C.
void set_result_strides(const std::vector<FancyAxis>& fancy, FancyIndex& f) {
  std::vector<std::array<int64_t, kMaxDims>> strides;
  std::vector<const int64_t*> pointers;
  int order[kMaxDims];
  for (int i = 0; i < f.ndim; ++i) order[i] = i;
  if (f.sub_ndim == 0 && f.ndim > 1) {
    strides.reserve(fancy.size());
    for (const FancyAxis& x : fancy) {
      index_strides(x, f, strides.emplace_back().data());
      pointers.push_back(strides.back().data());
    }
    iteration_order(f.ndim, f.shape, pointers.data(), static_cast<int>(pointers.size()), order);
  }
  int64_t step = 1;
  for (int k = f.ndim - 1; k >= 0; --k) {
    f.result_strides[order[k]] = step;
    step *= std::max<int64_t>(f.shape[order[k]], 1);
  }
}

}  // namespace

namespace {

// The everyday index a[positions] along the first axis, without a general index' bookkeeping: one
// array of non-negative int64 in C order.
bool resolve_rows(Array* a, PyObject* key, FancyIndex& f) {
  if (!array_check_exact(key) || a->ndim == 0) return false;
  Array* index = reinterpret_cast<Array*>(key);
  if (index->dtype != DType::I64 || index->ndim == 0 || !index->c_contiguous() ||
      !(index->flags & kAligned) || index->ndim + a->ndim > kMaxDims || array_may_overlap(a, index))
    return false;
  const int64_t* positions = reinterpret_cast<const int64_t*>(index->bytes());
  f.unchecked = f.may_check_later ? a->shape[0] : -1;
  if (!f.may_check_later && !cpu::indices_within(positions, index->size, 0, a->shape[0] - 1))
    return false;
  f.offset = a->offset;
  f.sub_ndim = a->ndim - 1;
  std::copy(a->shape + 1, a->shape + a->ndim, f.sub_shape);
  std::copy(a->strides + 1, a->strides + a->ndim, f.sub_strides);
  f.ndim = index->ndim;
  std::copy(index->shape, index->shape + index->ndim, f.shape);
  f.size = index->size;
  c_strides(f.ndim, f.shape, 1, f.result_strides);
  f.offsets = positions;
  f.unit = a->strides[0];
  return true;
}

}  // namespace

Resolved resolve_index(Array* a, PyObject* key, FancyIndex& f, bool* copies) {
  if (resolve_rows(a, key, f)) return Resolved::Fancy;
  Parts parts;
  Resolved r = read_parts(a, key, parts);
  if (r != Resolved::Fancy) return r;
  std::vector<FancyAxis> fancy;
  r = apply_parts(a, parts, f, fancy);
  if (r != Resolved::Fancy) return r;
  *copies = parts.scalar_array;
  if (!parts.fancy) {
    return f.sub_ndim == 0 && !parts.ellipsis ? Resolved::Element : Resolved::View;
  }
  if (!broadcast_shape(fancy, f)) return Resolved::NumPy;
  r = fancy.size() == 1 ? single_offsets(fancy[0], f) : combined_offsets(fancy, f);
  if (r == Resolved::Fancy) set_result_strides(fancy, f);
  return r;
}

}  // namespace mp
