#include "python/nd_array.h"

#include <cstring>
#include <utility>

#include "core/pyref.h"
#include "ops/api.h"
#include "python/array_type.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/guarded.h"
#include "python/index.h"
#include "python/numpy_api.h"
#include "python/scalar.h"

namespace mp {

PyObject* array_richcompare(PyObject* a, PyObject* b, int op);

PyTypeObject* nd_array_type = nullptr;

namespace {

PyTypeObject NDArrayBaseType = {PyVarObject_HEAD_INIT(nullptr, 0)};

Array* as_array_struct(PyObject* o) { return reinterpret_cast<Array*>(o); }

// --- Operands ---

bool is_number(PyObject* o) {
  return PyFloat_Check(o) || PyLong_Check(o) || PyArray_IsScalar(o, Number) ||
         PyArray_IsScalar(o, Bool);
}

// A number takes the array's dtype, so it must be a Python number of the array's kind.
PyObject* number_for(const Array* a, PyObject* o) {
  if (a->dtype == DType::BF16) {  // promotes with Python's numbers to float32
    const double value = PyFloat_AsDouble(o);
    if (value == -1 && PyErr_Occurred()) throw PythonError{};
    return api::full(DType::BF16, {}, value).release_object();
  }
  if (is_integer(a->dtype)) {
    if (PyArray_IsScalar(o, Bool)) return check(PyLong_FromLong(PyObject_IsTrue(o)));
    if (PyFloat_Check(o) || PyArray_IsScalar(o, Floating)) return check(PyNumber_Long(o));
    return PyLong_CheckExact(o) ? Py_NewRef(o) : check(PyNumber_Index(o));
  }
  if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o)) return Py_NewRef(o);
  if (PyArray_IsScalar(o, Bool)) return PyBool_FromLong(PyObject_IsTrue(o));
  return check(PyArray_IsScalar(o, Integer) ? PyNumber_Index(o) : PyNumber_Float(o));
}

// Beside an array of floating numbers one of integers or booleans takes its dtype.
PyObject* array_for(const Array* other, PyObject* o) {
  Array* a = as_array_struct(o);
  if (is_floating(other->dtype) && !is_inexact(a->dtype))
    return api::astype(ArrayRef::borrow(a), other->dtype).release_object();
  return Py_NewRef(o);
}

// The operand `o` as the operator takes it beside `other`.
PyRef prepare(PyObject* o, PyObject* other) {
  if (!array_check(other)) return PyRef(Py_NewRef(o));
  if (array_check(o)) return PyRef(array_for(as_array_struct(other), o));
  if (is_number(o)) return PyRef(number_for(as_array_struct(other), o));
  return PyRef(Py_NewRef(o));
}

uint32_t context_of(PyObject* a, PyObject* b) {
  return as_array_struct(is_nd_array(a) ? a : b)->context;
}

// --- Operators ---

using BinarySlot = binaryfunc PyNumberMethods::*;
using UnarySlot = unaryfunc PyNumberMethods::*;

template <BinarySlot kSlot>
PyObject* nd_binary(PyObject* a, PyObject* b) {
  return guarded([&] {
    PyRef left = prepare(a, b), right = prepare(b, a);
    return to_nd_array((array_as_number.*kSlot)(left.get(), right.get()), context_of(a, b));
  });
}

// The array itself stays; only the other operand is brought to its dtype.
template <BinarySlot kSlot>
PyObject* nd_inplace(PyObject* a, PyObject* b) {
  return guarded([&] {
    PyRef right = is_number(b) ? PyRef(number_for(as_array_struct(a), b)) : PyRef(Py_NewRef(b));
    if (array_check(b) && as_array_struct(b)->dtype != as_array_struct(a)->dtype)
      right = PyRef(api::astype(ArrayRef::borrow(as_array_struct(b)), as_array_struct(a)->dtype)
                        .release_object());
    return (array_as_number.*kSlot)(a, right.get());
  });
}

