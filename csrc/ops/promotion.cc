#include "ops/promotion.h"

#include <algorithm>
#include <vector>

#include "ops/manip.h"
#include "python/convert.h"
#include "python/numpy_api.h"

namespace mp {
namespace {

bool ask_promotion_state() {
  PyObject* numpy = PyImport_ImportModule("numpy");
  PyObject* state = numpy ? PyObject_CallMethod(numpy, "_get_promotion_state", nullptr) : nullptr;
  PyErr_Clear();  // NumPy 2.2 has but one manner, and no name for it
  const bool by_value = state && PyUnicode_CompareWithASCIIString(state, "weak") != 0;
  Py_XDECREF(state);
  Py_XDECREF(numpy);
  return by_value;
}

int kind_rank(DType t) { return is_inexact(t) ? 2 : t == DType::Bool ? 0 : 1; }

// numpy.min_scalar_type of the element at `bytes`. `fits_signed` says that a signed integer of the
// same size would hold it too.
DType smallest(DType dtype, const char* bytes, bool* fits_signed) {
  PyArray_Descr* descr = descr_of(dtype);
  PyObject* scalar = descr ? PyArray_NewFromDescr(&PyArray_Type, descr, 0, nullptr, nullptr,
                                                  const_cast<char*>(bytes), 0, nullptr)
                           : nullptr;
  PyArray_Descr* found =
      scalar ? PyArray_MinScalarType(reinterpret_cast<PyArrayObject*>(scalar)) : nullptr;
  const DType least = found ? dtype_of_descr(found) : DType::Invalid;
  *fits_signed = false;
  if (least != DType::Invalid && kind(least) == 'u') {
    uint64_t v = 0;  // little-endian, and not negative, in whatever integer it came as
    std::copy(bytes, bytes + itemsize(dtype), reinterpret_cast<char*>(&v));
    *fits_signed = v >> (8 * itemsize(least) - 1) == 0;
  }
  Py_XDECREF(reinterpret_cast<PyObject*>(found));
  Py_XDECREF(scalar);
  return least;
}

DType signed_twin(DType t) {
  switch (itemsize(t)) {
    case 1:
      return DType::I8;
    case 2:
      return DType::I16;
    case 4:
      return DType::I32;
    default:
      return DType::I64;
  }
}

}  // namespace

bool promotes_by_value() {
  static const bool by_value = ask_promotion_state();
  return by_value;
}

bool dtypes_by_value(std::span<const PromotionOperand> operands, DType* dtypes) {
  int array_rank = -1, scalar_rank = -1;
  bool signed_array = false;
  int unsigned_size = 0;  // of the largest array of that kind
  for (size_t i = 0; i < operands.size(); ++i) {
    const PromotionOperand& o = operands[i];
    dtypes[i] = o.dtype;
    const bool is_array = o.array && o.array->ndim > 0;
    int& rank = is_array ? array_rank : scalar_rank;
    rank = std::max(rank, kind_rank(o.dtype));
    if (!is_array) continue;
    signed_array |= kind(o.dtype) == 'i';
    if (kind(o.dtype) == 'u') unsigned_size = std::max<int>(unsigned_size, itemsize(o.dtype));
  }
  if (scalar_rank < 0 || array_rank < scalar_rank) return true;
  for (size_t i = 0; i < operands.size(); ++i) {
    const PromotionOperand& o = operands[i];
    if ((o.array && o.array->ndim > 0) || o.dtype == DType::BF16) continue;
    bool fits_signed;
    dtypes[i] = smallest(o.dtype, o.array ? o.array->bytes() : o.bytes, &fits_signed);
    if (dtypes[i] == DType::Invalid) {
      PyErr_Clear();
      return false;
    }
    if (fits_signed && unsigned_size && itemsize(dtypes[i]) > unsigned_size) return false;
    if (fits_signed && signed_array) dtypes[i] = signed_twin(dtypes[i]);
  }
  return true;
}

DType result_type(std::span<const ArrayRef> arrays) {
  auto scalar = [](const ArrayRef& a) { return a->ndim == 0; };
  const bool mixed = std::any_of(arrays.begin(), arrays.end(), scalar) &&
                     !std::all_of(arrays.begin(), arrays.end(), scalar);
  if (!mixed || !promotes_by_value()) return promoted(arrays);
  std::vector<PyArrayObject*> given;
  for (const ArrayRef& a : arrays)
    if (PyObject* np = to_numpy(a.get())) given.push_back(reinterpret_cast<PyArrayObject*>(np));
  PyArray_Descr* found =
      given.size() == arrays.size()
          ? PyArray_ResultType(static_cast<npy_intp>(given.size()), given.data(), 0, nullptr)
          : nullptr;
  const DType dtype = found ? dtype_of_descr(found) : DType::Invalid;
  PyErr_Clear();
  Py_XDECREF(reinterpret_cast<PyObject*>(found));
  for (PyArrayObject* np : given) Py_DECREF(reinterpret_cast<PyObject*>(np));
  return dtype;
}

}  // namespace mp
