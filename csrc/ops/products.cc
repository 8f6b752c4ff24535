// tensordot and kron, over matrix products and multiplication.
#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "ops/blas.h"
#include "ops/expr.h"
#include "ops/manip.h"
#include "python/guarded.h"
#include "python/signature.h"

namespace mp {
namespace {

using namespace expr;
using Axes = std::vector<int>;

int64_t length_of(const Array* a, const Axes& axes) {
  int64_t n = 1;
  for (int axis : axes) n *= a->shape[axis];
  return n;
}

Axes remaining(const Array* a, const Axes& axes) {
  Axes rest;
  for (int i = 0; i < a->ndim; ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) rest.push_back(i);
  return rest;
}

bool read_axis_list(PyObject* o, int ndim, Axes* axes) {
  int values[kMaxDims], count;
  if (!read_axes(o, ndim, values, &count)) return false;
  axes->assign(values, values + count);
  return true;
}

// The axes to sum over: the last N of a with the first N of b, or a pair of lists.
bool read_axis_pair(PyObject* o, const Array* a, const Array* b, Axes* first, Axes* second) {
  int64_t n = 2;
  if (!o || read_int(o, &n)) {
    if (n < 0 || n > a->ndim || n > b->ndim) return false;
    first->resize(n);
    second->resize(n);
    std::iota(first->begin(), first->end(), a->ndim - static_cast<int>(n));
    std::iota(second->begin(), second->end(), 0);
  } else {
    if ((!PyList_CheckExact(o) && !PyTuple_CheckExact(o)) || PySequence_Fast_GET_SIZE(o) != 2 ||
        !read_axis_list(PySequence_Fast_GET_ITEM(o, 0), a->ndim, first) ||
        !read_axis_list(PySequence_Fast_GET_ITEM(o, 1), b->ndim, second))
      return false;
  }
  if (first->size() != second->size()) return false;
  for (size_t i = 0; i < first->size(); ++i)
    if (a->shape[(*first)[i]] != b->shape[(*second)[i]]) return false;
  return true;
}

// The axes of two groups as the rows and columns of a matrix; as a vector when all are summed.
ArrayRef as_matrix(const ArrayRef& a, const Axes& rows, const Axes& columns, bool vector) {
  Axes order = rows;
  order.insert(order.end(), columns.begin(), columns.end());
  if (vector) return api::reshape(api::transpose(a, order), {&a->size, 1});
  const int64_t shape[2] = {length_of(a.get(), rows), length_of(a.get(), columns)};
  return api::reshape(a->ndim ? api::transpose(a, order) : a, shape);
}

// v: a, b, axes
PyObject* tensordot(PyObject* const* v) {
  ArrayRef a = operand(v[0]), b = operand(v[1]);
  if (!a || !b || a->size == 0 || b->size == 0) return nullptr;
  const DType dtype = promoted(a->dtype, b->dtype);
  Axes summed_a, summed_b;
  if (dtype == DType::Invalid || !blas::supports(dtype) ||
      !read_axis_pair(v[2], a.get(), b.get(), &summed_a, &summed_b))
    return nullptr;
  const Axes free_a = remaining(a.get(), summed_a), free_b = remaining(b.get(), summed_b);
  if (free_a.size() + free_b.size() > kMaxDims) return nullptr;
  const bool vectors = free_a.empty() && free_b.empty() && !summed_a.empty();
  ArrayRef product = api::matmul(as_matrix(api::astype(a, dtype), free_a, summed_a, vectors),
                                 as_matrix(api::astype(b, dtype), summed_b, free_b, vectors));
  std::vector<int64_t> shape;
  for (int axis : free_a) shape.push_back(a->shape[axis]);
  for (int axis : free_b) shape.push_back(b->shape[axis]);
  return api::reshape(product, shape).release_object();
}

// v: a, b. Each axis becomes two, of which a has the first and b the second.
PyObject* kron(PyObject* const* v) {
  ArrayRef a = operand(v[0]), b = operand(v[1]);
  if (!a || !b || a->ndim == 0 || b->ndim == 0) return nullptr;
  const int ndim = std::max(a->ndim, b->ndim);
  if (2 * ndim > kMaxDims) return nullptr;
  std::vector<int64_t> shape, spread_a, spread_b;
  for (int i = 0; i < ndim; ++i) {
    const int ia = i - (ndim - a->ndim), ib = i - (ndim - b->ndim);
    const int64_t na = ia < 0 ? 1 : a->shape[ia], nb = ib < 0 ? 1 : b->shape[ib];
    shape.push_back(na * nb);
    spread_a.insert(spread_a.end(), {na, 1});
    spread_b.insert(spread_b.end(), {1, nb});
  }
  ArrayRef product = api::reshape(a, spread_a) * api::reshape(b, spread_b);
  return api::reshape(product, shape).release_object();
}

constexpr Signature kTensordot{"tensordot", {"a", "b", "axes"}, 3, 2, 0, 3};
constexpr Signature kKron{"kron", {"a", "b"}, 2, 2, 0, 2};

}  // namespace

std::span<const PyMethodDef> product_functions() {
  static const PyMethodDef defs[] = {function_def<kTensordot, guarded<tensordot>>(),
                                     function_def<kKron, guarded<kron>>()};
  return defs;
}

}  // namespace mp
