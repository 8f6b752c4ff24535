#include "python/random.h"

#include <algorithm>

#include "core/array.h"
#include "core/error.h"
#include "cpu/philox64.h"
#include "cpu/random.h"
#include "cpu/random_rejection.h"
#include "python/call_trace.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

// An integer modulo 2^64.
bool read_word(PyObject* o, uint64_t* out) {
  *out = PyLong_AsUnsignedLongLongMask(o);
  return !PyErr_Occurred();
}

// args: key, stream, block, skip
bool read_place(PyObject* const* args, cpu::Philox* at, int* skip) {
  uint64_t key, skipped;
  if (!read_word(args[0], &key) || !read_word(args[1], &at->stream) ||
      !read_word(args[2], &at->block) || !read_word(args[3], &skipped))
    return false;
  at->key[0] = uint32_t(key), at->key[1] = uint32_t(key >> 32);
  *skip = int(skipped & 3);
  return true;
}

}  // namespace

Array* random_target(PyObject* o) {
  if (calls::listening()) calls::refuse("random numbers");
  if (!array_check(o)) return PyErr_SetString(PyExc_TypeError, "an array is required"), nullptr;
  Array* a = reinterpret_cast<Array*>(o);
  if (!(a->flags & (kCContig | kFContig)) || !a->writeable() || !(a->flags & kAligned)) {
    PyErr_SetString(PyExc_ValueError, "the array must be contiguous, aligned and writeable");
    return nullptr;
  }
  return tape::before_write(a) < 0 ? nullptr : a;
}

const double* random_parameter(PyObject* o, double* one, int64_t* size) {
  if (PyFloat_Check(o)) {
    *one = PyFloat_AS_DOUBLE(o), *size = 1;
    return one;
  }
  if (array_check(o)) {
    Array* a = reinterpret_cast<Array*>(o);
    if (a->dtype == DType::F64 && a->c_contiguous() && a->size > 0) {
      *size = a->size;
      return reinterpret_cast<const double*>(a->bytes());
    }
  }
  PyErr_SetString(PyExc_TypeError, "parameters are floats or contiguous arrays of float64");
  return nullptr;
}

PyObject* random_finished(Array* a) {
  if (tape::finish_write({}, a) < 0) return nullptr;
  Py_RETURN_NONE;
}

