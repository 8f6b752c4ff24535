#include "core/array.h"

#include <structmember.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "core/view.h"
#include "cpu/kernels.h"
#include "cpu/nest.h"
#include "engine/window.h"
#include "tape/tape.h"

namespace mp {
namespace {

// Dead Array objects are kept for reuse: creating one is then a few stores.
constexpr int kFreeListSize = 1024;
Array* free_list[kFreeListSize];
int free_count = 0;

// Dead arrays of one number, with their storages.
constexpr int kNumberListSize = 64;
Array* number_list[kNumberListSize];
int number_count = 0;

inline bool keep_number(Array* a) {
  Storage* s = a->storage;
  if (a->ndim || number_count == kNumberListSize || !s || Py_TYPE(a) != &ArrayType || a->base ||
      a->extra || a->offset || a->shape != a->dims || a->strides != a->dims + kInlineDims)
    return false;
  if (s->refs != 1 || s->bin != 1 || s->owner || s->block) return false;
  small_cache.live -= s->nbytes;
  s->flags = s->exports = 0;
  a->weakrefs = nullptr;
  a->tape = nullptr;
  number_list[number_count++] = a;
  return true;
}

inline __attribute__((always_inline)) Array* array_alloc(int ndim) {
  if (ndim > kMaxDims) {
    PyErr_Format(PyExc_ValueError,
                 "maximum supported dimension for an ndarray is currently %d, found %d", kMaxDims,
                 ndim);
    return nullptr;
  }
  Array* a;
  if (free_count) {
    a = free_list[--free_count];
    Py_SET_REFCNT(reinterpret_cast<PyObject*>(a), 1);
    Py_SET_TYPE(reinterpret_cast<PyObject*>(a), &ArrayType);  // it may have been of a subtype
  } else {
    a = PyObject_New(Array, &ArrayType);
    if (!a) return nullptr;
  }
  a->storage = nullptr;
  a->base = nullptr;
  a->tape = nullptr;
  a->weakrefs = nullptr;
  a->extra = nullptr;
  a->context = 0;
  a->ndim = static_cast<uint8_t>(ndim);
  if (ndim <= kInlineDims) {
    a->shape = a->dims;
    a->strides = a->dims + kInlineDims;
  } else {
    a->shape = static_cast<int64_t*>(std::malloc(sizeof(int64_t) * 2 * ndim));
    a->strides = a->shape + ndim;
  }
  return a;
}

// Fills shape and C-order strides; returns the number of bytes, or -1 with ValueError when it
// overflows.
int64_t set_c_layout(Array* a, DType dtype, const int64_t* shape) {
  a->dtype = dtype;
  int64_t step = itemsize(dtype), size = 1;
  bool overflow = false;
  for (int i = a->ndim - 1; i >= 0; --i) {
    a->shape[i] = shape[i];
    a->strides[i] = step;
    overflow |= __builtin_mul_overflow(size, shape[i], &size);
    if (shape[i] && __builtin_mul_overflow(step, shape[i], &step)) overflow = true;
  }
  if (overflow) {
    PyErr_SetString(PyExc_ValueError,
                    "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum "
                    "possible size.");
    return -1;
  }
  a->size = size;
  return size ? step : 0;
}

Array* discard(Array* a) {
  Py_DECREF(reinterpret_cast<PyObject*>(a));
  return nullptr;
}

bool attach_fresh_storage(Array* a, int64_t nbytes) {
  a->storage = storage_new(static_cast<size_t>(nbytes));
  if (!a->storage) return raise_no_memory(a);
  a->offset = 0;
  return true;
}

}  // namespace

__attribute__((flatten)) void array_dealloc(PyObject* self) {
  Array* a = reinterpret_cast<Array*>(self);
  if (a->weakrefs) PyObject_ClearWeakRefs(self);
  if (a->tape) tape::release(a->tape);
  if (keep_number(a)) return;
  if (a->storage) decref(a->storage);
  Py_XDECREF(a->base);
  Py_XDECREF(a->extra);
  if (a->shape != a->dims) std::free(a->shape);
  // A class made in Python drops its own reference (subtype_dealloc).
  if (free_count < kFreeListSize)
    free_list[free_count++] = a;
  else
    Py_TYPE(self)->tp_free(self);
}

void array_update_flags(Array* a) {
  uint16_t f = a->flags & ~(kCContig | kFContig | kAligned);
  int64_t item = itemsize(a->dtype);
  bool c = true, fo = true;
  if (a->size) {
    int64_t expect = item;
    for (int i = a->ndim - 1; i >= 0; --i) {
      if (a->shape[i] == 1) continue;
      if (a->strides[i] != expect) {
        c = false;
        break;
      }
      expect *= a->shape[i];
    }
    expect = item;
    for (int i = 0; i < a->ndim; ++i) {
      if (a->shape[i] == 1) continue;
      if (a->strides[i] != expect) {
        fo = false;
        break;
      }
      expect *= a->shape[i];
    }
  }
  int64_t align = is_complex(a->dtype) ? item / 2 : item;
  int64_t bits = reinterpret_cast<intptr_t>(a->storage->data) + a->offset;
  for (int i = 0; i < a->ndim; ++i)
    if (a->shape[i] > 1) bits |= a->strides[i];
  a->flags = f | (c ? kCContig : 0) | (fo ? kFContig : 0) | ((bits & (align - 1)) ? 0 : kAligned);
}

namespace {

template <Storage* (*kAllocate)(size_t)>
inline Array* new_c_order(DType dtype, int ndim, const int64_t* shape) {
  Array* a = array_alloc(ndim);
  if (!a) return nullptr;
  int64_t nbytes = set_c_layout(a, dtype, shape);
  if (nbytes < 0) return discard(a);
  a->storage = kAllocate(static_cast<size_t>(nbytes));
  if (!a->storage) {
    raise_no_memory(a);
    return discard(a);
  }
  a->offset = 0;
  a->flags = kCContig | kWriteable | kAligned;
  int long_axes = 0;
  for (int i = 0; i < ndim; ++i) long_axes += shape[i] != 1;
  if (long_axes <= 1 || a->size == 0) a->flags |= kFContig;
  return a;
}

}  // namespace

Array* array_new(DType dtype, int ndim, const int64_t* shape) {
  return new_c_order<storage_new>(dtype, ndim, shape);
}
Array* array_zeros(DType dtype, int ndim, const int64_t* shape) {
  return new_c_order<storage_new_zeroed>(dtype, ndim, shape);
}

Array* array_new_number(DType dtype) {
  if (number_count) {
    Array* a = number_list[--number_count];
    Py_SET_REFCNT(reinterpret_cast<PyObject*>(a), 1);
    a->dtype = dtype;
    a->context = 0;
    a->flags = kCContig | kFContig | kWriteable | kAligned;
    Storage* s = a->storage;
    s->nbytes = static_cast<size_t>(itemsize(dtype));
    s->version = 0;
    small_cache.live += s->nbytes;
    small_cache.peak = std::max(small_cache.peak, small_cache.live);
    return a;
  }
  Array* a = array_alloc(0);
  if (!a) return nullptr;
  a->dtype = dtype;
  a->size = 1;
  a->offset = 0;
  a->flags = kCContig | kFContig | kWriteable | kAligned;
  a->storage = storage_new(static_cast<size_t>(itemsize(dtype)));
  if (a->storage) return a;
  raise_no_memory(a);
  return discard(a);
}

Array* array_new_deferred(DType dtype, int ndim, const int64_t* shape, const int64_t* strides) {
  Array* a = new_c_order<storage_new_deferred>(dtype, ndim, shape);
  if (!a || !strides) return a;
  std::copy(strides, strides + ndim, a->strides);
  array_update_flags(a);
  return a;
}

Array* array_new_strided(DType dtype, int ndim, const int64_t* shape, const int64_t* strides) {
  Array* a = array_alloc(ndim);
  if (!a) return nullptr;
  int64_t nbytes = set_c_layout(a, dtype, shape);
  if (nbytes < 0 || !attach_fresh_storage(a, nbytes)) return discard(a);
  std::copy(strides, strides + ndim, a->strides);
  a->flags = kWriteable;
  array_update_flags(a);
  return a;
}

// The strides of NumPy's order='K' for an array in the layout of `like`; null when that is C order.
static const int64_t* strides_like(const Array* like, DType dtype, int64_t* strides) {
  if (like->c_contiguous()) return nullptr;
  int order[kMaxDims];
  for (int i = 0; i < like->ndim; ++i) order[i] = i;
  // Axes from the slowest to the fastest; ties keep C order, and zero strides count as fastest, as
  // NumPy has it.
  std::stable_sort(order, order + like->ndim, [&](int x, int y) {
    return std::abs(like->strides[x]) > std::abs(like->strides[y]);
  });
  int64_t step = itemsize(dtype);
  for (int k = like->ndim - 1; k >= 0; --k) {
    strides[order[k]] = step;
    step *= std::max<int64_t>(like->shape[order[k]], 1);
  }
  return strides;
}

Array* array_new_like(const Array* like, DType dtype) {
  int64_t room[kMaxDims];
  const int64_t* strides = strides_like(like, dtype, room);
  return strides ? array_new_strided(dtype, like->ndim, like->shape, strides)
                 : array_new(dtype, like->ndim, like->shape);
}

Array* array_view(Array* owner, DType dtype, int ndim, const int64_t* shape, const int64_t* strides,
                  int64_t offset) {
  Array* a = array_alloc(ndim);
  if (!a) return nullptr;
  a->dtype = dtype;
  int64_t size = 1;
  for (int i = 0; i < ndim; ++i) {
    a->shape[i] = shape[i];
    a->strides[i] = strides[i];
    size *= shape[i];
  }
  a->size = size;
  a->offset = offset;
  a->storage = incref(owner->storage);
  a->base = reinterpret_cast<PyObject*>(tape_root(owner));
  Py_INCREF(a->base);
  a->flags = owner->flags & kWriteable;
  array_update_flags(a);
  return a;
}

Array* array_foreign(DType dtype, int ndim, const int64_t* shape, const int64_t* strides,
                     char* data, PyObject* base, bool writeable) {
  Array* a = array_alloc(ndim);
  if (!a) return nullptr;
  int64_t nbytes = set_c_layout(a, dtype, shape);
  if (nbytes < 0) return discard(a);
  std::copy(strides, strides + ndim, a->strides);
  a->offset = 0;
  auto [low, high] = array_extent(a);
  a->storage = storage_foreign(data + low, static_cast<size_t>(high - low), base);
  if (!a->storage) return discard(a);
  a->offset = -low;
  a->flags = writeable ? kWriteable : 0;
  array_update_flags(a);
  return a;
}

std::pair<int64_t, int64_t> array_extent(const Array* a) {
  int64_t low = a->offset, high = a->offset;
  if (a->size == 0) return {low, high};
  for (int i = 0; i < a->ndim; ++i) {
    int64_t reach = (a->shape[i] - 1) * a->strides[i];
    (reach > 0 ? high : low) += reach;
  }
  return {low, high + itemsize(a->dtype)};
}

bool array_may_overlap(const Array* a, const Array* b) {
  auto [al, ah] = array_extent(a);
  auto [bl, bh] = array_extent(b);
  if (a->storage == b->storage) return al < bh && bl < ah;
  // Two storages may stand for the same foreign bytes; one without bytes yet is like no other.
  const char *x = a->storage->data, *y = b->storage->data;
  return x && y && x + al < y + bh && y + bl < x + ah;
}

bool array_same_view(const Array* a, const Array* b) {
  if (a->ndim != b->ndim || a->dtype != b->dtype) return false;
  if (a->storage == b->storage
          ? a->offset != b->offset
          : !a->storage->data || a->storage->data + a->offset != b->storage->data + b->offset)
    return false;
  for (int i = 0; i < a->ndim; ++i)
    if (a->shape[i] != b->shape[i] || (a->shape[i] > 1 && a->strides[i] != b->strides[i]))
      return false;
  return true;
}

bool array_may_repeat(const Array* a) {
  if (a->flags & (kCContig | kFContig)) return false;
  return cpu::may_repeat(a->ndim, a->shape, a->strides, itemsize(a->dtype));
}

PyObject* shape_tuple(const int64_t* shape, int ndim) {
  PyObject* t = PyTuple_New(ndim);
  if (!t) return nullptr;
  for (int i = 0; i < ndim; ++i) {
    PyObject* v = PyLong_FromLongLong(shape[i]);
    if (!v) {
      Py_DECREF(t);
      return nullptr;
    }
    PyTuple_SET_ITEM(t, i, v);
  }
  return t;
}

namespace {

// Whether dst = src is to be written down instead of run.
bool defers_copy(const Array* dst, const Array* src) {
  return !array_may_repeat(dst) && window::fits(dst->ndim, dst->shape) &&
         window::defers(dst->size, std::array<const Array*, 2>{src, dst});
}

// A copy of `a` in a dtype with these strides (null: C order).
Array* copy_as(Array* a, DType dtype, const int64_t* strides) {
  if (window::fits(a->ndim, a->shape) && window::defers(a->size, std::array<const Array*, 1>{a})) {
    Array* out = window::new_array(dtype, a->ndim, a->shape, strides);
    if (out) window::append_copy(out, a, a->strides);
    return out;
  }
  Array* out = strides ? array_new_strided(dtype, a->ndim, a->shape, strides)
                       : array_new(dtype, a->ndim, a->shape);
  if (!out || !a->size) return out;
  if (dtype == a->dtype && (a->flags & kCContig) && (out->flags & kCContig))
    std::memcpy(out->bytes(), a->bytes(), a->nbytes());
  else
    cpu::copy(cpu_view(out), cpu_view(a));
  return out;
}

}  // namespace

int array_assign(Array* dst, Array* src) {
  ArrayRef trimmed;  // leading axes of length 1 beyond dst's ndim do not count
  if (src->ndim > dst->ndim) {
    int extra = src->ndim - dst->ndim, ones = 0;
    while (ones < extra && src->shape[ones] == 1) ++ones;
    if (ones == extra) {
      trimmed = ArrayRef::steal(array_view(src, src->dtype, dst->ndim, src->shape + extra,
                                           src->strides + extra, src->offset));
      if (!trimmed) return -1;
      src = trimmed.get();
    }
  }
  int64_t strides[kMaxDims];
  if (!broadcast_strides(src, dst->ndim, dst->shape, strides)) {
    PyObject *s = shape_tuple(src->shape, src->ndim), *d = shape_tuple(dst->shape, dst->ndim);
    if (s && d)
      PyErr_Format(PyExc_ValueError, "could not broadcast input array from shape %R into shape %R",
                   s, d);
    Py_XDECREF(s);
    Py_XDECREF(d);
    return -1;
  }
  if (dst->size == 0) return 0;
  ArrayRef copy;
  if (array_may_overlap(dst, src) && !array_same_view(dst, src)) {
    copy = ArrayRef::steal(array_copy(src, 'K'));
    if (!copy) return -1;
    src = copy.get();
    broadcast_strides(src, dst->ndim, dst->shape, strides);
  }
  if (defers_copy(dst, src))
    window::append_copy(dst, src, strides);
  else
    cpu::copy(cpu_view(dst), {src->dtype, dst->ndim, dst->shape, strides, src->bytes()});
  return 0;
}

Array* array_copy(Array* a, char order) {
  int64_t room[kMaxDims];
  const int64_t* strides = nullptr;
  if (order == 'K' || (order == 'A' && a->f_contiguous())) {
    strides = strides_like(a, a->dtype, room);
  } else if (order == 'F' && a->ndim > 1) {
    int64_t step = itemsize(a->dtype);
    for (int i = 0; i < a->ndim; ++i) {
      room[i] = step;
      step *= std::max<int64_t>(a->shape[i], 1);
    }
    strides = room;
  }
  return copy_as(a, a->dtype, strides);
}

Array* array_cast(Array* a, DType dtype) {
  int64_t room[kMaxDims];
  return copy_as(a, dtype, strides_like(a, dtype, room));
}

}  // namespace mp
