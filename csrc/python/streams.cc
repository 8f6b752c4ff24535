// minpy._core.stream_* and serial_*: what minpy.random draws with.
#include "cpu/streams.h"

#include "core/array.h"
#include "core/error.h"
#include "python/random.h"

namespace mp {
namespace {

bool expect(Py_ssize_t count, Py_ssize_t expected, const char* name) {
  if (count == expected) return true;
  PyErr_Format(PyExc_TypeError, "%s takes %zd arguments", name, expected);
  return false;
}

Array* target_of(PyObject* o, std::initializer_list<DType> dtypes) {
  Array* a = random_target(o);
  if (!a) return nullptr;
  for (DType dtype : dtypes)
    if (a->dtype == dtype) return a;
  PyErr_SetString(PyExc_TypeError, "the array has another dtype than what is drawn");
  return nullptr;
}

// args: seed, serial
PyObject* seed(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!expect(count, 2, "stream_seed")) return nullptr;
  const auto all = static_cast<uint32_t>(PyLong_AsUnsignedLongLongMask(args[0]));
  const auto serial = static_cast<uint32_t>(PyLong_AsUnsignedLongLongMask(args[1]));
  if (PyErr_Occurred()) return nullptr;
  cpu::stream_seed(all, serial);
  Py_RETURN_NONE;
}

// args: draw, out, a, b, single
PyObject* fill(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!expect(count, 5, "stream_fill")) return nullptr;
  const long number = PyLong_AsLong(args[0]);
  const int single = PyObject_IsTrue(args[4]);
  if (PyErr_Occurred()) return nullptr;
  if (number < 0 || number >= cpu::kStreamDraws)
    return PyErr_SetString(PyExc_ValueError, "no such draw"), nullptr;
  const auto draw = static_cast<cpu::StreamDraw>(number);
  Array* out = target_of(args[1], {DType::F32, DType::F64});
  if (!out) return nullptr;
  int64_t a_size, b_size;
  double one_a, one_b;
  const double* a = random_parameter(args[2], &one_a, &a_size);
  const double* b = a ? random_parameter(args[3], &one_b, &b_size) : nullptr;
  if (!b) return nullptr;
  if (a_size != b_size || out->size % a_size)
    return PyErr_SetString(PyExc_ValueError, "sizes of out and parameters do not fit"), nullptr;
  const cpu::StreamParams params{a, b, std::max<int64_t>(1, out->size / a_size), single != 0};
  char* bytes = out->bytes();
  {
    ReleaseGil gil(out->size);
    if (out->dtype == DType::F32)
      cpu::stream_fill(draw, reinterpret_cast<float*>(bytes), out->size, params);
    else
      cpu::stream_fill(draw, reinterpret_cast<double*>(bytes), out->size, params);
  }
  return random_finished(out);
}

// args: out, low, high
PyObject* integers(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!expect(count, 3, "stream_integers")) return nullptr;
  const int64_t low = PyLong_AsLongLong(args[1]), high = PyLong_AsLongLong(args[2]);
  if (PyErr_Occurred()) return nullptr;
  if (low >= high) return PyErr_SetString(PyExc_ValueError, "low must be below high"), nullptr;
  Array* out = target_of(args[0], {DType::I32, DType::I64});
  if (!out) return nullptr;
  char* bytes = out->bytes();
  {
    ReleaseGil gil(out->size);
    if (out->dtype == DType::I32)
      cpu::stream_integers(reinterpret_cast<int32_t*>(bytes), out->size, low, high);
    else
      cpu::stream_integers(reinterpret_cast<int64_t*>(bytes), out->size, low, high);
  }
  return random_finished(out);
}

// args: out
template <void (*Draw)(float*, int64_t)>
PyObject* in_turn(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!expect(count, 1, "a draw in turn")) return nullptr;
  Array* out = target_of(args[0], {DType::F32});
  if (!out) return nullptr;
  Draw(reinterpret_cast<float*>(out->bytes()), out->size);
  return random_finished(out);
}

// args: out, from_first
PyObject* order(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!expect(count, 2, "serial_order")) return nullptr;
  const int from_first = PyObject_IsTrue(args[1]);
  if (from_first < 0) return nullptr;
  Array* out = target_of(args[0], {DType::I64});
  if (!out) return nullptr;
  if (out->size > 0xffffffff)
    return PyErr_SetString(PyExc_ValueError, "too many elements to shuffle"), nullptr;
  cpu::serial_order(reinterpret_cast<int64_t*>(out->bytes()), out->size, from_first);
  return random_finished(out);
}

template <PyObject* (*F)(PyObject*, PyObject* const*, Py_ssize_t)>
PyMethodDef row(const char* name, const char* doc) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(F)), METH_FASTCALL, doc};
}

}  // namespace

PyMethodDef stream_functions[] = {
    row<seed>("stream_seed", "Starts MXNet's streams anew."),
    row<fill>("stream_fill", "Fills an array by a distribution, with one parameter or many."),
    row<integers>("stream_integers", "Fills an array with integers from low to high - 1."),
    row<in_turn<cpu::serial_uniform>>("serial_uniform", "Fills an array in [0, 1), in turn."),
    row<in_turn<cpu::serial_normal>>("serial_normal",
                                     "Fills an array with normal numbers, in turn."),
    row<order>("serial_order", "Fills an array with the order of its elements after a shuffle."),
    {}};

}  // namespace mp