template <UnarySlot kSlot>
PyObject* nd_unary(PyObject* a) {
  return to_nd_array((array_as_number.*kSlot)(a), as_array_struct(a)->context);
}

bool is_integral(PyObject* o) {
  return array_check(o) ? is_integer(as_array_struct(o)->dtype) : PyLong_Check(o);
}

// Quotients of integers are integers, rounded towards zero.
PyObject* nd_true_divide(PyObject* a, PyObject* b) {
  return guarded([&] {
    PyRef left = prepare(a, b), right = prepare(b, a);
    PyRef quotient(array_as_number.nb_true_divide(left.get(), right.get()));
    if (is_integral(left.get()) && is_integral(right.get())) {
      const Array* like = as_array_struct(array_check(left.get()) ? left.get() : right.get());
      ArrayRef whole = as_array(quotient.get());
      if (!whole) throw PythonError{};
      quotient = PyRef(api::astype(whole, like->dtype).release_object());
    }
    return to_nd_array(quotient.release(), context_of(a, b));
  });
}

PyObject* nd_true_divide_inplace(PyObject* a, PyObject* b) {
  if (!is_integer(as_array_struct(a)->dtype))
    return nd_inplace<&PyNumberMethods::nb_inplace_true_divide>(a, b);
  return guarded([&] {
    PyRef quotient(nd_true_divide(a, b));
    ArrayRef whole =
        api::astype(ArrayRef::borrow(as_array_struct(quotient.get())), as_array_struct(a)->dtype);
    api::assign(ArrayRef::borrow(as_array_struct(a)), whole);
    return Py_NewRef(a);
  });
}

PyObject* nd_power(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return guarded([&] {
    PyRef left = prepare(a, b), right = prepare(b, a);
    return to_nd_array(array_as_number.nb_power(left.get(), right.get(), Py_None),
                       context_of(a, b));
  });
}

PyObject* nd_power_inplace(PyObject* a, PyObject* b, PyObject* modulo) {
  return guarded([&] {
    PyRef right = prepare(b, a);
    return array_as_number.nb_inplace_power(a, right.get(), modulo);
  });
}

// Comparisons give numbers of the operands' dtype. They remember that they are masks, for indexing.
PyObject* nd_richcompare(PyObject* a, PyObject* b, int op) {
  if (b == Py_None) {
    if (op != Py_EQ && op != Py_NE) Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong(op == Py_NE);
  }
  return guarded([&]() -> PyObject* {
    PyRef left = prepare(a, b), right = prepare(b, a);
    PyRef truth(array_richcompare(left.get(), right.get(), op));
    if (truth.get() == Py_NotImplemented) return truth.release();
    ArrayRef mask = as_array(truth.get());
    if (!mask) {
      if (PyErr_Occurred()) throw PythonError{};
      return truth.release();
    }
    DType dtype = as_array_struct(left.get())->dtype;
    ArrayRef result = mask->dtype == dtype ? std::move(mask) : api::astype(mask, dtype);
    result->flags |= kMask;
    return to_nd_array(result.release_object(), context_of(a, b));
  });
}

// One element is an array of one element: bool(), int() and float() take it.
template <unaryfunc PyNumberMethods::* kSlot>
PyObject* nd_number(PyObject* self) {
  Array* a = as_array_struct(self);
  if (a->size != 1) {
    PyErr_SetString(PyExc_TypeError, "only size-1 arrays can be converted to Python scalars");
    return nullptr;
  }
  return guarded([&] {
    PyRef value(make_python_scalar(a->dtype, a->bytes()));
    if (kSlot == &PyNumberMethods::nb_float) return PyNumber_Float(value.get());
    return PyNumber_Long(value.get());
  });
}

PyObject* nd_index(PyObject* self) {
  Array* a = as_array_struct(self);
  if (a->size == 1 && is_integer(a->dtype)) return make_python_scalar(a->dtype, a->bytes());
  PyErr_SetString(PyExc_TypeError, "only integer NDArrays of one element can be an index");
  return nullptr;
}

