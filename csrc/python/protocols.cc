#include "python/protocols.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "ops/ufunc.h"
#include "python/convert.h"
#include "python/error_text.h"
#include "python/fallback.h"
#include "python/import.h"
#include "python/nd_array.h"
#include "python/numpy_api.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

Array* as_self(PyObject* o) { return reinterpret_cast<Array*>(o); }

// A function of minpy.numpy._dispatch, imported on first use.
PyObject* dispatch_function(const char* name) { return imported("minpy.numpy._dispatch", name); }

// Our operator for NumPy's ufunc; null when we have none.
PyObject* own_ufunc(PyObject* numpy) {
  if (Py_TYPE(numpy) != &PyUFunc_Type) return nullptr;
  const char* name = reinterpret_cast<PyUFuncObject*>(numpy)->name;
  Ufunc* f = name ? find_ufunc(name) : nullptr;
  return f && f->numpy == numpy ? reinterpret_cast<PyObject*>(f) : nullptr;
}

// With NumPy's error set that no operand's override takes the call: clears it and gives
// NotImplemented, which is this operand's answer.
PyObject* answer_refusal() {
  constexpr std::string_view kRefused = "operand type(s) all returned NotImplemented";
  if (!clear_error(PyExc_TypeError, [&](auto text) { return text.starts_with(kRefused); }))
    return nullptr;
  Py_RETURN_NOTIMPLEMENTED;
}

// A dict from names of ufuncs to functions of the module operator.
PyObject* operators_by_ufunc(std::initializer_list<std::pair<const char*, const char*>> names) {
  PyObject* module = PyImport_ImportModule("operator");
  PyObject* made = module ? PyDict_New() : nullptr;
  for (auto [name, function] : names) {
    PyObject* value = made ? PyObject_GetAttrString(module, function) : nullptr;
    if (!value || PyDict_SetItemString(made, name, value) < 0) Py_CLEAR(made);
    Py_XDECREF(value);
  }
  Py_XDECREF(module);
  return made;
}

// The operator that `numpy_scalar + nd_array` asks for, borrowed; the scalar counts as Python's
// number there, as on the other side. NumPy compares scalars as arrays without axes. Null: none.
PyObject* scalar_operator(PyObject* ufunc, PyObject* scalar) {
  static PyObject* comparisons = operators_by_ufunc({{"less", "lt"},
                                                     {"less_equal", "le"},
                                                     {"greater", "gt"},
                                                     {"greater_equal", "ge"},
                                                     {"equal", "eq"},
                                                     {"not_equal", "ne"}});
  static PyObject* arithmetic = operators_by_ufunc({{"add", "add"},
                                                    {"subtract", "sub"},
                                                    {"multiply", "mul"},
                                                    {"divide", "truediv"},
                                                    {"true_divide", "truediv"},
                                                    {"floor_divide", "floordiv"},
                                                    {"remainder", "mod"},
                                                    {"power", "pow"}});
  const bool number = PyArray_IsScalar(scalar, Number) || PyArray_IsScalar(scalar, Bool);
  const bool bare =
      PyArray_Check(scalar) && PyArray_NDIM(reinterpret_cast<PyArrayObject*>(scalar)) == 0;
  if (!comparisons || !arithmetic || (!number && !bare)) return nullptr;
  PyObject* name = PyObject_GetAttrString(ufunc, "__name__");
  PyObject* function = name ? PyDict_GetItemWithError(comparisons, name) : nullptr;
  if (name && !function && number) function = PyDict_GetItemWithError(arithmetic, name);
  Py_XDECREF(name);
  return function;
}

// __array_ufunc__(ufunc, method, *inputs, **kwargs): what numpy.sin(x) and numpy_array + x come to.
PyObject* array_ufunc(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (nargs < 2 || !PyUnicode_Check(args[1])) {
    PyErr_SetString(PyExc_TypeError, "__array_ufunc__ requires at least 2 arguments");
    return nullptr;
  }
  bool plain = PyUnicode_CompareWithASCIIString(args[1], "__call__") == 0;
  if (plain && nargs == 4 && !kwnames && is_nd_array(args[3])) {
    PyObject* function = scalar_operator(args[0], args[2]);
    if (!function && PyErr_Occurred()) return nullptr;
    PyObject* number = function ? PyObject_CallMethod(args[2], "item", nullptr) : nullptr;
    if (function && !number) return nullptr;
    if (number) {
      PyObject* result = PyObject_CallFunctionObjArgs(function, number, args[3], nullptr);
      Py_DECREF(number);
      return result;
    }
  }
  PyObject* target = own_ufunc(args[0]);
  if (target && plain) {
    PyObject* result = PyObject_Vectorcall(target, args + 2, nargs - 2, kwnames);
    return result ? result : answer_refusal();
  }
  if (target) {
    target = PyObject_GetAttr(target, args[1]);
  } else if (PyObject* find = dispatch_function("ufunc_twin")) {
    target = PyObject_CallFunctionObjArgs(find, args[0], args[1], nullptr);
    Py_DECREF(find);
  }
  PyObject* result = target ? PyObject_Vectorcall(target, args + 2, nargs - 2, kwnames) : nullptr;
  Py_XDECREF(target);
  return result ? result : answer_refusal();
}

