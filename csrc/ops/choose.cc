// choose and digitize: one of several values for each element.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/view.h"
#include "ops/manip.h"
#include "ops/promotion.h"
#include "ops/statistics.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

using Arrays = std::vector<ArrayRef>;

// NumPy has limits of its own, which depend on its version.
constexpr Py_ssize_t kMostChoices = 30;
constexpr int kMostDims = 32;

// Arrays only: Python's numbers adapt to the others.
bool read_choices(PyObject* o, Arrays* choices) {
  if (!PyList_CheckExact(o) && !PyTuple_CheckExact(o)) return false;
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  if (n == 0 || n > kMostChoices) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, i);
    if (PyFloat_CheckExact(item) || PyLong_CheckExact(item) || PyComplex_CheckExact(item) ||
        PyBool_Check(item))
      return false;
    choices->push_back(operand(item));
    if (!choices->back() || tape::should_record(choices->back().get())) return false;
  }
  return true;
}

bool broadcast_shape(const Arrays& arrays, int* ndim, int64_t* shape) {
  *ndim = 0;
  for (const ArrayRef& a : arrays) *ndim = std::max<int>(*ndim, a->ndim);
  std::fill(shape, shape + *ndim, 1);
  for (const ArrayRef& a : arrays)
    for (int i = 0; i < a->ndim; ++i) {
      int64_t& n = shape[*ndim - a->ndim + i];
      if (n == 1) n = a->shape[i];
      if (a->shape[i] != 1 && a->shape[i] != n) return false;
    }
  return true;
}

// The array in this dtype and shape, in C order; or one element for all.
ArrayRef spread(const ArrayRef& a, DType dtype, std::span<const int64_t> shape) {
  ArrayRef cast = a->dtype == dtype ? a : ArrayRef::steal(array_cast(a.get(), dtype));
  if (!cast || cast->size == 1) return cast;
  ArrayRef wide = broadcasted(cast.get(), shape);
  return !wide || wide->c_contiguous() ? wide : ArrayRef::steal(array_copy(wide.get(), 'C'));
}

// Whether every index is one, after it was wrapped or clipped when that is asked for.
bool make_indices(PyObject* mode, int64_t count, int64_t* index, int64_t n) {
  auto is = [mode](const char* name) {
    return PyUnicode_Check(mode) && PyUnicode_CompareWithASCIIString(mode, name) == 0;
  };
  if (!mode || is("raise")) return cpu::indices_within(index, n, 0, count - 1);
  if (is("wrap")) {
    for (int64_t i = 0; i < n; ++i) index[i] = (index[i] % count + count) % count;
    return true;
  }
  if (!is("clip")) return false;
  for (int64_t i = 0; i < n; ++i) index[i] = std::clamp<int64_t>(index[i], 0, count - 1);
  return true;
}

template <size_t kSize>
void pick(char* out, const char* const* from, const int64_t* steps, const int64_t* index,
          int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t k = index[i];
    std::memcpy(out + i * kSize, from[k] + i * steps[k], kSize);
  }
}

// v: a, choices, out, mode
PyObject* choose(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  Arrays choices;
  if (!a || !absent(v[2]) || !read_choices(v[1], &choices)) return nullptr;
  if ((!is_integer(a->dtype) && a->dtype != DType::Bool) || a->dtype == DType::U64) return nullptr;
  const DType dtype = result_type(choices);
  if (dtype == DType::Invalid) return nullptr;
  Arrays all = choices;
  all.push_back(a);
  int ndim;
  int64_t shape[kMaxDims];
  if (!broadcast_shape(all, &ndim, shape) || ndim > kMostDims) return nullptr;
  const std::span<const int64_t> to(shape, ndim);
  ArrayRef out = ArrayRef::steal(array_new(dtype, ndim, shape));
  ArrayRef index = broadcasted(a.get(), to);
  index = index ? ArrayRef::steal(array_cast(index.get(), DType::I64)) : ArrayRef{};
  if (index && !index->c_contiguous()) index = ArrayRef::steal(array_copy(index.get(), 'C'));
  if (!out || !index) return nullptr;
  const char* from[kMostChoices];
  int64_t steps[kMostChoices], item = itemsize(dtype);
  for (size_t k = 0; k < choices.size(); ++k) {
    choices[k] = spread(choices[k], dtype, to);
    if (!choices[k]) return nullptr;
    from[k] = choices[k]->bytes();
    steps[k] = choices[k]->size == 1 ? 0 : item;
  }
  int64_t* positions = reinterpret_cast<int64_t*>(index->bytes());
  if (!make_indices(v[3], static_cast<int64_t>(choices.size()), positions, index->size))
    return nullptr;
  auto loop = item == 1   ? pick<1>
              : item == 2 ? pick<2>
              : item == 4 ? pick<4>
              : item == 8 ? pick<8>
                          : pick<16>;
  loop(out->bytes(), from, steps, positions, out->size);
  return finish_result(out.release());
}

// 1 for bins in rising order, -1 in falling order; 0 for neither and for NaN.
int direction(const double* p, int64_t n) {
  bool rising = true, falling = true;
  for (int64_t i = 0; i < n; ++i) {
    if (p[i] != p[i]) return 0;
    rising &= i == 0 || p[i - 1] <= p[i];
    falling &= i == 0 || p[i - 1] >= p[i];
  }
  return rising ? 1 : falling ? -1 : 0;
}

// v: x, bins, right
PyObject* digitize(PyObject* const* v) {
  ArrayRef x = operand(v[0]), bins = operand(v[1]);
  if (!x || !bins || (v[2] && !PyBool_Check(v[2])) || bins->ndim != 1 || bins->size == 0 ||
      is_complex(x->dtype) || is_complex(bins->dtype))
    return nullptr;
  const DType dtype = promoted(x->dtype, bins->dtype);
  if (dtype == DType::Invalid) return nullptr;
  ArrayRef numbers = ArrayRef::steal(array_cast(bins.get(), DType::F64));
  if (!numbers) return nullptr;
  const int way = direction(reinterpret_cast<const double*>(numbers->bytes()), numbers->size);
  if (way == 0) return nullptr;
  if (way < 0) {
    const int64_t step = -bins->strides[0], last = (bins->size - 1) * bins->strides[0];
    bins = ArrayRef::steal(
        array_view(bins.get(), bins->dtype, 1, bins->shape, &step, bins->offset + last));
  }
  if (bins && bins->dtype != dtype) bins = ArrayRef::steal(array_cast(bins.get(), dtype));
  PyObject* found = bins ? search_sorted(bins.get(), x.get(), v[2] != Py_True) : nullptr;
  if (!found || way > 0) return found;
  PyObject* count = PyLong_FromLongLong(bins->size);
  PyObject* result = count ? PyNumber_Subtract(count, found) : nullptr;
  Py_XDECREF(count);
  Py_DECREF(found);
  return result;
}

constexpr Signature kChoose{"choose", {"a", "choices", "out", "mode"}, 4, 2, 0, 4};
constexpr Signature kChooseMethod{"choose", {"choices", "out", "mode"}, 3, 1, 0, 3};
constexpr Signature kDigitize{"digitize", {"x", "bins", "right"}, 3, 2, 0, 3};

}  // namespace

std::span<const PyMethodDef> choose_functions() {
  static const PyMethodDef defs[] = {function_def<kChoose, choose>(),
                                     function_def<kDigitize, digitize>()};
  return defs;
}

std::span<const PyMethodDef> choose_methods() {
  static const PyMethodDef defs[] = {method_def<kChooseMethod, choose>()};
  return defs;
}

}  // namespace mp