int nd_bool(PyObject* self) {
  Array* a = as_array_struct(self);
  if (a->size == 0) return 0;
  if (a->size != 1) {
    PyErr_SetString(PyExc_ValueError,
                    "The truth value of an NDArray with multiple elements is ambiguous.");
    return -1;
  }
  return array_as_number.nb_bool(self);
}

// --- Indexing ---

// Arrays of floating numbers are positions, unless a comparison made them.
PyRef index_array(PyObject* o) {
  Array* a = array_check(o) ? as_array_struct(o) : nullptr;
  if (!a || a->dtype == DType::Bool || (is_integer(a->dtype) && !(a->flags & kMask)))
    return PyRef(Py_NewRef(o));
  const DType dtype = a->flags & kMask ? DType::Bool : DType::I64;
  return PyRef(check(array_cast(a, dtype)).release_object());
}

PyRef prepare_key(PyObject* key) {
  if (!PyTuple_Check(key)) return index_array(key);
  PyRef prepared(PyTuple_New(PyTuple_GET_SIZE(key)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i)
    PyTuple_SET_ITEM(prepared.get(), i, index_array(PyTuple_GET_ITEM(key, i)).release());
  return prepared;
}

PyRef slice_of_one(PyObject* position) {
  PyRef start(PyNumber_Index(position)), one(PyLong_FromLong(1));
  PyRef stop(PyNumber_Add(start.get(), one.get()));
  const bool last =
      PyObject_RichCompareBool(stop.get(), PyRef(PyLong_FromLong(0)).get(), Py_EQ) == 1;
  return PyRef(PySlice_New(start.get(), last ? Py_None : stop.get(), nullptr));
}

// The key that selects one element as an array of one: its last integer becomes a slice.
PyRef key_of_one(PyObject* key) {
  if (!PyTuple_Check(key)) return slice_of_one(key);
  const Py_ssize_t n = PyTuple_GET_SIZE(key);
  PyRef widened(PyTuple_New(n));
  bool done = false;
  for (Py_ssize_t i = n; i-- > 0;) {
    PyObject* item = PyTuple_GET_ITEM(key, i);
    const bool widen = !done && PyIndex_Check(item);
    done |= widen;
    PyTuple_SET_ITEM(widened.get(), i, widen ? slice_of_one(item).release() : Py_NewRef(item));
  }
  return widened;
}

// Whether the key has one integer per axis, so that ndarray would give a scalar.
bool selects_element(const Array* a, PyObject* key) {
  if (!PyTuple_Check(key)) return a->ndim == 1 && PyIndex_Check(key) && !array_check(key);
  if (a->ndim == 0 || PyTuple_GET_SIZE(key) != a->ndim) return false;
  for (Py_ssize_t i = 0; i < a->ndim; ++i)
    if (!PyIndex_Check(PyTuple_GET_ITEM(key, i)) || array_check(PyTuple_GET_ITEM(key, i)))
      return false;
  return true;
}

PyObject* nd_subscript(PyObject* self, PyObject* key) {
  return guarded([&] {
    PyRef prepared = prepare_key(key);
    if (selects_element(as_array_struct(self), prepared.get())) {
      PyRef element(array_subscript(self, prepared.get()));  // raises for what is out of range
      prepared = key_of_one(prepared.get());
    }
    return to_nd_array(array_subscript(self, prepared.get()), as_array_struct(self)->context);
  });
}

int nd_ass_subscript(PyObject* self, PyObject* key, PyObject* value) {
  try {
    PyRef prepared = prepare_key(key);
    if (value && selects_element(as_array_struct(self), prepared.get()) && !is_number(value))
      prepared = key_of_one(prepared.get());
    return array_ass_subscript(self, prepared.get(), value);
  } catch (PythonError&) {
    return -1;
  }
}

PyObject* nd_item(PyObject* self, Py_ssize_t i) {
  return guarded([&] {
    if (as_array_struct(self)->ndim && (i < 0 || i >= as_array_struct(self)->shape[0])) {
      PyErr_SetString(PyExc_IndexError, "index out of range");
      throw PythonError{};
    }
    return nd_subscript(self, PyRef(PyLong_FromSsize_t(i)).get());
  });
}

// Elements along the first axis, as indexing gives them.
PyObject* nd_iter(PyObject* self) {
  if (as_array_struct(self)->ndim == 0) {
    PyErr_SetString(PyExc_TypeError, "iteration over a 0-d array");
    return nullptr;
  }
  return PySeqIter_New(self);
}

PyNumberMethods nd_as_number;
PyMappingMethods nd_as_mapping;
PySequenceMethods nd_as_sequence;

void fill_number_slots() {
  using N = PyNumberMethods;
  nd_as_number = array_as_number;
#define MP_SLOT(slot) nd_as_number.nb_##slot = nd_binary<&N::nb_##slot>
  MP_SLOT(add), MP_SLOT(subtract), MP_SLOT(multiply), MP_SLOT(remainder), MP_SLOT(divmod);
  MP_SLOT(lshift), MP_SLOT(rshift), MP_SLOT(and), MP_SLOT(or), MP_SLOT(xor);
  MP_SLOT(floor_divide), MP_SLOT(matrix_multiply);
#undef MP_SLOT
#define MP_SLOT(slot) nd_as_number.nb_inplace_##slot = nd_inplace<&N::nb_inplace_##slot>
  MP_SLOT(add), MP_SLOT(subtract), MP_SLOT(multiply), MP_SLOT(remainder), MP_SLOT(floor_divide);
#undef MP_SLOT
#define MP_SLOT(slot) nd_as_number.nb_##slot = nd_unary<&N::nb_##slot>
  MP_SLOT(negative), MP_SLOT(positive), MP_SLOT(absolute), MP_SLOT(invert);
#undef MP_SLOT
  nd_as_number.nb_true_divide = nd_true_divide;
  nd_as_number.nb_inplace_true_divide = nd_true_divide_inplace;
  nd_as_number.nb_power = nd_power;
  nd_as_number.nb_inplace_power = nd_power_inplace;
  nd_as_number.nb_int = nd_number<&N::nb_int>;
  nd_as_number.nb_float = nd_number<&N::nb_float>;
  nd_as_number.nb_index = nd_index;
  nd_as_number.nb_bool = nd_bool;
}

// --- Results ---

PyObject* retype(PyObject* o, uint32_t context) {
  if (!array_check_exact(o) || Py_REFCNT(o) != 1) return o;
  Py_INCREF(nd_array_type);
  Py_SET_TYPE(o, nd_array_type);
  as_array_struct(o)->context = context;
  return o;
}

PyObject* array_of_scalar(PyObject* scalar) {
  PyObject* numpy = PyArray_FromScalar(scalar, nullptr);
  Py_DECREF(scalar);
  return numpy ? wrap(numpy) : nullptr;
}

// The class of NDArrays with the members of a Python class. Made here because a class statement
// would give it a garbage-collector header, which arrays, whose type changes, cannot have.
PyObject* make_type(PyObject*, PyObject* members) {
  static PyType_Slot slots[] = {{0, nullptr}};
  static PyType_Spec spec = {"minpy.nd.NDArray", sizeof(Array), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return guarded([&] {
    PyRef bases(PyTuple_Pack(1, &NDArrayBaseType));
    PyRef type(PyType_FromSpecWithBases(&spec, bases.get()));
    PyRef items(PyMapping_Items(PyRef(PyObject_GetAttrString(members, "__dict__")).get()));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
      PyObject* item = PyList_GET_ITEM(items.get(), i);
      PyObject *name = PyTuple_GET_ITEM(item, 0), *value = PyTuple_GET_ITEM(item, 1);
      const char* text = PyUnicode_AsUTF8(name);
      if (std::strcmp(text, "__dict__") == 0 || std::strcmp(text, "__weakref__") == 0) continue;
      check(PyObject_SetAttr(type.get(), name, value));
    }
    nd_array_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type.get()));
    return type.release();
  });
}