// __array_function__(func, types, args, kwargs)
PyObject* array_function(PyObject* self, PyObject* args) {
  PyObject* f = dispatch_function("array_function");
  PyObject* result = f ? PyObject_CallObject(f, args) : nullptr;
  Py_XDECREF(f);
  return result;
}

PyObject* array_namespace(PyObject*, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"api_version", nullptr};
  PyObject* version = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$O:__array_namespace__",
                                   const_cast<char**>(names), &version))
    return nullptr;
  PyObject* f = dispatch_function("array_namespace");
  PyObject* result = f ? PyObject_CallOneArg(f, version) : nullptr;
  Py_XDECREF(f);
  return result;
}

// NumPy's numbers for the flags.
enum NumpyFlag { kC = 1, kF = 2, kOwn = 4, kAlign = 0x100, kWrite = 0x400 };

long numpy_flags(const Array* a) {
  return (a->flags & kCContig ? kC : 0) | (a->flags & kFContig ? kF : 0) | (a->base ? 0 : kOwn) |
         (a->flags & kAligned ? kAlign : 0) | (a->flags & kWriteable ? kWrite : 0);
}

bool buffer_writeable(PyObject* owner) {
  Py_buffer view;
  bool ok = PyObject_GetBuffer(owner, &view, PyBUF_WRITABLE | PyBUF_SIMPLE) == 0;
  if (ok) PyBuffer_Release(&view);
  PyErr_Clear();
  return ok;
}

// Whether setting WRITEABLE is allowed: the memory is ours, or some owner down the chain lets us
// write.
bool may_become_writeable(const Array* a) {
  PyObject* owner = a->base;
  while (owner) {
    PyObject* next;
    if (array_check(owner)) {
      if (as_self(owner)->writeable()) return true;
      next = as_self(owner)->base;
    } else if (PyArray_Check(owner)) {
      if (PyArray_ISWRITEABLE(reinterpret_cast<PyArrayObject*>(owner))) return true;
      next = PyArray_BASE(reinterpret_cast<PyArrayObject*>(owner));
    } else {
      return buffer_writeable(owner);
    }
    if (!next) return false;
    owner = next;
  }
  return true;
}

int set_writeable(Array* a, bool on) {
  if (on && !may_become_writeable(a)) {
    PyErr_SetString(PyExc_ValueError, "cannot set WRITEABLE flag to True of this array");
    return -1;
  }
  a->flags = static_cast<uint16_t>(on ? a->flags | kWriteable : a->flags & ~kWriteable);
  return 0;
}

int set_aligned(Array* a, bool on) {
  if (!on) {
    a->flags &= ~kAligned;
    return 0;
  }
  array_update_flags(a);
  if (a->flags & kAligned) return 0;
  PyErr_SetString(PyExc_ValueError, "cannot set aligned flag of mis-aligned array to True");
  return -1;
}

// setflags(*, write=None, align=None, uic=None)
PyObject* array_setflags(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"write", "align", "uic", nullptr};
  PyObject *write = Py_None, *align = Py_None, *uic = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOO:setflags", const_cast<char**>(names), &write,
                                   &align, &uic))
    return nullptr;
  int aligned = align == Py_None ? 0 : PyObject_IsTrue(align),
      writes = write == Py_None ? 0 : PyObject_IsTrue(write);
  int copies = uic == Py_None ? 0 : PyObject_IsTrue(uic);
  if (aligned < 0 || writes < 0 || copies < 0) return nullptr;
  if (align != Py_None && set_aligned(as_self(self), aligned) < 0) return nullptr;
  if (copies) {
    PyErr_SetString(PyExc_ValueError, "cannot set WRITEBACKIFCOPY flag to True");
    return nullptr;
  }
  if (write != Py_None && set_writeable(as_self(self), writes) < 0) return nullptr;
  Py_RETURN_NONE;
}

// Reads resize's shape: resize(n), resize((n, m)), resize(n, m).
int parse_new_shape(PyObject* args, int64_t* shape) {
  if (PyTuple_GET_SIZE(args) == 1) {
    if (PyTuple_GET_ITEM(args, 0) == Py_None) return -2;
    return parse_ints(PyTuple_GET_ITEM(args, 0), shape, kMaxDims);
  }
  return parse_ints(args, shape, kMaxDims);
}

