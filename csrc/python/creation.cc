// Creation functions with a native path: the array's dtype is ours and the arguments are plain.
#include "python/creation.h"

#include <cstring>

#include "core/view.h"
#include "cpu/kernels.h"
#include "engine/window.h"
#include "python/reduce.h"
#include "python/signature.h"
#include "python/store.h"
#include "tape/tape.h"

namespace mp {
namespace {

struct Shape {
  int ndim = 0;
  int64_t dims[kMaxDims];
};

// A shape argument of plain integers; anything else is NumPy's to interpret.
bool read_shape(PyObject* o, Shape* s) {
  if (PyLong_CheckExact(o)) {
    s->ndim = 1;
    s->dims[0] = PyLong_AsLongLong(o);
  } else if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
    s->ndim = parse_ints(o, s->dims, kMaxDims);
  } else {
    return false;
  }
  bool good = s->ndim >= 0;
  for (int i = 0; i < s->ndim; ++i) good = good && s->dims[i] >= 0;
  if (!good) PyErr_Clear();
  return good;
}

bool read_dtype(PyObject* o, DType* dtype) {
  if (absent(o)) return true;
  if (!parse_dtype(o, dtype))
    PyErr_Clear();
  else
    return *dtype != DType::Invalid;
  return false;
}

// Larger arrays of zeros come from the system, which makes pages of them when they are touched.
constexpr int64_t kMostDeferredZeros = int64_t{8} << 20, kMostDeferred = int64_t{1} << 30;

// A large array is filled by what uses it, or never.
bool defers_filling(DType dtype, const Shape& s, int64_t most_bytes) {
  int64_t bytes = itemsize(dtype);
  for (int i = 0; i < s.ndim; ++i)
    if (__builtin_mul_overflow(bytes, s.dims[i], &bytes)) return false;
  return bytes <= most_bytes && window::defers(bytes / itemsize(dtype), {}) &&
         window::fits(s.ndim, s.dims);
}

Array* filled(DType dtype, const Shape& s, const char* value) {
  if (defers_filling(dtype, s, kMostDeferred)) {
    Array* a = window::new_array(dtype, s.ndim, s.dims);
    if (a) window::append_fill(a, value);
    return a;
  }
  Array* a = array_new(dtype, s.ndim, s.dims);
  if (a && a->size) cpu::fill(cpu_view(a), value);
  return a;
}

void encode_one(DType dtype, char* to) {
  int64_t one = 1;
  cpu::copy({dtype, 0, nullptr, nullptr, to},
            {DType::I64, 0, nullptr, nullptr, reinterpret_cast<char*>(&one)});
}

enum class Fill { Zeros, Ones, Nothing };

template <Fill kFill>
Array* make(DType dtype, const Shape& s, int64_t most_deferred_zeros) {
  if (kFill == Fill::Zeros) {
    const char zero[16] = {};
    return defers_filling(dtype, s, most_deferred_zeros) ? filled(dtype, s, zero)
                                                         : array_zeros(dtype, s.ndim, s.dims);
  }
  if (kFill == Fill::Nothing) return array_new(dtype, s.ndim, s.dims);
  alignas(16) char one[16];
  encode_one(dtype, one);
  return filled(dtype, s, one);
}

// v: shape, dtype, order
template <Fill kFill>
PyObject* create(PyObject* const* v) {
  Shape s;
  DType dtype = DType::F64;
  if (v[2] || !read_shape(v[0], &s) || !read_dtype(v[1], &dtype)) return nullptr;
  return reinterpret_cast<PyObject*>(make<kFill>(dtype, s, kMostDeferredZeros));
}

// v: a, dtype. Only C-order prototypes: for the others the layout is NumPy's to decide.
template <Fill kFill>
PyObject* create_like(PyObject* const* v) {
  if (!array_check(v[0])) return nullptr;
  Array* like = reinterpret_cast<Array*>(v[0]);
  DType dtype = like->dtype;
  if (!like->c_contiguous() || !read_dtype(v[1], &dtype)) return nullptr;
  Shape s;
  s.ndim = like->ndim;
  std::copy(like->shape, like->shape + like->ndim, s.dims);
  return reinterpret_cast<PyObject*>(make<kFill>(dtype, s, kMostDeferred));
}

// v: shape, fill_value, dtype. Only Python numbers.
PyObject* full(PyObject* const* v) {
  DType dtype;
  if (PyBool_Check(v[1]))
    dtype = DType::Bool;
  else if (PyLong_CheckExact(v[1]))
    dtype = DType::I64;
  else if (PyFloat_CheckExact(v[1]))
    dtype = DType::F64;
  else
    return nullptr;
  Shape s;
  alignas(16) char value[16];
  if (!read_shape(v[0], &s) || !read_dtype(v[2], &dtype) || !store_scalar(dtype, value, v[1]))
    return nullptr;
  return reinterpret_cast<PyObject*>(filled(dtype, s, value));
}

// v: start or stop, stop, step, dtype. Only Python integers, which give int64.
PyObject* arange(PyObject* const* v) {
  int64_t bound[3] = {0, 0, 1};
  for (int i = 0; i < 3; ++i) {
    if (absent(v[i])) continue;
    if (!PyLong_CheckExact(v[i])) return nullptr;
    bound[i] = PyLong_AsLongLong(v[i]);
    if (bound[i] == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      return nullptr;
    }
    if (std::abs(bound[i]) > (int64_t{1} << 61)) return nullptr;
  }
  if (absent(v[1])) std::swap(bound[0], bound[1]);
  auto [start, stop, step] = bound;
  if (!absent(v[3]) || absent(v[0]) || step == 0) return nullptr;
  int64_t n = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
  n = std::max<int64_t>(n, 0);
  Array* a = array_new(DType::I64, 1, &n);
  if (!a) return nullptr;
  int64_t* out = reinterpret_cast<int64_t*>(a->bytes());
  for (int64_t i = 0; i < n; ++i) out[i] = start + i * step;
  return reinterpret_cast<PyObject*>(a);
}

// v: N, M, k, dtype
PyObject* eye(PyObject* const* v) {
  int64_t n, m, k = 0;
  if (!read_int(v[0], &n) || n < 0) return nullptr;
  m = n;
  if ((!absent(v[1]) && (!read_int(v[1], &m) || m < 0)) || (v[2] && !read_int(v[2], &k)))
    return nullptr;
  DType dtype = DType::F64;
  if (!read_dtype(v[3], &dtype)) return nullptr;
  int64_t shape[2] = {n, m}, item = itemsize(dtype);
  Array* a = array_zeros(dtype, 2, shape);
  if (!a) return nullptr;
  alignas(16) char one[16];
  encode_one(dtype, one);
  for (int64_t i = std::max<int64_t>(0, -k); i < n && i < m - k; ++i)
    std::memcpy(a->bytes() + (i * m + i + k) * item, one, item);
  return reinterpret_cast<PyObject*>(a);
}

// array(a) and asarray(a) of an existing array, without further arguments.
PyObject* array_of(PyObject* const* v) {
  if (!array_check(v[0])) return nullptr;
  Array* a = reinterpret_cast<Array*>(v[0]);
  return tape::should_record(a) ? nullptr : reinterpret_cast<PyObject*>(array_copy(a, 'K'));
}
PyObject* asarray(PyObject* const* v) { return array_check(v[0]) ? Py_NewRef(v[0]) : nullptr; }

constexpr Signature kZeros = {"zeros", {"shape", "dtype", "order"}, 3, 1, 0, 3};
constexpr Signature kOnes = {"ones", {"shape", "dtype", "order"}, 3, 1, 0, 3};
constexpr Signature kEmpty = {"empty", {"shape", "dtype", "order"}, 3, 1, 0, 3};
constexpr Signature kZerosLike = {"zeros_like", {"a", "dtype"}, 2, 1, 0, 2};
constexpr Signature kOnesLike = {"ones_like", {"a", "dtype"}, 2, 1, 0, 2};
constexpr Signature kEmptyLike = {"empty_like", {"prototype", "dtype"}, 2, 1, 0, 2};
constexpr Signature kFull = {"full", {"shape", "fill_value", "dtype"}, 3, 2, 0, 3};
constexpr Signature kArange = {"arange", {"start", "stop", "step", "dtype"}, 4, 1, 1, 4};
constexpr Signature kEye = {"eye", {"N", "M", "k", "dtype"}, 4, 1, 0, 4};
constexpr Signature kIdentity = {"identity", {"n"}, 1, 1, 0, 1};
constexpr Signature kArray = {"array", {"object"}, 1, 1, 1, 1};
constexpr Signature kAsarray = {"asarray", {"a"}, 1, 1, 0, 1};

PyObject* identity(PyObject* const* v) {
  PyObject* square[4] = {v[0]};
  return eye(square);
}

}  // namespace

PyMethodDef creation_functions[] = {function_def<kZeros, create<Fill::Zeros>>(),
                                    function_def<kOnes, create<Fill::Ones>>(),
                                    function_def<kEmpty, create<Fill::Nothing>>(),
                                    function_def<kZerosLike, create_like<Fill::Zeros>>(),
                                    function_def<kOnesLike, create_like<Fill::Ones>>(),
                                    function_def<kEmptyLike, create_like<Fill::Nothing>>(),
                                    function_def<kFull, full>(),
                                    function_def<kArange, arange>(),
                                    function_def<kEye, eye>(),
                                    function_def<kIdentity, identity>(),
                                    function_def<kArray, array_of>(),
                                    function_def<kAsarray, asarray>(),
                                    {}};

}  // namespace mp