// to_nd_array(x, context): x when it is one already, else an NDArray over its bytes.
PyObject* as_nd_array(PyObject* module, PyObject* args) {
  if (calls::listening())
    return calls::record(calls::operator_function("to_nd_array"), &PyTuple_GET_ITEM(args, 0),
                         PyTuple_GET_SIZE(args), nullptr,
                         [&] { return as_nd_array(module, args); });
  PyObject* o;
  unsigned context;
  if (!PyArg_ParseTuple(args, "OI", &o, &context)) return nullptr;
  return guarded([&]() -> PyObject* {
    ArrayRef a = as_array(o);
    if (!a) {
      if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "%R cannot be an NDArray", o);
      throw PythonError{};
    }
    if (is_nd_array(a.object()) && a->context == context) return a.release_object();
    if (Py_REFCNT(a.object()) != 1 || !array_check_exact(a.object())) a = api::view_like(a);
    return to_nd_array(a.release_object(), context);
  });
}

// become_nd_array(x, context): an array that only the caller has, made an NDArray itself. A trace
// has it too: there it is what to_nd_array gives.
PyObject* become_nd_array(PyObject* module, PyObject* args) {
  PyObject* o;
  unsigned context;
  if (!PyArg_ParseTuple(args, "OI", &o, &context)) return nullptr;
  if (calls::listening() || !array_check_exact(o) || as_array_struct(o)->weakrefs)
    return as_nd_array(module, args);
  Py_INCREF(nd_array_type);
  Py_SET_TYPE(o, nd_array_type);
  as_array_struct(o)->context = context;
  return Py_NewRef(o);
}

