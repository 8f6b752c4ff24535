// Operators of the array type: arithmetic, comparison, conversion to Python numbers.
#include <string>

#include "ops/ufunc.h"
#include "python/array_type.h"
#include "python/fallback.h"
#include "python/linalg.h"
#include "python/native_function.h"
#include "python/numpy_api.h"
#include "python/scalar.h"

namespace mp {
namespace {

// NumPy's rule for giving way to the other operand: it opts out of ufuncs (__array_ufunc__ = None),
// or it is an unknown type with a higher __array_priority__ and a reflected method of its own.
bool defers(PyObject* self, PyObject* other) {
  if (array_check(other) || PyFloat_CheckExact(other) || PyLong_CheckExact(other) ||
      PyBool_Check(other) || PyComplex_CheckExact(other) || PyList_CheckExact(other) ||
      PyTuple_CheckExact(other) || PyArray_CheckExact(other) || PyArray_CheckScalar(other) ||
      other == Py_None || PyUnicode_Check(other))
    return false;
  PyObject* override =
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(other)), "__array_ufunc__");
  if (override) {
    bool opts_out = override == Py_None;
    Py_DECREF(override);
    return opts_out;
  }
  PyErr_Clear();
  if (PyType_IsSubtype(Py_TYPE(other), Py_TYPE(self))) return false;
  PyObject* priority = PyObject_GetAttrString(other, "__array_priority__");
  if (!priority) {
    PyErr_Clear();
    return false;  // NumPy makes an object array of it and asks it element by element
  }
  double p = PyFloat_AsDouble(priority);
  Py_DECREF(priority);
  PyErr_Clear();
  return p > 0.0;
}

// matrix, MaskedArray and user subclasses of numpy.ndarray come first, as Python lets a subclass's
// reflected method come first; without one of its own NumPy calls the ufunc, which comes back to
// us.
bool is_numpy_subclass(PyObject* other) {
  return PyArray_Check(other) && !PyArray_CheckExact(other);
}

PyObject* power_of_two_operands(PyObject* a, PyObject* b) { return PyNumber_Power(a, b, Py_None); }

// Such a class gave the operation to us, because it does not know our type (matrix.__mul__): it
// gets a numpy.ndarray instead.
PyObject* on_numpys_side(PyObject* (*number)(PyObject*, PyObject*), PyObject* a, PyObject* b) {
  PyObject* plain = unwrap(b);
  PyObject* result = plain ? number(a, plain) : nullptr;
  Py_XDECREF(plain);
  return wrap(result);
}

// Whose methods never come before ours.
bool everyday(PyObject* o) {
  return array_check_exact(o) || PyFloat_CheckExact(o) || PyLong_CheckExact(o) ||
         Py_TYPE(o) == &PyFloatArrType_Type || Py_TYPE(o) == &PyDoubleArrType_Type;
}

#define MP_BINARY(slot, ufunc, number)                                                      \
  PyObject* slot(PyObject* a, PyObject* b) {                                                \
    static Ufunc* f = find_ufunc(ufunc);                                                    \
    PyObject *inputs[2] = {a, b}, *result;                                                  \
    if (ufunc_try_number(f, inputs, result)) return result;                                 \
    if (everyday(a) && everyday(b)) return ufunc_call_others(f, inputs);                    \
    if (!array_check(a) && is_numpy_subclass(a)) return on_numpys_side(number, a, b);       \
    if (array_check(a) && (is_numpy_subclass(b) || defers(a, b))) Py_RETURN_NOTIMPLEMENTED; \
    return ufunc_call(f, inputs, nullptr);                                                  \
  }                                                                                         \
  [[maybe_unused]] PyObject* slot##_inplace(PyObject* a, PyObject* b) {                     \
    static Ufunc* f = find_ufunc(ufunc);                                                    \
    if (defers(a, b)) Py_RETURN_NOTIMPLEMENTED;                                             \
    return ufunc_inplace(f, a, b);                                                          \
  }