bool refuse_resize(Array* a, bool check_references) {
  const char* text = nullptr;
  if (!(a->flags & (kCContig | kFContig)))
    text = "resize only works on single-segment arrays";
  else if (a->base)
    text = "cannot resize this array: it does not own its data";
  else if (a->weakrefs || a->storage->refs > 1)
    text =
        "cannot resize an array that references or is referenced\nby another array in this way. "
        "Use the np.resize function.";
  else if (check_references && Py_REFCNT(reinterpret_cast<PyObject*>(a)) > 2)
    text =
        "cannot resize an array that references or is referenced\nby another array in this way.\n"
        "Use the np.resize function or refcheck=False";
  if (text) PyErr_SetString(PyExc_ValueError, text);
  return text != nullptr;
}

// Takes over the storage and layout of `fresh`, which nobody else knows.
void adopt(Array* a, Array* fresh) {
  std::swap(a->storage, fresh->storage);
  std::swap(a->offset, fresh->offset);
  std::swap(a->size, fresh->size);
  std::swap(a->ndim, fresh->ndim);
  std::swap(a->flags, fresh->flags);
  bool inline_a = a->shape == a->dims, inline_fresh = fresh->shape == fresh->dims;
  std::swap_ranges(a->dims, a->dims + 2 * kInlineDims, fresh->dims);
  std::swap(a->shape, fresh->shape);
  std::swap(a->strides, fresh->strides);
  auto point_inside = [](Array* x) { x->shape = x->dims, x->strides = x->dims + kInlineDims; };
  if (inline_fresh) point_inside(a);
  if (inline_a) point_inside(fresh);
}

// resize(new_shape, refcheck=True): in place, keeping the bytes in memory order and filling with
// zeros.
PyObject* array_resize(PyObject* self, PyObject* args, PyObject* kwargs) {
  Array* a = as_self(self);
  int refcheck = 1;
  static const char* names[] = {"refcheck", nullptr};
  static PyObject* no_args = PyTuple_New(0);
  if (kwargs &&
      !PyArg_ParseTupleAndKeywords(no_args, kwargs, "|i", const_cast<char**>(names), &refcheck))
    return nullptr;
  if (PyTuple_GET_SIZE(args) == 0) Py_RETURN_NONE;
  int64_t shape[kMaxDims];
  int ndim = parse_new_shape(args, shape);
  if (ndim == -2) Py_RETURN_NONE;
  if (ndim < 0) return nullptr;
  int64_t size = 1;
  for (int i = 0; i < ndim; ++i) {
    if (shape[i] < 0) {
      PyErr_SetString(PyExc_ValueError, "negative dimensions not allowed");
      return nullptr;
    }
    if (__builtin_mul_overflow(size, shape[i], &size)) return PyErr_NoMemory();
  }
  bool same_size = size == a->size && (size == 0 || !a->base) && (a->flags & (kCContig | kFContig));
  if (!same_size && refuse_resize(a, refcheck)) return nullptr;
  if (same_size && ndim == a->ndim && std::equal(shape, shape + ndim, a->shape)) Py_RETURN_NONE;
  if (tape::before_write(a) < 0) return nullptr;
  ArrayRef fresh = ArrayRef::steal(array_new(a->dtype, ndim, shape));
  if (!fresh) return nullptr;
  int64_t keep = std::min(a->nbytes(), fresh->nbytes());
  if (keep) std::memcpy(fresh->bytes(), a->bytes(), keep);
  if (fresh->nbytes() > keep) std::memset(fresh->bytes() + keep, 0, fresh->nbytes() - keep);
  adopt(a, fresh.get());
  if (tape::finish_write({}, a) < 0) return nullptr;
  Py_RETURN_NONE;
}

PyObject* core_flags(PyObject*, PyObject* a) {
  if (array_check(a)) return PyLong_FromLong(numpy_flags(as_self(a)));
  PyErr_SetString(PyExc_TypeError, "a minpy array is required");
  return nullptr;
}

PyObject* core_is_recorded(PyObject*, PyObject* a) {
  return PyBool_FromLong(array_check(a) && tape::should_record(as_self(a)));
}

PyObject* core_before_write(PyObject*, PyObject* a) {
  if (array_check(a) && tape::before_write(as_self(a)) < 0) return nullptr;
  Py_RETURN_NONE;
}

}  // namespace

#define MP_KEYWORDS(f) \
  reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(f)), METH_VARARGS | METH_KEYWORDS
PyMethodDef protocol_methods[] = {
    method_def("__array_ufunc__", array_ufunc),
    {"__array_function__", array_function, METH_VARARGS, nullptr},
    {"__array_namespace__", MP_KEYWORDS(array_namespace), nullptr},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, nullptr},
    {"setflags", MP_KEYWORDS(array_setflags), nullptr},
    {"resize", MP_KEYWORDS(array_resize), nullptr},
    {}};
PyMethodDef flag_functions[] = {
    {"_flags", core_flags, METH_O, "The array's flags as NumPy numbers them."},
    {"is_recorded", core_is_recorded, METH_O,
     "Whether the array has a gradient history that is being recorded."},
    {"before_write", core_before_write, METH_O,
     "Must precede writes into the array's memory by other means."},
    {}};

}  // namespace mp