PyObject* plain_array(PyObject* module, PyObject* o) {
  if (calls::listening())
    return calls::record(calls::operator_function("plain_array"), &o, 1, nullptr,
                         [&] { return plain_array(module, o); });
  if (!array_check(o)) return PyErr_Format(PyExc_TypeError, "%R is not an array", o);
  return guarded(
      [&] { return api::view_like(ArrayRef::borrow(as_array_struct(o))).release_object(); });
}

PyObject* get_context(PyObject*, PyObject* o) {
  if (!array_check(o)) return PyErr_Format(PyExc_TypeError, "%R is not an array", o);
  return PyLong_FromUnsignedLong(as_array_struct(o)->context);
}

PyObject* set_scalar_arrays(PyObject*, PyObject* value) {
  const int on = PyObject_IsTrue(value);
  if (on < 0) return nullptr;
  scalar_arrays = on;
  Py_RETURN_NONE;
}

// The fields that say where the elements are and how they lie.
void swap_contents(Array* a, Array* b) {
  const bool inline_a = a->shape == a->dims, inline_b = b->shape == b->dims;
  std::swap(a->storage, b->storage), std::swap(a->offset, b->offset), std::swap(a->dtype, b->dtype);
  std::swap(a->ndim, b->ndim), std::swap(a->flags, b->flags), std::swap(a->size, b->size);
  std::swap(a->shape, b->shape), std::swap(a->strides, b->strides), std::swap(a->dims, b->dims);
  std::swap(a->base, b->base);
  auto repoint = [](Array* x, bool is_inline) {
    if (!is_inline) return;
    const ptrdiff_t distance = x->strides - x->shape;
    x->shape = x->dims;
    x->strides = x->dims + distance;
  };
  repoint(a, inline_b);
  repoint(b, inline_a);
}

// take_contents(target, source): each of two arrays without gradients gets the memory and the
// layout of the other.
PyObject* take_contents(PyObject*, PyObject* args) {
  PyObject *target, *source;
  if (!PyArg_ParseTuple(args, "OO", &target, &source)) return nullptr;
  for (PyObject* o : {target, source}) {
    if (!array_check(o) || as_array_struct(o)->tape) {
      PyErr_SetString(PyExc_TypeError, "only arrays without gradients exchange their contents");
      return nullptr;
    }
  }
  swap_contents(as_array_struct(target), as_array_struct(source));
  Py_RETURN_NONE;
}

