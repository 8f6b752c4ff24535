#include "python/index.h"

#include "core/error.h"
#include "ops/gradients.h"
#include "python/fallback.h"
#include "python/index_advanced.h"
#include "python/scalar.h"
#include "python/store.h"
#include "tape/tape.h"

namespace mp {
namespace {

// A basic index while it is applied: the view that the parts seen so far select.
struct ViewBuilder {
  int64_t offset;
  int ndim = 0;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims];
};

enum class Parsed { View, Element, Other, Error };

PyObject* out_of_bounds(int64_t i, int axis, int64_t length) {
  PyErr_Format(PyExc_IndexError, "index %lld is out of bounds for axis %d with size %lld",
               static_cast<long long>(i), axis, static_cast<long long>(length));
  return nullptr;
}

inline bool is_basic(PyObject* o) {
  return PyLong_CheckExact(o) || PySlice_Check(o) || o == Py_None || o == Py_Ellipsis;
}

// Applies one integer; false with an error set, IndexError when out of bounds.
inline bool apply_integer(ViewBuilder& v, Array* a, int axis, PyObject* item) {
  int64_t i = PyLong_AsSsize_t(item);
  if (i == -1 && PyErr_Occurred()) return false;  // OverflowError
  int64_t length = a->shape[axis], k = i < 0 ? i + length : i;
  if (static_cast<uint64_t>(k) >= static_cast<uint64_t>(length))
    return out_of_bounds(i, axis, length);
  v.offset += k * a->strides[axis];
  return true;
}

// Bounds of a slice whose parts are plain: none of them an object with an __index__ method, step 1.
inline bool plain_bound(PyObject* o, int64_t missing, int64_t length, int64_t* out) {
  if (o == Py_None) {
    *out = missing;
    return true;
  }
  if (!PyLong_CheckExact(o)) return false;
  int overflow;
  int64_t i = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow) return false;
  if (i < 0) i += length;
  *out = i < 0 ? 0 : i > length ? length : i;
  return true;
}

inline bool apply_slice(ViewBuilder& v, Array* a, int axis, PyObject* item) {
  const PySliceObject* s = reinterpret_cast<PySliceObject*>(item);
  int64_t length = a->shape[axis], from, to;
  if (s->step == Py_None && plain_bound(s->start, 0, length, &from) &&
      plain_bound(s->stop, length, length, &to)) {
    v.shape[v.ndim] = to > from ? to - from : 0;
    v.strides[v.ndim++] = a->strides[axis];
    if (to > from) v.offset += from * a->strides[axis];
    return true;
  }
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(item, &start, &stop, &step) < 0) return false;
  int64_t n = PySlice_AdjustIndices(length, &start, &stop, step);
  if (n) v.offset += start * a->strides[axis];
  v.shape[v.ndim] = n;
  v.strides[v.ndim++] = step * a->strides[axis];
  return true;
}

inline void keep_axes(ViewBuilder& v, Array* a, int from, int to) {
  for (int i = from; i < to; ++i) {
    v.shape[v.ndim] = a->shape[i];
    v.strides[v.ndim++] = a->strides[i];
  }
}

// Integers beyond int64 are no indices at all to NumPy, which says so itself.
Parsed integer_failed() {
  if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return Parsed::Error;
  PyErr_Clear();
  return Parsed::Other;
}

// Reads the parts of a basic index. Other: not a basic index, or one that NumPy refuses.
Parsed parse_basic(ViewBuilder& v, Array* a, PyObject* const* items, Py_ssize_t n) {
  int used = 0, added = 0;
  bool ellipsis = false;
  for (Py_ssize_t k = 0; k < n; ++k) {
    PyObject* o = items[k];
    if (!is_basic(o)) return Parsed::Other;
    if (o == Py_Ellipsis) {
      if (ellipsis) return Parsed::Other;
      ellipsis = true;
    } else {
      (o == Py_None ? added : used) += 1;
    }
  }
  if (used > a->ndim || added + a->ndim > kMaxDims) return Parsed::Other;
  int axis = 0, skipped = a->ndim - used;
  for (Py_ssize_t k = 0; k < n; ++k) {
    PyObject* o = items[k];
    if (PyLong_CheckExact(o)) {
      if (!apply_integer(v, a, axis++, o)) return integer_failed();
    } else if (o == Py_Ellipsis) {
      keep_axes(v, a, axis, axis + skipped);
      axis += skipped;
    } else if (o == Py_None) {
      v.shape[v.ndim] = 1;
      v.strides[v.ndim++] = 0;
    } else if (!apply_slice(v, a, axis++, o)) {
      return Parsed::Error;
    }
  }
  if (!ellipsis) keep_axes(v, a, axis, a->ndim);
  return v.ndim == 0 && !ellipsis ? Parsed::Element : Parsed::View;
}

Parsed parse_basic(ViewBuilder& v, Array* a, PyObject* key) {
  v.offset = a->offset;
  if (PyTuple_CheckExact(key))
    return parse_basic(v, a, &PyTuple_GET_ITEM(key, 0), PyTuple_GET_SIZE(key));
  return parse_basic(v, a, &key, 1);
}

inline Array* build(ViewBuilder& v, Array* a) {
  return array_view(a, a->dtype, v.ndim, v.shape, v.strides, v.offset);
}

int read_only() {
  PyErr_SetString(PyExc_ValueError, "assignment destination is read-only");
  return -1;
}

// Assignment to one element. Recording and odd values take the general way through a view.
int set_element(Array* a, int64_t offset, PyObject* key, PyObject* value) {
  bool plain = !a->storage->saved && !tape::state.recording;
  if (plain && store_scalar(a->dtype, a->at(offset), value)) {
    ++a->storage->version;
    return 0;
  }
  ArrayRef view = ArrayRef::steal(array_view(a, a->dtype, 0, nullptr, nullptr, offset));
  if (!view) return -1;
  int status = assign_value(view.get(), value, Target::Element);
  return status == 1 ? fallback_setitem(a, key, value) : status;
}