namespace {

// args: draw, out, key, stream, block, skip, scale, shift
PyObject* fill(PyObject*, PyObject* const* args, Py_ssize_t count) {
  uint64_t number;
  cpu::Philox at;
  int skip;
  if (count != 8) return PyErr_SetString(PyExc_TypeError, "random_fill takes 8 arguments"), nullptr;
  if (!read_word(args[0], &number) || !read_place(args + 2, &at, &skip)) return nullptr;
  const cpu::Affine affine{PyFloat_AsDouble(args[6]), PyFloat_AsDouble(args[7])};
  if (PyErr_Occurred()) return nullptr;
  const cpu::Draw draw = static_cast<cpu::Draw>(number % cpu::kDraws);
  Array* a = random_target(args[1]);
  if (!a) return nullptr;
  if (itemsize(a->dtype) != cpu::draw_size(draw)) {
    PyErr_SetString(PyExc_TypeError, "the array's dtype has not the size of the draw");
    return nullptr;
  }
  char* out = a->bytes();
  {
    ReleaseGil gil(a->size);
    cpu::random_fill(draw, out, a->size, at, skip, affine);
  }
  return random_finished(a);
}

// One number for all elements, or a contiguous array of 64-bit integers with one for each.
bool read_bound(PyObject* o, const Array* out, uint64_t* one, const uint64_t** bound, int* step) {
  if (!array_check(o)) {
    *bound = one, *step = 0;
    return read_word(o, one);
  }
  Array* a = reinterpret_cast<Array*>(o);
  if (a->dtype != DType::U64 || !a->c_contiguous() || a->size != out->size) {
    PyErr_SetString(PyExc_ValueError, "bounds must be contiguous uint64, one for each element");
    return false;
  }
  *bound = reinterpret_cast<const uint64_t*>(a->bytes()), *step = 1;
  return true;
}

// args: out, key, stream, block, skip, low, last (above low)
PyObject* integers(PyObject*, PyObject* const* args, Py_ssize_t count) {
  cpu::Philox at;
  int skip, low_step;
  if (count != 7)
    return PyErr_SetString(PyExc_TypeError, "random_integers takes 7 arguments"), nullptr;
  if (!read_place(args + 1, &at, &skip)) return nullptr;
  Array* a = random_target(args[0]);
  if (!a) return nullptr;
  uint64_t low, last;
  cpu::IntegerRange range;
  if (!read_bound(args[5], a, &low, &range.low, &low_step) ||
      !read_bound(args[6], a, &last, &range.last, &range.step))
    return nullptr;
  const int size = itemsize(a->dtype);
  if (low_step != range.step || size > 8) {
    PyErr_SetString(PyExc_TypeError, "bounds are both numbers or both arrays, of integers");
    return nullptr;
  }
  char* out = a->bytes();
  {
    ReleaseGil gil(a->size);
    cpu::random_integers(out, size, a->size, at, skip, range);
  }
  return random_finished(a);
}

// args: out, key, stream, block, skip
PyObject* order(PyObject*, PyObject* const* args, Py_ssize_t count) {
  cpu::Philox at;
  int skip;
  if (count != 5)
    return PyErr_SetString(PyExc_TypeError, "random_order takes 5 arguments"), nullptr;
  if (!read_place(args + 1, &at, &skip)) return nullptr;
  Array* a = random_target(args[0]);
  if (!a) return nullptr;
  if (a->dtype != DType::I64 || a->size > 0xffffffff) {
    PyErr_SetString(PyExc_TypeError, "the array must be of int64, with less than 2**32 elements");
    return nullptr;
  }
  int64_t* out = reinterpret_cast<int64_t*>(a->bytes());
  {
    ReleaseGil gil(a->size);
    cpu::random_order(out, a->size, at, skip);
  }
  return random_finished(a);
}

// args: kind, out, key, stream, block, skip (0), a, b
PyObject* rejection(PyObject*, PyObject* const* args, Py_ssize_t count) {
  uint64_t number;
  cpu::Philox at;
  int skip;
  if (count != 8)
    return PyErr_SetString(PyExc_TypeError, "random_rejection takes 8 arguments"), nullptr;
  if (!read_word(args[0], &number) || !read_place(args + 2, &at, &skip)) return nullptr;
  const auto kind = static_cast<cpu::Rejection>(number % cpu::kRejections);
  double one_a, one_b;
  int64_t a_size, b_size;
  const double* a = random_parameter(args[6], &one_a, &a_size);
  const double* b = a ? random_parameter(args[7], &one_b, &b_size) : nullptr;
  Array* out = b ? random_target(args[1]) : nullptr;
  if (!out) return nullptr;
  if (out->dtype != DType::F32 && out->dtype != DType::F64)
    return PyErr_SetString(PyExc_TypeError, "the array must be of float32 or float64"), nullptr;
  if (skip || a_size != b_size || out->size % a_size)
    return PyErr_SetString(PyExc_ValueError, "sizes of out and parameters do not fit"), nullptr;
  const cpu::ElementParams params{a, b, std::max<int64_t>(1, out->size / a_size)};
  char* bytes = out->bytes();
  {
    ReleaseGil gil(out->size);
    if (out->dtype == DType::F32)
      cpu::random_rejection(kind, reinterpret_cast<float*>(bytes), out->size, at, params);
    else
      cpu::random_rejection(kind, reinterpret_cast<double*>(bytes), out->size, at, params);
  }
  return random_finished(out);
}

// args: out, two words of a key, four of a counter
PyObject* philox64(PyObject*, PyObject* const* args, Py_ssize_t count) {
  cpu::Philox64 at;
  if (count != 7)
    return PyErr_SetString(PyExc_TypeError, "random_philox64 takes 7 arguments"), nullptr;
  for (int i = 0; i < 6; ++i)
    if (!read_word(args[1 + i], i < 2 ? &at.key[i] : &at.counter[i - 2])) return nullptr;
  Array* a = random_target(args[0]);
  if (!a) return nullptr;
  const bool floats = a->dtype == DType::F32, doubles = a->dtype == DType::F64;
  if (!floats && !doubles && a->dtype != DType::U64) {
    PyErr_SetString(PyExc_TypeError, "the array must be of float32, float64 or uint64");
    return nullptr;
  }
  const cpu::Draw64 draw = floats    ? cpu::Draw64::Floats
                           : doubles ? cpu::Draw64::Doubles
                                     : cpu::Draw64::Words;
  char* out = a->bytes();
  {
    ReleaseGil gil(a->size);
    cpu::philox64_fill(draw, out, a->size, at);
  }
  return random_finished(a);
}

}  // namespace

PyMethodDef random_functions[] = {
    {"random_fill", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(fill)), METH_FASTCALL,
     "Fills an array by a draw of floats or words from a place of a counter-based stream."},
    {"random_integers", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(integers)),
     METH_FASTCALL, "Fills an array with integers from a place of a counter-based stream."},
    {"random_rejection", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(rejection)),
     METH_FASTCALL,
     "Fills an array by a distribution that is drawn by attempts, a block for each."},
    {"random_order", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(order)), METH_FASTCALL,
     "Fills an array with the order of a shuffle from a place of a counter-based stream."},
    {"random_philox64", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(philox64)),
     METH_FASTCALL, "Fills an array with words of NumPy's Philox, or with floats made of them."},
    {}};

}  // namespace mp