MP_BINARY(nb_add, "add", PyNumber_Add)
MP_BINARY(nb_subtract, "subtract", PyNumber_Subtract)
MP_BINARY(nb_multiply, "multiply", PyNumber_Multiply)
MP_BINARY(nb_true_divide, "divide", PyNumber_TrueDivide)
MP_BINARY(nb_floor_divide, "floor_divide", PyNumber_FloorDivide)
MP_BINARY(nb_remainder, "remainder", PyNumber_Remainder)
MP_BINARY(nb_divmod, "divmod", PyNumber_Divmod)
MP_BINARY(nb_lshift, "left_shift", PyNumber_Lshift)
MP_BINARY(nb_rshift, "right_shift", PyNumber_Rshift)
MP_BINARY(nb_and, "bitwise_and", PyNumber_And)
MP_BINARY(nb_or, "bitwise_or", PyNumber_Or)
MP_BINARY(nb_xor, "bitwise_xor", PyNumber_Xor)
MP_BINARY(nb_power2, "power", power_of_two_operands)

// NumPy's shortcuts for scalar exponents: exact and faster than pow.
Ufunc* power_shortcut(PyObject* a, PyObject* b) {
  if (!array_check(a) || !is_inexact(reinterpret_cast<Array*>(a)->dtype)) {
    if (array_check(a) && PyLong_CheckExact(b) &&
        reinterpret_cast<Array*>(a)->dtype != DType::Bool) {
      int overflow;
      if (PyLong_AsLongAndOverflow(b, &overflow) == 2) return find_ufunc("square");
    }
    return nullptr;
  }
  double e;
  if (PyLong_CheckExact(b)) {
    int overflow;
    e = static_cast<double>(PyLong_AsLongAndOverflow(b, &overflow));
    if (overflow) return nullptr;
  } else if (PyFloat_CheckExact(b)) {
    e = PyFloat_AS_DOUBLE(b);
  } else {
    return nullptr;
  }
  if (e == 2.0) return find_ufunc("square");
  if (e == 0.5) return find_ufunc("sqrt");
  if (e == -1.0) return find_ufunc("reciprocal");
  if (e == 1.0) return find_ufunc("positive");
  return nullptr;
}

PyObject* nb_power(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo != Py_None) Py_RETURN_NOTIMPLEMENTED;
  if (Ufunc* f = power_shortcut(a, b)) return ufunc_call(f, &a, nullptr);
  return nb_power2(a, b);
}

PyObject* nb_power_inplace(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo != Py_None) Py_RETURN_NOTIMPLEMENTED;
  if (Ufunc* f = power_shortcut(a, b)) {
    Array* target = reinterpret_cast<Array*>(a);
    return ufunc_call(f, &a, target->flags & kScalar ? nullptr : &target);
  }
  return nb_power2_inplace(a, b);
}

#define MP_UNARY(slot, ufunc)            \
  PyObject* slot(PyObject* a) {          \
    static Ufunc* f = find_ufunc(ufunc); \
    return ufunc_call(f, &a, nullptr);   \
  }
MP_UNARY(nb_negative, "negative")
MP_UNARY(nb_positive, "positive")
MP_UNARY(nb_absolute, "absolute")
MP_UNARY(nb_invert, "invert")

PyObject* nb_matmul(PyObject* a, PyObject* b) {
  if (!array_check(a) && is_numpy_subclass(a)) return on_numpys_side(PyNumber_MatrixMultiply, a, b);
  if (array_check(a) && (is_numpy_subclass(b) || defers(a, b))) Py_RETURN_NOTIMPLEMENTED;
  if (current_policy() == Policy::OnlyNumPy) {
    PyObject* args[2] = {a, b};
    return fallback_call("matmul", args, 2, nullptr);
  }
  return matmul(a, b, nullptr);
}

PyObject* nb_matmul_inplace(PyObject* a, PyObject* b) {
  return fallback_method(reinterpret_cast<Array*>(a), "__imatmul__", &b, 1, nullptr);
}

// bool(), int(), float() ... of one element; NumPy words the errors for the rest. MXNet's arrays
// take any number of axes, as NumPy's did once.
template <PyObject* (*Convert)(PyObject*)>
PyObject* to_number(PyObject* self, const char* method) {
  Array* a = reinterpret_cast<Array*>(self);
  if (a->ndim && !(scalar_arrays && a->size == 1))
    return fallback_method(a, method, nullptr, 0, nullptr);
  PyObject* scalar = make_python_scalar(a->dtype, a->bytes());
  PyObject* result = scalar ? Convert(scalar) : nullptr;
  Py_XDECREF(scalar);
  return result;
}