// Further members for ndarray, for what MXNet's arrays have and NumPy's lack. None of ndarray's own
// is replaced.
PyObject* add_array_members(PyObject*, PyObject* members) {
  return guarded([&]() -> PyObject* {
    if (PyDict_Merge(ArrayType.tp_dict, members, 0) < 0) throw PythonError{};
    PyType_Modified(&ArrayType);
    Py_RETURN_NONE;
  });
}

PyMethodDef module_functions[] = {
    {"add_array_members", add_array_members, METH_O, "Adds a dict of members to ndarray."},
    {"take_contents", take_contents, METH_VARARGS, "Exchanges the contents of two arrays."},
    {"set_scalar_arrays", set_scalar_arrays, METH_O,
     "Whether results without dimensions are arrays in this thread, and not NumPy scalars."},
    {"nd_array_type", make_type, METH_O,
     "Decorates a class with the members of NDArray; gives the type of the arrays that follow "
     "MXNet."},
    {"plain_array", plain_array, METH_O, "An ndarray over the bytes of an array."},
    {"to_nd_array", as_nd_array, METH_VARARGS, "An NDArray over the bytes of an array."},
    {"become_nd_array", become_nd_array, METH_VARARGS,
     "The same array as an NDArray; nobody but the caller may have it."},
    {"context_of", get_context, METH_O, "The number of the device of an NDArray."},
    {}};

}  // namespace

PyObject* to_nd_array(PyObject* result, uint32_t context) {
  if (!result || result == Py_None || !nd_array_type) return result;
  if (PyArray_IsScalar(result, Generic)) {
    result = array_of_scalar(result);
    return result ? retype(result, context) : nullptr;
  }
  if (PyTuple_Check(result) && Py_REFCNT(result) == 1)
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result); ++i)
      retype(PyTuple_GET_ITEM(result, i), context);
  if (PyList_CheckExact(result) && Py_REFCNT(result) == 1)
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(result); ++i)
      retype(PyList_GET_ITEM(result, i), context);
  return retype(result, context);
}

PyObject* nd_result_slow(PyObject* const* args, Py_ssize_t n, PyObject* result) {
  if (!result || PyArray_IsScalar(result, Generic)) return result;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* o = args[i];
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
      if (PySequence_Fast_GET_SIZE(o) == 0) continue;
      o = PySequence_Fast_GET_ITEM(o, 0);
    }
    if (is_nd_array(o)) return to_nd_array(result, as_array_struct(o)->context);
  }
  return result;
}

bool nd_array_init(PyObject* module) {
  fill_number_slots();
  nd_as_mapping = *ArrayType.tp_as_mapping;
  nd_as_mapping.mp_subscript = nd_subscript;
  nd_as_mapping.mp_ass_subscript = nd_ass_subscript;
  nd_as_sequence = *ArrayType.tp_as_sequence;
  nd_as_sequence.sq_item = nd_item;
  PyTypeObject& type = NDArrayBaseType;
  Py_SET_TYPE(reinterpret_cast<PyObject*>(&type), &PyType_Type);
  type.tp_name = "minpy._core.NDArrayBase";
  type.tp_base = &ArrayType;
  type.tp_basicsize = sizeof(Array);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  type.tp_as_number = &nd_as_number;
  type.tp_as_mapping = &nd_as_mapping;
  type.tp_as_sequence = &nd_as_sequence;
  type.tp_richcompare = nd_richcompare;
  type.tp_hash = PyBaseObject_Type.tp_hash;
  type.tp_iter = nd_iter;
  type.tp_doc = "The operators of nd.NDArray.";
  return PyType_Ready(&type) == 0 &&
         PyModule_AddObjectRef(module, "NDArrayBase", reinterpret_cast<PyObject*>(&type)) == 0 &&
         PyModule_AddFunctions(module, module_functions) == 0;
}

}  // namespace mp
