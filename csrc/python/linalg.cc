#include "python/linalg.h"

#include <algorithm>
#include <vector>

#include "ops/blas.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "ops/ufunc.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "python/trace.h"
#include "tape/tape.h"

namespace mp {
namespace {

// Sums of products of 16-bit numbers are made in float32.
bool is_half(DType t) { return t == DType::F16 || t == DType::BF16; }
bool multiplies(DType t) { return blas::supports(t) || is_half(t); }

// The operands of a product in their common dtype.
struct Pair {
  ArrayRef a, b;
};

// False without an error when NumPy must do the product (dtype without BLAS, 0-d or exotic
// operands).
bool common_pair(PyObject* x, PyObject* y, Pair& p) {
  if (!(array_check(x) || is_numpy_array(x)) || !(array_check(y) || is_numpy_array(y)))
    return false;
  p.a = as_array(x);
  p.b = as_array(y);
  if (!p.a || !p.b) {
    PyErr_Clear();
    return false;
  }
  if (p.a->dtype == p.b->dtype) return multiplies(p.a->dtype);
  static Ufunc* multiply = find_ufunc("multiply");
  uint8_t codes[2] = {static_cast<uint8_t>(p.a->dtype), static_cast<uint8_t>(p.b->dtype)};
  const Loop* loop = resolve_loop(multiply, codes);
  if (!loop || !multiplies(loop->types[2])) return false;
  for (ArrayRef* r : {&p.a, &p.b})
    if ((*r)->dtype != loop->types[2]) {
      if (tape::should_record(r->get())) return false;
      *r = ArrayRef::steal(array_cast(r->get(), loop->types[2]));
      if (!*r) return false;
    }
  return true;
}

bool usable_out(const Array* out, const Pair& p, int ndim, const int64_t* shape) {
  return out->dtype == p.a->dtype && out->ndim == ndim &&
         std::equal(shape, shape + ndim, out->shape) && out->c_contiguous() && out->writeable() &&
         !array_may_overlap(out, p.a.get()) && !array_may_overlap(out, p.b.get());
}

// Whether all rows of a stack of matrices are one arithmetic sequence of addresses.
bool evenly_spaced_rows(const int64_t* shape, const int64_t* strides, int ndim) {
  for (int i = 0; i < ndim - 2; ++i)
    if (strides[i] != strides[i + 1] * shape[i + 1]) return false;
  return true;
}

// Multiplies matching stacks of matrices; a, b and out have at least two axes, batch axes
// broadcast.
bool multiply_stacks(const Array* a, const int64_t* a_shape, const int64_t* a_strides, int a_ndim,
                     const Array* b, const int64_t* b_shape, const int64_t* b_strides, int b_ndim,
                     Array* out, const int64_t* batch, int batch_ndim, int64_t m, int64_t n,
                     int64_t k) {
  const int64_t item = itemsize(out->dtype);
  int64_t count = 1, at[kMaxDims] = {};
  for (int i = 0; i < batch_ndim; ++i) count *= batch[i];
  blas::Steps sa{a_strides[a_ndim - 2], a_strides[a_ndim - 1]},
      sb{b_strides[b_ndim - 2], b_strides[b_ndim - 1]}, sc{n * item, item};
  // One matrix on the right of a stack whose rows are evenly spaced: one tall product.
  if (count > 1 && b_ndim == 2 && evenly_spaced_rows(a_shape, a_strides, a_ndim)) {
    m *= count;
    count = 1;
  }
  blas::Operands single;
  std::vector<blas::Operands> stack(count > 1 ? count : 0);
  blas::Operands* products = count > 1 ? stack.data() : &single;
  for (int64_t t = 0; t < count; ++t) {
    char *pa = a->bytes(), *pb = b->bytes();
    for (int i = 0; i < batch_ndim; ++i) {
      int ia = i - (batch_ndim - (a_ndim - 2)), ib = i - (batch_ndim - (b_ndim - 2));
      if (ia >= 0 && a_shape[ia] != 1) pa += at[i] * a_strides[ia];
      if (ib >= 0 && b_shape[ib] != 1) pb += at[i] * b_strides[ib];
    }
    products[t] = {pa, pb, out->bytes() + t * m * n * item};
    for (int i = batch_ndim - 1; i >= 0 && ++at[i] == batch[i]; --i) at[i] = 0;
  }
  return blas::gemm(out->dtype, m, n, k, sa, sb, sc, {products, static_cast<size_t>(count)});
}

// A vector becomes a one-row (left) or one-column (right) matrix.
int as_matrix(const Array* a, bool left, int64_t* shape, int64_t* strides) {
  if (a->ndim > 1) {
    std::copy(a->shape, a->shape + a->ndim, shape);
    std::copy(a->strides, a->strides + a->ndim, strides);
    return a->ndim;
  }
  int vector_axis = left ? 1 : 0;
  shape[vector_axis] = a->shape[0];
  strides[vector_axis] = a->strides[0];
  shape[1 - vector_axis] = 1;
  strides[1 - vector_axis] = a->shape[0] * itemsize(a->dtype);
  return 2;
}

// The operands as they are multiplied; null, with a Python error set, when there is no memory.
Pair widened(const Pair& p) {
  if (!is_half(p.a->dtype)) return p;
  return {ArrayRef::steal(array_cast(p.a.get(), DType::F32)),
          ArrayRef::steal(array_cast(p.b.get(), DType::F32))};
}

PyObject* product(const Pair& p, const OpDef& op, Array* out_given, bool* handled) {
  const Pair wide = widened(p);
  *handled = true;
  if (!wide.a || !wide.b) return nullptr;
  Array *a = wide.a.get(), *b = wide.b.get();
  int64_t as[kMaxDims + 1], at[kMaxDims + 1], bs[kMaxDims + 1], bt[kMaxDims + 1],
      shape[kMaxDims + 2];
  int an = as_matrix(a, true, as, at), bn = as_matrix(b, false, bs, bt);
  int64_t m = as[an - 2], k = as[an - 1], n = bs[bn - 1];
  *handled = k == bs[bn - 2] && k > 0 && m > 0 && n > 0;
  int batch = std::max(an, bn) - 2;
  for (int i = 0; *handled && i < batch; ++i) {
    int ia = i - (batch - (an - 2)), ib = i - (batch - (bn - 2));
    int64_t da = ia >= 0 ? as[ia] : 1, db = ib >= 0 ? bs[ib] : 1;
    *handled = da == db || da == 1 || db == 1;
    shape[i] = da == 1 ? db : da;
  }
  if (!*handled) return nullptr;
  int64_t batch_shape[kMaxDims];
  std::copy(shape, shape + batch, batch_shape);
  int ndim = batch;
  if (a->ndim > 1) shape[ndim++] = m;
  if (b->ndim > 1) shape[ndim++] = n;
  if (out_given && !usable_out(out_given, p, ndim, shape)) {
    *handled = false;
    return nullptr;
  }
  NodeRef node;
  Array* ins[2] = {p.a.get(), p.b.get()};
  try {
    node = tape::begin(op, ins);
  } catch (PythonError&) {
    return nullptr;
  }
  if (out_given && tape::before_write(out_given) < 0) return nullptr;
  ArrayRef out =
      out_given ? ArrayRef::borrow(out_given) : ArrayRef::steal(array_new(p.a->dtype, ndim, shape));
  if (!out) return nullptr;
  const bool rounds = a->dtype != p.a->dtype;
  ArrayRef result = rounds ? ArrayRef::steal(array_new(a->dtype, ndim, shape)) : out;
  if (!result) return nullptr;
  bool vectors = a->ndim == 1 && b->ndim == 1;
  fp_clear();
  if (vectors ? !blas::dot(a->dtype, k, a->bytes(), a->strides[0], b->bytes(), b->strides[0],
                           result->bytes())
              : !multiply_stacks(a, as, at, an, b, bs, bt, bn, result.get(), batch_shape, batch, m,
                                 n, k))
    return nullptr;
  if (rounds && array_assign(out.get(), result.get()) < 0) return nullptr;
  if (fp_report(op.name) < 0) return nullptr;
  Array* o = out.get();
  if ((out_given ? tape::finish_write(node, o) : tape::finish(node, {&o, 1})) < 0) return nullptr;
  return out_given ? out.release_object() : finish_result(out.release());
}

PyObject* call_product(const char* name, const OpDef& op, int max_ndim, PyObject* x, PyObject* y,
                       Array* out) {
  Pair p;
  if (common_pair(x, y, p) && p.a->ndim && p.b->ndim && p.a->ndim <= max_ndim &&
      p.b->ndim <= max_ndim) {
    bool handled;
    PyObject* operands[2] = {p.a.object(), p.b.object()};
    PyObject* result = profiler::on() ? traced(
                                            profiler::kMatmul, name, operands, 2,
                                            [&] { return product(p, op, out, &handled); },
                                            2 * p.a->shape[p.a->ndim - 1])
                                      : product(p, op, out, &handled);
    if (handled) return result;
  }
  if (PyErr_Occurred()) return nullptr;
  PyObject* args[3] = {x, y, reinterpret_cast<PyObject*>(out)};
  if (!out) return fallback_call(name, args, 2, nullptr);
  static PyObject* names = Py_BuildValue("(s)", "out");
  return fallback_call(name, args, 2, names);
}

// (a, b, /, out=None) in any of NumPy's spellings; everything else is NumPy's to interpret.
template <PyObject* (*Product)(PyObject*, PyObject*, Array*)>
PyObject* entry(const char* name, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (nargs == 2 && !kwnames) return Product(args[0], args[1], nullptr);
  if (nargs == 3 && !kwnames && array_check(args[2]))
    return Product(args[0], args[1], reinterpret_cast<Array*>(args[2]));
  if (nargs == 2 && PyTuple_GET_SIZE(kwnames) == 1 && array_check(args[2]) &&
      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "out") == 0)
    return Product(args[0], args[1], reinterpret_cast<Array*>(args[2]));
  return fallback_call(name, args, nargs, kwnames);
}

PyObject* matmul_function(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return entry<matmul>("matmul", args, nargs, kwnames);
}
PyObject* dot_function(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return entry<dot>("dot", args, nargs, kwnames);
}
PyObject* dot_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (nargs == 1 && !kwnames) return dot(self, args[0], nullptr);
  return fallback_method(reinterpret_cast<Array*>(self), "dot", args, nargs, kwnames);
}

