#include "python/index_advanced.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/kernels.h"
#include "core/error.h"
#include "core/view.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/index.h"
#include "python/store.h"
#include "tape/tape.h"

namespace mp {
namespace {

// Shape and strides (in bytes) of a value for the index, in the order of the walk (index dimensions
// first) and of the visible result (index dimensions at f.position).
struct ResultLayout {
  int ndim;
  int64_t shape[kMaxDims], strides[kMaxDims];

  ResultLayout(const FancyIndex& f, const int64_t* index_strides, const int64_t* sub_strides)
      : ndim(f.ndim + f.sub_ndim) {
    auto put = [&, at = 0](const int64_t* lengths, const int64_t* steps, int n) mutable {
      std::copy(lengths, lengths + n, shape + at);
      std::copy(steps, steps + n, strides + at);
      at += n;
    };
    put(f.sub_shape, sub_strides, f.position);
    put(f.shape, index_strides, f.ndim);
    put(f.sub_shape + f.position, sub_strides + f.position, f.sub_ndim - f.position);
  }
};

// A fresh array for the items, and the view of it that the caller sees. `outside`: an unchecked
// offset is.
ArrayRef gather_items(Array* a, const FancyIndex& f, bool* outside) {
  int order[kMaxDims];
  const int64_t* sub[] = {f.sub_strides};
  iteration_order(f.sub_ndim, f.sub_shape, sub, 1, order);
  int64_t index_strides[kMaxDims], sub_strides[kMaxDims], step = itemsize(a->dtype);
  for (int k = f.sub_ndim - 1; k >= 0; --k) {
    sub_strides[order[k]] = step;
    step *= std::max<int64_t>(f.sub_shape[order[k]], 1);
  }
  for (int i = 0; i < f.ndim; ++i) index_strides[i] = f.result_strides[i] * step;
  int64_t shape[kMaxDims], strides[kMaxDims];
  std::copy(f.shape, f.shape + f.ndim, shape);
  std::copy(f.sub_shape, f.sub_shape + f.sub_ndim, shape + f.ndim);
  std::copy(index_strides, index_strides + f.ndim, strides);
  std::copy(sub_strides, sub_strides + f.sub_ndim, strides + f.ndim);
  ArrayRef out = ArrayRef::steal(array_new_strided(a->dtype, f.ndim + f.sub_ndim, shape, strides));
  if (!out) return {};
  *outside = !move_items(a, f, out->bytes(), index_strides, sub_strides, false);
  if (*outside) return {};
  if (f.position == 0) return out;
  ResultLayout seen(f, index_strides, sub_strides);
  return ArrayRef::steal(
      array_view(out.get(), a->dtype, seen.ndim, seen.shape, seen.strides, out->offset));
}

Array* mask_of(Array* a, PyObject* key) {
  if (!array_check(key)) return nullptr;
  Array* m = reinterpret_cast<Array*>(key);
  bool fits = m->dtype == DType::Bool && m->ndim == a->ndim && m->ndim > 0 &&
              std::equal(m->shape, m->shape + m->ndim, a->shape);
  return fits ? m : nullptr;
}

// Calls visit(data, stride, mask, n) for runs of array and mask elements in C order.
template <class Visit>
void for_each_row(Array* a, const char* mask, Visit visit) {
  if (a->size == 0) return;
  if (a->c_contiguous())
    return visit(a->bytes(), static_cast<int64_t>(itemsize(a->dtype)), mask, a->size);
  int last = a->ndim - 1;
  int64_t counter[kMaxDims] = {}, n = a->shape[last];
  char* row = a->bytes();
  for (int64_t done = 0; done < a->size; done += n, mask += n) {
    visit(row, a->strides[last], mask, n);
    for (int d = last - 1; d >= 0; --d) {
      row += a->strides[d];
      if (++counter[d] < a->shape[d]) break;
      row -= a->strides[d] * a->shape[d];
      counter[d] = 0;
    }
  }
}

ArrayRef select_by_mask(Array* a, Array* mask) {
  ArrayRef flags =
      mask->c_contiguous() ? ArrayRef::borrow(mask) : ArrayRef::steal(array_copy(mask, 'C'));
  if (!flags) return {};
  int64_t count = cpu::count_true(flags->bytes(), flags->size);
  ArrayRef out = ArrayRef::steal(array_new(a->dtype, 1, &count));
  if (!out || !count) return out;
  char* to = out->bytes();
  int item = itemsize(a->dtype);
  for_each_row(a, flags->bytes(), [&](char* data, int64_t stride, const char* m, int64_t n) {
    to += item * cpu::compress(to, data, stride, item, m, n);
  });
  return out;
}

// What the key selects, unrecorded. `resolved` says how; null for NumPy and Error.
ArrayRef select(Array* a, PyObject* key, Resolved* resolved) {
  if (Array* mask = mask_of(a, key)) {
    *resolved = Resolved::Fancy;
    return select_by_mask(a, mask);
  }
  FancyIndex f, checked;
  bool copies = false, outside = false;
  f.may_check_later = true;
  *resolved = resolve_index(a, key, f, &copies);
  if (*resolved == Resolved::Fancy) {
    ArrayRef out = gather_items(a, f, &outside);
    if (!outside) return out;
    *resolved = resolve_index(a, key, checked, &copies);
    return *resolved == Resolved::Fancy ? gather_items(a, checked, &outside) : ArrayRef{};
  }
  if (*resolved != Resolved::View && *resolved != Resolved::Element) return {};
  ArrayRef view =
      ArrayRef::steal(array_view(a, a->dtype, f.sub_ndim, f.sub_shape, f.sub_strides, f.offset));
  if (!view || !copies || *resolved == Resolved::Element) return view;
  *resolved = Resolved::Fancy;
  return ArrayRef::steal(array_copy(view.get(), 'K'));
}

// dst[mask] = value for values that need no broadcasting against anything but the count. 1: not
// such a case.
int set_by_mask(Array* a, Array* mask, Array* value) {
  ArrayRef flags = mask->c_contiguous() && !array_may_overlap(a, mask)
                       ? ArrayRef::borrow(mask)
                       : ArrayRef::steal(array_copy(mask, 'C'));
  if (!flags) return -1;
  const int64_t count = value->size == 1 ? 1 : cpu::count_true(flags->bytes(), flags->size);
  if (value->ndim > 1 || (value->ndim == 1 && value->size != count && value->size != 1)) return 1;
  int item = itemsize(a->dtype);
  const char* from = value->bytes();
  int64_t step = value->ndim && value->size != 1 ? value->strides[0] : 0;
  for_each_row(a, flags->bytes(), [&](char* data, int64_t stride, const char* m, int64_t n) {
    from += step * cpu::expand(data, stride, item, m, n, from, step);
  });
  return 0;
}

// The value in the array's dtype and sharing no memory with it. Null without an error: let NumPy
// decide.
ArrayRef prepared_value(Array* a, PyObject* value) {
  ArrayRef v;
  alignas(16) char bytes[16];
  if (store_scalar(a->dtype, bytes, value)) {
    v = ArrayRef::steal(array_new(a->dtype, 0, nullptr));
    if (v) std::memcpy(v->bytes(), bytes, itemsize(a->dtype));
    return v;
  }
  if (PyLong_Check(value) || PyFloat_Check(value) || PyComplex_Check(value)) return {};
  v = as_array(value);
  if (!v) {
    if (PyErr_Occurred()) PyErr_Clear();
    return {};
  }
  if (v->dtype != a->dtype) {
    if (cast_class(v->dtype, a->dtype) != Cast::Quiet) return {};
    return ArrayRef::steal(array_cast(v.get(), a->dtype));
  }
  return array_may_overlap(a, v.get()) ? ArrayRef::steal(array_copy(v.get(), 'K')) : v;
}

// a[fancy] = value. 1: let NumPy decide.
int scatter_items(Array* a, FancyIndex& f, Array* value) {
  int64_t zeros[kMaxDims] = {};
  ResultLayout target(f, zeros, zeros);
  int64_t strides[kMaxDims];
  if (!broadcast_strides(value, target.ndim, target.shape, strides)) return 1;
  int64_t sub_strides[kMaxDims];
  std::copy(strides, strides + f.position, sub_strides);
  std::copy(strides + f.position + f.ndim, strides + target.ndim, sub_strides + f.position);
  for (ArrayRef& index : f.keep)
    if (array_may_overlap(a, index.get())) {
      index = ArrayRef::steal(array_copy(index.get(), 'C'));
      if (!index) return -1;
      f.offsets = reinterpret_cast<const int64_t*>(index->bytes());
    }
  move_items(a, f, value->bytes(), strides + f.position, sub_strides, true);
  return 0;
}

int set_items(Array* a, PyObject* key, Array* value) {
  if (Array* mask = mask_of(a, key)) {
    int status = set_by_mask(a, mask, value);
    if (status <= 0) return status;
  }
  FancyIndex f;
  bool copies = false;
  switch (resolve_index(a, key, f, &copies)) {
    case Resolved::Fancy:
      return scatter_items(a, f, value);
    case Resolved::Error:
      return -1;
    case Resolved::NumPy:
      return 1;
    case Resolved::Element:
      if (value->ndim) return 1;
      break;
    case Resolved::View:
      break;
  }
  ArrayRef view =
      ArrayRef::steal(array_view(a, a->dtype, f.sub_ndim, f.sub_shape, f.sub_strides, f.offset));
  if (!view) return -1;
  int64_t strides[kMaxDims];  // NumPy words the error for shapes that do not fit
  return broadcast_strides(value, view->ndim, view->shape, strides)
             ? array_assign(view.get(), value)
             : 1;
}

// Under recording: the same positions in a flat numbering, which the gradient rule scatters from.
int recorded_set(Array* a, PyObject* key, PyObject* value) {
  ArrayRef v = as_array(value);
  if (!v) {
    PyErr_Clear();
    return fallback_setitem(a, key, value);
  }
  ArrayRef numbering = flat_numbering(a);
  if (!numbering) return -1;
  Resolved resolved;
  ArrayRef positions = select(numbering.get(), key, &resolved);
  if (resolved == Resolved::NumPy) return fallback_setitem(a, key, value);
  if (!positions) return -1;
  if (!positions->c_contiguous()) positions = ArrayRef::steal(array_copy(positions.get(), 'C'));
  if (!positions) return -1;
  Array* ins[] = {a, v.get()};
  NodeRef node = tape::begin(op_setitem, ins, {{"index", positions}});
  ArrayRef plain = prepared_value(a, value);
  if (!plain && PyErr_Occurred()) return -1;
  if (tape::before_write(a) < 0) return -1;
  int status = plain ? set_items(a, key, plain.get()) : 1;
  if (status == 1) status = fallback_setitem(a, key, value);
  return status < 0 ? -1 : tape::finish_write(node, a);
}

}  // namespace

PyObject* advanced_get(Array* a, PyObject* key) {
  Resolved resolved;
  NodeRef node;
  if (tape::should_record(a)) {
    ArrayRef numbering = flat_numbering(a);
    if (!numbering) return nullptr;
    ArrayRef positions = select(numbering.get(), key, &resolved);
    if (resolved == Resolved::Fancy && positions) node = begin_gather(a, std::move(positions));
  }
  ArrayRef out = select(a, key, &resolved);
  if (resolved == Resolved::NumPy) return fallback_getitem(a, key);
  if (!out) return nullptr;
  if (resolved == Resolved::Element) return array_element(a, out->offset);
  Array* outs[] = {out.get()};
  if (tape::finish(node, outs) < 0) return nullptr;
  return out.release_object();
}

int advanced_set(Array* a, PyObject* key, PyObject* value) {
  if (tape::state.recording) {
    bool taped_value = array_check(value) && tape::taped(reinterpret_cast<Array*>(value));
    if (taped_value || tape::taped(a)) return recorded_set(a, key, value);
  }
  ArrayRef plain = prepared_value(a, value);
  if (!plain) return PyErr_Occurred() ? -1 : fallback_setitem(a, key, value);
  if (tape::before_write(a) < 0) return -1;
  int status = set_items(a, key, plain.get());
  return status == 1 ? fallback_setitem(a, key, value) : status;
}

}  // namespace mp
