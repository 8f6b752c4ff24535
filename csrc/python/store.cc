#include "python/store.h"

#include <array>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/view.h"
#include "engine/window.h"
#include "ops/gradients.h"
#include "python/convert.h"
#include "python/numpy_api.h"
#include "tape/tape.h"

namespace mp {
namespace {

template <class T>
bool put(char* data, T value) {
  std::memcpy(data, &value, sizeof value);
  return true;
}

template <class T>
bool put_in_range(char* data, int64_t value) {
  if constexpr (std::is_same_v<T, uint64_t>) {
    if (value < 0) return false;
  } else if (value < static_cast<int64_t>(std::numeric_limits<T>::min()) ||
             value > static_cast<int64_t>(std::numeric_limits<T>::max())) {
    return false;
  }
  return put(data, static_cast<T>(value));
}

constexpr int64_t kExactInFloat = int64_t{1} << 24;

bool store_integer(DType dtype, char* data, int64_t v) {
  switch (dtype) {
    case DType::Bool:
      return put<uint8_t>(data, v != 0);
    case DType::I8:
      return put_in_range<int8_t>(data, v);
    case DType::U8:
      return put_in_range<uint8_t>(data, v);
    case DType::I16:
      return put_in_range<int16_t>(data, v);
    case DType::U16:
      return put_in_range<uint16_t>(data, v);
    case DType::I32:
      return put_in_range<int32_t>(data, v);
    case DType::U32:
      return put_in_range<uint32_t>(data, v);
    case DType::I64:
      return put<int64_t>(data, v);
    case DType::U64:
      return put_in_range<uint64_t>(data, v);
    case DType::F32:
      return std::abs(v) <= kExactInFloat && put(data, static_cast<float>(v));
    case DType::F64:
      return put(data, static_cast<double>(v));
    case DType::C64:
      return std::abs(v) <= kExactInFloat && put(data, complex64(static_cast<float>(v)));
    case DType::C128:
      return put(data, complex128(static_cast<double>(v)));
    default:
      return false;
  }
}

// The float nearest to v; false when that overflows, which NumPy warns about.
bool narrow(double v, float* out) {
  *out = static_cast<float>(v);
  return !std::isinf(*out) || std::isinf(v);
}

bool store_float(DType dtype, char* data, double v) {
  float f;
  switch (dtype) {
    case DType::F32:
      return narrow(v, &f) && put(data, f);
    case DType::F64:
      return put(data, v);
    case DType::C64:
      return narrow(v, &f) && put(data, complex64(f));
    case DType::C128:
      return put(data, complex128(v));
    case DType::Bool:
      return put<uint8_t>(data, v != 0);
    default:
      return is_integer(dtype) && std::abs(v) < 9e18 &&
             store_integer(dtype, data, static_cast<int64_t>(v));
  }
}

// dst[...] = value for a value whose cast cannot go wrong unnoticed; 1 when NumPy would have
// warned.
int assign_checked(Array* dst, Array* value, Cast cast) {
  if (cast == Cast::Quiet) return array_assign(dst, value);
  std::feclearexcept(FE_ALL_EXCEPT);
  int status = array_assign(dst, value);
  bool warned = std::fetestexcept(FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW);
  std::feclearexcept(FE_ALL_EXCEPT);
  return status == 0 && warned ? 1 : status;
}

// The node of an assignment: a copy that may broadcast and cast.
NodeRef begin_assignment(Array* dst, Array* value) {
  ArrayRef trimmed;  // axes of length 1 in front of the target's axes do not count
  int extra = value->ndim - dst->ndim;
  if (extra > 0) {
    trimmed = check(array_view(value, value->dtype, dst->ndim, value->shape + extra,
                               value->strides + extra, value->offset));
    value = trimmed.get();
  }
  Array* ins[] = {value};
  return tape::begin(op_copy, ins);
}

bool broadcasts_to(const Array* value, const Array* dst) {
  int64_t strides[kMaxDims];
  int extra = std::max(value->ndim - dst->ndim, 0);
  for (int i = 0; i < extra; ++i)
    if (value->shape[i] != 1) return false;
  return broadcast_strides(value->ndim - extra, value->shape + extra, value->strides + extra,
                           dst->ndim, dst->shape, strides);
}

}  // namespace

bool store_scalar(DType dtype, char* data, PyObject* value) {
  if (PyFloat_CheckExact(value) || PyArray_IsScalar(value, Double))
    return store_float(dtype, data, PyFloat_AS_DOUBLE(value));
  if (PyLong_CheckExact(value)) {
    int overflow;
    int64_t v = PyLong_AsLongLongAndOverflow(value, &overflow);
    return !overflow && store_integer(dtype, data, v);
  }
  if (PyBool_Check(value)) return store_integer(dtype, data, value == Py_True);
  if (PyComplex_CheckExact(value) && dtype == DType::C128)
    return put(data, complex128(PyComplex_RealAsDouble(value), PyComplex_ImagAsDouble(value)));
  return false;
}

Cast cast_class(DType from, DType to) {
  if (from == to) return Cast::Quiet;
  if (is_complex(from) && !is_complex(to)) return Cast::Loud;
  if (!is_inexact(from) || to == DType::Bool) {
    bool half = to == DType::F16 || to == DType::BF16;  // large integers overflow it
    return half && is_integer(from) ? Cast::Loud : Cast::Quiet;
  }
  if (is_integer(to)) return Cast::Loud;
  return Cast::Checked;
}

int assign_value(Array* dst, PyObject* value, Target target) {
  alignas(16) char bytes[16];
  if (store_scalar(dst->dtype, bytes, value)) {
    if (tape::before_write(dst) < 0) return -1;
    if (window::fits(dst->ndim, dst->shape) &&
        window::defers(dst->size, std::array<const Array*, 1>{dst}))
      window::append_fill(dst, bytes);
    else if (dst->size)
      cpu::fill(cpu_view(dst), bytes);
    return tape::finish_write({}, dst);
  }
  if (PyLong_Check(value) || PyFloat_Check(value) || PyComplex_Check(value)) return 1;
  ArrayRef v = as_array(value);
  if (!v) {
    PyErr_Clear();
    return 1;
  }
  Cast cast = cast_class(v->dtype, dst->dtype);
  if (target == Target::Element && v->ndim)
    return 1;  // NumPy: setting an array element with a sequence
  if (cast == Cast::Loud || !broadcasts_to(v.get(), dst)) return 1;
  if (cast == Cast::Checked && array_may_overlap(dst, v.get()))
    return 1;  // it could not be done a second time
  NodeRef node;
  if (tape::should_record(v.get())) {
    try {
      node = begin_assignment(dst, v.get());
    } catch (const PythonError&) {
      return -1;
    }
  }
  if (tape::before_write(dst) < 0) return -1;
  int status = assign_checked(dst, v.get(), cast);
  if (status < 0) return -1;
  if (tape::finish_write(node, dst) < 0) return -1;
  return status;
}

}  // namespace mp