PyObject* nb_int(PyObject* self) { return to_number<PyNumber_Long>(self, "__int__"); }
PyObject* nb_float(PyObject* self) { return to_number<PyNumber_Float>(self, "__float__"); }
PyObject* nb_index(PyObject* self) {
  Array* a = reinterpret_cast<Array*>(self);
  if (a->ndim == 0 && is_integer(a->dtype)) return make_python_scalar(a->dtype, a->bytes());
  return fallback_method(a, "__index__", nullptr, 0, nullptr);
}

int nb_bool(PyObject* self) {
  Array* a = reinterpret_cast<Array*>(self);
  PyObject* scalar = a->size == 1 ? make_python_scalar(a->dtype, a->bytes())
                                  : fallback_method(a, "__bool__", nullptr, 0, nullptr);
  if (!scalar) return -1;
  int truth = PyObject_IsTrue(scalar);
  Py_DECREF(scalar);
  return truth;
}

}  // namespace

PyNumberMethods array_as_number = {.nb_add = nb_add,
                                   .nb_subtract = nb_subtract,
                                   .nb_multiply = nb_multiply,
                                   .nb_remainder = nb_remainder,
                                   .nb_divmod = nb_divmod,
                                   .nb_power = nb_power,
                                   .nb_negative = nb_negative,
                                   .nb_positive = nb_positive,
                                   .nb_absolute = nb_absolute,
                                   .nb_bool = nb_bool,
                                   .nb_invert = nb_invert,
                                   .nb_lshift = nb_lshift,
                                   .nb_rshift = nb_rshift,
                                   .nb_and = nb_and,
                                   .nb_xor = nb_xor,
                                   .nb_or = nb_or,
                                   .nb_int = nb_int,
                                   .nb_float = nb_float,
                                   .nb_inplace_add = nb_add_inplace,
                                   .nb_inplace_subtract = nb_subtract_inplace,
                                   .nb_inplace_multiply = nb_multiply_inplace,
                                   .nb_inplace_remainder = nb_remainder_inplace,
                                   .nb_inplace_power = nb_power_inplace,
                                   .nb_inplace_lshift = nb_lshift_inplace,
                                   .nb_inplace_rshift = nb_rshift_inplace,
                                   .nb_inplace_and = nb_and_inplace,
                                   .nb_inplace_xor = nb_xor_inplace,
                                   .nb_inplace_or = nb_or_inplace,
                                   .nb_floor_divide = nb_floor_divide,
                                   .nb_true_divide = nb_true_divide,
                                   .nb_inplace_floor_divide = nb_floor_divide_inplace,
                                   .nb_inplace_true_divide = nb_true_divide_inplace,
                                   .nb_index = nb_index,
                                   .nb_matrix_multiply = nb_matmul,
                                   .nb_inplace_matrix_multiply = nb_matmul_inplace};

PyObject* array_richcompare(PyObject* a, PyObject* b, int op) {
  static Ufunc* ufuncs[] = {find_ufunc("less"),    find_ufunc("less_equal"),
                            find_ufunc("equal"),   find_ufunc("not_equal"),
                            find_ufunc("greater"), find_ufunc("greater_equal")};
  if (is_numpy_subclass(b) || defers(a, b)) Py_RETURN_NOTIMPLEMENTED;
  PyObject* inputs[2] = {a, b};
  if (PyUnicode_Check(b) || b == Py_None) {
    // NumPy's == and != against anything give an array of False or True instead of an error.
    constexpr const char* names[] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
    return fallback_method(reinterpret_cast<Array*>(a), names[op], &b, 1, nullptr);
  }
  PyObject* result = ufunc_call(ufuncs[op], inputs, nullptr);
  if (!result && (op == Py_EQ || op == Py_NE) && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    constexpr const char* names[] = {"", "", "__eq__", "__ne__"};
    return fallback_method(reinterpret_cast<Array*>(a), names[op], &b, 1, nullptr);
  }
  return result;
}

}  // namespace mp