// v: a, b, out. Every pair of elements.
PyObject* outer_product(PyObject* const* v) {
  if (!array_check(v[0]) || !array_check(v[1]) || !absent(v[2])) return nullptr;
  static Ufunc* multiply = find_ufunc("multiply");
  ArrayRef a = flattened(reinterpret_cast<Array*>(v[0])),
           b = flattened(reinterpret_cast<Array*>(v[1]));
  if (!a || !b) return nullptr;
  int64_t column[2] = {a->size, 1};
  a = reshaped(a.get(), column);
  if (!a) return nullptr;
  PyObject* inputs[2] = {a.object(), b.object()};
  return ufunc_call(multiply, inputs, nullptr);
}

// v: a, b. Sums over the last axes of vectors and matrices; NumPy does the rest.
PyObject* inner_product(PyObject* const* v) {
  if (!array_check(v[0]) || !array_check(v[1])) return nullptr;
  Array *a = reinterpret_cast<Array*>(v[0]), *b = reinterpret_cast<Array*>(v[1]);
  if (a->ndim < 1 || b->ndim < 1 || a->ndim > 2 || b->ndim > 2 ||
      a->shape[a->ndim - 1] != b->shape[b->ndim - 1])
    return nullptr;
  int axes[2] = {1, 0};
  ArrayRef right = b->ndim == 2 ? transposed(b, axes) : ArrayRef::borrow(b);
  return right ? dot(v[0], right.object(), nullptr) : nullptr;
}

