#include "python/scalar.h"

#include <cstring>

#include "ops/ufunc.h"
#include "python/convert.h"
#include "python/numpy_api.h"
#include "tape/tape.h"

namespace mp {

constinit thread_local bool keep_arrays = false;
constinit thread_local bool scalar_arrays = false;

namespace {

template <class Object, class Value>
PyObject* new_scalar(PyTypeObject* type, const char* data) {
  // What the type's tp_alloc does, without clearing memory that is written at once.
  PyObject* o = static_cast<PyObject*>(PyObject_Malloc(sizeof(Object)));
  if (!o) return PyErr_NoMemory();
  PyObject_Init(o, type);
  std::memcpy(&reinterpret_cast<Object*>(o)->obval, data, sizeof(Value));
  return o;
}

}  // namespace

PyObject* make_scalar(DType dtype, const char* data) {
  switch (dtype) {
    case DType::Bool: {
      PyObject* o = *data ? PyArrayScalar_True : PyArrayScalar_False;
      Py_INCREF(o);
      return o;
    }
    case DType::I8:
      return new_scalar<PyByteScalarObject, int8_t>(&PyByteArrType_Type, data);
    case DType::U8:
      return new_scalar<PyUByteScalarObject, uint8_t>(&PyUByteArrType_Type, data);
    case DType::I16:
      return new_scalar<PyShortScalarObject, int16_t>(&PyShortArrType_Type, data);
    case DType::U16:
      return new_scalar<PyUShortScalarObject, uint16_t>(&PyUShortArrType_Type, data);
    case DType::I32:
      return new_scalar<PyIntScalarObject, int32_t>(&PyIntArrType_Type, data);
    case DType::U32:
      return new_scalar<PyUIntScalarObject, uint32_t>(&PyUIntArrType_Type, data);
    case DType::I64:
      return new_scalar<PyLongScalarObject, int64_t>(&PyLongArrType_Type, data);
    case DType::U64:
      return new_scalar<PyULongScalarObject, uint64_t>(&PyULongArrType_Type, data);
    case DType::F16:
      return new_scalar<PyHalfScalarObject, uint16_t>(&PyHalfArrType_Type, data);
    case DType::F32:
      return new_scalar<PyFloatScalarObject, float>(&PyFloatArrType_Type, data);
    case DType::F64:
      return new_scalar<PyDoubleScalarObject, double>(&PyDoubleArrType_Type, data);
    case DType::C64:
      return new_scalar<PyCFloatScalarObject, complex64>(&PyCFloatArrType_Type, data);
    case DType::C128:
      return new_scalar<PyCDoubleScalarObject, complex128>(&PyCDoubleArrType_Type, data);
    default:
      break;
  }
  PyArray_Descr* descr = descr_of(dtype);  // bfloat16: ml_dtypes makes the scalar
  if (!descr) return nullptr;
  PyObject* o = PyArray_Scalar(const_cast<char*>(data), descr, nullptr);
  Py_DECREF(descr);
  return o;
}

PyObject* make_python_scalar(DType dtype, const char* data) {
  auto read = [&]<class T>(T) {
    T v;
    std::memcpy(&v, data, sizeof v);
    return v;
  };
  switch (dtype) {
    case DType::Bool:
      return PyBool_FromLong(*data);
    case DType::I8:
      return PyLong_FromLong(read(int8_t{}));
    case DType::U8:
      return PyLong_FromLong(read(uint8_t{}));
    case DType::I16:
      return PyLong_FromLong(read(int16_t{}));
    case DType::U16:
      return PyLong_FromLong(read(uint16_t{}));
    case DType::I32:
      return PyLong_FromLong(read(int32_t{}));
    case DType::U32:
      return PyLong_FromUnsignedLong(read(uint32_t{}));
    case DType::I64:
      return PyLong_FromLongLong(read(int64_t{}));
    case DType::U64:
      return PyLong_FromUnsignedLongLong(read(uint64_t{}));
    case DType::F32:
      return PyFloat_FromDouble(read(float{}));
    case DType::F64:
      return PyFloat_FromDouble(read(double{}));
    case DType::C64: {
      auto z = read(complex64{});
      return PyComplex_FromDoubles(z.real(), z.imag());
    }
    case DType::C128: {
      auto z = read(complex128{});
      return PyComplex_FromDoubles(z.real(), z.imag());
    }
    default:
      break;
  }
  PyObject* scalar = make_scalar(dtype, data);
  if (!scalar) return nullptr;
  PyObject* value = PyNumber_Float(scalar);
  Py_DECREF(scalar);
  return value;
}

PyObject* make_element(DType dtype, const char* data) {
  if (!scalar_arrays) return make_scalar(dtype, data);
  ArrayRef a = ArrayRef::steal(array_new(dtype, 0, nullptr));
  if (!a) return nullptr;
  std::memcpy(a->bytes(), data, itemsize(dtype));
  a->flags |= kScalar;
  return a.release_object();
}

PyObject* finish_result(Array* a) {
  if (!a || a->ndim || keep_arrays) return reinterpret_cast<PyObject*>(a);
  if (scalar_arrays || tape::should_record(a)) {
    a->flags |= kScalar;
    return reinterpret_cast<PyObject*>(a);
  }
  PyObject* scalar = make_scalar(a->dtype, a->bytes());
  Py_DECREF(reinterpret_cast<PyObject*>(a));
  return scalar;
}

}  // namespace mp
