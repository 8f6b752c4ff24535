// The part of api.h that makes, moves and rearranges arrays.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/pyref.h"
#include "core/view.h"
#include "cpu/kernels.h"
#include "ops/api.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/linalg.h"
#include "tape/tape.h"

namespace mp::api {
namespace {

ArrayRef finish(const NodeRef& node, ArrayRef out) {
  Array* outs[] = {out.get()};
  check(tape::finish(node, outs));
  return out;
}

ArrayRef contiguous(const ArrayRef& a) {
  return a->c_contiguous() ? a : check(array_copy(a.get(), 'C'));
}

ArrayRef scalar_like(const ArrayRef& a, double value) { return full(a->dtype, {}, value); }

std::vector<int64_t> broadcast_shape(std::initializer_list<const Array*> arrays) {
  std::vector<int64_t> shape;
  for (const Array* a : arrays) {
    if (a->ndim > shape.size()) shape.insert(shape.begin(), a->ndim - shape.size(), 1);
    for (int i = 0; i < a->ndim; ++i) {
      int64_t& n = shape[shape.size() - a->ndim + i];
      if (n == 1) n = a->shape[i];
    }
  }
  return shape;
}

// Strides for `shape` over a's memory without copying (NumPy's rule); false when a copy is needed.
bool reshape_strides(const Array* a, std::span<const int64_t> shape, int64_t* strides) {
  if (a->c_contiguous() || a->size <= 1) {
    int64_t step = itemsize(a->dtype);
    for (size_t i = shape.size(); i-- > 0;) {
      strides[i] = step;
      step *= std::max<int64_t>(shape[i], 1);
    }
    return true;
  }
  int64_t old_shape[kMaxDims], old_strides[kMaxDims];
  size_t n = 0;
  for (int i = 0; i < a->ndim; ++i) {
    if (a->shape[i] == 1) continue;
    old_shape[n] = a->shape[i];
    old_strides[n++] = a->strides[i];
  }
  size_t oi = 0, ni = 0;
  while (oi < n && ni < shape.size()) {
    size_t oj = oi + 1, nj = ni + 1;
    int64_t old_count = old_shape[oi], new_count = shape[ni];
    while (old_count != new_count) {
      if (new_count < old_count)
        new_count *= shape[nj++];
      else
        old_count *= old_shape[oj++];
    }
    for (size_t k = oi; k + 1 < oj; ++k)
      if (old_strides[k] != old_shape[k + 1] * old_strides[k + 1]) return false;
    strides[nj - 1] = old_strides[oj - 1];
    for (size_t k = nj - 1; k > ni; --k) strides[k - 1] = strides[k] * shape[k];
    oi = oj;
    ni = nj;
  }
  for (; ni < shape.size(); ++ni) strides[ni] = ni ? strides[ni - 1] : itemsize(a->dtype);
  return true;
}

ArrayRef view(const ArrayRef& a, std::span<const int64_t> shape, const int64_t* strides,
              int64_t offset) {
  return check(
      array_view(a.get(), a->dtype, static_cast<int>(shape.size()), shape.data(), strides, offset));
}

// What no kernel does, NumPy does.
ArrayRef in_numpy(const char* name, std::initializer_list<PyObject*> args) {
  tape::RecordingScope off(false);
  PyRef result(fallback_call(name, args.begin(), static_cast<Py_ssize_t>(args.size()), nullptr));
  ArrayRef out = as_array(result.get());
  if (!out && PyErr_Occurred()) throw PythonError{};
  return out;
}

}  // namespace

ArrayRef view_like(const ArrayRef& a) { return view(a, a->shape_span(), a->strides, a->offset); }

ArrayRef zeros(DType dtype, std::span<const int64_t> shape) {
  ArrayRef a = check(array_new(dtype, static_cast<int>(shape.size()), shape.data()));
  std::memset(a->bytes(), 0, static_cast<size_t>(a->nbytes()));
  return a;
}

ArrayRef full(DType dtype, std::span<const int64_t> shape, double value) {
  ArrayRef a = check(array_new(dtype, static_cast<int>(shape.size()), shape.data()));
  if (a->size == 0) return a;
  if (dtype == DType::F64) {
    std::fill_n(reinterpret_cast<double*>(a->bytes()), a->size, value);
  } else if (dtype == DType::F32) {
    std::fill_n(reinterpret_cast<float*>(a->bytes()), a->size, static_cast<float>(value));
  } else {
    alignas(16) char bytes[16];
    cpu::copy({dtype, 0, nullptr, nullptr, bytes},
              {DType::F64, 0, nullptr, nullptr, reinterpret_cast<char*>(&value)});
    cpu::fill(cpu_view(a.get()), bytes);
  }
  return a;
}

ArrayRef copy(const ArrayRef& a) {
  Array* ins[] = {a.get()};
  NodeRef node = tape::begin(op_copy, ins);
  return finish(node, check(array_copy(a.get(), 'C')));
}

void assign(const ArrayRef& dst, const ArrayRef& src) {
  Array* ins[] = {src.get()};
  NodeRef node = tape::begin(op_copy, ins);
  check(tape::before_write(dst.get()));
  check(array_assign(dst.get(), src.get()));
  check(tape::finish_write(node, dst.get()));
}

ArrayRef reshape(const ArrayRef& a, std::span<const int64_t> shape) {
  int64_t strides[kMaxDims];
  if (reshape_strides(a.get(), shape, strides)) return view(a, shape, strides, a->offset);
  ArrayRef dense = copy(a);
  reshape_strides(dense.get(), shape, strides);
  return view(dense, shape, strides, dense->offset);
}

ArrayRef transpose(const ArrayRef& a, std::span<const int> axes) {
  int64_t shape[kMaxDims], strides[kMaxDims];
  for (int i = 0; i < a->ndim; ++i) {
    int from = axes.empty() ? a->ndim - 1 - i : axes[i];
    shape[i] = a->shape[from];
    strides[i] = a->strides[from];
  }
  return view(a, {shape, a->ndim}, strides, a->offset);
}

ArrayRef broadcast_to(const ArrayRef& a, std::span<const int64_t> shape) {
  int64_t strides[kMaxDims];
  const size_t lead = shape.size() - a->ndim;
  for (size_t i = 0; i < shape.size(); ++i)
    strides[i] = i < lead || (a->shape[i - lead] == 1 && shape[i] != 1) ? 0 : a->strides[i - lead];
  return view(a, shape, strides, a->offset);
}

ArrayRef sum_to(const ArrayRef& g, std::span<const int64_t> shape) {
  std::vector<int> axes;
  const int lead = g->ndim - static_cast<int>(shape.size());
  for (int i = 0; i < g->ndim; ++i)
    if (i < lead || (shape[i - lead] == 1 && g->shape[i] != 1)) axes.push_back(i);
  ArrayRef out = axes.empty() ? g : sum(g, axes, true);
  if (lead < 0 || static_cast<int>(out->ndim) != static_cast<int>(shape.size()) ||
      !std::equal(shape.begin(), shape.end(), out->shape)) {
    // The cotangent was smaller than the operand (a rule may return one that broadcasts).
    return lead > 0 ? reshape(out, shape) : broadcast_to(out, shape);
  }
  return out;
}

ArrayRef slice(const ArrayRef& a, int axis, int64_t start, int64_t stop) {
  std::vector<int64_t> shape(a->shape, a->shape + a->ndim);
  shape[axis] = stop - start;
  return view(a, shape, a->strides, a->offset + start * a->strides[axis]);
}

ArrayRef flip(const ArrayRef& a, int axis) {
  std::vector<int64_t> strides(a->strides, a->strides + a->ndim);
  const int64_t last = std::max<int64_t>(a->shape[axis] - 1, 0) * strides[axis];
  strides[axis] = -strides[axis];
  return view(a, a->shape_span(), strides.data(), a->offset + last);
}

ArrayRef where(const ArrayRef& cond, const ArrayRef& a, const ArrayRef& b) {
  Array* ins[] = {cond.get(), a.get(), b.get()};
  NodeRef node = tape::begin(op_where, ins);
  std::vector<int64_t> shape = broadcast_shape({cond.get(), a.get(), b.get()});
  ArrayRef out;
  {
    tape::RecordingScope off(false);
    ArrayRef c = broadcast_to(cond, shape), x = broadcast_to(a, shape), y = broadcast_to(b, shape);
    Array* arrays[] = {c.get(), x.get(), y.get()};
    const int64_t* strides[] = {c->strides, x->strides, y->strides};
    if (c->dtype == DType::Bool) out = chosen(arrays, strides, c->ndim, shape.data(), nullptr);
    if (!out && PyErr_Occurred()) throw PythonError{};
    if (!out) out = in_numpy("where", {c.object(), x.object(), y.object()});
  }
  return finish(node, out);
}

ArrayRef where(const ArrayRef& cond, const ArrayRef& a, double b) {
  return where(cond, a, scalar_like(a, b));
}
ArrayRef where(const ArrayRef& cond, double a, const ArrayRef& b) {
  return where(cond, scalar_like(b, a), b);
}

ArrayRef matmul(const ArrayRef& a, const ArrayRef& b) {
  PyObject* result = check(mp::matmul(a.object(), b.object(), nullptr));
  ArrayRef out = as_array(result);  // the product of two vectors may be a NumPy scalar
  Py_DECREF(result);
  if (!out) throw PythonError{};
  return out;
}

ArrayRef cumsum(const ArrayRef& a, int axis) {
  Array* ins[] = {a.get()};
  NodeRef node = tape::begin(op_cumsum, ins, {{"axis", int64_t{axis}}});
  ArrayRef out = check(array_new(a->dtype, a->ndim, a->shape));
  if (!cpu::scan(false, axis, cpu_view(out.get()), cpu_view(a.get())))
    out = in_numpy("cumsum", {a.object(), PyRef(PyLong_FromLong(axis)).get()});
  return finish(node, out);
}

ArrayRef gather(const ArrayRef& a, const ArrayRef& index) {
  Array* ins[] = {a.get()};
  NodeRef node = tape::begin(op_gather, ins, {{"index", index}});
  ArrayRef source = contiguous(a), positions = contiguous(index);
  ArrayRef out = check(array_new(a->dtype, index->ndim, index->shape));
  const int64_t item = itemsize(a->dtype);
  cpu::gather(out->bytes(), source->bytes(), item, item,
              reinterpret_cast<int64_t*>(positions->bytes()), positions->size);
  return finish(node, out);
}

ArrayRef scatter_add(const ArrayRef& values, const ArrayRef& index,
                     std::span<const int64_t> shape) {
  Array* ins[] = {values.get()};
  NodeRef node = tape::begin(op_scatter_add, ins, {{"index", index}});
  ArrayRef out = zeros(values->dtype, shape), source = contiguous(values),
           positions = contiguous(index);
  const int64_t item = itemsize(values->dtype);
  if (!cpu::scatter_add(values->dtype, out->bytes(), item, 1,
                        reinterpret_cast<int64_t*>(positions->bytes()), positions->size,
                        source->bytes(), item)) {
    tape::RecordingScope off(false);
    ArrayRef flat = reshape(out, {&out->size, 1});
    in_numpy("add.at", {flat.object(), positions.object(), source.object()});
  }
  return finish(node, out);
}

}  // namespace mp::api