// v: a, b. Real arrays of any shapes, flattened.
PyObject* vdot(PyObject* const* v) {
  if (!array_check(v[0]) || !array_check(v[1])) return nullptr;
  Array *a = reinterpret_cast<Array*>(v[0]), *b = reinterpret_cast<Array*>(v[1]);
  if (is_complex(a->dtype) || a->size != b->size) return nullptr;
  ArrayRef x = flattened(a), y = flattened(b);
  return x && y ? dot(x.object(), y.object(), nullptr) : nullptr;
}

constexpr Signature kOuter = {"outer", {"a", "b", "out"}, 3, 2, 0, 3};
constexpr Signature kInner = {"inner", {"a", "b"}, 2, 2, 2, 2};
constexpr Signature kVdot = {"vdot", {"a", "b"}, 2, 2, 2, 2};

}  // namespace

PyObject* matmul(PyObject* a, PyObject* b, Array* out) {
  return call_product("matmul", op_matmul, kMaxDims, a, b, out);
}
// Beyond two axes numpy.dot pairs every row with every column: NumPy's own.
PyObject* dot(PyObject* a, PyObject* b, Array* out) {
  return call_product("dot", op_dot, 2, a, b, out);
}

PyMethodDef linalg_functions[] = {
    method_def("matmul", matmul_function), method_def("dot", dot_function),
    function_def<kOuter, outer_product>(), function_def<kInner, inner_product>(),
    function_def<kVdot, vdot>(),           {}};
PyMethodDef linalg_methods[] = {method_def("dot", dot_method), {}};

}  // namespace mp