struct ArrayIter {
  PyObject_HEAD Array* array;  // null when exhausted
  int64_t next;
};

PyObject* iter_next(PyObject* self) {
  ArrayIter* it = reinterpret_cast<ArrayIter*>(self);
  if (!it->array) return nullptr;
  if (it->array->ndim == 0 || it->next >= it->array->shape[0]) {
    Py_CLEAR(*reinterpret_cast<PyObject**>(&it->array));
    return nullptr;
  }
  return array_item(reinterpret_cast<PyObject*>(it->array), it->next++);
}

void iter_dealloc(PyObject* self) {
  Py_XDECREF(reinterpret_cast<PyObject*>(reinterpret_cast<ArrayIter*>(self)->array));
  PyObject_Free(self);
}

PyObject* iter_length_hint(PyObject* self, PyObject*) {
  ArrayIter* it = reinterpret_cast<ArrayIter*>(self);
  return PyLong_FromLongLong(it->array && it->array->ndim ? it->array->shape[0] - it->next : 0);
}

PyMethodDef iter_methods[] = {{"__length_hint__", iter_length_hint, METH_NOARGS, nullptr}, {}};

PyTypeObject make_iter_type() {
  PyTypeObject t{PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "minpy.ndarray_iterator";
  t.tp_basicsize = sizeof(ArrayIter);
  t.tp_flags = Py_TPFLAGS_DEFAULT;
  t.tp_dealloc = iter_dealloc;
  t.tp_iter = PyObject_SelfIter;
  t.tp_iternext = iter_next;
  t.tp_methods = iter_methods;
  return t;
}

}  // namespace

PyTypeObject ArrayIterType = make_iter_type();

PyObject* array_element(Array* a, int64_t offset) {
  if (!tape::should_record(a)) return make_element(a->dtype, a->at(offset));
  ArrayRef view = ArrayRef::steal(array_view(a, a->dtype, 0, nullptr, nullptr, offset));
  if (!view) return nullptr;
  Array* ins[] = {view.get()};
  NodeRef node = tape::begin(op_copy, ins);
  ArrayRef copy = ArrayRef::steal(array_copy(view.get(), 'C'));
  Array* outs[] = {copy.get()};
  if (!copy || tape::finish(node, outs) < 0) return nullptr;
  copy->flags |= kScalar;
  return copy.release_object();
}

PyObject* array_item(PyObject* self, Py_ssize_t i) {
  Array* a = reinterpret_cast<Array*>(self);
  if (a->ndim == 0) {
    PyErr_SetString(PyExc_IndexError,
                    "too many indices for array: array is 0-dimensional, but 1 were indexed");
    return nullptr;
  }
  int64_t k = i < 0 ? i + a->shape[0] : i;
  if (static_cast<uint64_t>(k) >= static_cast<uint64_t>(a->shape[0]))
    return out_of_bounds(i, 0, a->shape[0]);
  int64_t offset = a->offset + k * a->strides[0];
  if (a->ndim == 1) return array_element(a, offset);
  return reinterpret_cast<PyObject*>(
      array_view(a, a->dtype, a->ndim - 1, a->shape + 1, a->strides + 1, offset));
}

PyObject* array_subscript(PyObject* self, PyObject* key) {
  Array* a = reinterpret_cast<Array*>(self);
  if (PyLong_CheckExact(key)) {
    Py_ssize_t i = PyLong_AsSsize_t(key);
    if (i != -1 || !PyErr_Occurred()) return array_item(self, i);
    PyErr_Clear();
  }
  ViewBuilder v;
  switch (parse_basic(v, a, key)) {
    case Parsed::Element:
      return array_element(a, v.offset);
    case Parsed::View:
      return reinterpret_cast<PyObject*>(build(v, a));
    case Parsed::Error:
      return nullptr;
    case Parsed::Other:
      break;
  }
  return advanced_get(a, key);
}

int array_ass_subscript(PyObject* self, PyObject* key, PyObject* value) {
  Array* a = reinterpret_cast<Array*>(self);
  if (!value) {
    PyErr_SetString(PyExc_ValueError, "cannot delete array elements");
    return -1;
  }
  if (!a->writeable()) return read_only();
  ViewBuilder v;
  switch (parse_basic(v, a, key)) {
    case Parsed::Element:
      return set_element(a, v.offset, key, value);
    case Parsed::Error:
      return -1;
    case Parsed::Other:
      return advanced_set(a, key, value);
    case Parsed::View:
      break;
  }
  ArrayRef view = ArrayRef::steal(build(v, a));
  if (!view) return -1;
  int status = assign_value(view.get(), value);
  return status == 1 ? fallback_setitem(a, key, value) : status;
}

int array_ass_item(PyObject* self, Py_ssize_t i, PyObject* value) {
  PyObject* key = PyLong_FromSsize_t(i);
  if (!key) return -1;
  int status = array_ass_subscript(self, key, value);
  Py_DECREF(key);
  return status;
}

PyObject* array_iter(PyObject* self) {
  Array* a = reinterpret_cast<Array*>(self);
  if (a->ndim == 0) {
    PyErr_SetString(PyExc_TypeError, "iteration over a 0-d array");
    return nullptr;
  }
  ArrayIter* it = PyObject_New(ArrayIter, &ArrayIterType);
  if (!it) return nullptr;
  it->array = ArrayRef::borrow(a).release();
  it->next = 0;
  return reinterpret_cast<PyObject*>(it);
}

}  // namespace mp
